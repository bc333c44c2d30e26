"""Registries read and changed through real servers: file, smart HTTP, OpenSSH."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support import Ran, git, without
from support.git_servers import smart_http, ssh_server
from support.manifests import model_files, namespace_yaml, registry_yaml

import registry_tool as registry

Make = Callable[..., Path]


@pytest.fixture
def bare(tmp_path: Path, make_registry: Make) -> Path:
    """A bare repository ``served/models.git`` with one model and one version."""
    own = {"registry.yaml": registry_yaml(), "models/nlp/namespace.yaml": namespace_yaml()}
    work = make_registry({**own, **model_files()})
    place = tmp_path / "served" / "models.git"
    place.parent.mkdir()
    git(work, "clone", "-q", "--bare", str(work), str(place))
    for key in ("uploadpack.allowFilter", "http.receivepack"):
        git(place, "config", key, "true")
    return place


@pytest.fixture(params=["file", "http", "ssh"])
def url(
    request: pytest.FixtureRequest, bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """The address of that repository on a running server."""
    if request.param == "file":
        yield f"file://{bare}"
    elif request.param == "http":
        with smart_http(bare.parent) as base:
            yield f"{base}/models.git"
    else:
        _need_sshd()
        with ssh_server(tmp_path / "sshd") as (base, command):
            monkeypatch.setenv("GIT_SSH_COMMAND", command)
            yield f"{base}{bare}"


def _need_sshd() -> None:
    if shutil.which("sshd") is None and not Path("/usr/sbin/sshd").exists():
        without("OpenSSH's server is not installed: apt-get install openssh-server")


def test_a_server_that_gives_no_single_blobs_is_cloned_whole(
    bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _need_sshd()
    with ssh_server(tmp_path / "sshd", accept="LANG") as (base, command):
        monkeypatch.setenv("GIT_SSH_COMMAND", command)
        with registry.open(f"{base}{bare}") as reg:
            assert reg.version("nlp/lang-id").version == "1"


def test_reads_a_version_through_a_server(url: str) -> None:
    with registry.open(url) as reg:
        version = reg.version("nlp/lang-id")
        assert version.version == "1"
        assert reg.commit is not None
        assert reg.note == ""


def test_a_clone_is_made_once_and_then_fetched(url: str, bare: Path, home: Path) -> None:
    registry.open(url).close()
    clones = list((home / ".cache/registry-tool/clones").glob("*.git"))
    made = clones[0].stat().st_ino
    _push_alias(bare)
    with registry.open(url) as reg:
        assert reg.version("nlp/lang-id@production").version == "1"
    again = list((home / ".cache/registry-tool/clones").glob("*.git"))
    assert [c.stat().st_ino for c in again] == [made]


def _push_alias(bare: Path) -> None:
    with registry.open(bare).change("Set production") as change:
        change.set_alias("nlp/lang-id@1", "production")


def test_a_registry_stays_at_its_commit_until_it_is_refreshed(url: str, bare: Path) -> None:
    with registry.open(url) as reg:
        _push_alias(bare)
        with pytest.raises(registry.errors.NotFoundError):
            reg.version("nlp/lang-id@production")
        with reg.refresh() as now:
            assert now.version("nlp/lang-id@production").version == "1"


def test_changes_by_url_are_pushed(url: str, bare: Path) -> None:
    with (
        registry.open(url) as reg,
        reg.change("Set production") as change,
    ):
        change.set_alias("nlp/lang-id@1", "production", reason="by URL")
    assert change.publication is not None
    assert git(bare, "rev-parse", "main").strip() == change.publication.commit
    with registry.open(bare) as served:
        assert served.version("nlp/lang-id@production").version == "1"


def test_answers_offline_from_what_it_has_and_says_so(bare: Path) -> None:
    with smart_http(bare.parent) as base:
        address = f"{base}/models.git"
        with registry.open(address) as reg:
            reg.version("nlp/lang-id@1")
    with pytest.warns(registry.StaleRegistryWarning, match="cannot be reached; using the clone"):
        opened = registry.open(address)
    with opened as reg:
        assert reg.version("nlp/lang-id@1").version == "1"
    with registry.open(address, offline=True) as quiet:
        assert "fetched" in quiet.note


def test_an_address_that_was_never_reached_says_what_failed(tmp_path: Path) -> None:
    with pytest.raises(registry.errors.OfflineError, match="cannot be cloned"):
        registry.open(f"file://{tmp_path}/nothing.git")


@pytest.mark.parametrize(
    "address", ["ext::sh -c touch% pwned", "fd::17/foo", "-oProxyCommand=x://y"]
)
def test_transports_that_run_commands_are_refused(address: str, tmp_path: Path) -> None:
    with pytest.raises(registry.errors.RegistryError):
        registry.open(address)
    assert list(tmp_path.iterdir()) == []


def test_what_is_read_of_many_models_comes_in_few_requests(
    tmp_path: Path, make_registry: Make
) -> None:
    names = [f"nlp/model-{number}" for number in range(12)]
    own = {"registry.yaml": registry_yaml(), "models/nlp/namespace.yaml": namespace_yaml()}
    for name in names:
        own |= model_files(name)
    work = make_registry(own)
    place = tmp_path / "served" / "models.git"
    place.parent.mkdir()
    git(work, "clone", "-q", "--bare", str(work), str(place))
    git(place, "config", "uploadpack.allowFilter", "true")
    with smart_http(place.parent) as base, registry.open(f"{base}/models.git") as reg:
        packs = reg.repository.git.git_dir / "objects" / "pack"
        before = set(packs.glob("*.pack"))
        assert sorted(model.name for model in reg.models()) == sorted(names)
        # Each request for missing objects leaves one pack: here one for the models' folders and one for their files.
        assert len(set(packs.glob("*.pack")) - before) == 2


def test_many_threads_read_one_registry(url: str) -> None:
    found: list[str] = []
    with registry.open(url) as reg:

        def read() -> None:
            found.append(reg.version("nlp/lang-id@1").artifact("model").sha256 or "")

        threads = [threading.Thread(target=read) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def test_processes_that_open_one_address_at_once_share_a_clone(url: str, home: Path) -> None:
    code = f"import registry_tool as r; print(r.open({url!r}).version('nlp/lang-id').version)"
    import sys

    running = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    assert [process.communicate()[0] for process in running] == ["1\n"] * 4
    assert len(list((home / ".cache/registry-tool/clones").glob("*.git"))) == 1


def test_the_past_can_be_asked_by_url(url: str, bare: Path) -> None:
    _push_alias(bare)
    with registry.open(url) as reg:
        moves = reg.history("nlp/lang-id@production")
        assert [move.version for move in moves] == ["1"]
        with pytest.raises(registry.errors.NotFoundError):
            reg.at("HEAD~1").version("nlp/lang-id@production")
        assert reg.version("nlp/lang-id@production").version == "1"


def test_a_deployment_pinned_to_an_old_commit_reads_it_by_url(url: str, bare: Path) -> None:
    old = git(bare, "rev-parse", "main")
    _push_alias(bare)
    with registry.open(url, ref=old) as reg:
        assert reg.commit == old
        assert reg.version("nlp/lang-id@1").version == "1"
        with pytest.raises(registry.errors.NotFoundError):
            reg.version("nlp/lang-id@production")


def test_a_new_version_by_url_is_checked_against_the_past(url: str, bare: Path) -> None:
    with registry.open(url) as reg, reg.change("Add 2") as change:
        made = change.model("nlp/lang-id").new_version("2", framework={"type": "custom"})
        made.track_artifacts(["s3://bucket/model.bin"])
    assert change.publication is not None
    assert git(bare, "rev-parse", "main") == change.publication.commit
    with registry.open(url) as reg:
        assert [version.version for version in reg.versions("nlp/lang-id")] == ["1", "2"]


def test_of_two_who_push_by_url_the_second_makes_the_change_again(url: str, bare: Path) -> None:
    with registry.open(url) as reg, reg.change("Set production") as change:
        _push_alias_named(bare, "champion")
        change.set_alias("nlp/lang-id@1", "production")
    assert change.publication is not None
    assert git(bare, "rev-parse", "main") == change.publication.commit
    with registry.open(url) as reg:
        assert set(reg.model("nlp/lang-id").aliases) == {"champion", "production"}


def _push_alias_named(bare: Path, alias: str) -> None:
    with registry.open(bare).change(f"Set {alias}") as change:
        change.set_alias("nlp/lang-id@1", alias)


def test_a_command_that_waits_for_history_says_so(
    bare: Path, cli: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry_tool.git.remote.clone._A_WHILE", 0.0)
    asked = ("history", "nlp/lang-id", "--repo", bare.as_uri())
    assert (
        cli(*asked, cwd=bare.parent).err
        == "note:  fetching the registry's history; this happens once\n"
    )
    assert cli(*asked, cwd=bare.parent).err == ""
