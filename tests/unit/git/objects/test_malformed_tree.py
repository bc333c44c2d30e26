"""Tree objects that Git does not write: what Git's own check says of them, and what is read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support import commit, git, write_files
from support.manifests import small_registry
from support.raw_trees import RawEntry, commit_tree, entries_of, raw_tree, twice

from registry_tool.catalog.catalog import Catalog
from registry_tool.checks.engine import check
from registry_tool.errors import MalformedTreeError
from registry_tool.git.commit_tree import parse_tree_object
from registry_tool.git.repository import Repository
from registry_tool.git.tree import EXECUTABLE, FILE, FOLDER, Entry, folds_to_git

ID = "1" * 40
RepositoryOf = Callable[..., Path]


def _object(*entries: tuple[str, bytes] | tuple[str, bytes, str]) -> bytes:
    return b"".join(
        b"%b %b\0%b" % (mode.encode(), name, bytes.fromhex(oid[0] if oid else ID))
        for mode, name, *oid in entries
    )


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (_object(("100644", b"a"), ("100644", b"a")), "two entries are named 'a'"),
        (_object(("100644", b"a"), ("40000", b"a")), "two entries are named 'a'"),
        (
            _object(("100644", b"a"), ("100644", b"a.b"), ("40000", b"a")),
            "two entries are named 'a'",
        ),
        (_object(("100644", b"b"), ("100644", b"a")), "'a' is not in Git's order"),
        (_object(("40000", b"a"), ("100644", b"a.b")), "'a.b' is not in Git's order"),
        (_object(("100644", b"")), "'' has no name"),
        (_object(("40000", b".")), "'.' leads out of its folder"),
        (_object(("40000", b"..")), "'..' leads out of its folder"),
        (_object(("100644", b"a/b")), "'a/b' has a slash in its name"),
        (_object(("40000", b".git")), "'.git' is a name that some file systems treat as .git"),
        (_object(("40000", b".GIT")), "'.GIT' is a name"),
        (_object(("40000", b"Git~1")), "'Git~1' is a name"),
        (_object(("40000", b".git . .")), "'.git . .' is a name"),
        (_object(("40000", b".git::$INDEX_ALLOCATION")), "is a name that some"),
        (_object(("100644", b"a\\.git:x")), "is a name that some"),
        (_object(("40000", ".g\u200cit".encode())), "'.g\\\\u200cit' is a name"),
        (_object(("40000", "\ufeff.git".encode())), "is a name that some"),
        (_object(("100644", b"a", "0" * 40)), "'a' has the null id"),
        (_object(("100600", b"a")), "'a' has the mode '100600'"),
        (_object(("40755", b"a")), "'a' has the mode '40755'"),
        (_object(("0", b"a")), "'a' has the mode '0'"),
        (_object(("9", b"a")), "'a' has the mode '9'"),
        (_object(("-100644", b"a")), "'a' has the mode '-100644'"),
        (_object(("100644", b"a"))[:-1], "ends in the middle of an entry"),
        (_object(("100644", b"a")) + b"100644", "ends in the middle of an entry"),
        (b"100644\0" + bytes.fromhex(ID), "ends in the middle of an entry"),
    ],
)
def test_what_cannot_be_read_in_one_way_is_not_read(data: bytes, words: str) -> None:
    with pytest.raises(MalformedTreeError) as caught:
        parse_tree_object(data, 20)
    assert words.replace("\\\\", "\\") in caught.value.message


def test_what_every_reader_understands_alike_is_read() -> None:
    """Old programs padded the mode of a folder, or kept the group's write bit."""
    data = _object(
        ("100664", b"a"), ("040000", b"b"), ("100755", b"b.c"), ("100644", b"\xe2\x98\x83")
    )
    with pytest.raises(MalformedTreeError, match="is not in Git's order"):
        parse_tree_object(data, 20)
    data = _object(
        ("100664", b"a"), ("100755", b"b.c"), ("040000", b"b"), ("100644", b"\xe2\x98\x83")
    )
    assert parse_tree_object(data, 20) == {
        "a": Entry(0o100664, ID),
        "b.c": Entry(EXECUTABLE, ID),
        "b": Entry(FOLDER, ID),
        "\u2603": Entry(FILE, ID),
    }
    assert parse_tree_object(b"", 20) == {}
    assert parse_tree_object(b"100644 .gitignore\0" + b"\x22" * 32, 32) == {
        ".gitignore": Entry(FILE, "22" * 32)
    }


