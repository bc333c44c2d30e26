from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from support import commit, git, write_files
from support.manifests import alias_yaml, small_registry

from registry_tool.checks.comparison import (
    TreeComparison,
    compare_arguments,
    compare_edit,
    compare_push,
    compare_steps,
    read_published,
)
from registry_tool.checks.engine import check
from registry_tool.errors import NotARegistryError, NotFoundError, ShallowHistoryError, UsageError
from registry_tool.git.history import list_steps
from registry_tool.git.repository import Repository
from registry_tool.git.tree import DictTree, differences

Make = Callable[..., Path]
Compare = Callable[..., TreeComparison]
ALIAS = "models/nlp/lang-id/aliases/production.yaml"
MOVED = {ALIAS: alias_yaml("2")}


@pytest.fixture
def compare() -> Iterator[Compare]:
    with ExitStack() as opened:

        def chosen(source: Path, **options: Any) -> TreeComparison:
            return opened.enter_context(closing(compare_arguments(source, **options)))

        yield chosen


def changed(found: TreeComparison) -> list[str]:
    assert found.base is not None
    return [change.path for change in differences(found.base, found.head)]


def test_clean_work_tree_means_everything(compare: Compare, make_registry: Make) -> None:
    found = compare(make_registry(small_registry()))
    assert found.base is None
    assert found.words == "all files: no changes in the working tree since HEAD"


def test_changed_work_tree_is_a_change_to_head(compare: Compare, make_registry: Make) -> None:
    root = make_registry(small_registry())
    write_files(root, {**MOVED, "models/nlp/new/model.yaml": "x"})
    assert changed(compare(root)) == [ALIAS, "models/nlp/new/model.yaml"]
    assert compare(root, everything=True).base is None


def test_staged_is_what_the_index_holds(compare: Compare, make_registry: Make) -> None:
    root = make_registry(small_registry())
    write_files(root, MOVED)
    assert compare(root, staged=True).base is None
    git(root, "add", ALIAS)
    write_files(root, {ALIAS: "work in progress"})
    found = compare(root, staged=True)
    assert changed(found) == [ALIAS]
    assert found.head.read(ALIAS) == MOVED[ALIAS].encode()


def test_base_is_where_the_branch_left_it(compare: Compare, make_registry: Make) -> None:
    root = make_registry(small_registry())
    git(root, "switch", "--quiet", "-c", "topic")
    write_files(root, MOVED)
    commit(root)
    git(root, "switch", "--quiet", "main")
    write_files(root, {"README.md": "on main"})
    commit(root)
    assert changed(compare(root, base="main", head="topic")) == [ALIAS]
    git(root, "switch", "--quiet", "topic")
    write_files(root, {"note.txt": "not committed"})
    assert changed(compare(root, base="main")) == [ALIAS, "note.txt"]


def test_unrelated_histories_are_compared_as_they_are(
    compare: Compare, make_registry: Make
) -> None:
    root = make_registry(small_registry())
    git(root, "switch", "--quiet", "--orphan", "other")
    write_files(root, {**small_registry(), **MOVED})
    commit(root)
    found = compare(root, base="main", head="other")
    assert changed(found) == [ALIAS]
    assert found.words.endswith("which shares no history with it")


def test_head_alone_is_the_whole_revision(compare: Compare, make_registry: Make) -> None:
    root = make_registry(small_registry())
    first = git(root, "rev-parse", "HEAD")
    write_files(root, MOVED)
    commit(root)
    found = compare(root, head=first)
    assert found.base is None
    assert found.head.read(ALIAS) == small_registry()[ALIAS].encode()


def test_bare_repository_is_judged_at_head(
    compare: Compare, make_registry: Make, tmp_path: Path
) -> None:
    root = make_registry(small_registry())
    git(tmp_path, "clone", "--quiet", "--bare", str(root), "bare.git")
    found = compare(tmp_path / "bare.git")
    assert (found.base, found.root) == (None, None)
    assert found.words == "all files at HEAD"


