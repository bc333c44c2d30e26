"""What an act wants written, before anybody has checked it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from registry_tool.catalog.catalog import Catalog
from registry_tool.errors import RefusedError
from registry_tool.git.tree import DictTree, OverlayTree, Tree

__all__ = ["ChangeSet", "Edit", "combined", "overlaid"]


_FORBIDDEN: Final = frozenset({"", ".", "..", ".git"})


@dataclass(frozen=True)
class ChangeSet:
    """Files to write and delete.

    Attributes:
        message: What it does, as the first line of a commit message.
        puts: Bytes by path.
        deletes: Paths that go.
        notes: What the person should be told.
    """

    message: str
    puts: Mapping[str, bytes] = field(default_factory=dict)
    deletes: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()


# Acts are made again on a newer base when somebody else was first.
Edit = Callable[[Catalog], ChangeSet]


def _check_paths(change: ChangeSet) -> None:
    for path in sorted({*change.puts, *change.deletes}):
        if not _FORBIDDEN.isdisjoint(path.casefold().split("/")):
            raise RefusedError(f"{path!a} is no path inside a registry")


def _check_folders(base: Tree, change: ChangeSet) -> None:
    above = {path.rsplit("/", depth)[0] for path in change.puts for depth in _depths(path)}
    for folder in sorted(above - change.deletes):
        entry = base.entry(folder)
        if entry is not None and not entry.is_folder:
            raise RefusedError(f"{folder} is a file or a link, where a folder is needed")


def _depths(path: str) -> range:
    return range(1, path.count("/") + 1)


def _lay(below: Tree, change: ChangeSet) -> DictTree:
    """The change's own files, once it is sure that they may lie over a tree."""
    _check_paths(change)
    _check_folders(below, change)
    return DictTree(change.puts)


def overlaid(base: Tree, change: ChangeSet) -> Tree:
    """The tree as it would be.

    Raises:
        RefusedError: A path leads out of the registry or into Git's own folder; or a file or a link lies where a folder is
            needed, and would vanish unseen.
    """
    return OverlayTree(base, _lay(base, change), deletes=change.deletes)


def combined(acts: list[Edit], message: str) -> Edit:
    """Several acts as one, each seeing what those before it did."""

    def act(catalog: Catalog) -> ChangeSet:
        puts: dict[str, bytes] = {}
        deletes: set[str] = set()
        notes: list[str] = []
        so_far = OverlayTree(catalog.tree, DictTree({}))
        seen = Catalog(so_far)
        for one in acts:
            change = one(seen)
            so_far.lay(_lay(so_far, change), deletes=change.deletes)
            seen = seen.after({*change.puts, *change.deletes})
            for path in change.deletes:
                puts.pop(path, None)
            deletes = (deletes | change.deletes).difference(change.puts)
            puts.update(change.puts)
            notes.extend(change.notes)
        return ChangeSet(message, puts, frozenset(deletes), tuple(notes))

    return act
