from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from support import commit, git, write_files
from support.manifests import alias_yaml, small_registry

from registry_tool.checks import subject
from registry_tool.checks.engine import check
from registry_tool.checks.subject import Subject
from registry_tool.errors import NotARegistryError, NotFoundError, ShallowHistoryError, UsageError
from registry_tool.git.tree import differences

Make = Callable[..., Path]
Choose = Callable[..., Subject]
ALIAS = "models/nlp/lang-id/aliases/production.yaml"
MOVED = {ALIAS: alias_yaml("2")}


@pytest.fixture
def choose() -> Iterator[Choose]:
    with ExitStack() as opened:

        def chosen(source: Path, **options: Any) -> Subject:
            return opened.enter_context(closing(subject.choose(source, **options)))

        yield chosen


def changed(found: Subject) -> list[str]:
    assert found.base is not None
    return [change.path for change in differences(found.base, found.head)]


def test_clean_work_tree_means_everything(choose: Choose, make_registry: Make) -> None:
    found = choose(make_registry(small_registry()))
    assert found.base is None
    assert found.words == "all files: no changes in the working tree since HEAD"


def test_changed_work_tree_is_a_change_to_head(choose: Choose, make_registry: Make) -> None:
    root = make_registry(small_registry())
    write_files(root, {**MOVED, "models/nlp/new/model.yaml": "x"})
    assert changed(choose(root)) == [ALIAS, "models/nlp/new/model.yaml"]
    assert choose(root, everything=True).base is None


def test_staged_is_what_the_index_holds(choose: Choose, make_registry: Make) -> None:
    root = make_registry(small_registry())
    write_files(root, MOVED)
    assert choose(root, staged=True).base is None
    git(root, "add", ALIAS)
    write_files(root, {ALIAS: "work in progress"})
    found = choose(root, staged=True)
    assert changed(found) == [ALIAS]
    assert found.head.read(ALIAS) == MOVED[ALIAS].encode()


def test_base_is_where_the_branch_left_it(choose: Choose, make_registry: Make) -> None:
    root = make_registry(small_registry())
    git(root, "switch", "--quiet", "-c", "topic")
    write_files(root, MOVED)
    commit(root)
    git(root, "switch", "--quiet", "main")
    write_files(root, {"README.md": "on main"})
    commit(root)
    assert changed(choose(root, base="main", head="topic")) == [ALIAS]
    git(root, "switch", "--quiet", "topic")
    write_files(root, {"note.txt": "not committed"})
    assert changed(choose(root, base="main")) == [ALIAS, "note.txt"]


def test_unrelated_histories_are_compared_as_they_are(choose: Choose, make_registry: Make) -> None:
    root = make_registry(small_registry())
    git(root, "switch", "--quiet", "--orphan", "other")
    write_files(root, {**small_registry(), **MOVED})
    commit(root)
    found = choose(root, base="main", head="other")
    assert changed(found) == [ALIAS]
    assert found.words.endswith("which shares no history with it")


def test_head_alone_is_the_whole_revision(choose: Choose, make_registry: Make) -> None:
    root = make_registry(small_registry())
    first = git(root, "rev-parse", "HEAD")
    write_files(root, MOVED)
    commit(root)
    found = choose(root, head=first)
    assert found.base is None
    assert found.head.read(ALIAS) == small_registry()[ALIAS].encode()


def test_bare_repository_is_judged_at_head(
    choose: Choose, make_registry: Make, tmp_path: Path
) -> None:
    root = make_registry(small_registry())
    git(tmp_path, "clone", "--quiet", "--bare", str(root), "bare.git")
    found = choose(tmp_path / "bare.git")
    assert (found.base, found.root) == (None, None)
    assert found.words == "all files at HEAD"


def test_unborn_head_means_everything(choose: Choose, tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    write_files(tmp_path, small_registry())
    found = choose(tmp_path)
    assert found.base is None
    assert "no commit yet" in found.words


def test_detached_head(choose: Choose, make_registry: Make) -> None:
    root = make_registry(small_registry())
    git(root, "switch", "--quiet", "--detach")
    write_files(root, MOVED)
    assert changed(choose(root)) == [ALIAS]


def test_folder_without_git(choose: Choose, tmp_path: Path) -> None:
    write_files(tmp_path / "plain", small_registry())
    found = choose(tmp_path / "plain" / "models" / "nlp")
    assert (found.root, found.repository) == (tmp_path / "plain", None)
    with pytest.raises(UsageError, match="no base to compare with"):
        choose(tmp_path / "plain", staged=True)


def test_folder_below_a_repository_that_is_no_registry(choose: Choose, make_registry: Make) -> None:
    root = make_registry({"README.md": "a project"})
    write_files(root / "examples" / "one", small_registry())
    assert choose(root / "examples" / "one").root == root / "examples" / "one"


def test_no_registry_at_all(choose: Choose, make_registry: Make, tmp_path: Path) -> None:
    with pytest.raises(NotARegistryError, match=r"it has no registry\.yaml"):
        choose(make_registry({"README.md": "a project"}))
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotARegistryError, match="not in a Git repository"):
        choose(tmp_path / "empty")


