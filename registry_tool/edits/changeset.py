"""Edits: what a change is before it is checked and written.

An edit is a function from a catalog to a change set: the files to write and delete, and the versions that this adds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from registry_tool.catalog.catalog import Catalog
from registry_tool.errors import RefusedError
from registry_tool.git.tree import DictTree, OverlayTree, Tree
from registry_tool.names import Reference

__all__ = ["ChangeSet", "Edit", "check_fits", "combine", "followed_by", "overlaid"]


_FORBIDDEN: Final = frozenset({"", ".", "..", ".git"})


@dataclass(frozen=True)
class ChangeSet:
    """Files to write and delete.

    Attributes:
        message: What it does, as the first line of a commit message.
        puts: Bytes by path.
        deletes: Paths to delete.
        notes: Notes for the user.
        versions: The versions that it adds.
    """

    message: str
    puts: Mapping[str, bytes] = field(default_factory=dict)
    deletes: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    versions: tuple[Reference, ...] = ()


# An edit is made again on a newer base when the branch has moved.
Edit = Callable[[Catalog], ChangeSet]


def _check_paths(change: ChangeSet) -> None:
    for path in sorted({*change.puts, *change.deletes}):
        if not _FORBIDDEN.isdisjoint(path.casefold().split("/")):
            raise RefusedError(f"{path!a} is not a path inside a registry")


def _check_folders(base: Tree, change: ChangeSet) -> None:
    above = {path.rsplit("/", depth)[0] for path in change.puts for depth in _depths(path)}
    for folder in sorted(above - change.deletes):
        entry = base.entry(folder)
        if entry is not None and not entry.is_folder:
            raise RefusedError(f"{folder} is a file or a link; a folder is needed")


def _depths(path: str) -> range:
    return range(1, path.count("/") + 1)


def check_fits(below: Tree, change: ChangeSet) -> None:
    """Check that the files of a change can be laid over a tree.

    Raises:
        RefusedError: A path leads out of the registry or into Git's own folder; or a file or a link is where a folder
            is needed, and would be replaced unnoticed.
    """
    _check_paths(change)
    _check_folders(below, change)


def _checked_files(below: Tree, change: ChangeSet) -> DictTree:
    """The files of the change, once they are known to fit over a tree."""
    check_fits(below, change)
    return DictTree(change.puts)


def overlaid(base: Tree, change: ChangeSet) -> Tree:
    """The tree as it would be.

    Raises:
        RefusedError: See ``check_fits``.
    """
    return OverlayTree(base, _checked_files(base, change), deletes=change.deletes)


class _Sum:
    """Change sets one after the other, each made on the result of those before it."""

    def __init__(self, catalog: Catalog) -> None:
        self._tree = OverlayTree(catalog.tree, DictTree({}))
        self.catalog = catalog.after((), self._tree)
        self._puts: dict[str, bytes] = {}
        self._deletes: set[str] = set()
        self._notes: list[str] = []
        self._versions: list[Reference] = []

    def add(self, change: ChangeSet) -> None:
        self._tree.lay(_checked_files(self._tree, change), deletes=change.deletes)
        self.catalog = self.catalog.after({*change.puts, *change.deletes})
        for path in change.deletes:
            self._puts.pop(path, None)
        self._deletes = (self._deletes | change.deletes).difference(change.puts)
        self._puts.update(change.puts)
        self._notes.extend(change.notes)
        self._versions.extend(change.versions)

    def change(self, message: str) -> ChangeSet:
        deletes = frozenset(self._deletes)
        return ChangeSet(message, self._puts, deletes, tuple(self._notes), tuple(self._versions))


def combine(edits: Iterable[Edit], message: str) -> Edit:
    """Several edits as one, each made on the result of those before it."""

    def combine(catalog: Catalog) -> ChangeSet:
        total = _Sum(catalog)
        for edit in edits:
            total.add(edit(total.catalog))
        return total.change(message)

    return combine


def followed_by(catalog: Catalog, change: ChangeSet, edits: Sequence[Edit]) -> ChangeSet:
    """A change set of a catalog, and edits that are made on its result, as one change set with its message."""
    if not edits:
        return change
    total = _Sum(catalog)
    total.add(change)
    for edit in edits:
        total.add(edit(total.catalog))
    return total.change(change.message)
