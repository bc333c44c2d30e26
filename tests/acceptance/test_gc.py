"""Looking through the whole remote, and deleting what nobody needs."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support import Ran, commit, git, put_object, write_files
from support.manifests import (
    DVC_CONFIG,
    MODEL_BYTES,
    model_files,
    namespace_yaml,
    registry_yaml,
    small_registry,
    stored_artifact,
    version_files,
)

Cli = Callable[..., Ran]
SECOND = b"nlp/lang-id@2"
ORPHAN = b"nobody's bytes"
WEEKS = 30 * 24 * 3600


def put(root: Path, content: bytes, *, age: float = WEEKS) -> Path:
    place = put_object(root, content)
    then = time.time() - age
    os.utime(place, (then, then))
    return place


@pytest.fixture
def root(make_registry: Callable[..., Path]) -> Path:
    """Both versions' bytes are on the remote, and some of nobody."""
    root = make_registry(small_registry())
    for content in (MODEL_BYTES, SECOND, ORPHAN):
        put(root, content)
    return root


def data(ran: Ran) -> dict[str, list[dict[str, object]]]:
    found: dict[str, list[dict[str, object]]] = json.loads(ran.out)
    return found


def orphans(cli: Cli, root: Path, *options: str) -> list[object]:
    return [
        one["size"] for one in data(cli("gc", "--format", "json", *options, cwd=root))["orphans"]
    ]


def objects(root: Path) -> set[bytes]:
    return {path.read_bytes() for path in (root / "storage").rglob("*") if path.is_file()}


def test_a_dry_run_shows_and_deletes_nothing(cli: Cli, root: Path) -> None:
    before = objects(root)
    ran = cli("gc", cwd=root)
    assert ran.code == 0
    assert "needed   2  34 B" in ran.out
    assert "unused  1  14 B" in ran.out
    assert "add --yes" in ran.out
    assert "--also" in ran.out
    assert objects(root) == before
    found = json.loads(cli("gc", "--format", "json", cwd=root).out)
    assert (found["dry_run"], found["needed"], found["freed"]) == (True, 2, 0)
    assert [one["size"] for one in found["orphans"]] == [len(ORPHAN)]


def test_yes_deletes_what_nobody_needs(cli: Cli, root: Path) -> None:
    ran = cli("gc", "--yes", cwd=root)
    assert ran.code == 0, ran.err
    assert "freed 14 B: 1 objects" in ran.out
    assert objects(root) == {MODEL_BYTES, SECOND}
    assert cli("check", "--all", "--remote", cwd=root).code == 0
    assert orphans(cli, root) == []


def test_what_is_young_stays(cli: Cli, root: Path) -> None:
    put(root, b"just uploaded", age=3600)
    found = data(cli("gc", "--format", "json", cwd=root))
    assert (len(found["orphans"]), str(found["young"])) == (1, "1")
    assert len(orphans(cli, root, "--older-than", "0")) == 2
    assert len(orphans(cli, root, "--older-than", "60")) == 0


@pytest.mark.parametrize("where", ["branch", "tag", "stash", "work tree", "detached"])
def test_what_any_ref_names_is_needed(cli: Cli, root: Path, where: str) -> None:
    write_files(root, version_files("3", artifacts=[stored_artifact(ORPHAN)]))
    if where == "stash":
        git(root, "add", "-A")
        git(root, "stash", "--quiet")
    elif where != "work tree":
        git(root, "switch", "--quiet", "-c", "elsewhere")
        commit(root, "Three")
        git(root, "tag", "kept")
        if where == "detached":
            git(root, "checkout", "--quiet", "--detach")
        else:
            git(root, "switch", "--quiet", "main")
        if where != "branch":
            git(root, "branch", "-D", "elsewhere")
        if where != "tag":
            git(root, "tag", "-d", "kept")
    assert orphans(cli, root) == []


def test_what_another_registry_needs_stays(
    cli: Cli, root: Path, make_registry: Callable[..., Path]
) -> None:
    files = {
        "registry.yaml": registry_yaml(),
        ".dvc/config": DVC_CONFIG,
        "models/cv/namespace.yaml": namespace_yaml(),
        **model_files("cv/ocr", versions=()),
        **version_files("1", "cv/ocr", artifacts=[stored_artifact(ORPHAN)]),
    }
    other = make_registry(files, name="other")
    assert orphans(cli, root, "--also", str(other)) == []
    plain = make_registry(
        {"data.dvc": "outs:\n- md5: 0c9ac9a4d0b3ad21cc8bbbf0f8d3b4c9\n  path: x\n"}, name="plain"
    )
    assert len(orphans(cli, root, "--also", str(plain))) == 1
    for wrong, code, words in (
        ("nowhere", 1, "there is no repository"),
        (str(root), 2, "is this registry itself"),
    ):
        ran = cli("gc", "--also", wrong, cwd=root)
        assert words in ran.err
        assert ran.code in {code, 2}


