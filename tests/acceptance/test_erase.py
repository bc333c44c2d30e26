"""Erasing a version as users do: a server, clones of it, a DVC remote, and two steps."""

from __future__ import annotations

import hashlib
import json
import os
import pty
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support import Ran, commit, git, new_repository, put_object, write_files
from support.manifests import (
    MODEL_BYTES,
    alias_yaml,
    model_files,
    registry_yaml,
    small_registry,
    stored_artifact,
    version_files,
)

import registry_tool
from registry_tool.errors import RefusedError

Cli = Callable[..., Ran]
TOP = "models/nlp/lang-id"
SECOND = b"nlp/lang-id@2"
THIRD = b"nlp/lang-id@3"
SHARED = b"a vocabulary\n"
PURGE = ("erase", "nlp/lang-id@2", "--purge")
ERASE = ("erase", "nlp/lang-id@2", "--reason", "By law.")


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def registry_files(storage: Path) -> dict[str, str]:
    """Three versions; 2 and 3 share a file, ``production`` is 3, and ``first`` is a tag of 1."""
    both = stored_artifact(SHARED, name="vocab", role="tokenizer", path="vocab.bin")
    return {
        **small_registry(),
        **version_files("2", artifacts=[stored_artifact(SECOND), both]),
        **version_files("3", artifacts=[stored_artifact(THIRD), both]),
        f"{TOP}/aliases/production.yaml": alias_yaml("3"),
        ".dvc/config": f"[core]\n    remote = storage\n['remote \"storage\"']\n    url = {storage}\n",
    }


@pytest.fixture
def storage(tmp_path: Path) -> Path:
    for content in (MODEL_BYTES, SECOND, THIRD, SHARED):
        put_object(tmp_path, content)
    for path in (tmp_path / "storage").rglob("*"):
        # A purge keeps what was uploaded in the second of the erasure or later.
        os.utime(path, (time.time() - 60, time.time() - 60))
    return tmp_path / "storage"


@pytest.fixture
def root(tmp_path: Path, storage: Path) -> Path:
    """A clone of a bare server."""
    new_repository(tmp_path / "start", registry_files(storage))
    git(tmp_path, "clone", "-q", "--bare", str(tmp_path / "start"), "server.git")
    git(tmp_path, "clone", "-q", str(tmp_path / "server.git"), "clone")
    return tmp_path / "clone"


@pytest.fixture
def erased(root: Path, cli: Cli) -> Path:
    """The same, with version 2 erased on the server's main branch."""
    assert cli(*ERASE, "--yes", "--push", cwd=root).code == 0
    return root


def stored(storage: Path) -> set[str]:
    return {p.parent.name + p.name for p in storage.rglob("*") if p.is_file()}


def state(root: Path) -> tuple[str, str, set[str]]:
    storage = stored(root.parent / "storage")
    return git(root, "for-each-ref"), git(root, "status", "--porcelain"), storage


def clone(root: Path, name: str) -> Path:
    git(root.parent, "clone", "-q", str(root.parent / "server.git"), name)
    return root.parent / name


def test_the_whole_life_of_an_erasure(root: Path, storage: Path, cli: Cli) -> None:
    assert cli("fetch", "nlp/lang-id@2", cwd=root).code == 0
    assert cli(*ERASE, "--yes", "--push", cwd=root).code == 0
    assert stored(storage) == {md5(c) for c in (MODEL_BYTES, SECOND, THIRD, SHARED)}
    done = cli(*PURGE, "--yes", cwd=root)
    assert (done.code, done.err) == (0, "")
    lines = [line.split(None, 3) for line in done.out.splitlines()]
    assert ["deleted", "13", "B", "model.bin"] in lines
    assert ["kept", "13", "B", "vocab.bin  nlp/lang-id@3 in origin/main uses it"] in lines
    assert "freed 13 B in the remote, 1 object; 1 deleted from this machine's cache" in done.out
    assert stored(storage) == {md5(c) for c in (MODEL_BYTES, THIRD, SHARED)}

    refused = cli("fetch", "nlp/lang-id@2", cwd=root)
    assert (refused.code, refused.err.splitlines()[0]) == (
        1,
        "error: nlp/lang-id@2 is erased: By law.",
    )
    assert cli("fetch", "nlp/lang-id@2", "--allow-withdrawn", cwd=root).code == 1
    shown = json.loads(cli("show", "nlp/lang-id@2", "--format", "json", cwd=root).out)
    assert (shown["state"], shown["status"]["reason"]) == ("erased", "By law.")
    digests = {entry["sha256"] for entry in shown["record"]["artifacts"]}
    assert digests == {hashlib.sha256(content).hexdigest() for content in (SECOND, SHARED)}
    assert cli("fetch", "nlp/lang-id@3", cwd=root).code == 0
    assert cli("fetch", "nlp/lang-id@1", cwd=root).code == 0
    assert cli("check", "--all", "--remote", cwd=root).code == 0


