"""A service over a real bare repository: what it serves, follows, writes and refuses."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support import commit, git, write_files
from support.manifests import namespace_yaml
from support.served_registries import LOCAL, make_token
from support.written_trains import ADA, bare_registry, version_request

from registry_tool.access.tokens import TokenFile
from registry_tool.errors import ForbiddenError, NotFoundError, OperationalError, UsageError
from registry_tool.live.snapshot import Snapshot
from registry_tool.server.service import Service, ServiceOptions, open_service
from registry_tool.writer.writer import Writer


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    return bare_registry(tmp_path)


def _wait_for(service: Service, oid: str, seconds: float = 10) -> Snapshot:
    """The snapshot once a commit is served."""
    arrived = threading.Event()

    def moved(_: Snapshot, new: Snapshot) -> None:
        if new.commit == oid:
            arrived.set()

    service.live.listen(moved)
    if service.snapshot.commit != oid:
        assert arrived.wait(seconds), f"{oid} is not served: {service.live.trouble}"
    return service.snapshot


def _push(tmp_path: Path, bare: Path, files: dict[str, str], *, force: bool = False) -> str:
    work = tmp_path / "work"
    if not work.exists():
        git(tmp_path, "clone", "--quiet", str(bare), "work")
    write_files(work, files)
    oid = commit(work, "By hand")
    git(work, "push", "--quiet", *(["--force"] if force else []), "origin", "HEAD:main")
    return oid


def test_a_write_is_served_when_it_is_answered(bare: Path) -> None:
    with open_service(bare, ServiceOptions()) as service:
        written = asyncio.run(service.write(version_request(1)))
        assert service.snapshot.commit == written.commit == git(bare, "rev-parse", "main")
        found = service.describe(LOCAL)
        assert (found["models"], found["versions"], found["mode"]) == (1, 3, "commit")


def test_a_replica_refuses_writes_and_says_where_to(bare: Path) -> None:
    options = ServiceOptions(read_only=True, writer_url="https://models.example.org")
    with open_service(bare, options) as service:
        with pytest.raises(ForbiddenError, match="only reads") as found:
            asyncio.run(service.write(version_request(1)))
        assert "https://models.example.org" in found.value.remedy
        assert service.describe(LOCAL)["mode"] == "read-only"


def test_what_others_push_rewind_and_rewrite_is_served(bare: Path, tmp_path: Path) -> None:
    with open_service(bare, ServiceOptions(read_only=True)) as service:
        first = service.snapshot.commit
        second = _push(tmp_path, bare, {"models/cv/namespace.yaml": namespace_yaml()})
        assert "cv" in _wait_for(service, second).namespaces
        git(bare, "update-ref", "refs/heads/main", first)
        assert "cv" not in _wait_for(service, first).namespaces
        work = tmp_path / "work"
        git(work, "checkout", "--quiet", "--orphan", "other")
        third = _push(tmp_path, bare, {"notes.md": "x\n"}, force=True)
        assert _wait_for(service, third).line.length == 1


def test_a_writer_goes_on_after_main_was_rewound(bare: Path) -> None:
    with open_service(bare, ServiceOptions()) as service:
        first = service.snapshot.commit
        asyncio.run(service.write(version_request(1)))
        git(bare, "update-ref", "refs/heads/main", first)
        again = asyncio.run(service.write(version_request(2)))
        assert git(bare, "rev-parse", "main^") == first
        assert service.snapshot.commit == again.commit


def test_a_broken_manifest_is_reported_to_those_who_may_read_it(bare: Path, tmp_path: Path) -> None:
    path = "models/nlp/lang-id/aliases/production.yaml"
    tokens = tmp_path / "tokens"
    texts = [
        make_token(tokens, "read:cv"),
        make_token(tokens, "read:nlp"),
        make_token(tokens, "read"),
    ]
    with open_service(bare, ServiceOptions(read_only=True)) as service:
        oid = _push(tmp_path, bare, {path: "a: [\n", "serve.yaml": "b: [\n"})
        _wait_for(service, oid)
        found = []
        for text in texts:
            token = TokenFile(tokens).find(text)
            assert token is not None
            problems = service.describe(token.subject)["problems"]
            assert isinstance(problems, dict)
            found.append(set(problems))
        assert found == [set(), {path}, {path, "serve.yaml"}]
        assert len(service.snapshot.models) == 1


def test_scopes_hide_namespaces(bare: Path, tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    token = TokenFile(tokens).find(make_token(tokens, "write:cv"))
    assert token is not None
    with open_service(bare, ServiceOptions(read_only=True)) as service:
        assert service.describe(token.subject)["models"] == 0
        with pytest.raises(NotFoundError, match="namespace nlp does not exist"):
            service.require(token.subject, "read", "nlp")
        with pytest.raises(ForbiddenError, match="does not have the scope promote"):
            service.require(token.subject, "promote", "cv")
        service.require(token.subject, "write", "cv")


def test_a_detached_head_is_refused(tmp_path: Path, bare: Path) -> None:
    git(bare, "update-ref", "--no-deref", "HEAD", git(bare, "rev-parse", "main"))
    with pytest.raises(UsageError, match="HEAD is detached"), open_service(bare, ServiceOptions()):
        pass


def test_a_repository_that_cannot_be_written_is_still_served(bare: Path) -> None:
    packs = bare / "objects" / "pack"
    with open_service(bare, ServiceOptions()) as service:
        packs.rename(bare / "kept")
        packs.write_text("in the way")
        with pytest.raises(OperationalError, match="cannot be written"):
            asyncio.run(service.write(version_request(1)))
        assert service.describe(LOCAL)["models"] == 1
        packs.unlink()
        (bare / "kept").rename(packs)
        assert asyncio.run(service.write(version_request(2))).commit


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """The place of a file system of 4 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=4m", "none", str(place)]
    if sys.platform != "linux" or os.geteuid() or subprocess.run(words, check=False).returncode:
        pytest.skip("needs the right to mount a file system")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_a_full_disk_is_said_and_reads_go_on(small_disk: Path) -> None:
    bare = bare_registry(small_disk)
    with open_service(bare, ServiceOptions()) as service:
        first = asyncio.run(service.write(version_request(1)))
        filler = small_disk / "filler"
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            while file.write(b"x" * 512):
                pass
        with pytest.raises(OperationalError):
            asyncio.run(service.write(version_request(2)))
        assert service.describe(LOCAL)["commit"] == first.commit
        filler.unlink()
        second = asyncio.run(service.write(version_request(2)))
        assert git(bare, "rev-parse", "main^", "main").split() == [first.commit, second.commit]
    assert git(bare, "fsck", "--full", "--strict") == ""


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


