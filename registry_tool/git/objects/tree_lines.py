"""The lines of a tree object, sorted, so that the same folder with one more entry is made without sorting it again."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from typing import Self

from registry_tool.git.tree import FOLDER, Entry

__all__ = ["TreeLines"]


def _key(name: str, entry: Entry) -> bytes:
    # Git sorts folders as if their names ended in a slash.
    raw = name.encode(errors="surrogateescape")
    return raw + b"/" if entry.mode == FOLDER else raw


def _line(name: str, entry: Entry) -> bytes:
    raw = name.encode(errors="surrogateescape")
    return b"%o %b\0%b" % (entry.mode, raw, bytes.fromhex(entry.oid))


class TreeLines:
    """The entries of one folder as a tree object has them.

    Args:
        keys: What they are sorted by.
        lines: An entry for each key.
    """

    def __init__(self, keys: list[bytes], lines: list[bytes]) -> None:
        self._keys = keys
        self._lines = lines

    def __len__(self) -> int:
        return len(self._keys)

    @classmethod
    def build(cls, entries: Mapping[str, Entry]) -> Self:
        """The lines of a folder."""
        found = sorted((_key(name, entry), _line(name, entry)) for name, entry in entries.items())
        return cls([key for key, _ in found], [line for _, line in found])

    def after(
        self, before: Mapping[str, Entry], entries: Mapping[str, Entry], changed: Iterable[str]
    ) -> TreeLines:
        """The lines of the folder after a change.

        Args:
            before: Its entries.
            entries: Its entries afterwards.
            changed: The names that may differ.
        """
        keys, lines = self._keys.copy(), self._lines.copy()
        for name in dict.fromkeys(changed):
            old, new = before.get(name), entries.get(name)
            if old is not None:
                place = bisect_left(keys, _key(name, old))
                del keys[place], lines[place]
            if new is not None:
                key = _key(name, new)
                place = bisect_left(keys, key)
                keys.insert(place, key)
                lines.insert(place, _line(name, new))
        return TreeLines(keys, lines)

    def join(self) -> bytes:
        """The tree object, without its header."""
        return b"".join(self._lines)