def test_deleted_registry_file_is_left_to_the_rules(choose: Choose, make_registry: Make) -> None:
    root = make_registry(small_registry())
    (root / "registry.yaml").unlink()
    assert changed(choose(root)) == ["registry.yaml"]


def test_unknown_base(choose: Choose, make_registry: Make) -> None:
    with pytest.raises(NotFoundError, match="'nope' is not a commit"):
        choose(make_registry(small_registry()), base="nope")


def test_shallow_clone_says_so(choose: Choose, make_registry: Make, tmp_path: Path) -> None:
    root = make_registry(small_registry())
    first = git(root, "rev-parse", "HEAD")
    git(root, "branch", "old")
    write_files(root, MOVED)
    commit(root)
    git(
        tmp_path, "clone", "--quiet", "--depth=1", "--no-single-branch", f"file://{root}", "shallow"
    )
    shallow = tmp_path / "shallow"
    with pytest.raises(ShallowHistoryError, match="is not a commit") as unknown:
        choose(shallow, base=f"{first}^")
    assert "git fetch --deepen" in unknown.value.remedy
    with pytest.raises(ShallowHistoryError, match="does not contain the commit where") as parted:
        choose(shallow, base="origin/old")
    assert "git fetch --deepen" in parted.value.remedy


def test_contradicting_options(choose: Choose, make_registry: Make) -> None:
    with pytest.raises(UsageError, match="--staged"):
        choose(make_registry(small_registry()), staged=True, base="HEAD")


def test_commit_ids_are_said_once_and_short(choose: Choose, make_registry: Make) -> None:
    root = make_registry(small_registry())
    first = git(root, "rev-parse", "HEAD")
    write_files(root, MOVED)
    second = commit(root)
    words = choose(root, base=first, head=second).words
    assert words == f"changes in {second[:12]} since {first[:12]}"
    assert choose(root, base="main~1", head=second).words.endswith(f"since main~1 ({first[:12]})")
    assert choose(root, head=second).words == f"all files at {second[:12]}"


@pytest.fixture
def clone(make_registry: Make, tmp_path: Path) -> Path:
    """A clone, one commit ahead of its origin on a branch."""
    make_registry(small_registry())
    git(tmp_path, "clone", "--quiet", str(tmp_path / "registry"), "clone")
    git(tmp_path / "clone", "switch", "--quiet", "-c", "topic")
    write_files(tmp_path / "clone", MOVED)
    commit(tmp_path / "clone")
    return tmp_path / "clone"


def test_what_the_remote_has_is_frozen_whatever_is_looked_at(choose: Choose, clone: Path) -> None:
    there = git(clone, "rev-parse", "origin/main")
    write_files(clone, {"note.txt": "not committed"})
    git(clone, "add", "note.txt")
    for options in ({}, {"staged": True}, {"everything": True}, {"head": "HEAD"}):
        found = choose(clone, **options)
        assert found.published == there
        assert found.line is not None
        assert found.line.tip == there
        assert found.frozen is not None
        assert found.frozen.read(ALIAS) == small_registry()[ALIAS].encode()


def test_a_named_base_is_frozen_and_read_once(choose: Choose, clone: Path) -> None:
    found = choose(clone, base="HEAD")
    assert found.published == git(clone, "rev-parse", "HEAD")
    assert found.frozen is found.base


def test_nothing_is_frozen_before_the_first_commit_and_in_a_plain_folder(
    choose: Choose, tmp_path: Path
) -> None:
    write_files(tmp_path / "plain", small_registry())
    write_files(tmp_path / "new", small_registry())
    git(tmp_path / "new", "init", "--quiet")
    for folder in ("plain", "new"):
        found = choose(tmp_path / folder)
        assert (found.published, found.frozen, found.line) == (None, None, None)


def test_a_merge_of_the_main_branch_brings_in_what_is_published(
    choose: Choose, clone: Path, tmp_path: Path
) -> None:
    write_files(tmp_path / "registry", {"README.md": "on main"})
    later = commit(tmp_path / "registry")
    git(clone, "fetch", "--quiet")
    git(clone, "merge", "--quiet", "--no-commit", "origin/main")
    for options in ({}, {"staged": True}):
        found = choose(clone, **options)
        assert found.published == later
        report = check(found.head, base=found.base, published=found.frozen, line=found.line)
        assert (report.kind, report.findings) == ("alias", ())
