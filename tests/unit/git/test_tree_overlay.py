"""One tree over another."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from registry_tool.git.tree import (
    FILE,
    FOLDER,
    DictTree,
    Entry,
    OverlayTree,
    differences,
    split,
    walk,
)

Files = dict[str, str]


def _files(tree: OverlayTree) -> Files:
    return {path: (tree.read(path) or b"").decode() for path, _ in walk(tree)}


def test_puts_replace_and_add_and_deletes_take_away() -> None:
    base = DictTree({"a/x": "1", "a/y": "1", "b": "1"})
    tree = OverlayTree(base, DictTree({"a/x": "2", "c/d": "3"}), deletes=["b"])
    assert _files(tree) == {"a/x": "2", "a/y": "1", "c/d": "3"}
    assert tree.read("b") is None
    assert tree.entry("b") is None


def test_an_emptied_folder_is_gone_and_so_is_the_one_above() -> None:
    tree = OverlayTree(DictTree({"a/b/c": "1", "d": "1"}), DictTree({}), deletes=["a/b/c"])
    assert set(tree.folder("")) == {"d"}
    assert tree.entry("a") is None
    assert tree.folder("a/b") == {}


def test_a_folder_with_an_edit_inside_has_no_id() -> None:
    class Known(DictTree):
        """Folders have ids, as in Git."""

        def folder(self, path: str) -> dict[str, Entry]:
            found = super().folder(path).items()
            return {n: Entry(e.mode, "id" if e.is_folder else e.oid) for n, e in found}

    tree = OverlayTree(Known({"a/x": "1", "b/x": "1"}), DictTree({"a/y": "2"}))
    assert tree.folder("") == {"a": Entry(FOLDER, ""), "b": Entry(FOLDER, "id")}


def test_a_file_takes_the_place_of_a_folder_and_the_other_way_round() -> None:
    tree = OverlayTree(DictTree({"a/x": "1"}), DictTree({"a": "file"}), deletes=["a/x"])
    assert _files(tree) == {"a": "file"}
    assert tree.folder("a") == {}
    assert tree.read("a/x") is None
    tree = OverlayTree(DictTree({"a": "file"}), DictTree({"a/x": "1"}), deletes=["a"])
    assert _files(tree) == {"a/x": "1"}
    assert tree.read("a") is None


def test_a_put_wins_over_a_delete_of_the_same_path() -> None:
    tree = OverlayTree(DictTree({"a": "1"}), DictTree({"a": "2"}), deletes=["a"])
    assert tree.read("a") == b"2"


def test_overlays_lie_over_overlays() -> None:
    first = OverlayTree(DictTree({"a": "1", "b": "1"}), DictTree({"c": "2"}), deletes=["a"])
    second = OverlayTree(first, DictTree({"a": "3"}), deletes=["b", "c"])
    assert _files(second) == {"a": "3"}
    assert list(second.grep(["3", "1"])) == ["a"]


def test_grep_does_not_see_what_is_covered() -> None:
    base = DictTree({"a": "needle", "b": "needle", "c": "needle"})
    tree = OverlayTree(base, DictTree({"a": "hay", "d": "needle"}), deletes=["b"])
    assert sorted(tree.grep(["needle"])) == ["c", "d"]


_paths = st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map("/".join)
_trees = st.dictionaries(_paths, st.sampled_from(["1", "2"]), max_size=7).filter(
    lambda files: not any(b.startswith(f"{a}/") for a in files for b in files)
)


@given(base=_trees, head=_trees)
def test_any_tree_over_any_other_is_that_tree(base: Files, head: Files) -> None:
    puts = {p: c for p, c in head.items() if base.get(p) != c}
    tree = OverlayTree(DictTree(base), DictTree(puts), deletes=base.keys() - head.keys())
    assert _files(tree) == head
    assert list(differences(DictTree(head), tree)) == []
    for path in base.keys() | head.keys():
        assert tree.entry(path) == DictTree(head).entry(path) or tree.folder(path)
        assert (tree.entry(split(path)[0]) is None) == (
            DictTree(head).entry(split(path)[0]) is None
        )
    assert all(entry.mode == FILE for _, entry in walk(tree))