def test_unborn_head_means_everything(compare: Compare, tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    write_files(tmp_path, small_registry())
    found = compare(tmp_path)
    assert found.base is None
    assert "no commit yet" in found.words


def test_detached_head(compare: Compare, make_registry: Make) -> None:
    root = make_registry(small_registry())
    git(root, "switch", "--quiet", "--detach")
    write_files(root, MOVED)
    assert changed(compare(root)) == [ALIAS]


def test_folder_without_git(compare: Compare, tmp_path: Path) -> None:
    write_files(tmp_path / "plain", small_registry())
    found = compare(tmp_path / "plain" / "models" / "nlp")
    assert (found.root, found.repository) == (tmp_path / "plain", None)
    with pytest.raises(UsageError, match="no base to compare with"):
        compare(tmp_path / "plain", staged=True)


def test_folder_below_a_repository_that_is_no_registry(
    compare: Compare, make_registry: Make
) -> None:
    root = make_registry({"README.md": "a project"})
    write_files(root / "examples" / "one", small_registry())
    assert compare(root / "examples" / "one").root == root / "examples" / "one"


def test_no_registry_at_all(compare: Compare, make_registry: Make, tmp_path: Path) -> None:
    with pytest.raises(NotARegistryError, match=r"it has no registry\.yaml"):
        compare(make_registry({"README.md": "a project"}))
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotARegistryError, match="not in a Git repository"):
        compare(tmp_path / "empty")


def test_deleted_registry_file_is_left_to_the_rules(compare: Compare, make_registry: Make) -> None:
    root = make_registry(small_registry())
    (root / "registry.yaml").unlink()
    assert changed(compare(root)) == ["registry.yaml"]


def test_unknown_base(compare: Compare, make_registry: Make) -> None:
    with pytest.raises(NotFoundError, match="'nope' is not a commit"):
        compare(make_registry(small_registry()), base="nope")


def test_shallow_clone_says_so(compare: Compare, make_registry: Make, tmp_path: Path) -> None:
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
        compare(shallow, base=f"{first}^")
    assert "git fetch --deepen" in unknown.value.remedy
    with pytest.raises(ShallowHistoryError, match="does not contain the commit where") as parted:
        compare(shallow, base="origin/old")
    assert "git fetch --deepen" in parted.value.remedy


def test_contradicting_options(compare: Compare, make_registry: Make) -> None:
    with pytest.raises(UsageError, match="--staged"):
        compare(make_registry(small_registry()), staged=True, base="HEAD")


def test_commit_ids_are_said_once_and_short(compare: Compare, make_registry: Make) -> None:
    root = make_registry(small_registry())
    first = git(root, "rev-parse", "HEAD")
    write_files(root, MOVED)
    second = commit(root)
    words = compare(root, base=first, head=second).words
    assert words == f"changes in {second[:12]} since {first[:12]}"
    assert compare(root, base="main~1", head=second).words.endswith(f"since main~1 ({first[:12]})")
    assert compare(root, head=second).words == f"all files at {second[:12]}"


@pytest.fixture
def clone(make_registry: Make, tmp_path: Path) -> Path:
    """A clone, one commit ahead of its origin on a branch."""
    make_registry(small_registry())
    git(tmp_path, "clone", "--quiet", str(tmp_path / "registry"), "clone")
    git(tmp_path / "clone", "switch", "--quiet", "-c", "topic")
    write_files(tmp_path / "clone", MOVED)
    commit(tmp_path / "clone")
    return tmp_path / "clone"


def test_what_the_remote_has_is_frozen_whatever_is_looked_at(compare: Compare, clone: Path) -> None:
    there = git(clone, "rev-parse", "origin/main")
    write_files(clone, {"note.txt": "not committed"})
    git(clone, "add", "note.txt")
    for options in ({}, {"staged": True}, {"everything": True}, {"head": "HEAD"}):
        found = compare(clone, **options)
        assert found.published == there
        assert found.line is not None
        assert found.line.tip == there
        assert found.frozen is not None
        assert found.frozen.read(ALIAS) == small_registry()[ALIAS].encode()


def test_a_named_base_is_frozen_and_read_once(compare: Compare, clone: Path) -> None:
    found = compare(clone, base="HEAD")
    assert found.published == git(clone, "rev-parse", "HEAD")
    assert found.frozen is found.base


def test_nothing_is_frozen_before_the_first_commit_and_in_a_plain_folder(
    compare: Compare, tmp_path: Path
) -> None:
    write_files(tmp_path / "plain", small_registry())
    write_files(tmp_path / "new", small_registry())
    git(tmp_path / "new", "init", "--quiet")
    for folder in ("plain", "new"):
        found = compare(tmp_path / folder)
        assert (found.published, found.frozen, found.line) == (None, None, None)


