"""Where bytes are, as a commit says it: what is taken, who gets credentials, and moving to another place."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from support import Ran, commit, git, new_repository, put_object, write_files
from support.http_object_server import ObjectServer, serving
from support.manifests import (
    MODEL_BYTES,
    registry_yaml,
    small_registry,
    stored_artifact,
    version_files,
)

Cli = Callable[..., Ran]
SECOND = b"nlp/lang-id@2"
THIRD = b"nlp/lang-id@3"
SIZE = len(MODEL_BYTES) + len(SECOND)
FETCH = ("fetch", "nlp/lang-id@1", "-o", "out")
OWN = "['remote \"storage\"']\nauth = basic\nuser = me\npassword = hunter2\n"


def config(url: str, more: str = "") -> str:
    return f"[core]\nremote = storage\n['remote \"storage\"']\nurl = {url}\n{more}"


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[tuple[ObjectServer, ObjectServer]]:
    """Two web servers with the bytes of both versions; they write down what they were asked."""
    for name in ("ours", "theirs"):
        for content in (MODEL_BYTES, SECOND):
            put_object(tmp_path, content, storage=name)
    with serving(tmp_path / "ours") as ours, serving(tmp_path / "theirs") as theirs:
        yield ours, theirs


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Both versions' bytes are in ../storage."""
    root = new_repository(
        tmp_path / "registry", {**small_registry(), ".dvc/config": config("../../storage")}
    )
    for content in (MODEL_BYTES, SECOND):
        put_object(tmp_path, content)
    (tmp_path / "new").mkdir()
    return root


def change(root: Path, files: Mapping[str, str]) -> None:
    git(root, "switch", "-q", "-c", "move")
    write_files(root, files)
    commit(root, "Move")


# --- item 7: a registry's content is data


def test_a_committed_local_configuration_is_neither_read_nor_accepted(
    cli: Cli, tmp_path: Path, servers: tuple[ObjectServer, ObjectServer]
) -> None:
    ours, theirs = servers
    files = {**small_registry(), ".dvc/config": config(ours.url)}
    local = f"['remote \"storage\"']\nurl = {theirs.url}\n"
    hostile = new_repository(tmp_path / "hostile", {**files, ".dvc/config.local": local})
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", str(hostile), str(clone))
    assert (clone / ".dvc/config.local").read_text() == local
    assert cli(*FETCH, cwd=clone).code == 0
    assert ours.headers
    assert not theirs.headers
    ran = cli("check", "--all", cwd=clone)
    assert ran.code == 1
    assert ".dvc/config.local:1:1" in ran.out
    assert "F119" in ran.out
    # The remedy works as printed, and then the file is the person's own.
    remedy = next(line for line in ran.out.splitlines() if "git rm --cached" in line)
    command = remedy.partition("try: ")[2]
    subprocess.run(["sh", "-c", command], cwd=clone, check=True, capture_output=True)
    commit(clone, "Not ours")
    ran = cli("check", "--all", cwd=clone)
    assert (ran.code, "F119" in ran.out) == (3, False)  # of .dvc/, so a person looks at it
    assert cli("fetch", "nlp/lang-id@2", "-o", "out2", cwd=clone).code == 0
    assert theirs.headers


@pytest.mark.parametrize("shape", ["folder", "file"])
def test_a_link_does_not_bring_a_local_configuration(
    cli: Cli, tmp_path: Path, servers: tuple[ObjectServer, ObjectServer], shape: str
) -> None:
    ours, theirs = servers
    root = new_repository(
        tmp_path / "hostile", {**small_registry(), ".dvc/config": config(ours.url)}
    )
    hidden = {
        "notes/config": config(ours.url),
        "notes/config.local": f"['remote \"storage\"']\nurl = {theirs.url}\n",
    }
    write_files(root, hidden)
    if shape == "folder":
        git(root, "rm", "-q", "-r", ".dvc")
        (root / ".dvc").symlink_to("notes")
    else:
        (root / ".dvc/config.local").symlink_to("../notes/config.local")
    git(root, "add", "--force", "--all")
    commit(root, "Hide")
    cli(*FETCH, cwd=root)
    assert not theirs.headers


def test_a_host_that_changes_gets_no_credentials_until_it_is_confirmed(
    cli: Cli, tmp_path: Path, servers: tuple[ObjectServer, ObjectServer]
) -> None:
    ours, theirs = servers
    files = {
        **small_registry(),
        ".dvc/config": config(ours.url),
        ".gitignore": "/.dvc/config.local\n/out*\n",
    }
    root = new_repository(tmp_path / "registry2", files)
    (root / ".dvc/config.local").write_text(OWN)
    assert cli(*FETCH, cwd=root).code == 0
    change(root, {".dvc/config": config(theirs.url)})
    ran = cli("fetch", "nlp/lang-id@2", "-o", "out2", cwd=root)
    assert ran.code == 4
    assert "credentials are withheld from the remote storage" in ran.err
    assert not theirs.headers
    remedy = next(line for line in ran.err.splitlines() if "registry remote trust" in line)
    words = remedy.partition("run: registry ")[2].split()
    assert cli(*words, cwd=root).code == 0
    assert cli("fetch", "nlp/lang-id@2", "-o", "out2", cwd=root).code == 0
    assert theirs.headers
    listed = json.loads(cli("remote", "list", "--format", "json", cwd=root).out)
    assert listed[0]["confirmed"] == sorted(
        url.rpartition("/")[0] for url in (ours.url, theirs.url)
    )