def upload_later(root: Path, storage: Path, content: bytes) -> None:
    """Upload a file for version 2, which is published, and let an hour pass."""
    (root.parent / "report.md").write_bytes(content)
    with registry_tool.open(root) as registry, registry.change("Add report", commit=True) as change:
        change.version("nlp/lang-id@2").upload_artifact(root.parent / "report.md")
    git(root, "push", "-q", "origin", "HEAD")
    for path in storage.rglob("*"):
        os.utime(path, (time.time() - 3600, time.time() - 3600))


def test_files_that_were_uploaded_later_are_erased_with_it(
    root: Path, storage: Path, cli: Cli
) -> None:
    report = b"# Report\n"
    upload_later(root, storage, report)
    git(root, "push", "-q", "origin", "HEAD:refs/heads/old")
    shown = cli(*ERASE, cwd=root)
    assert (shown.code, f"would remove  {TOP}/report.md.dvc" in shown.out) == (0, True)
    assert any(line.split()[0::3] == ["purgeable", "report.md"] for line in shown.out.splitlines())
    done = cli(*ERASE, "--yes", "--push", cwd=root)
    assert (done.code, "review" in done.err) == (0, False), done.err
    assert cli("check", "--all", cwd=root).code == 0
    assert not (root / TOP / "report.md.dvc").exists()
    for name in ("deep", "shallow"):
        depth = () if name == "deep" else ("--depth=1", "--no-single-branch")
        address = (root.parent / "server.git").as_uri()
        git(root.parent, "clone", "-q", *depth, address, name)
    behind = cli(*PURGE, "--yes", cwd=root.parent / "shallow")
    assert (behind.code, "git fetch --unshallow" in behind.err) == (4, True), behind.err
    assert md5(report) in stored(storage)
    done = cli(*PURGE, "--yes", cwd=root.parent / "deep")
    assert (done.code, "freed 22 B in the remote, 2 objects" in done.out) == (0, True), done.out
    assert stored(storage) == {md5(c) for c in (MODEL_BYTES, THIRD, SHARED)}
    with (
        registry_tool.open(root) as registry,
        pytest.raises(RefusedError, match="is erased; no file can be uploaded"),
        registry.change("Add", commit=True) as change,
    ):
        change.version("nlp/lang-id@2").upload_artifact(root.parent / "report.md")
    assert "already erased" in cli(*ERASE, "--yes", cwd=root).out


def test_latest_passes_over_what_is_erased(root: Path, cli: Cli) -> None:
    assert cli("alias", "rm", "nlp/lang-id", "production", "--commit", cwd=root).code == 0
    done = cli("erase", "nlp/lang-id@3", "--reason", "x", "--yes", "--commit", cwd=root)
    assert done.code == 0
    assert "committed" in done.out
    assert cli("resolve", "nlp/lang-id", cwd=root).out.startswith("nlp/lang-id@2 ")


@pytest.mark.parametrize("more", [(), ("--commit",), ("--branch", "erase-2"), ("--push",)])
@pytest.mark.parametrize("form", ["text", "json"])
def test_without_yes_it_is_only_shown(
    more: tuple[str, ...], form: str, root: Path, cli: Cli
) -> None:
    before = state(root)
    shown = cli(*ERASE, *more, "--format", form, cwd=root)
    assert (shown.code, shown.err) == (0, "")
    assert state(root) == before
    if form == "json":
        data = json.loads(shown.out)
        assert data["writes"] == [f"{TOP}/versions/2/status.yaml"]
        assert data["removes"] == [f"{TOP}/versions/2/{n}.bin.dvc" for n in ("model", "vocab")]
        assert [(o["path"], o["fate"]) for o in data["objects"]] == [
            ("model.bin", "purgeable"), ("vocab.bin", "kept"),
        ]  # fmt: skip
        assert data["objects"][1]["needed_by"]["subject"] == "nlp/lang-id@3"
        return
    assert f"would write   {TOP}/versions/2/status.yaml" in shown.out
    assert f"would remove  {TOP}/versions/2/model.bin.dvc" in shown.out
    assert "nlp/lang-id@3 in origin/main uses it" in shown.out
    assert shown.out.endswith("this was a dry run; add --yes to do it\n")


