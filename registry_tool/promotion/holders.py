"""The previous versions of an alias: its moves along the published history.

A move is a change of the version. Edits of the reason or the pin are not, so they neither restart a soak nor count as
a promotion.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from registry_tool.git.history import FirstParentHistory, Touch
from registry_tool.git.log import HistoryStep
from registry_tool.git.objects.reader import BlobReader
from registry_tool.git.tree import Entry
from registry_tool.manifests.data import text
from registry_tool.manifests.document import READ_LIMIT, parse_document
from registry_tool.manifests.layout import Place

__all__ = ["HolderChange", "earlier", "moves"]


class HolderChange(NamedTuple):
    """One move of an alias.

    Attributes:
        step: The commit that made it.
        version: The version it came to; empty where the alias was removed, or its file could not be read.
        pinned: True when the move pinned it, as a rollback does.
    """

    step: HistoryStep
    version: str
    pinned: bool


def _move(reader: BlobReader, touch: Touch) -> HolderChange:
    entry: Entry | None = touch.after
    found = None if entry is None else reader.read(entry.oid, limit=READ_LIMIT)
    if found is None:
        return HolderChange(touch.step, "", pinned=False)
    data = parse_document(touch.path, Place("alias"), found[2]).data or {}
    return HolderChange(touch.step, text(data, "version"), pinned=data.get("pinned") is True)


def moves(line: FirstParentHistory, path: str) -> Iterator[HolderChange]:
    """The moves of an alias, newest first.

    Args:
        line: What was published.
        path: The alias's file.

    Raises:
        ShallowHistoryError: The walk reaches the boundary of a shallow clone. What came before it is right.
        GitError: Git cannot read the history.
    """
    reader = BlobReader(line.git)
    try:
        newer: HolderChange | None = None
        for touch in line.touches(path):
            if touch.path != path:  # a folder of that name, once
                continue
            older = _move(reader, touch)
            if newer is not None and newer.version != older.version:
                yield newer
            newer = older
        if newer is not None:
            yield newer
    finally:
        reader.close()


def _forward(current: HolderChange, older: Iterator[HolderChange]) -> Iterator[HolderChange]:
    """What came before the move that first brought the version; a rollback only went back to it."""
    while current.pinned:
        passed: list[HolderChange] = []
        for move in older:
            if move.version == current.version:
                current = move
                break
            passed.append(move)
        else:
            return iter(passed)
    return older


def earlier(found: Iterator[HolderChange]) -> Iterator[str]:
    """The previous versions of an alias, the last good one first; without those that were rolled back.

    Args:
        found: Its moves, newest first.

    Raises:
        ShallowHistoryError: As ``moves``.
    """
    current = next(found, None)
    while current is not None:
        found = _forward(current, found)
        current = next(found, None)
        if current is not None and current.version:
            yield current.version