def test_published_private_options_warn_and_new_ones_are_refused(cli: Cli, root: Path) -> None:
    write_files(root, {".dvc/config": config("../../storage", "profile = production\n")})
    commit(root, "As it was")
    assert "F120" in cli("check", "--all", cwd=root).out
    assert cli("check", "--all", "--remote", cwd=root).code == 0
    git(root, "switch", "-q", "-c", "more")
    write_files(
        root, {".dvc/config": config("../../storage", "profile = production\nkeyfile = k\n")}
    )
    ran = cli("check", cwd=root)
    assert ran.code == 1
    assert "C422 `keyfile` of the remote storage must not come from a commit" in ran.out
    assert "C422 `profile`" not in ran.out


# --- item 14: the remote that a change moves to

MOVES = {
    "another place": {".dvc/config": config("../../new")},
    "another name": {
        ".dvc/config": config("../../storage", "['remote \"new\"']\nurl = ../../new\n"),
        "registry.yaml": registry_yaml(remote="new"),
    },
}


@pytest.mark.parametrize("name", MOVES)
@pytest.mark.parametrize("how", [("--all",), ("--base", "main")])
def test_a_person_asks_the_remote_that_the_change_names_for_every_version(
    cli: Cli, root: Path, name: str, how: tuple[str, ...]
) -> None:
    change(root, MOVES[name])
    ran = cli("check", *how, "--remote", cwd=root)
    assert ran.code == 1
    assert ran.out.count("A501") == 2
    assert f"{root.parent}/new" in ran.out
    assert cli("remote", "copy", "new" if name == "another name" else "storage", cwd=root).code == 0
    ran = cli("check", *how, "--remote", cwd=root)
    assert ran.code == 3
    assert "A50" not in ran.out
    assert "the new remote of this change, for every version" in ran.out


@pytest.mark.parametrize("name", MOVES)
@pytest.mark.parametrize("by", ["option", "variable"])
def test_ci_asks_nobody_and_names_the_command(
    cli: Cli, root: Path, name: str, by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(root, MOVES[name])
    if by == "variable":
        monkeypatch.setenv("CI", "true")
    option = "--remote" if by == "variable" else "--published-remote"
    ran = cli("check", "--base", "main", "--head", "move", option, cwd=root)
    assert ran.code == 3
    assert "A502" in ran.out
    assert "A501" not in ran.out
    assert f"--head {git(root, 'rev-parse', 'move')} --remote" in ran.out


def test_ci_asks_the_published_remote_where_nothing_moves(cli: Cli, root: Path) -> None:
    change(root, version_files("3", artifacts=[stored_artifact(THIRD)]))
    ran = cli("check", "--base", "main", "--head", "move", "--published-remote", cwd=root)
    assert "A502" not in ran.out
    assert f"queried the remote storage ({root.parent}/storage)" in ran.out


def test_gc_deletes_from_the_published_remote_and_keeps_what_a_branch_needs(
    cli: Cli, root: Path
) -> None:
    change(
        root, {**MOVES["another place"], **version_files("3", artifacts=[stored_artifact(THIRD)])}
    )
    for storage in ("storage", "new"):
        for content in (THIRD, b"nobody's"):
            put_object(root.parent, content, storage=storage)
    ran = cli("gc", "--older-than", "0", "--yes", "--format", "json", cwd=root)
    assert ran.code == 0, ran.err
    done = json.loads(ran.out)
    assert (len(done["orphans"]), done["orphans"][0]["size"]) == (1, len(b"nobody's"))
    left = [sum(p.is_file() for p in (root.parent / s).rglob("*")) for s in ("storage", "new")]
    assert left == [3, 2]


def test_the_way_to_another_remote(cli: Cli, root: Path) -> None:
    """Copy, change the configuration, check, merge, copy what came between."""
    new = str(root.parent / "new")
    shown = json.loads(cli("remote", "copy", new, "--dry-run", "--format", "json", cwd=root).out)
    assert (shown["to_copy"], shown["to_copy_bytes"], shown["copied"]) == (2, SIZE, 0)
    assert not any(Path(new).iterdir())
    assert "copied 2 objects" in cli("remote", "copy", new, cwd=root).out
    change(root, {".dvc/config": config("../../new")})
    assert cli("check", "--base", "main", "--remote", cwd=root).code == 3
    git(root, "switch", "-q", "main")
    write_files(root, version_files("3", artifacts=[stored_artifact(THIRD)]))
    put_object(root.parent, THIRD)
    commit(root, "Meanwhile")
    git(root, "merge", "-q", "--no-edit", "move")
    old = str(root.parent / "storage")
    ran = cli("remote", "copy", "storage", "--from", old, cwd=root)
    assert "copied 1 objects" in ran.out
    assert cli("check", "--all", "--remote", cwd=root).code == 0


def test_a_copy_says_what_the_target_lacks_afterwards(cli: Cli, root: Path) -> None:
    for place in (root.parent / "storage").rglob("*"):
        if place.is_file() and place.read_bytes() == SECOND:
            place.unlink()
    ran = cli("remote", "copy", str(root.parent / "new"), cwd=root)
    assert ran.code == 1
    assert "A501" in ran.err
    assert "versions/2/version.yaml" in ran.err


def test_copying_onto_itself_is_refused(cli: Cli, root: Path) -> None:
    ran = cli("remote", "copy", "storage", cwd=root)
    assert ran.code == 2
    assert "same place" in ran.err