@pytest.mark.parametrize(
    "name",
    [".github", ".gitignore", "git", "git~2", "git~10", ".git2", ".gita", "x.git", ".", "..", "...", "git~1x", ".git-"],
)  # fmt: skip
def test_names_that_are_not_gits(name: str) -> None:
    assert not folds_to_git(name)


@pytest.mark.parametrize(
    "name",
    [".git", ".gIt", "GIT~1", "git~1 .", ".git.", ".git ", ".git:a", "x\\.git", ".\u200dgi\u206ft", "git~1:x"],
)  # fmt: skip
def test_names_that_are_gits(name: str) -> None:
    assert folds_to_git(name)


@pytest.fixture
def folder(make_registry: RepositoryOf) -> Path:
    return make_registry(small_registry())


def _other_models(folder: Path) -> str:
    """The tree of a `models` in which production is version 2."""
    head = git(folder, "rev-parse", "HEAD")
    alias = "models/nlp/lang-id/aliases/production.yaml"
    write_files(folder, {alias: (folder / alias).read_text().replace('"1"', '"2"')})
    commit(folder)
    tree = git(folder, "rev-parse", "HEAD:models")
    git(folder, "reset", "-q", "--hard", head)
    return tree


def test_git_and_a_dictionary_differ_about_a_name_that_comes_twice(folder: Path) -> None:
    """Why such a tree is refused: Git finds the first of the two."""
    other = _other_models(folder)
    made = twice(folder, "models", other)
    assert git(folder, "rev-parse", f"{made}:models") == other
    assert [e.name for e in entries_of(folder, made)].count(b"models") == 2


def test_a_check_of_such_a_commit_is_a_finding_and_a_reader_refuses(folder: Path) -> None:
    good = git(folder, "rev-parse", "HEAD")
    made = twice(folder, "models", _other_models(folder))
    repository = Repository.open(folder)
    try:
        base, head = repository.tree(good), repository.tree(made)
        for report in (check(head), check(head, base=base), check(base, base=head)):
            assert report.verdict == "refuse"
            assert [f.rule for f in report.findings] == ["F116"]
            assert "two entries are named 'models'" in report.findings[0].message
            assert made[:12] in report.findings[0].message
        with pytest.raises(MalformedTreeError):
            list(Catalog(head).model_names())
    finally:
        repository.close()


def test_folders_that_are_listed_together_are_looked_at_too(folder: Path) -> None:
    versions = "models/nlp/lang-id/versions"
    wrong = raw_tree(
        folder, [*entries_of(folder, f"HEAD:{versions}/1"), RawEntry("40000", b"a", ID)]
    )
    entries = entries_of(folder, f"HEAD:{versions}")
    tree = raw_tree(folder, [RawEntry("40000", b"1", wrong), *entries[1:]])
    for name in (b"lang-id", b"nlp", b"models"):
        above = {b"lang-id": "HEAD:models/nlp/lang-id"}.get(name)
        if above:
            inner = [e for e in entries_of(folder, above) if e.name != b"versions"]
            tree = raw_tree(folder, [*inner, RawEntry("40000", b"versions", tree)])
        upper = {b"lang-id": "HEAD:models/nlp", b"nlp": "HEAD:models", b"models": "HEAD"}[name]
        tree = raw_tree(
            folder,
            [e._replace(oid=tree) if e.name == name else e for e in entries_of(folder, upper)],
        )
    made = commit_tree(folder, tree, git(folder, "rev-parse", "HEAD"))
    repository = Repository.open(folder)
    try:
        report = check(repository.tree(made))
    finally:
        repository.close()
    assert [f.rule for f in report.findings] == ["F116"]
    assert report.findings[0].path == f"{versions}/1"