def test_a_merge_of_the_main_branch_brings_in_what_is_published(
    compare: Compare, clone: Path, tmp_path: Path
) -> None:
    write_files(tmp_path / "registry", {"README.md": "on main"})
    later = commit(tmp_path / "registry")
    git(clone, "fetch", "--quiet")
    git(clone, "merge", "--quiet", "--no-commit", "origin/main")
    for options in ({}, {"staged": True}):
        found = compare(clone, **options)
        assert found.published == later
        report = check(found.head, base=found.base, published=found.frozen, line=found.line)
        assert (report.kind, report.findings) == ("alias", ())


# --- an edit, a promotion, a push and its steps


@pytest.fixture
def forked(make_registry: Make) -> Iterator[tuple[Repository, str, str]]:
    """A repository, the commit where ``topic`` left ``main``, and the tip of ``topic``; ``main`` has moved since."""
    root = make_registry(small_registry())
    fork = git(root, "rev-parse", "HEAD")
    git(root, "switch", "--quiet", "--create", "topic")
    write_files(root, MOVED)
    tip = commit(root)
    git(root, "switch", "--quiet", "main")
    write_files(root, {"note.txt": "more"})
    commit(root)
    with closing(Repository.open(root)) as repository:
        yield repository, fork, tip


def test_an_edit_and_a_promotion_build_on_where_their_branch_left_main(
    forked: tuple[Repository, str, str],
) -> None:
    repository, fork, tip = forked
    before = repository.tree(tip)
    found = compare_edit(repository, before, DictTree({}), tip)
    assert (found.base, found.published) == (before, fork)
    assert found.line is not None
    assert found.line.tip == fork
    published = read_published(repository, tip)
    assert published.line is not None
    assert published.line.tip == fork


def test_an_edit_of_the_published_commit_reads_its_files_once(
    forked: tuple[Repository, str, str],
) -> None:
    repository, fork, _ = forked
    before = repository.tree(fork)
    assert compare_edit(repository, before, DictTree({}), fork).frozen is before


def test_without_a_main_branch_an_edit_builds_on_its_own_tip(make_registry: Make) -> None:
    root = make_registry(small_registry())
    git(root, "branch", "--move", "main", "work")
    with closing(Repository.open(root)) as repository:
        tip = repository.commit("HEAD")
        assert compare_edit(repository, repository.tree(tip), DictTree({}), tip).published == tip
        assert compare_edit(repository, DictTree({}), DictTree({}), None).published is None


def test_a_pushed_branch_is_a_change_to_where_it_left_main(
    forked: tuple[Repository, str, str],
) -> None:
    repository, fork, tip = forked
    found = compare_push(repository, repository.commit("main"), tip)
    assert found is not None
    assert (found.published, found.frozen) == (fork, found.base)
    assert changed(found) == [ALIAS]
    alone = compare_push(repository, None, tip)
    assert alone is not None
    assert (alone.base, alone.published) == (None, None)


def test_a_pushed_branch_without_a_registry_or_its_history_is_not_judged(
    forked: tuple[Repository, str, str],
) -> None:
    repository, _, _ = forked
    root = repository.git.work_tree
    assert root is not None
    git(root, "switch", "--quiet", "--orphan", "site")
    write_files(root, {"index.html": "hello"})
    other = commit(root)
    main = repository.commit("main")
    assert compare_push(repository, None, other) is None
    assert compare_push(repository, main, other) is None
    # One that deletes the registry has its history.
    git(root, "switch", "--quiet", "--create", "gone", "main")
    git(root, "rm", "--quiet", "registry.yaml")
    assert compare_push(repository, main, commit(root)) is not None


def test_a_step_of_a_push_is_a_change_to_the_step_before(make_registry: Make) -> None:
    root = make_registry(small_registry())
    since = git(root, "rev-parse", "HEAD")
    for text in ("one", "two"):
        write_files(root, {"note.txt": text})
        commit(root)
    with closing(Repository.open(root)) as repository:
        steps = list_steps(repository.git, repository.commit("HEAD"), since)
        found = []
        for one, compared in compare_steps(repository, steps, since):
            assert compared.line is not None
            found.append((one.step.parents[0], compared.line.tip, changed(compared)))
    first = steps[0].step.commit
    assert found == [(since, since, ["note.txt"]), (first, first, ["note.txt"])]
