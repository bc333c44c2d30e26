"""What partial clones fetch, and Git's own form of a folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from support import git, run_git

from registry_tool.errors import OfflineError
from registry_tool.git.command import Git, find_repository
from registry_tool.git.commit_tree import CommitTree, PickedTree, parse_tree_object
from registry_tool.git.objects.reader import BlobReader
from registry_tool.git.tree import FILE, SUBMODULE, Entry, walk

ReaderOf = Callable[[Git], BlobReader]
RepositoryOf = Callable[[str], Git]


@pytest.fixture
def partial(repository: RepositoryOf, reader_of: ReaderOf) -> CommitTree:
    found = repository("partial")
    return CommitTree(found, git(found.place, "rev-parse", "HEAD"), reader_of(found))


def _missing(tree: CommitTree) -> int:
    out = git(tree.git.place, "rev-list", "--objects", "--all", "--missing=print")
    return sum(line.startswith("?") for line in out.split("\n"))


def _packs(tree: CommitTree) -> int:
    return len(list((tree.git.git_dir / "objects/pack").glob("*.pack")))


def test_listings_of_a_partial_clone_fetch_nothing(partial: CommitTree) -> None:
    before = _missing(partial)
    assert before > 10
    assert len(list(walk(partial))) > 10
    assert _missing(partial) == before


def test_many_files_are_fetched_in_one_request(partial: CommitTree) -> None:
    paths = ["registry.yaml", "bytes", "names/-option", "names/new\nline", "nothing", "models"]
    before, packs = _missing(partial), _packs(partial)
    partial.prefetch(paths)
    assert _missing(partial) == before - 4
    assert _packs(partial) == packs + 1
    partial.prefetch(paths)
    assert _packs(partial) == packs + 1


def test_prefetching_from_a_whole_repository_does_nothing(
    repository: RepositoryOf, reader_of: ReaderOf
) -> None:
    found = repository("normal")
    tree = CommitTree(found, git(found.place, "rev-parse", "HEAD"), reader_of(found))
    tree.prefetch(["registry.yaml", "nothing"])
    assert tree.read("registry.yaml") is not None


def test_a_remote_that_went_away_is_told_when_a_file_is_read(
    partial: CommitTree, tmp_path: Path
) -> None:
    (tmp_path / "origin").rename(tmp_path / "moved")
    partial.prefetch(["registry.yaml"])
    with pytest.raises(OfflineError, match="cannot be read in") as caught:
        partial.read("registry.yaml")
    assert "remote" in caught.value.remedy
    (tmp_path / "moved").rename(tmp_path / "origin")
    assert partial.read("registry.yaml") is not None


def test_a_raw_tree_object_of_git(repository: RepositoryOf) -> None:
    found = repository("sha256")
    entries = parse_tree_object(run_git(found.place, "cat-file", "tree", "HEAD"), 32)
    listed = git(found.place, "ls-tree", "-z", "HEAD").split("\0")[:-1]
    expected = {}
    for line in listed:
        meta, _, name = line.partition("\t")
        mode, _, oid = meta.split(" ")
        expected[name] = Entry(int(mode, 8), oid)
    assert entries == expected


def test_names_that_are_not_utf_8_survive() -> None:
    data = b"100644 caf\xe9\0" + b"\x11" * 20
    assert parse_tree_object(data, 20) == {"caf\udce9": Entry(FILE, "1" * 40)}


def test_a_submodule_is_an_entry_without_bytes_or_files(
    repository: RepositoryOf, reader_of: ReaderOf
) -> None:
    found = repository("normal")
    head = git(found.place, "rev-parse", "HEAD")
    git(found.place, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},sub")
    tree = CommitTree(found, git(found.place, "write-tree"), reader_of(found))
    assert head != tree.commit
    assert tree.read("sub") is None
    assert tree.folder("")["sub"].mode == SUBMODULE
    assert tree.read("sub") is None
    assert dict(tree.folder("sub")) == {}
    assert "sub" in dict(walk(tree))


def test_picked_files_are_read_by_their_id() -> None:
    asked = []

    def read(oid: str, limit: int | None) -> bytes:
        asked.append((oid, limit))
        return b"needle"

    tree = PickedTree({"a/b": Entry(FILE, "id")}, read)
    assert tree.read("a/b", limit=3) == b"needle"
    assert tree.read("a") is None
    assert list(tree.grep(["needle"])) == ["a/b"]
    assert asked == [("id", 3), ("id", None)]


class _Counted(BlobReader):
    """A reader that counts how often git is asked."""

    times = 0

    def _ask(self, name: str, limit: int | None) -> tuple[str, str, bytes] | None:
        self.times += 1
        return super()._ask(name, limit)

    def read_many(
        self, names: Sequence[str], *, limit: int | None = None
    ) -> list[tuple[str, str, bytes] | None]:
        self.times += 1
        return super().read_many(names, limit=limit)


def test_what_was_said_is_asked_together_and_the_same_bytes_once(
    make_registry: Callable[..., Path],
) -> None:
    files = {f"{n}/label.yaml": f"{n % 2}" for n in range(6)}
    found = find_repository(make_registry(files))
    assert found is not None
    reader = _Counted(found)
    tree = CommitTree(found, git(found.place, "rev-parse", "HEAD"), reader)
    tree.prefetch(files)
    assert reader.times == 3  # the top, the six folders, and the files
    assert [tree.read(path) for path in files] == [text.encode() for text in files.values()]
    assert reader.times == 3
    assert tree.read("0/label.yaml") == b"0"
    reader.close()
