"""A few files are searched without a process of their own, and give the answer that ``git grep`` gives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support import commit, git, new_repository, run_git, write_files
from support.raw_trees import commit_tree, entries_of, raw_tree

from registry_tool.git import commit_tree as module
from registry_tool.git.command import Git
from registry_tool.git.commit_tree import CommitTree
from registry_tool.git.objects.reader import BlobReader

Opened = Callable[[Path], Git]
ReaderOf = Callable[[Git], BlobReader]
FILES: dict[str, str | bytes] = {
    **{f"m/a/{n}/version.yaml": f"identity: {n:064x}\n" for n in range(20)},
    "m/a/binary": b"\0needle\xff",
    "m/a/link": "",
    "m/b/x": "needle\r\nmore",
    "m/b/.hidden": "nee\ndle",
    "m/other": "needle",
}
IDS = [f"{n:064x}" for n in range(5, 40)]


class _NoProcess:
    def __init__(self, *_: object, **__: object) -> None:
        raise AssertionError("git grep was started")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = new_repository(tmp_path / "r", FILES)
    (made / "m/a/link").unlink()
    (made / "m/a/link").symlink_to("needle")
    commit(made)
    return made


@pytest.fixture
def tree_at(opened: Opened, reader_of: ReaderOf) -> Callable[[Path, str], CommitTree]:
    def make(folder: Path, commit: str) -> CommitTree:
        found = opened(folder)
        return CommitTree(found, commit, reader_of(found))

    return make


TreeAt = Callable[[Path, str], CommitTree]


@pytest.mark.parametrize("words", [["needle"], ["nee", "x"], IDS, ["nothing"], ["more", "dle"]])
@pytest.mark.parametrize("under", ["m/a", ["m/a", "m/b"], "m/b/x", "m/a/link", "m/none", ["m/b", "m/none/x"]])  # fmt: skip
def test_a_few_files_are_searched_here(
    folder: Path,
    tree_at: TreeAt,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    under: str | list[str],
) -> None:
    tree = tree_at(folder, git(folder, "rev-parse", "HEAD"))
    with monkeypatch.context() as patched:
        patched.setattr(module, "_FEW_OBJECTS", 0)
        # Git takes a pattern with a line feed for two.
        expected = sorted(tree.grep(words, under=under)) if "\n" not in words[0] else []
    monkeypatch.setattr(module, "BackgroundCommand", _NoProcess)
    assert sorted(tree.grep(words, under=under)) == expected


def _large(folder: Path) -> str:
    write_files(folder, {"m/a/large": "x" * 300_000 + "needle"})
    return commit(folder)


def _many(folder: Path) -> str:
    write_files(folder, {f"m/a/{n}/more": "needle" for n in range(200)})
    return commit(folder)


def _malformed(folder: Path) -> str:
    inner = entries_of(folder, "HEAD:m/a")
    twice = raw_tree(folder, [*inner, inner[-1]])
    middle = raw_tree(folder, [e._replace(oid=twice) if e.name == b"a" else e for e in entries_of(folder, "HEAD:m")])  # fmt: skip
    return commit_tree(folder, raw_tree(folder, [e._replace(oid=middle) if e.name == b"m" else e for e in entries_of(folder, "HEAD:")]))  # fmt: skip


@pytest.mark.parametrize("make", [_large, _many, _malformed])
def test_git_searches_what_is_large_many_or_malformed(
    folder: Path, tree_at: TreeAt, make: Callable[[Path], str]
) -> None:
    tip = make(folder)
    listed = run_git(folder, "grep", "-l", "-z", "-F", "needle", tip, "--", "m/a").decode()
    expected = {line.removeprefix(f"{tip}:") for line in listed.split("\0") if line}
    assert set(tree_at(folder, tip).grep(["needle"], under="m/a")) == expected != set()
