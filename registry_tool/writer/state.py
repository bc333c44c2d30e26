"""The state of a branch that the next change is made on, kept from one commit to the next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from registry_tool.checks.engine import check
from registry_tool.checks.findings import Report
from registry_tool.checks.scope import POLICY
from registry_tool.errors import NotARegistryError
from registry_tool.git.command import Git
from registry_tool.git.history import EVERYTHING, FirstParentHistory, is_name, list_steps
from registry_tool.git.objects.pool import ObjectPool, PooledTree
from registry_tool.git.tree import TreeChange
from registry_tool.manifests.layout import REGISTRY
from registry_tool.writer.memory import ManifestMemory, WriterCatalog

__all__ = ["BranchState", "Ground", "WriterHistory", "check_move", "read_state", "tree_of_commit"]

_TREE: Final = b"tree "
# A check of more files would keep requests waiting for seconds.
_MOST_CHANGES: Final = 500


class WriterHistory(FirstParentHistory):
    """The first-parent line at a commit that may not be on the disk yet.

    Args:
        pool: Where the commit is.
        tip: Its full id.
        removed: The names that were removed on the line and are not at the commit.
    """

    def __init__(self, pool: ObjectPool, tip: str, removed: frozenset[str]) -> None:
        super().__init__(pool.git, tip)
        self._pool = pool
        self._removed = removed

    @property
    def git(self) -> Git:
        """The repository, with the commit: a Git process can read only what is on the disk."""
        self._pool.sync()
        return super().git

    def removed_names(self, *folders: str) -> frozenset[str]:  # noqa: ARG002 (all of them, as allowed)
        """See ``FirstParentHistory.removed_names``."""
        return self._removed


class BranchState(NamedTuple):
    """One state of a branch.

    Attributes:
        commit: The full id of its commit, the parent of the next one.
        catalog: Its content.
        removed: Names that were removed on the first-parent line and are not here.
    """

    commit: str
    catalog: WriterCatalog
    removed: frozenset[str]

    @property
    def root(self) -> str:
        """The id of its tree."""
        return self.catalog.files.root

    def history(self, pool: ObjectPool) -> WriterHistory:
        """The first-parent line that ends here."""
        return WriterHistory(pool, self.commit, self.removed)

    def after(
        self, commit: str, catalog: WriterCatalog, *, came: Iterable[str], went: Iterable[str]
    ) -> BranchState:
        """The state after one more commit.

        Args:
            commit: Its full id.
            catalog: Its content.
            came: The files that it writes.
            went: The files that it deletes.
        """
        here = self.removed.intersection(came)
        gone = frozenset(path for path in went if is_name(path))
        return BranchState(commit, catalog, (self.removed - here) | gone)


class Ground(NamedTuple):
    """What a change is judged by: the published state, which is frozen.

    Attributes:
        catalog: Its content.
        history: The history that ends there.
    """

    catalog: WriterCatalog
    history: WriterHistory


def tree_of_commit(pool: ObjectPool, commit: str) -> str:
    """The id of a commit's tree.

    Raises:
        NotARegistryError: There is no such commit.
    """
    found = pool.read(commit)
    if found is None or found[0] != "commit":
        raise NotARegistryError(f"{commit[:12]} is not a commit")
    return found[1].split(b"\n", 1)[0].removeprefix(_TREE).decode()


def read_state(
    pool: ObjectPool, memory: ManifestMemory, commit: str, *, before: BranchState | None = None
) -> BranchState:
    """The state of a branch at a commit.

    Args:
        pool: Where its objects are.
        memory: What is remembered of other states.
        commit: The full id of the commit.
        before: An earlier state of the branch, from which history is read on; None reads all of it.

    Raises:
        NotARegistryError: It has no ``registry.yaml``.
        ShallowHistoryError: The clone is shallow, so the names that were removed are unknown.
        GitError: Git cannot read it.
    """
    catalog = WriterCatalog(PooledTree(pool, tree_of_commit(pool, commit)), memory)
    if catalog.tree.entry(REGISTRY) is None:
        raise NotARegistryError(
            f"commit {commit[:12]} has no {REGISTRY}",
            remedy="commit it first, or name another branch",
        )
    history = FirstParentHistory(pool.git, commit)
    if before is not None and history.holds(before.commit):
        removed = before.removed
        for step in list_steps(pool.git, commit, before.commit):
            removed = (removed - step.came) | step.went
        return BranchState(commit, catalog, removed)
    return BranchState(commit, catalog, history.removed_names(EVERYTHING))


def check_move(
    pool: ObjectPool, before: BranchState, after: BranchState, changes: Sequence[TreeChange]
) -> Report | None:
    """The check of a move that others made, as one change; None for one that would take long, such as a change of policy.

    Args:
        pool: Where the objects are.
        before: The state before.
        after: The state now.
        changes: The files that differ, in path order.
    """
    if len(changes) > _MOST_CHANGES or any(one.path.startswith(POLICY) for one in changes):
        return None
    line = before.history(pool)
    return check(after.catalog, base=before.catalog, differing=changes, line=line)
