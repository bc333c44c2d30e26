"""Changes before they are written: what a review shows, and the compare-and-swap against other users' commits."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from registry_tool.catalog.catalog import Catalog
from registry_tool.edits.changeset import ChangeSet, Edit
from registry_tool.errors import ConflictError

__all__ = ["DiffLine", "FileDiff", "FileMovedError", "PlannedChange", "plan_change"]

_CONTEXT = 3
_MOST_LINES = 2000


class FileMovedError(ConflictError):
    """Another commit changed a file that the form shows; nothing was written.

    Args:
        path: The file.
    """

    def __init__(self, path: str) -> None:
        super().__init__(
            f"{path} changed after this form was opened",
            remedy="compare, correct the form, and commit again",
        )
        self.path = path


@dataclass(frozen=True)
class DiffLine:
    """One line of a diff.

    Attributes:
        kind: Added, removed, the same, or where the next lines are.
        text: The line, without its mark.
    """

    kind: Literal["added", "removed", "same", "place"]
    text: str


@dataclass(frozen=True)
class FileDiff:
    """How one file changes.

    Attributes:
        path: The file.
        act: ``new``, ``changed`` or ``deleted``.
        lines: Its diff; at most 2,000 lines.
    """

    path: str
    act: Literal["new", "changed", "deleted"]
    lines: tuple[DiffLine, ...]


@dataclass(frozen=True)
class PlannedChange:
    """A change of one commit that is not written yet.

    Attributes:
        edit: The change as it is written: refused where a file of it is another one by then.
        change: What it does on that commit.
        files: How each file changes.
    """

    edit: Edit
    change: ChangeSet
    files: tuple[FileDiff, ...]

    @property
    def is_empty(self) -> bool:
        """True where there is nothing to change."""
        return not (self.change.puts or self.change.deletes)


def plan_change(edit: Edit, catalog: Catalog) -> PlannedChange:
    """Make a change without writing it.

    Args:
        edit: The change.
        catalog: The commit that the form shows.

    Raises:
        RegistryError: As the edit.
    """
    change = edit(catalog)
    paths = sorted({*change.puts, *change.deletes})
    before = {path: catalog.tree.read(path) for path in paths}
    files = tuple(_compare(path, before[path], change.puts.get(path)) for path in paths)
    return PlannedChange(_refuse_moved(edit, before), change, files)


def _refuse_moved(edit: Edit, before: Mapping[str, bytes | None]) -> Edit:
    """An edit that raises FileMovedError where a file that it changes is not as it was."""

    def guarded(catalog: Catalog) -> ChangeSet:
        for path, content in before.items():
            if catalog.tree.read(path) != content:
                raise FileMovedError(path)
        change = edit(catalog)
        for path in sorted({*change.puts, *change.deletes}):
            if path not in before:
                raise FileMovedError(path)
        return change

    return guarded


def _compare(path: str, before: bytes | None, after: bytes | None) -> FileDiff:
    old, new = _lines(before), _lines(after)
    found = []
    # The first two lines name the files.
    for line in [*difflib.unified_diff(old, new, n=_CONTEXT, lineterm="")][2 : _MOST_LINES + 2]:
        kinds = {"+": "added", "-": "removed", "@": "place"}
        kind = kinds.get(line[:1], "same")
        text = line if kind == "place" else line[1:]
        found.append(DiffLine(kind, text))  # type: ignore[arg-type]  # one of the four
    act: Literal["new", "changed", "deleted"] = "new" if before is None else "changed"
    return FileDiff(path, "deleted" if after is None else act, tuple(found))


def _lines(content: bytes | None) -> list[str]:
    return [] if content is None else content.decode("utf-8", "replace").splitlines()
