"""Which commit gave a file its content."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support import git, write_files
from support.staged_registries import ADA, BOB, CAROL, MODEL, Staged, alias, approval

from registry_tool.errors import ShallowHistoryError
from registry_tool.git.blame import ContentOrigin, find_origins
from registry_tool.git.history import FirstParentHistory
from registry_tool.git.repository import Repository
from registry_tool.git.tree import DictTree, OverlayTree, Tree

Make = Callable[..., Staged]
FILE = f"{MODEL}/versions/2/evidence/approve-bob.yaml"


def source(registry: Staged, path: str = FILE, head: Tree | None = None) -> ContentOrigin | None:
    base = registry.catalog().tree
    return find_origins(registry.line, base, head or base, [path]).get(path)


def test_a_commit_on_the_main_branch(staged: Make) -> None:
    registry = staged()
    commit = registry.commit(approval(BOB), by=BOB)
    found = source(registry)
    assert found is not None
    assert (found.origin.commit, found.origin.author, found.step.commit) == (commit, BOB, commit)


def test_the_commit_inside_a_merged_branch_and_not_the_merge(staged: Make) -> None:
    registry = staged()
    commit = registry.merged(approval(BOB), by=BOB, button=CAROL)
    found = source(registry)
    assert found is not None
    assert (found.origin.commit, found.origin.author) == (commit, BOB)
    assert found.step.author == CAROL


def test_the_newest_commit_of_the_branch_that_touched_the_file(staged: Make) -> None:
    registry = staged()
    git(registry.root, "switch", "--quiet", "--create", "topic")
    registry.commit(approval(BOB, text="A first try."), by=BOB)
    last = registry.commit(approval(BOB), by=CAROL)
    registry.commit({"NOTES.md": "x\n"}, by=ADA)
    git(registry.root, "switch", "--quiet", "main")
    git(registry.root, "merge", "--quiet", "--no-ff", "-m", "Merge", "topic")
    found = source(registry)
    assert found is not None
    assert (found.origin.commit, found.origin.author) == (last, CAROL)


def test_what_a_merge_made_up_itself_is_the_merges(staged: Make) -> None:
    registry = staged()
    git(registry.root, "switch", "--quiet", "--create", "topic")
    registry.commit({"NOTES.md": "x\n"}, by=BOB)
    git(registry.root, "switch", "--quiet", "main")
    git(registry.root, "merge", "--quiet", "--no-ff", "--no-commit", "topic")
    merge = registry.commit(approval(BOB), by=CAROL)
    assert len(git(registry.root, "rev-parse", "HEAD^@").split()) == 2
    found = source(registry)
    assert found is not None
    assert (found.origin.commit, found.origin.author) == (merge, CAROL)


def test_what_is_new_or_changed_in_the_tree_under_check_came_from_nowhere(staged: Make) -> None:
    registry = staged()
    assert source(registry, head=registry.catalog(approval(BOB)).tree) is None
    registry.commit(approval(BOB), by=BOB)
    base = registry.catalog().tree
    changed = OverlayTree(base, DictTree(approval(BOB, text="Other words.")))
    assert source(registry, head=changed) is None
    gone = OverlayTree(base, DictTree({}), deletes=frozenset({FILE}))
    assert source(registry, head=gone) is None


def test_age_counts_the_steps_of_the_line(staged: Make) -> None:
    registry = staged()
    registry.commit(approval(BOB), by=BOB)
    registry.commit({**approval(CAROL), **approval(ADA)}, by=CAROL)
    registry.commit(alias("staging", "1"))
    base = registry.catalog().tree
    paths = [FILE.replace("bob", name) for name in ("bob", "carol", "ada")]
    found = find_origins(registry.line, base, base, paths)
    assert [found[path].age for path in paths] == [1, 0, 0]


def test_a_path_is_no_pattern(staged: Make) -> None:
    registry = staged()
    write_files(registry.root, {"a*.md": "x\n", "ab.md": "y\n"})
    commit = registry.commit(by=BOB)
    registry.commit({"ab.md": "z\n"}, by=CAROL)
    found = source(registry, "a*.md")
    assert found is not None
    assert found.origin.commit == commit


def test_the_boundary_of_a_shallow_clone_is_no_author(staged: Make, tmp_path: Path) -> None:
    registry = staged()
    registry.merged(approval(BOB), by=BOB)
    registry.commit(alias("staging", "1"))
    for depth in (1, 2):  # the newest commit; and the merge, without what it merged
        name = f"shallow-{depth}"
        git(tmp_path, "clone", "--quiet", f"--depth={depth}", f"file://{registry.root}", name)
        repository = Repository.open(tmp_path / name)
        tree = repository.tree(registry.head)
        with pytest.raises(ShallowHistoryError):
            find_origins(FirstParentHistory(repository.git, registry.head), tree, tree, [FILE])


def test_the_end_of_a_merged_branch_may_be_the_boundary(staged: Make, tmp_path: Path) -> None:
    """The merge and its parents are there, and the parent in the branch shows as a first commit."""
    registry = staged()
    git(registry.root, "switch", "--quiet", "--create", "topic")
    registry.commit(approval(BOB), by=BOB)
    registry.commit({"NOTES.md": "x\n"}, by=CAROL)
    git(registry.root, "switch", "--quiet", "main")
    git(registry.root, "merge", "--quiet", "--no-ff", "-m", "Merge", "topic")
    git(tmp_path, "clone", "--quiet", "--depth=2", f"file://{registry.root}", "shallow")
    repository = Repository.open(tmp_path / "shallow")
    tree = repository.tree(registry.head)
    with pytest.raises(ShallowHistoryError):
        find_origins(FirstParentHistory(repository.git, registry.head), tree, tree, [FILE])