def test_a_writer_that_stopped_by_itself_is_said(
    bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_service(bare, ServiceOptions()) as service:
        asyncio.run(service.write(version_request(1)))
        assert service.describe(LOCAL)["trouble"] == ""
        monkeypatch.setattr(Writer, "failure", ZeroDivisionError())
        assert "the writer has stopped" in str(service.describe(LOCAL)["trouble"])


def test_a_writer_that_cannot_be_made_refuses_writes_until_it_can(
    bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_service(bare, ServiceOptions()) as service:
        with monkeypatch.context() as patched:
            error = OperationalError("the disk is gone")
            patched.setattr(Writer, "__init__", _raise(error))
            with pytest.raises(OperationalError, match="the disk is gone"):
                asyncio.run(service.write(version_request(1)))
            assert service.describe(LOCAL)["trouble"] == "every write is refused: the disk is gone"
        assert asyncio.run(service.write(version_request(1))).commit == service.snapshot.commit
        assert service.describe(LOCAL)["trouble"] == ""


def _raise(error: Exception) -> Callable[..., None]:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


def test_a_url_is_served_from_a_clone_that_follows_it(
    bare: Path, tmp_path: Path, state: Path
) -> None:
    with open_service(f"file://{bare}", ServiceOptions(read_only=True)) as service:
        first = service.snapshot.commit
        assert service.source == f"file://{bare}"
        second = _push(tmp_path, bare, {"models/cv/namespace.yaml": namespace_yaml()})
        assert "cv" in _wait_for(service, second).namespaces
        git(bare, "update-ref", "refs/heads/main", first)
        _wait_for(service, first)
        away = bare.rename(tmp_path / "away")
        while not service.describe(LOCAL)["trouble"]:
            threading.Event().wait(0.05)
        assert service.describe(LOCAL)["models"] == 1
        away.rename(bare)
    assert len([*(state / "registry-tool" / "serve").glob("*.git")]) == 1
    bare.rename(tmp_path / "away")
    said: list[str] = []
    options = ServiceOptions(read_only=True, notify=said.append)
    with open_service(f"file://{bare}", options) as service:
        assert service.snapshot.commit == first
    assert "serving the state of the last fetch" in said[0]


def test_writes_to_a_url_are_answered_when_the_remote_has_them(
    bare: Path, tmp_path: Path, state: Path
) -> None:
    policy = {"serve.yaml": "schema: serve/v1\nwrite: commit\n"}
    _push(tmp_path, bare, policy)
    with pytest.raises(UsageError, match="--push"), open_service(f"file://{bare}", ServiceOptions()):  # fmt: skip
        pass
    with open_service(f"file://{bare}", ServiceOptions(push=True)) as service:
        first = asyncio.run(service.write(version_request(1)))
        assert git(bare, "rev-parse", "main") == first.commit
        git(tmp_path / "work", "pull", "--quiet")
        _push(tmp_path, bare, {"models/cv/namespace.yaml": namespace_yaml()})
        second = asyncio.run(service.write(version_request(2)))
        assert git(bare, "rev-parse", "main") == second.commit == service.snapshot.commit
        assert "cv" in service.snapshot.namespaces
        _push_rewound(bare, str(first.commit))
        _wait_for(service, str(first.commit))
        third = asyncio.run(service.write(version_request(3, ADA)))
        assert git(bare, "rev-parse", "main^") == first.commit
        assert git(bare, "rev-parse", "main") == third.commit
    assert state.exists()


def _push_rewound(bare: Path, oid: str) -> None:
    git(bare, "update-ref", "refs/heads/main", oid)


def test_transports_that_run_commands_are_refused(state: Path) -> None:
    for url in ("ext::sh -c x", "gopher://example.org/x"):
        with pytest.raises((UsageError, OperationalError)), open_service(url, ServiceOptions()):
            pass
    assert not state.exists()


def _policy(text: str) -> dict[str, str]:
    return {"serve.yaml": f"schema: serve/v1\n{text}"}


def test_the_published_policy_is_followed(bare: Path, tmp_path: Path) -> None:
    said: list[str] = []
    with open_service(bare, ServiceOptions(notify=said.append)) as service:
        assert service.describe(LOCAL)["mode"] == "commit"
        text = "write: branch\nnamespaces: {mlflow: vision}\ncommitter: Bot <bot@example.org>\n"
        oid = _push(tmp_path, bare, _policy(text))
        written = asyncio.run(service.write(version_request(1)))
        assert written.proposed
        assert git(bare, "log", "-1", "--format=%cn <%ce>", str(written.commit)) == "Bot <bot@example.org>"  # fmt: skip
        assert git(bare, "rev-parse", "main") == oid
        _wait_for(service, oid)
        assert service.mode == "branch"
        assert service.writing_namespace("mlflow") == "vision"
        git(tmp_path / "work", "rm", "--quiet", "serve.yaml")
        oid = _push(tmp_path, bare, {})
        written = asyncio.run(service.write(version_request(2)))
        assert git(bare, "rev-parse", "main^", "main").split() == [oid, written.commit]
        assert service.writing_namespace("mlflow") == "default"
    assert said == [
        "serve.yaml was changed: write: branch, committer: Bot <bot@example.org>",
        "serve.yaml was changed: write: commit, committer: registry server <registry@localhost>",
    ]


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        ("schema: serve/v1\nwrite: [\n", "serve.yaml:3"),
        ("schema: serve/v1\nwrite: later\n", "serve.yaml:2"),
        ("schema: serve/v1\nnamespaces: [a]\nwrite: branch\n", "serve.yaml:2"),
        ("schema: serve/v1\nwrite: propose\n", "remote"),
        ("schema: serve/v1\nwrite: branch\ncommitter: nobody\n", "serve.yaml:3"),
    ],
)
def test_a_policy_that_cannot_be_used_changes_nothing(
    bare: Path, tmp_path: Path, broken: str, told: str
) -> None:
    _push(tmp_path, bare, _policy("namespaces: {mlflow: vision}\n"))
    with open_service(bare, ServiceOptions()) as service:
        assert service.warnings(LOCAL) == []
        _push(tmp_path, bare, {"serve.yaml": broken})
        written = asyncio.run(service.write(version_request(1)))
        assert (service.mode, written.proposed) == ("commit", False)
        if "propose" not in broken:
            assert service.writing_namespace("mlflow") == "vision"
        (warning,) = service.warnings(LOCAL)
        assert warning.startswith("serve.yaml is not followed: "), warning
        assert told in warning
        assert service.describe(LOCAL)["warnings"] == [warning]
    if "propose" in broken:
        return
    with open_service(bare, ServiceOptions()) as service:  # as far back as history has a valid one
        assert (service.mode, service.writing_namespace("mlflow")) == ("commit", "vision")
        assert service.warnings(LOCAL) == [warning]
        assert asyncio.run(service.write(version_request(2))).commit
    with open_service(bare, ServiceOptions(read_only=True)) as service:
        assert service.writing_namespace("mlflow") == "vision"
        assert "serve.yaml" in str(service.warnings(LOCAL))