def test_a_dry_run_is_refused_like_the_real_one(root: Path, cli: Cli) -> None:
    write_files(root, {f"{TOP}/versions/2/odd.txt": "a file that has no place\n"})
    for more in ((), ("--yes",)):
        refused = cli(*ERASE, *more, cwd=root)
        assert refused.code == 1
        assert "the result would not pass the check" in refused.err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("nlp/lang-id@3", "--reason", "x"), 1, "nlp/lang-id@3 is the target of the alias production"),
        (("nlp/lang-id@1", "--reason", "x"), 1, "nlp/lang-id@1 is the target of the tag first"),
        (("nlp/lang-id", "--reason", "x"), 2, "registry erase nlp/lang-id@3 --reason x"),
        (("nlp/lang-id@latest", "--reason", "x"), 2, "nlp/lang-id@latest can point to another version later"),
        (("nlp/lang-id@9", "--reason", "x"), 2, "has no version, tag or alias 9"),
        (("nlp/lang-id@2",), 2, "--reason is"),
        (("nlp/lang-id@2", "--reason", " "), 2, "--reason is"),
        (("nlp/lang-id@2", "--reason", "x", "--also", "."), 2, "--also requires --purge"),
        (("nlp/lang-id@2", "--purge", "--commit", "--reason", "x"), 2, "--reason, --commit cannot be used with --purge"),
        (("nlp/lang-id@2", "--purge"), 1, "nlp/lang-id@2 is active in origin/main"),
        (("nlp/lang-id@9", "--purge"), 2, "has no version, tag or alias 9 in origin/main"),
        (("nlp/lang-id@production", "--purge"), 2, "can point to another version later"),
    ],
)  # fmt: skip
def test_what_stops_it(
    arguments: tuple[str, ...], code: int, words: str, root: Path, cli: Cli
) -> None:
    before = state(root)
    for yes in ((), ("--yes",)):
        refused = cli("erase", *arguments, *yes, cwd=root)
        assert (refused.code, refused.out) == (code, "")
        assert words in refused.err
        assert state(root) == before


def test_tags_go_with_it(root: Path, cli: Cli) -> None:
    done = cli("erase", "nlp/lang-id@1", "--reason", "x", "--with-tags", "--yes", "--commit", cwd=root)  # fmt: skip
    assert done.code == 0
    changed = git(root, "show", "--name-status", "--format=", "HEAD").split("\n")
    assert changed == [
        f"D\t{TOP}/tags/first.yaml",
        f"D\t{TOP}/versions/1/model.bin.dvc",
        f"A\t{TOP}/versions/1/status.yaml",
    ]
    again = cli("erase", "nlp/lang-id@1", "--reason", "x", "--yes", cwd=root)
    assert (again.code, again.out) == (0, "nlp/lang-id@1 is already erased\n")


def test_a_purge_is_shown_first_and_can_be_made_again(erased: Path, cli: Cli) -> None:
    before = state(erased)
    shown = cli(*PURGE, cwd=erased)
    assert (shown.code, state(erased)) == (0, before)
    assert "would delete" in shown.out
    assert "nothing was deleted: this was a dry run" in shown.out
    data = json.loads(cli(*PURGE, "--format", "json", cwd=erased).out)
    assert (data["dry_run"], data["freed"], state(erased)) == (True, 0, before)
    data = json.loads(cli(*PURGE, "--yes", "--format", "json", cwd=erased).out)
    assert (data["dry_run"], data["freed"], data["branch"]) == (False, 13, "origin/main")
    assert [(o["path"], o["fate"]) for o in data["objects"]] == [
        ("model.bin", "deleted"),
        ("vocab.bin", "kept"),
    ]
    again = cli(*PURGE, "--yes", cwd=erased)
    assert (again.code, again.out.splitlines()[-1]) == (
        0,
        "nothing left to delete in the remote",
    )


