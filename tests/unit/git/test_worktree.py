"""What is staged, what lies in the work tree, and plain folders."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from support import commit, git, new_repository, run_git, write_files

from registry_tool.errors import ConflictError, OperationalError
from registry_tool.git.command import Git
from registry_tool.git.objects.reader import BlobReader
from registry_tool.git.tree import EXECUTABLE, FILE, SUBMODULE, SYMLINK, Tree, walk
from registry_tool.git.worktree import FolderTree, head_tree, staged_tree, work_tree

Opened = Callable[[Path], Git]
ReaderOf = Callable[[Git], BlobReader]
START = {"keep": "1\n", "change": "1\n", "gone/deep": "1\n", "run": "#!\n"}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return new_repository(tmp_path / "r", START)


@pytest.fixture
def trees(opened: Opened, reader_of: ReaderOf) -> Callable[[Path], tuple[Tree, Tree]]:
    """The staged tree and the work tree of a checkout."""

    def make(folder: Path) -> tuple[Tree, Tree]:
        repository = opened(folder)
        reader = reader_of(repository)
        return staged_tree(repository, reader), work_tree(repository, reader)

    return make


Trees = Callable[[Path], tuple[Tree, Tree]]


def _files(tree: Tree) -> dict[str, str]:
    return {path: (tree.read(path) or b"").decode() for path, _ in walk(tree)}


def test_a_clean_checkout_is_head(checkout: Path, trees: Trees) -> None:
    staged, work = trees(checkout)
    assert _files(staged) == _files(work) == START


def test_staged_and_unstaged_are_kept_apart(checkout: Path, trees: Trees) -> None:
    write_files(checkout, {"change": "staged\n", "new/file": "staged\n"})
    git(checkout, "add", "--all")
    git(checkout, "rm", "--quiet", "gone/deep")
    write_files(checkout, {"change": "on disk\n", "untracked": "on disk\n"})
    (checkout / "keep").unlink()
    staged, work = trees(checkout)
    assert _files(staged) == {
        "change": "staged\n", "keep": "1\n", "new/file": "staged\n", "run": "#!\n",
    }  # fmt: skip
    assert _files(work) == {
        "change": "on disk\n", "new/file": "staged\n", "run": "#!\n", "untracked": "on disk\n",
    }  # fmt: skip
    assert staged.entry("gone") is None
    assert work.read("keep") is None


def test_a_mode_change_alone_is_seen(checkout: Path, trees: Trees) -> None:
    (checkout / "run").chmod(0o755)
    before, work = trees(checkout)
    git(checkout, "add", "run")
    staged, _ = trees(checkout)
    modes = [tree.folder("")["run"].mode for tree in (before, work, staged)]
    assert modes == [FILE, EXECUTABLE, EXECUTABLE]


def test_a_rename_is_a_new_and_a_deleted_file(checkout: Path, trees: Trees) -> None:
    git(checkout, "mv", "keep", "kept")
    for tree in trees(checkout):
        assert tree.read("keep") is None
        assert tree.read("kept") == b"1\n"


def test_an_unresolved_merge_is_a_conflict(checkout: Path, trees: Trees) -> None:
    git(checkout, "switch", "--quiet", "-c", "side")
    write_files(checkout, {"change": "theirs\n"})
    commit(checkout)
    git(checkout, "switch", "--quiet", "main")
    write_files(checkout, {"change": "ours\n"})
    commit(checkout)
    with pytest.raises(AssertionError):
        git(checkout, "merge", "side")
    with pytest.raises(ConflictError, match="change has an unresolved merge conflict"):
        trees(checkout)


def test_intent_to_add_is_not_staged(checkout: Path, trees: Trees) -> None:
    write_files(checkout, {"later": "x\n"})
    git(checkout, "add", "--intent-to-add", "later")
    staged, work = trees(checkout)
    assert "later" not in _files(staged)
    assert _files(work)["later"] == "x\n"


def test_inside_a_partial_commit_the_named_index_is_read(
    checkout: Path, trees: Trees, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_files(checkout, {"change": "in the commit\n", "keep": "left out\n"})
    git(checkout, "add", "--all")
    monkeypatch.chdir(checkout)
    other = ".git/next-index-1.lock"
    monkeypatch.setenv("GIT_INDEX_FILE", other)
    git(checkout, "read-tree", "HEAD")
    git(checkout, "add", "change")
    staged, _ = trees(checkout)
    assert staged.read("change") == b"in the commit\n"
    assert staged.read("keep") == b"1\n"


def test_a_hook_of_a_partial_commit_sees_that_commit(checkout: Path, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    hook = checkout / ".git" / "hooks" / "pre-commit"
    hook.write_text(f'#!/bin/sh\nprintf "%s" "$GIT_INDEX_FILE" > {seen}\n', encoding="utf-8")
    hook.chmod(0o755)
    write_files(checkout, {"change": "2\n"})
    git(checkout, "commit", "--quiet", "-m", "Part", "change")
    # What `staged_tree` relies on: Git names another index than .git/index.
    assert seen.read_text(encoding="utf-8").endswith(".lock")


def test_before_the_first_commit_everything_is_new(tmp_path: Path, trees: Trees) -> None:
    git(tmp_path, "init", "--quiet", "r")
    write_files(tmp_path / "r", {"a/b": "1\n", "c": "2\n"})
    git(tmp_path / "r", "add", "c")
    staged, work = trees(tmp_path / "r")
    assert _files(staged) == {"c": "2\n"}
    assert _files(work) == {"a/b": "1\n", "c": "2\n"}


def test_head_of_an_empty_repository_is_an_empty_tree(
    tmp_path: Path, opened: Opened, reader_of: ReaderOf
) -> None:
    git(tmp_path, "init", "--quiet", "r")
    repository = opened(tmp_path / "r")
    assert list(walk(head_tree(repository, reader_of(repository)))) == []


def test_ignored_files_are_left_out_unless_git_tracks_them(checkout: Path, trees: Trees) -> None:
    write_files(checkout, {".gitignore": "*.bin\n/kept.bin\n", "tracked.bin": "1", "free.bin": "2"})
    git(checkout, "add", "--force", "tracked.bin")
    write_files(checkout, {"tracked.bin": "3"})
    _, work = trees(checkout)
    assert work.read("tracked.bin") == b"3"
    assert "free.bin" not in _files(work)


def test_a_folder_takes_the_place_of_a_file(checkout: Path, trees: Trees) -> None:
    (checkout / "keep").unlink()
    (checkout / "keep").mkdir()
    _, work = trees(checkout)
    assert work.entry("keep") is None  # Git has no empty folders
    write_files(checkout, {"keep/inside": "2\n"})
    _, work = trees(checkout)
    rest = {path: text for path, text in START.items() if path != "keep"}
    assert _files(work) == {**rest, "keep/inside": "2\n"}


def test_a_file_takes_the_place_of_a_folder(checkout: Path, trees: Trees) -> None:
    (checkout / "gone/deep").unlink()
    (checkout / "gone").rmdir()
    write_files(checkout, {"gone": "file\n"})
    _, work = trees(checkout)
    assert work.read("gone") == b"file\n"
    assert work.read("gone/deep") is None
    assert dict(work.folder("gone")) == {}


def test_repositories_inside_are_submodules(checkout: Path, trees: Trees) -> None:
    new_repository(checkout / "untracked", {"x": "1"})
    new_repository(checkout / "known", {"x": "1"})
    git(checkout, "add", "known")
    git(checkout, "commit", "--quiet", "-m", "Submodule")
    write_files(checkout / "known", {"x": "2"})
    commit(checkout / "known")
    _, work = trees(checkout)
    assert work.folder("")["untracked"].mode == SUBMODULE
    assert work.folder("")["known"].mode == SUBMODULE
    assert set(_files(work)) == {*START, "known", "untracked"}


def test_a_symbolic_link_is_an_entry_and_its_bytes_are_its_target(
    checkout: Path, trees: Trees, tmp_path: Path
) -> None:
    write_files(tmp_path, {"secret/inside": "secret\n"})
    (checkout / "link").symlink_to(tmp_path / "secret/inside")
    (checkout / "folder").symlink_to(tmp_path / "secret")
    for tree in (trees(checkout)[1], FolderTree(checkout)):
        assert tree.folder("")["link"].mode == SYMLINK
        assert tree.read("link") == os.fsencode(tmp_path / "secret/inside")
        assert dict(tree.folder("folder")) == {}
        assert tree.read("folder/inside") is None
        assert tree.entry("folder/inside") is None
        assert "secret\n" not in _files(tree).values()


def test_a_bare_repository_has_no_work_tree(
    checkout: Path, tmp_path: Path, opened: Opened, reader_of: ReaderOf
) -> None:
    git(tmp_path, "clone", "--quiet", "--bare", str(checkout), "bare")
    repository = opened(tmp_path / "bare")
    with pytest.raises(OperationalError, match="is a bare repository, which has no working tree"):
        work_tree(repository, reader_of(repository))


def test_reading_does_not_write_to_the_index(checkout: Path, trees: Trees) -> None:
    os.utime(checkout / "keep", ns=(1, 1))  # a stale stat would make `git status` rewrite it
    before = (checkout / ".git/index").read_bytes()
    for tree in trees(checkout):
        assert _files(tree) == START
    assert (checkout / ".git/index").read_bytes() == before


def test_a_folder_hides_what_its_pointers_stand_for(tmp_path: Path) -> None:
    write_files(
        tmp_path,
        {
            "v/model.bin": "bytes", "v/model.bin.dvc": "outs: []\n", "v/data/part": "bytes",
            "v/data.dvc": "outs: []\n", "v/other": "1", ".git/HEAD": "x", ".venv/x": "x",
            ".dvc/config": "[core]\n", ".dvc/cache/x": "x", ".dvc/tmp/x": "x", ".dvc/config.local": "s",
        },
    )  # fmt: skip
    found = _files(FolderTree(tmp_path))
    assert set(found) == {".dvc/config", "v/data.dvc", "v/model.bin.dvc", "v/other"}


def test_a_folder_does_not_lead_out(tmp_path: Path) -> None:
    write_files(tmp_path, {"inside/x": "1", "outside": "secret"})
    tree = FolderTree(tmp_path / "inside")
    assert tree.read("../outside") is None
    assert dict(tree.folder("..")) == {}


def test_pipes_and_sockets_are_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        tree = FolderTree(tmp_path)
        assert tree.read("pipe") == b""
        assert tree.read("socket") == b""


def test_a_name_longer_than_a_file_system_takes_is_not_there(tmp_path: Path) -> None:
    tree = FolderTree(tmp_path)
    for name in ("x" * 300, "x/" * 3000 + "y", "x" * 300 + "/y"):
        assert tree.read(name) is None
        assert tree.entry(name) is None
        assert tree.folder(name) == {}


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_permission_is_trouble_of_the_environment(tmp_path: Path) -> None:
    write_files(tmp_path, {"closed": "1"})
    (tmp_path / "closed").chmod(0)
    with pytest.raises(OperationalError, match="closed cannot be read: Permission denied"):
        FolderTree(tmp_path).read("closed")


def test_names_that_are_not_utf_8_survive(checkout: Path, trees: Trees) -> None:
    raw = b"caf\xe9"
    (checkout / os.fsdecode(raw)).write_bytes(b"1\n")
    _, work = trees(checkout)
    run_git(checkout, "add", "--all")
    staged, _ = trees(checkout)
    for tree in (work, staged, FolderTree(checkout)):
        assert tree.read(os.fsdecode(raw)) == b"1\n"