def test_missing_bytes_are_found(cli: Cli, root: Path) -> None:
    put_object(root, SECOND).unlink()
    ran = cli("gc", cwd=root)
    assert ran.code == 1
    assert "A501 artifact model, 13 bytes: missing from the remote storage" in ran.err
    (missing,) = data(cli("gc", "--format", "json", cwd=root))["missing"]
    assert missing["rule"] == "A501"


def test_a_registry_that_needs_nothing_there_deletes_nothing(
    cli: Cli, root: Path, make_registry: Callable[..., Path]
) -> None:
    files = {
        "registry.yaml": registry_yaml(),
        ".dvc/config": DVC_CONFIG.replace("../storage", str(root / "storage")),
    }
    other = make_registry(files, name="other")
    before = objects(root)
    ran = cli("gc", "--yes", cwd=other)
    assert ran.code == 1
    assert "needs none of the 3 objects" in ran.err
    assert objects(root) == before


def test_a_clone_that_is_behind_deletes_nothing(cli: Cli, root: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", str(root), str(clone))
    (clone / ".dvc" / "config.local").write_text(
        f"['remote \"storage\"']\nurl = {root / 'storage'}\n"
    )
    write_files(root, version_files("3", artifacts=[stored_artifact(ORPHAN)]))
    commit(root, "Three")
    before = objects(root)
    shown = cli("gc", cwd=clone)
    assert "has not fetched origin/main" in shown.err
    ran = cli("gc", "--yes", cwd=clone)
    assert ran.code != 0
    assert "git fetch" in ran.err
    assert objects(root) == before


def test_what_an_erased_version_had_is_an_orphan(cli: Cli, root: Path) -> None:
    erased = cli("erase", "nlp/lang-id@2", "--reason", "By law.", "--yes", "--commit", cwd=root)
    assert erased.code == 0, erased.err
    assert sorted(map(str, orphans(cli, root))) == ["13", "14"]


def test_rests_of_broken_uploads_go_too(cli: Cli, root: Path) -> None:
    rest = root / "storage" / "tmp" / ".half.tmp"
    rest.parent.mkdir()
    rest.write_bytes(b"half")
    then = time.time() - WEEKS
    os.utime(rest, (then, then))
    assert "the remains of 1 interrupted uploads" in cli("gc", cwd=root).out
    assert cli("gc", "--yes", cwd=root).code == 0
    assert not rest.exists()


def test_a_remote_that_is_not_there(cli: Cli, root: Path) -> None:
    (root / "storage").rename(root / "away")
    ran = cli("gc", "--yes", cwd=root)
    assert ran.code == 4
    assert "does not exist" in ran.err


def clone_of(root: Path, place: Path) -> Path:
    """Another person's clone, with the same remote."""
    git(root.parent, "clone", "--quiet", str(root), str(place))
    config = f"['remote \"storage\"']\nurl = {root / 'storage'}\n"
    (place / ".dvc" / "config.local").write_text(config)
    (place / ".git" / "info" / "exclude").write_text("/.dvc/config.local\n")
    return place


def add(cli: Cli, clone: Path, version: str, artifact: str, *more: str) -> None:
    """Add a version in a clone, without pushing it; nothing is uploaded, because the remote has the bytes."""
    given = ("--artifact", f"model={artifact}", "--framework", "fasttext", *more)
    added = cli("version", "add", "nlp/lang-id", version, *given, "--commit", cwd=clone)
    assert added.code == 0, added.err
    assert "uploaded   nothing" in added.out


def check_stays(cli: Cli, root: Path, clone: Path, version: str, out: Path) -> None:
    found = data(cli("gc", "--yes", "--format", "json", cwd=root))
    assert (found["orphans"], str(found["young"])) == ([], "1")
    assert ORPHAN in objects(root)
    fetched = cli("fetch", f"nlp/lang-id@{version}", "-o", str(out), cwd=clone)
    assert fetched.code == 0, fetched.err


def test_old_bytes_that_another_clone_relies_on_stay(cli: Cli, root: Path, tmp_path: Path) -> None:
    """They are 30 days old, and version 3 that needs them is not pushed yet."""
    other = clone_of(root, tmp_path / "other")
    (tmp_path / "model.bin").write_bytes(ORPHAN)
    add(cli, other, "3", str(tmp_path / "model.bin"))
    check_stays(cli, root, other, "3", tmp_path / "out")


def test_old_bytes_that_are_taken_over_from_a_version_that_is_given_up_stay(
    cli: Cli, root: Path, tmp_path: Path
) -> None:
    git(root, "switch", "--quiet", "-c", "old")
    write_files(root, version_files("3", artifacts=[stored_artifact(ORPHAN)]))
    commit(root, "A version that is never published")
    git(root, "switch", "--quiet", "main")
    other = clone_of(root, tmp_path / "other")
    git(other, "switch", "--quiet", "old")
    add(cli, other, "4", "registry:nlp/lang-id@3/model", "--same-as", "nlp/lang-id@3")
    git(root, "branch", "-D", "old")
    git(root, "reflog", "expire", "--expire=all", "--all")
    git(root, "gc", "--prune=now", "--quiet")
    check_stays(cli, root, other, "4", tmp_path / "out")


@pytest.mark.parametrize(
    "ref", ["refs/pull/7/head", "refs/merge-requests/7/head", "refs/changes/07/7/1", "refs/x"]
)
def test_what_only_the_server_has_a_ref_for_is_needed(
    cli: Cli, root: Path, tmp_path: Path, ref: str
) -> None:
    write_files(root, version_files("3", artifacts=[stored_artifact(ORPHAN)]))
    git(root, "switch", "--quiet", "-c", "fork")
    made = commit(root, "Three")
    git(root, "switch", "--quiet", "main")
    git(root, "branch", "-D", "fork")
    clone = clone_of(root, tmp_path / "clone")
    git(root, "update-ref", ref, made)
    before = git(clone, "for-each-ref")
    ran = cli("gc", "--yes", "--older-than", "0", cwd=clone)
    assert ran.code == 0, ran.err
    assert "unused  0" in ran.out
    assert ORPHAN in objects(root)
    assert git(clone, "for-each-ref") == before  # nothing is left behind in the clone


@pytest.mark.parametrize(
    "where",
    ["older stash", "untracked stash", "dropped stash", "reset", "amended", "index", "work tree of its own",
     "conflict"],
)  # fmt: skip
def test_what_can_still_be_published_from_here_is_needed(cli: Cli, root: Path, where: str) -> None:
    three = version_files("3", artifacts=[stored_artifact(ORPHAN)])
    folder = "models/nlp/lang-id/versions/3"
    if where == "work tree of its own":
        git(root, "worktree", "add", "--quiet", "--detach", str(root.parent / "linked"))
        write_files(root.parent / "linked", three)
    elif where == "conflict":
        pointer = next(path for path in three if path.endswith(".dvc"))
        git(root, "switch", "--quiet", "-c", "other")
        write_files(root, {pointer: "outs:\n- md5: " + "0" * 32 + "\n  path: model.bin\n"})
        commit(root, "Theirs")
        git(root, "switch", "--quiet", "main")
        write_files(root, {pointer: three[pointer]})
        commit(root, "Ours")
        run_merge(root)
        git(root, "reflog", "expire", "--expire=all", "--all")
        (root / pointer).write_text("outs: []\n")
    else:
        write_files(root, three)
        git(root, "add", "-A")
        if where.endswith("stash"):
            if where == "untracked stash":
                git(root, "reset", "--quiet")
            git(root, "stash", "push", "--quiet", "--include-untracked")
            if where == "older stash":
                write_files(root, {"CARD.md": "another change\n"})
                git(root, "stash", "push", "--quiet", "--include-untracked")
            if where == "dropped stash":
                git(root, "stash", "drop", "--quiet")
        elif where in {"reset", "amended"}:
            commit(root, "Three")
            git(root, "reset", "--quiet", "--hard", "HEAD~1")
            if where == "amended":
                git(root, "reflog", "expire", "--expire=all", "--all")
        else:
            for path in sorted((root / folder).iterdir()):
                path.unlink()
    assert orphans(cli, root, "--older-than", "0") == []


def run_merge(root: Path) -> None:
    with pytest.raises(AssertionError):
        git(root, "merge", "--quiet", "other")


def test_a_purge_keeps_what_an_unpublished_change_relies_on(
    cli: Cli, root: Path, tmp_path: Path
) -> None:
    other = clone_of(root, tmp_path / "other")
    (tmp_path / "model.bin").write_bytes(SECOND)
    added = cli(
        "version", "add", "nlp/lang-id", "3", "--artifact", f"model={tmp_path / 'model.bin'}",
        "--framework", "fasttext", "--same-as", "nlp/lang-id@2", cwd=other,
    )  # fmt: skip
    assert added.code == 0, added.err
    erased = cli("erase", "nlp/lang-id@2", "--reason", "By law.", "--yes", "--commit", cwd=root)
    assert erased.code == 0, erased.err
    purged = cli("erase", "nlp/lang-id@2", "--purge", "--yes", cwd=root)
    assert purged.code == 0, purged.err
    assert "an unpublished change in the lease of" in purged.out
    assert SECOND in objects(root)


def test_where_no_lease_can_be_left_it_is_said_before_anything_is_written(
    cli: Cli, root: Path, tmp_path: Path
) -> None:
    (root / "storage" / "registry-tool").write_text("a file where the folder of leases would be")
    (tmp_path / "model.bin").write_bytes(ORPHAN)
    added = cli(
        "version", "add", "nlp/lang-id", "3", "--artifact", f"model={tmp_path / 'model.bin'}",
        "--framework", "fasttext", cwd=root,
    )  # fmt: skip
    assert added.code == 0, added.err
    assert "no lease could be written for them" in added.err