def test_another_branch_that_needs_the_bytes_keeps_them(
    erased: Path, storage: Path, cli: Cli
) -> None:
    git(erased, "switch", "-q", "-c", "side")
    write_files(erased, model_files("nlp/other", versions=()))
    write_files(erased, version_files("7", "nlp/other", artifacts=[stored_artifact(SECOND)]))
    commit(erased)
    git(erased, "switch", "-q", "main")
    done = cli(*PURGE, "--yes", cwd=erased)
    assert "nlp/other@7 in side uses it" in done.out
    assert md5(SECOND) in stored(storage)


def test_a_version_that_is_not_even_committed_keeps_its_bytes(erased: Path, cli: Cli) -> None:
    write_files(erased, version_files("4", artifacts=[stored_artifact(SECOND)]))
    assert "nlp/lang-id@4 in the work tree uses it" in cli(*PURGE, "--yes", cwd=erased).out


def test_old_refs_of_the_version_itself_are_named_and_hold_nothing(
    erased: Path, storage: Path, cli: Cli
) -> None:
    git(erased, "tag", "release-1", "main~1")
    done = cli(*PURGE, "--yes", cwd=erased)
    assert "nlp/lang-id@2 is not erased in tags/release-1" in done.err
    assert md5(SECOND) not in stored(storage)


def test_a_clone_that_is_behind_deletes_nothing(erased: Path, storage: Path, cli: Cli) -> None:
    other = clone(erased, "other")
    write_files(other, version_files("4", artifacts=[stored_artifact(SECOND)]))
    git(other, "switch", "-q", "-c", "add-4")
    commit(other)
    git(other, "push", "-q", "origin", "add-4")
    shown = cli(*PURGE, cwd=erased)
    assert (shown.code, "has not fetched origin/add-4" in shown.err) == (0, True)
    refused = cli(*PURGE, "--yes", cwd=erased)
    assert (refused.code, refused.out) == (1, "")
    assert "try:   git fetch --tags origin '+refs/heads/*:refs/remotes/origin/*'" in refused.err
    assert md5(SECOND) in stored(storage)
    git(erased, "fetch", "-q", "--tags", "origin", "+refs/heads/*:refs/remotes/origin/*")
    assert "nlp/lang-id@4 in origin/add-4 uses it" in cli(*PURGE, "--yes", cwd=erased).out


def test_a_server_that_cannot_be_asked(erased: Path, storage: Path, cli: Cli) -> None:
    (erased.parent / "server.git").rename(erased.parent / "gone.git")
    shown = cli(*PURGE, cwd=erased)
    assert (shown.code, "does not list its branches" in shown.err) == (0, True)
    assert cli(*PURGE, "--yes", cwd=erased).code == 4
    assert md5(SECOND) in stored(storage)


def test_another_registry_on_the_same_remote(erased: Path, storage: Path, cli: Cli) -> None:
    files = {
        "registry.yaml": registry_yaml(name="other"),
        "models/nlp/namespace.yaml": small_registry()["models/nlp/namespace.yaml"],
        **model_files("nlp/theirs", versions=()),
        **version_files("1", "nlp/theirs", artifacts=[stored_artifact(SECOND)]),
    }
    theirs = new_repository(erased.parent / "theirs", files)
    done = cli(*PURGE, "--yes", "--also", str(theirs), cwd=erased)
    assert f"nlp/theirs@1 in main of {theirs} uses it" in done.out
    url = theirs.as_uri()
    done = cli(*PURGE, "--yes", "--also", url, cwd=erased)
    assert f"nlp/theirs@1 in main of {url} uses it" in done.out
    assert md5(SECOND) in stored(storage)


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("models", "models' is this registry itself"),
        ("nothing", "no such repository: 'nothing'"),
        ("../storage", "is not in a Git repository"),
        ("file:///nowhere", "file:///nowhere cannot be cloned"),
    ],
)
def test_what_is_no_other_registry(place: str, words: str, erased: Path, cli: Cli) -> None:
    before = state(erased)
    refused = cli(*PURGE, "--yes", "--also", place, cwd=erased)
    assert refused.code != 0
    assert words in refused.err
    assert state(erased) == before


def test_by_url_the_server_itself_is_asked(erased: Path, storage: Path, cli: Cli) -> None:
    url = (erased.parent / "server.git").as_uri()
    done = cli(*PURGE, "--yes", "--repo", url, cwd=erased.parent)
    assert (done.code, done.err) == (0, "")
    assert "is erased in main" in done.out
    assert md5(SECOND) not in stored(storage)


