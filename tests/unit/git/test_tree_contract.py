"""Every kind of tree that holds the same files gives the same answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from registry_tool.git.tree import FILE, FOLDER, Tree, folders_with, walk

KINDS = (
    "dict", "overlay", "folder", "normal", "packed", "bare", "partial", "shallow", "sha256", "linked",
    "distant", "unborn-staged", "unborn-work", "half-staged", "half-work", "linked-work", "normal-staged", "packed-pooled", "sha256-pooled",
)  # fmt: skip
TreeOf = Callable[[str], Tree]
Files = Mapping[str, bytes]


@pytest.fixture(params=KINDS)
def tree(request: pytest.FixtureRequest, tree_of: TreeOf) -> Tree:
    return tree_of(request.param)


def _folders(files: Files) -> set[str]:
    above = {""}
    for path in files:
        parts = path.split("/")[:-1]
        above.update("/".join(parts[:end]) for end in range(1, len(parts) + 1))
    return above


def test_walk_gives_every_file_once(tree: Tree, files: Files) -> None:
    found = [path for path, _ in walk(tree) if not path.startswith(".git/")]
    assert sorted(found) == sorted(files)


def test_a_folder_lists_its_names_and_kinds(tree: Tree, files: Files) -> None:
    folders = _folders(files)
    for folder in folders:
        prefix = f"{folder}/" if folder else ""
        below = {p.removeprefix(prefix).split("/")[0] for p in files if p.startswith(prefix)}
        listed = tree.folder(folder)
        assert set(listed) == below
        for name, entry in listed.items():
            assert entry.mode == (FOLDER if prefix + name in folders else FILE)


def test_bytes_read_back_without_a_listing_first(tree: Tree, files: Files) -> None:
    assert {path: tree.read(path) for path in files} == dict(files)


def test_bytes_read_back_after_a_listing(tree: Tree, files: Files) -> None:
    listed = [path for path, _ in walk(tree)]
    assert {path: tree.read(path) for path in listed} == dict(files)


def test_a_limit_lets_one_more_byte_through(tree: Tree, files: Files) -> None:
    for limit in (0, 1, 100, 10_239, 10_240, 10_241):
        assert tree.read("bytes", limit=limit) == files["bytes"][: limit + 1]
        assert tree.read("registry.yaml") == files["registry.yaml"]  # and the rest was passed over


def test_entries_are_those_of_the_listing(tree: Tree, files: Files) -> None:
    for path in {*files, *_folders(files)} - {""}:
        folder, _, name = path.rpartition("/")
        assert tree.entry(path) == tree.folder(folder)[name]


def test_folders_with_a_file_of_a_name_are_found(tree: Tree, files: Files) -> None:
    folders = [*sorted(_folders(files) - {""}), "no/such/folder", "registry.yaml"]
    for name in ("model.yaml", "version.yaml", "versions", "nothing"):
        wanted = [f for f in folders if f"{f}/{name}" in {*files, *_folders(files)}]
        assert list(folders_with(tree, folders, name)) == wanted


def test_what_is_not_there_is_nothing(tree: Tree) -> None:
    absent = (
        "nothing",
        "models/nothing",
        "registry.yaml/inside",
        "no/such/folder",
        "gone/deep/file",
    )
    for path in absent:
        assert (tree.entry(path), tree.read(path), dict(tree.folder(path))) == (None, None, {})
    assert (tree.entry(""), tree.read("")) == (None, None)


def test_a_folder_has_no_bytes_and_a_file_no_entries(tree: Tree) -> None:
    assert tree.read("models/nlp") is None
    assert not tree.folder("registry.yaml")


def test_grep_finds_files_by_their_text(tree: Tree) -> None:
    assert sorted(tree.grep(["needle"])) == [
        "models/nlp/lang-id/CARD.md",
        "models/nlp/lang-id/versions/1/version.yaml",
        "names/new\nline",
        "names/with space",
    ]


def test_grep_takes_several_strings_as_they_are(tree: Tree) -> None:
    assert sorted(tree.grep(["Grüße", "magi"])) == ["models/nlp/lang-id/CARD.md", "names/:(glob)**"]
    assert list(tree.grep(["need.e", "-needle"])) == []
    assert list(tree.grep([])) == []


def test_grep_stays_under_a_folder(tree: Tree) -> None:
    assert sorted(tree.grep(["needle"], under="names")) == ["names/new\nline", "names/with space"]
    under = "models/nlp/lang-id"
    assert set(tree.grep(["model/v1"], under=under)) == {"models/nlp/lang-id/model.yaml"}
    assert list(tree.grep(["needle"], under="nothing")) == []


def test_grep_takes_many_strings_that_begin_alike(tree: Tree) -> None:
    absent = [f"needle {number}" for number in range(40)]
    assert list(tree.grep(absent)) == []
    assert sorted(tree.grep([*absent, "needle: 1"])) == [
        "models/nlp/lang-id/versions/1/version.yaml"
    ]
