"""Malformed tree objects: which of them can still be read, and what is wrong with the others.

Some old programs padded the mode of a folder with a zero or kept a group's write bit. Every reader understands these
alike, so published history stays readable. All others are refused, in the terms of ``git fsck``:
https://git-scm.com/docs/git-fsck#_fsck_messages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from registry_tool.errors import MalformedTreeError
from registry_tool.git.tree import EXECUTABLE, FILE, FOLDER, SUBMODULE, SYMLINK, Entry, folds_to_git

__all__ = ["add_location", "parse_entries"]

# A file of a group: `git fsck` takes it, but for `--strict`.
_GROUP_FILE: Final = 0o100664
_MODES: Final = frozenset({FILE, EXECUTABLE, SYMLINK, FOLDER, SUBMODULE, _GROUP_FILE})
_MODE: Final = re.compile(rb"[0-7]{5,7}")
_SHOWN: Final = 60


class _Raw(NamedTuple):
    """One entry, as stored in the object."""

    mode: bytes
    name: bytes
    oid: bytes

    @property
    def shown(self) -> str:
        text = self.name.decode(errors="surrogateescape")
        return ascii(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")


def _cut_error() -> MalformedTreeError:
    return MalformedTreeError("it ends in the middle of an entry")


def _raw(data: bytes, id_size: int) -> Iterator[_Raw]:
    position = 0
    while position < len(data):
        end = data.find(b"\0", position)
        if end < 0 or end + 1 + id_size > len(data):
            raise _cut_error()
        mode, space, name = data[position:end].partition(b" ")
        if not space:
            raise _cut_error()
        position = end + 1 + id_size
        yield _Raw(mode, name, data[end + 1 : position])


def _wrong_name(name: bytes) -> str:
    """The problem with a name; empty for a valid name."""
    if not name:
        return "has no name"
    if name in {b".", b".."}:
        return "leads out of its folder"
    if b"/" in name:
        return "has a slash in its name"
    if folds_to_git(name.decode(errors="surrogateescape")):
        return "is a name that some file systems treat as .git"
    return ""


def parse_entries(data: bytes, id_size: int) -> dict[str, Entry]:
    """As ``parse_tree_object``, slowly: objects of old programs are read, and the rest is explained.

    Raises:
        MalformedTreeError: The object cannot be read in one way only.
    """
    entries: dict[str, Entry] = {}
    before = b""
    for raw in _raw(data, id_size):
        mode = int(raw.mode, 8) if _MODE.fullmatch(raw.mode) else -1
        if mode not in _MODES:
            raise MalformedTreeError(
                f"the entry {raw.shown} has the mode {ascii(raw.mode.decode('latin-1'))[:20]}"
            )
        if wrong := _wrong_name(raw.name):
            raise MalformedTreeError(f"the entry {raw.shown} {wrong}")
        name = raw.name.decode(errors="surrogateescape")
        key = raw.name + b"/" if mode == FOLDER else raw.name
        if name in entries:
            raise MalformedTreeError(f"two entries are named {raw.shown}")
        if key <= before:
            raise MalformedTreeError(f"the entry {raw.shown} is not in Git's order")
        if not any(raw.oid):
            raise MalformedTreeError(f"the entry {raw.shown} has the null id")
        before = key
        entries[name] = Entry(mode, raw.oid.hex())
    return entries


def add_location(
    trouble: MalformedTreeError, path: str, oid: str, commit: str
) -> MalformedTreeError:
    """The error with its location and a remedy.

    Args:
        trouble: The problem with the object.
        path: The folder, from the root.
        oid: The id of the tree object.
        commit: The commit it was read from.
    """
    folder = "the root folder" if not path else f"the folder {path!a}"
    return MalformedTreeError(
        f"{folder} of {commit[:12]} (tree {oid[:12]}) cannot be read: {trouble.message}; Git does not write such trees,"
        " and programs disagree about their content",
        remedy=f"if it is published, an administrator must reset the branch; otherwise: git reset --soft {commit[:12]}~1 && git commit",
        path=path,
    )