def test_a_remote_that_is_not_there(erased: Path, storage: Path, cli: Cli) -> None:
    storage.rename(storage.with_name("unmounted"))
    for yes in ((), ("--yes",)):
        refused = cli(*PURGE, *yes, cwd=erased)
        assert (refused.code, "does not exist" in refused.err) == (4, True)
    assert cli(*ERASE, cwd=erased).code == 0  # the first step asks no remote


def test_what_broke_off_is_made_again(erased: Path, storage: Path, cli: Cli) -> None:
    place = storage / "files" / "md5" / md5(SECOND)[:2] / md5(SECOND)[2:]
    place.unlink()
    (place / "in the way").mkdir(parents=True)
    os.utime(place, (1_000_000_000, 1_000_000_000))  # as old as the object was
    refused = cli(*PURGE, "--yes", cwd=erased)
    assert (refused.code, "0 of 1 objects had been deleted" in refused.err) == (4, True)
    (place / "in the way").rmdir()
    place.rmdir()
    put_object(erased.parent, SECOND)
    os.utime(place, (1_000_000_000, 1_000_000_000))  # not an upload after the erasure
    assert cli(*PURGE, "--yes", cwd=erased).code == 0
    assert not place.exists()


def on_a_terminal(arguments: tuple[str, ...], typed: str, cwd: Path) -> tuple[int, str]:
    """Run the program with a terminal, and type a line when it asks."""
    master, slave = pty.openpty()
    program = subprocess.Popen(
        [sys.executable, "-m", "registry_tool", *arguments],
        cwd=cwd, stdin=slave, stdout=slave, stderr=slave,
    )  # fmt: skip
    os.close(slave)
    said = b""
    while True:
        try:
            piece = os.read(master, 4096)
        except OSError:  # Linux says so when the program has closed its side
            break
        if not piece:
            break
        said += piece
        if b"to continue" in said and typed:
            os.write(master, f"{typed}\n".encode())
            typed = ""
    os.close(master)
    return program.wait(), said.decode()


def test_on_a_terminal_it_asks(root: Path, storage: Path, cli: Cli) -> None:
    before = state(root)
    code, said = on_a_terminal((*ERASE, "--push"), "yes", root)
    assert (code, "nothing was written" in said) == (1, True)
    assert state(root) == before
    code, said = on_a_terminal((*ERASE, "--push"), "nlp/lang-id@2", root)
    assert (code, "pushed" in said) == (0, True)
    code, said = on_a_terminal(PURGE, "2", root)
    assert (code, "nothing was deleted" in said) == (1, True)
    assert md5(SECOND) in stored(storage)
    code, said = on_a_terminal(PURGE, "nlp/lang-id@2", root)
    assert (code, "freed 13 B" in said) == (0, True)
    assert md5(SECOND) not in stored(storage)
    assert cli("check", "--all", cwd=root).code == 0


def test_its_help_says_what_it_does_not_do(root: Path, cli: Cli) -> None:
    text = " ".join(cli("erase", "--help", cwd=root).out.split())
    assert "A whole model cannot be erased: archive it." in text
    assert "Erasing cannot be undone" in text


def test_bytes_that_were_brought_back_survive_a_second_purge(
    erased: Path, storage: Path, cli: Cli
) -> None:
    assert cli(*PURGE, "--yes", cwd=erased).code == 0
    other = clone(erased, "other")
    (erased.parent / "again.bin").write_bytes(SECOND)
    # A commit tells whole seconds; the upload comes a while later.
    added = cli(
        "version", "add", "nlp/lang-id", "--artifact", str(erased.parent / "again.bin"),
        "--framework", "custom", cwd=other,
    )  # fmt: skip
    assert added.code == 0, added.err
    brought = storage / "files" / "md5" / md5(SECOND)[:2] / md5(SECOND)[2:]
    later = time.time() + 5
    os.utime(brought, (later, later))
    done = cli(*PURGE, "--yes", cwd=erased)
    assert done.code == 0
    assert "after the erasure; kept until" in done.out
    assert md5(SECOND) in stored(storage)
    # Nobody published it for longer than a lease counts.
    old = time.time() - 8 * 24 * 3600
    os.utime(brought, (old, old))
    assert "freed 13 B" in cli(*PURGE, "--yes", cwd=erased).out
    assert md5(SECOND) not in stored(storage)
