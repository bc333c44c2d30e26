"""Fetching as a user or a deploy job does it: files of folders, lock files, mirrors, caches that are full or read-only."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support import Ran, commit, git, put_object, without, write_files
from support.http_object_server import ObjectServer, serving
from support.manifests import MODEL_BYTES, alias_yaml, small_registry, status_yaml
from support.programs import run_programs_at_once

Make = Callable[..., Path]
Cli = Callable[..., Ran]
FOLDER = "models/nlp/lang-id"
PARTS = {"vocab.txt": b"one two\n", "sub/rules.json": b"{}", "empty": b""}
WEIGHTS = b"weights" * 400_000
TENTH = 10


def shared_cache() -> Path:
    return Path(os.environ["REGISTRY_CACHE"])


def forget_everything() -> None:
    from registry_tool.artifacts.cache.locks import get_uses

    get_uses.cache_clear()  # as when the process ends
    shutil.rmtree(shared_cache(), ignore_errors=True)


def done(ran: Ran) -> str:
    assert ran.code == 0, ran.err
    return ran.out


def contents(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


@pytest.fixture
def root(make_registry: Make, cli: Cli, tmp_path: Path) -> Path:
    """A registry whose version 2 has a file of some size and a folder."""
    registry = make_registry(small_registry(versions=("1",)))
    put_object(registry, MODEL_BYTES)
    (tmp_path / "weights.bin").write_bytes(WEIGHTS)
    write_files(tmp_path / "parts", PARTS)
    done(
        cli(
            "version", "add", "nlp/lang-id", "--artifact", f"model={tmp_path / 'weights.bin'}",
            "--artifact", f"parts={tmp_path / 'parts'}", "--framework", "custom", "--commit", cwd=registry,
        )
    )  # fmt: skip
    done(cli("alias", "set", "nlp/lang-id@2", "production", "--commit", cwd=registry))
    forget_everything()
    return registry


@pytest.fixture
def web(root: Path) -> Iterator[ObjectServer]:
    """The same remote on a web server that counts."""
    with serving(root / "storage") as server:
        yield server


def on_the_web(registry: Path, server: ObjectServer) -> None:
    config = f"[core]\n    remote = storage\n['remote \"storage\"']\n    url = {server.url}\n"
    (registry / ".dvc" / "config").write_text(config, encoding="utf-8")


def stored(registry: Path, data: bytes) -> Path:
    md5 = hashlib.md5(data).hexdigest()
    return registry / "storage" / "files" / "md5" / md5[:2] / md5[2:]


# --- what


def test_one_file_of_a_folder(cli: Cli, root: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    names = ("--artifact", "parts/sub/rules.json", "--artifact", "parts/vocab.txt")
    ran = cli("fetch", "nlp/lang-id@2", *names, "-o", str(out), "--format", "json", cwd=root)
    data = json.loads(done(ran))
    assert contents(out) == {"parts/sub/rules.json": b"{}", "parts/vocab.txt": b"one two\n"}
    digest = hashlib.sha256(b"{}").hexdigest()
    place = str(out / "parts" / "sub" / "rules.json")
    assert data["artifacts"][0] == {
        "name": "parts", "file": "sub/rules.json", "path": place, "size": 2, "sha256": digest,
    }  # fmt: skip
    assert {p.name for p in (shared_cache() / "objects" / "sha256").rglob("*") if p.is_file()} == {
        digest[2:],
        hashlib.sha256(b"one two\n").hexdigest()[2:],
    }


def test_one_file_into_the_cache(cli: Cli, root: Path) -> None:
    ran = cli("fetch", "nlp/lang-id@2", "--artifact", "parts/vocab.txt", cwd=root)
    path, size, _ = done(ran).split("  ")
    assert (Path(path).name, Path(path).read_bytes(), size) == ("vocab.txt", b"one two\n", "8 B")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("parts/none", "parts has no file 'none'"),
        ("parts/../model", "parts has no file '../model'"),
        ("model/x", "model (weights.bin) is a file"),
        ("none/x", "its artifacts: model, parts"),
    ],
)
def test_a_file_that_is_not_there(cli: Cli, root: Path, name: str, words: str) -> None:
    ran = cli("fetch", "nlp/lang-id@2", "--artifact", name, cwd=root)
    assert (ran.code, ran.out) == (2, "")
    assert words in ran.err


def test_a_program_fetches_one_file(root: Path) -> None:
    import registry_tool

    with registry_tool.open(root) as registry:
        path = registry.version("nlp/lang-id@2").artifact("parts").fetch(file="vocab.txt")
        assert path.read_bytes() == b"one two\n"


def test_links_instead_of_copies(cli: Cli, root: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done(cli("fetch", "nlp/lang-id@2", "--link", "-o", str(out), cwd=root))
    assert (out / "weights.bin").stat().st_nlink > 1
    assert (out / "weights.bin").stat().st_mode & 0o222 == 0
    assert contents(out / "parts") == PARTS


def test_offline_names_what_is_not_there(cli: Cli, root: Path) -> None:
    done(cli("fetch", "nlp/lang-id@2", "--artifact", "model", cwd=root))
    ran = cli("fetch", "nlp/lang-id@2", "--offline", cwd=root)
    assert (ran.code, ran.out) == (4, "")
    assert "parts is not in the cache, and --offline forbids downloads" in ran.err


# --- locked


def lock(cli: Cli, root: Path, *words: str) -> str:
    done(cli("lock", *words, cwd=root))
    return (root / "registry.lock").read_text(encoding="utf-8")


def test_a_lock_says_what_a_reference_means_for_people_to_review(cli: Cli, root: Path) -> None:
    ran = cli("lock", "nlp/lang-id@production", "nlp/lang-id@1", cwd=root)
    head = git(root, "rev-parse", "HEAD")
    assert done(ran).splitlines() == [
        f"nlp/lang-id@1           1  {head[:12]}",
        f"nlp/lang-id@production  2  {head[:12]}",
    ]
    text = (root / "registry.lock").read_text(encoding="utf-8")
    record = hashlib.sha256((root / FOLDER / "versions/2/version.yaml").read_bytes()).hexdigest()
    weights = hashlib.sha256(WEIGHTS).hexdigest()
    assert text.startswith("schema: lock/v1\nregistry: acme-models\npins:\n")
    for words in (
        "reference: nlp/lang-id@production",
        "version: nlp/lang-id@2",
        head,
        record,
        weights,
    ):
        assert words in text
    # Two people who lock the same write the same.
    assert lock(cli, root, "nlp/lang-id@1", "nlp/lang-id@production") == text


def test_a_locked_fetch_does_not_ask_what_an_alias_means_today(
    cli: Cli, root: Path, tmp_path: Path
) -> None:
    lock(cli, root, "nlp/lang-id@production")
    done(cli("alias", "set", "nlp/lang-id@1", "production", "--commit", cwd=root))
    for words in (("nlp/lang-id@production", "--locked"), ("--locked=registry.lock",)):
        out = tmp_path / str(len(words))
        done(cli("fetch", *words, "-o", str(out), cwd=root))
        below = "" if len(words) == 2 else "nlp/lang-id/2/"
        assert (out / f"{below}weights.bin").read_bytes() == WEIGHTS
    git(root, "rm", "-q", "-r", f"{FOLDER}/aliases")
    commit(root)
    done(cli("fetch", "nlp/lang-id@production", "--locked", cwd=root))
    assert cli("fetch", "nlp/lang-id@production", cwd=root).code == 2


def test_all_that_is_locked_comes_each_to_a_place_of_its_own(
    cli: Cli, root: Path, tmp_path: Path
) -> None:
    lock(cli, root, "nlp/lang-id@1", "nlp/lang-id@production")
    ran = cli("fetch", "--locked", "-o", str(tmp_path / "out"), "--format", "json", cwd=root)
    versions = json.loads(done(ran))["versions"]
    assert [one["version"] for one in versions] == ["1", "2"]
    assert sorted(contents(tmp_path / "out")) == [
        "nlp/lang-id/1/model.bin",
        "nlp/lang-id/2/parts/empty",
        "nlp/lang-id/2/parts/sub/rules.json",
        "nlp/lang-id/2/parts/vocab.txt",
        "nlp/lang-id/2/weights.bin",
    ]


def test_locking_again_says_what_moved(cli: Cli, root: Path) -> None:
    lock(cli, root, "nlp/lang-id@production")
    done(cli("alias", "set", "nlp/lang-id@1", "production", "--commit", cwd=root))
    ran = cli("lock", cwd=root)
    assert done(ran).startswith("nlp/lang-id@production  2 -> 1  ")
    assert "version: nlp/lang-id@1" in (root / "registry.lock").read_text(encoding="utf-8")


def test_a_version_that_the_registry_does_not_show_any_more_is_found_at_its_commit(
    cli: Cli, root: Path
) -> None:
    lock(cli, root, "nlp/lang-id@2")
    shutil.rmtree(root / FOLDER / "versions" / "2")
    commit(root)
    ran = cli("fetch", "--locked", cwd=root)
    assert done(ran)
    assert "nlp/lang-id@2, pinned by registry.lock, is gone today" in ran.err


def test_a_withdrawn_version_is_served_with_a_word_and_an_erased_one_is_not(
    cli: Cli, root: Path
) -> None:
    lock(cli, root, "nlp/lang-id@1")
    write_files(root, {f"{FOLDER}/versions/1/status.yaml": status_yaml("withdrawn")})
    ran = cli("fetch", "--locked", cwd=root)
    assert done(ran)
    assert "is withdrawn today" in ran.err
    write_files(root, {f"{FOLDER}/versions/1/status.yaml": status_yaml("erased")})
    ran = cli("fetch", "--locked", cwd=root)
    assert (ran.code, ran.out) == (1, "")
    assert "is erased" in ran.err


@pytest.mark.parametrize(
    ("old", "new", "code", "words"),
    [
        ('record: "sha256:', 'record: "sha256:0', 2, "lacks a commit or a record digest"),
        ("@2\n    commit", "@1\n    commit", 1, "has the record sha256:"),
        ("size: 2800000", "size: 2800001", 1, "has other artifacts than the lock file records"),
        ("nlp/lang-id@2", "nlp/lang-id@7", 2, "which does not exist in this registry"),
        ("nlp/lang-id@2", "nlp/none@2", 2, "which does not exist in this registry"),
        ("lock/v1", "lock/v9", 2, "is not a lock file"),
        ("pins:", "pins: &a", 2, "line"),
        ("reference: nlp", "reference: -nlp", 2, "registry.lock"),
        ('commit: "', 'commit: "--x', 2, "lacks a commit or a record digest"),
    ],
)  # fmt: skip
def test_a_lock_file_that_was_changed_is_refused(
    *, cli: Cli, root: Path, old: str, new: str, code: int, words: str
) -> None:
    text = lock(cli, root, "nlp/lang-id@production")
    if 'commit: "' not in text:  # a digest that is no number stands without quotes
        text = text.replace("commit: ", 'commit: "').replace("\n    record", '"\n    record')
    assert old in text
    (root / "registry.lock").write_text(text.replace(old, new), encoding="utf-8")
    ran = cli("fetch", "--locked", cwd=root)
    assert (ran.code, ran.out) == (code, "")
    assert words in ran.err
    assert not (shared_cache() / "objects").exists()


def test_a_record_that_was_changed_is_refused(cli: Cli, root: Path) -> None:
    lock(cli, root, "nlp/lang-id@2")
    record = root / FOLDER / "versions" / "2" / "version.yaml"
    record.write_bytes(record.read_bytes() + b"# changed\n")
    git(root, "commit", "-qam", "x")
    ran = cli("fetch", "--locked", "-o", "out", cwd=root)
    # The commit of the pin still has the record that was pinned; a registry that lost it is refused.
    assert done(ran)
    text = (root / "registry.lock").read_text(encoding="utf-8")
    head = git(root, "rev-parse", "HEAD")
    pinned = git(root, "rev-parse", "HEAD~1")
    (root / "registry.lock").write_text(text.replace(pinned, head), encoding="utf-8")
    ran = cli("fetch", "--locked", cwd=root)
    assert (ran.code, ran.out) == (1, "")
    assert "has the record sha256:" in ran.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["lock"], "no references given"),
        (["fetch"], "no version given"),
        (["fetch", "--locked"], "no such lock file: registry.lock"),
        (["fetch", "--locked", "none.lock"], "no such lock file: none.lock"),
    ],
)
def test_what_is_missing_is_said(cli: Cli, root: Path, words: list[str], message: str) -> None:
    ran = cli(*words, cwd=root)
    assert (ran.code, ran.out) == (2, "")
    assert message in ran.err
    assert "try:" in ran.err


def test_what_is_not_committed_cannot_be_locked(cli: Cli, root: Path) -> None:
    write_files(root, {f"{FOLDER}/aliases/production.yaml": alias_yaml("1")})
    ran = cli("lock", "nlp/lang-id@production", cwd=root)
    assert (ran.code, ran.out) == (1, "")
    assert not (root / "registry.lock").exists()
    done(cli("lock", "nlp/lang-id@production", "--ref", "HEAD", cwd=root))


def test_a_reference_that_is_not_locked_is_not_guessed(cli: Cli, root: Path) -> None:
    lock(cli, root, "nlp/lang-id@production")
    ran = cli("fetch", "nlp/lang-id@1", "--locked", cwd=root)
    assert (ran.code, ran.out) == (2, "")
    assert "registry.lock does not pin nlp/lang-id@1" in ran.err


# --- where from


def test_a_mirror_is_asked_when_the_remote_has_wrong_bytes(
    cli: Cli, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(root / "storage", tmp_path / "mirror")
    with (root / ".dvc" / "config").open("a", encoding="utf-8") as config:
        config.write(f"['remote \"mirror\"']\n    url = {tmp_path / 'mirror'}\n")
    place = stored(root, WEIGHTS)
    place.chmod(0o644)
    place.write_bytes(b"!" + WEIGHTS[1:])
    ran = cli("fetch", "nlp/lang-id@2", cwd=root)
    assert (ran.code, ran.out) == (4, "")
    assert "on the remote storage" in ran.err
    words = ("fetch", "nlp/lang-id@2", "--remote", "storage", "--remote", "mirror", "-o", "out")
    ran = cli(*words, cwd=root)
    assert done(ran)
    assert "trying the next remote" in ran.err
    assert (root / "out" / "weights.bin").read_bytes() == WEIGHTS
    forget_everything()
    monkeypatch.setenv("REGISTRY_REMOTE", "mirror")
    ran = cli("fetch", "nlp/lang-id@2", cwd=root)
    assert done(ran)
    assert ran.err == ""
    ran = cli("fetch", "nlp/lang-id@1", "--remote", "none", cwd=root)
    assert (ran.code, ran.out) == (4, "")
    assert "no DVC remote is named 'none'; remotes: mirror, storage" in ran.err


def test_a_byte_that_changed_in_the_cache_does_not_reach_anybody(
    cli: Cli, root: Path, tmp_path: Path
) -> None:
    path = Path(done(cli("fetch", "nlp/lang-id@2", "--artifact", "model", cwd=root)).split("  ")[0])
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.write(b"!")
    done(cli("fetch", "nlp/lang-id@2", "-o", str(tmp_path / "out"), cwd=root))
    assert (tmp_path / "out" / "weights.bin").read_bytes() == WEIGHTS
    again = done(cli("fetch", "nlp/lang-id@2", "--artifact", "model", cwd=root)).split("  ")[0]
    assert (Path(again), Path(again).read_bytes()) == (path, WEIGHTS)


# --- the cache


def test_the_cache_is_shown_and_cleared(cli: Cli, root: Path) -> None:
    done(cli("fetch", "nlp/lang-id@2", cwd=root))
    shown = json.loads(done(cli("cache", "--format", "json", cwd=root)))
    assert (shown["folder"], shown["objects"], shown["artifacts"]) == (str(shared_cache()), 4, 2)
    assert shown["size"] >= len(WEIGHTS)
    assert "size " in done(cli("cache", cwd=root))
    assert cli("cache", "clean", "--to", "much", cwd=root).code == 2
    from registry_tool.artifacts.cache.locks import get_uses

    ran = cli("cache", "clean", cwd=root)  # this process fetched it, and may still use it
    assert done(ran) == "freed 0 B\n"
    assert "in use and kept" in ran.err
    get_uses.cache_clear()
    assert "would free 2." in done(cli("cache", "clean", "--dry-run", cwd=root))
    assert "freed 2." in done(cli("cache", "clean", "--to", "1kB", cwd=root))
    cleared = json.loads(done(cli("cache", "clean", "--format", "json", cwd=root)))
    assert (cleared["in_use"], cleared["dry_run"]) == (0, False)
    assert json.loads(done(cli("cache", "--format", "json", cwd=root)))["objects"] == 0
    done(cli("fetch", "nlp/lang-id@2", cwd=root))


def test_a_small_limit_is_kept_and_the_bytes_come_all_the_same(
    cli: Cli, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGISTRY_CACHE_SIZE", "1MB")
    ran = cli("fetch", "nlp/lang-id@2", "-o", str(tmp_path / "out"), cwd=root)
    assert done(ran)
    assert "REGISTRY_CACHE_SIZE" in ran.err
    assert contents(tmp_path / "out" / "parts") == PARTS
    assert (tmp_path / "out" / "weights.bin").read_bytes() == WEIGHTS
    assert not (shared_cache() / "objects").exists()
    monkeypatch.setenv("REGISTRY_CACHE_SIZE", "a lot")
    ran = cli("fetch", "nlp/lang-id@1", cwd=root)
    assert (ran.code, ran.out) == (2, "")
    assert "'a lot' is not a size" in ran.err


READ_ONLY = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && shift && exec "$@"'


@pytest.mark.parametrize("filled", [False, True])
def test_a_read_only_cache_is_used_as_far_as_it_goes(
    root: Path, tmp_path: Path, cli: Cli, *, filled: bool
) -> None:
    shared_cache().mkdir(parents=True)
    program = shutil.which("unshare")
    probe = [program or "unshare", "--mount", "--map-root-user", "sh", "-c", READ_ONLY, "sh"]
    if (
        program is None
        or subprocess.run(
            [*probe, str(shared_cache()), "true"], check=False, capture_output=True
        ).returncode
    ):
        without("needs user namespaces to mount a folder read-only: unshare of util-linux")
    if filled:
        done(cli("fetch", "nlp/lang-id@2", cwd=root))
        shutil.rmtree(root / "storage")
    words = [
        sys.executable,
        "-m",
        "registry_tool",
        "fetch",
        "nlp/lang-id@2",
        "-o",
        str(tmp_path / "out"),
    ]
    ran = subprocess.run(
        [*probe, str(shared_cache()), *words], cwd=root, check=False, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    note = f"note:  not using the cache {shared_cache()}: the file system is read-only\n"
    assert ran.stderr == ("" if filled else note)
    assert (tmp_path / "out" / "weights.bin").read_bytes() == WEIGHTS
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["parts", "weights.bin"]


# --- many at once


def start(root: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "registry_tool", *words],
        cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_ten_processes_that_want_the_same_ask_for_it_once(
    root: Path, tmp_path: Path, web: ObjectServer
) -> None:
    on_the_web(root, web)
    web.rate = 4 << 20  # slow enough that all of them meet
    fetches = [
        ("fetch", "nlp/lang-id@2", "-o", str(tmp_path / f"out-{number}")) for number in range(TENTH)
    ]
    ended = run_programs_at_once(*fetches, cwd=root)
    assert [ran.code for ran in ended] == [0] * TENTH, [ran.err for ran in ended]
    assert web.asked.total() == 4, web.asked  # three contents of the folder, and the weights
    assert set(web.asked.values()) == {1}
    for number in range(TENTH):
        assert (tmp_path / f"out-{number}" / "weights.bin").read_bytes() == WEIGHTS
        assert contents(tmp_path / f"out-{number}" / "parts") == PARTS


def test_when_the_one_that_fetches_is_killed_another_goes_on(
    root: Path, tmp_path: Path, web: ObjectServer
) -> None:
    on_the_web(root, web)
    web.rate = 1 << 20
    first = start(root, "fetch", "nlp/lang-id@2", "--artifact", "model")
    while web.sent < 1 << 20:
        assert first.poll() is None
    web.rate = 1 << 16  # what is left takes longer than the second needs to start on a busy machine
    second = start(
        root, "fetch", "nlp/lang-id@2", "--artifact", "model", "-o", str(tmp_path / "out")
    )
    while "waiting for another process" not in second.stderr.readline():  # type: ignore[union-attr]  # it is a pipe
        assert second.poll() is None
    first.kill()
    first.communicate()
    web.rate = None
    assert second.communicate()[1] == ""
    assert (tmp_path / "out" / "weights.bin").read_bytes() == WEIGHTS
    assert web.ranges[0].startswith("bytes=")
    assert int(web.ranges[0].removeprefix("bytes=").removesuffix("-")) >= 1 << 19
