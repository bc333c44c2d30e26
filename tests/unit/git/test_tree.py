"""Walking and comparing trees, and the tree in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from support import commit, git, new_repository, run_git, write_files

from registry_tool.git.command import Git
from registry_tool.git.commit_tree import CommitTree
from registry_tool.git.objects.reader import BlobReader
from registry_tool.git.tree import (
    EXECUTABLE,
    FILE,
    FOLDER,
    SYMLINK,
    DictTree,
    Entry,
    Tree,
    TreeChange,
    blob_id,
    differences,
    split,
    walk,
)

Files = dict[str, str]


class Counted:
    """A tree that remembers which folders were opened."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.opened: list[str] = []

    def folder(self, path: str) -> Mapping[str, Entry]:
        self.opened.append(path)
        return self.tree.folder(path)

    def entry(self, path: str) -> Entry | None:
        return self.tree.entry(path)

    def read(self, path: str, *, limit: int | None = None) -> bytes | None:
        return self.tree.read(path, limit=limit)

    def prefetch(self, paths: Iterable[str]) -> None:
        self.tree.prefetch(paths)

    def gather(self, folders: Iterable[str]) -> None:
        self.tree.gather(folders)

    def grep(self, needles: Iterable[str], *, under: str | Sequence[str] = "") -> Iterator[str]:
        return self.tree.grep(needles, under=under)


def test_split() -> None:
    assert split("a/b/c") == ("a/b", "c")
    assert split("a") == ("", "a")
    assert split("") == ("", "")


def test_a_blob_id_is_the_one_git_gives(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    for data in (b"", b"one\n", bytes(range(256))):
        out = run_git(tmp_path, "hash-object", "--stdin", stdin=data)
        assert blob_id(data) == out.decode().strip()


def test_a_tree_in_memory_takes_modes() -> None:
    tree = DictTree({"run": "#!", "link": "run"}, modes={"run": EXECUTABLE, "link": SYMLINK})
    assert [(path, entry.mode) for path, entry in walk(tree)] == [
        ("link", SYMLINK),
        ("run", EXECUTABLE),
    ]


def test_walk_stays_under_a_folder() -> None:
    tree = DictTree({"a/b/c": "", "a/d": "", "ab": ""})
    assert [path for path, _ in walk(tree, "a")] == ["a/b/c", "a/d"]
    assert list(walk(tree, "nothing")) == []


def test_differences_name_new_changed_and_deleted_files() -> None:
    base = DictTree({"same": "1", "changed": "1", "gone/deep": "1", "mode": "1"})
    head = DictTree(
        {"same": "1", "changed": "2", "new/deep": "1", "mode": "1"}, modes={"mode": EXECUTABLE}
    )
    one, two = (Entry(FILE, blob_id(data)) for data in (b"1", b"2"))
    assert list(differences(base, head)) == [
        TreeChange("changed", one, two),
        TreeChange("gone/deep", one, None),
        TreeChange("mode", one, Entry(EXECUTABLE, one.oid)),
        TreeChange("new/deep", None, one),
    ]


def test_differences_between_a_file_and_a_folder_of_one_name() -> None:
    file, folder = DictTree({"x": "1"}), DictTree({"x/y": "2"})
    old, new = Entry(FILE, blob_id(b"1")), Entry(FILE, blob_id(b"2"))
    assert set(differences(file, folder)) == {
        TreeChange("x", old, None),
        TreeChange("x/y", None, new),
    }
    assert set(differences(folder, file)) == {
        TreeChange("x/y", new, None),
        TreeChange("x", None, old),
    }


def test_folders_with_one_id_are_not_opened(
    tmp_path: Path,
    opened: Callable[[Path], Git],
    reader_of: Callable[[Git], BlobReader],
) -> None:
    many = {
        f"models/m{n}/versions/{v}/version.yaml": f"{n} {v}" for n in range(5) for v in range(5)
    }
    folder = new_repository(tmp_path / "r", many)
    first = git(folder, "rev-parse", "HEAD")
    write_files(folder, {"models/m3/versions/2/version.yaml": "changed"})
    second = commit(folder)
    repository = opened(folder)
    reader = reader_of(repository)
    base, head = (Counted(CommitTree(repository, c, reader)) for c in (first, second))
    assert [c.path for c in differences(base, head)] == ["models/m3/versions/2/version.yaml"]
    way = ["", "models", "models/m3", "models/m3/versions", "models/m3/versions/2"]
    assert base.opened == head.opened == way


def test_where_ids_are_not_known_every_file_differs() -> None:
    class Nameless(Counted):
        def folder(self, path: str) -> Mapping[str, Entry]:
            return {n: Entry(e.mode, "") for n, e in self.tree.folder(path).items()}

    files = {"a/b": "1", "c": "2"}
    found = differences(DictTree(files), Nameless(DictTree(files)))
    assert [c.path for c in found] == ["a/b", "c"]


_names = st.sampled_from(["a", "b", "a.b", "a-b", "A"])
_paths = st.lists(_names, min_size=1, max_size=3).map("/".join)
_contents = st.sampled_from(["1", "2", ""])


def _consistent(files: Files) -> bool:
    """No path is a file and a folder."""
    return not any(b.startswith(f"{a}/") for a in files for b in files)


_trees = st.dictionaries(_paths, _contents, max_size=8).filter(_consistent)


@given(base=_trees, head=_trees)
def test_differences_are_exactly_what_differs(base: Files, head: Files) -> None:
    found = list(differences(DictTree(base), DictTree(head)))
    assert {c.path for c in found} == {p for p in base | head if base.get(p) != head.get(p)}
    for change in found:
        assert (change.base is None) == (change.path not in base)
        assert (change.head is None) == (change.path not in head)
    assert len({c.path for c in found}) == len(found)


@given(files=_trees)
def test_every_file_stands_in_the_folders_above_it(files: Files) -> None:
    tree = DictTree(files)
    assert dict(walk(tree)) == {p: Entry(FILE, blob_id(c.encode())) for p, c in files.items()}
    for path in files:
        folder, name = split(path)
        assert name in tree.folder(folder)
        while folder:
            folder, name = split(folder)
            assert tree.folder(folder)[name].mode == FOLDER
