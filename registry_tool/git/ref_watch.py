"""Where a branch is, asked again and again: a look costs a file, not a process."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from registry_tool.git.command import Git
from registry_tool.git.ownership import read_start
from registry_tool.git.revisions import find_tip

__all__ = ["RefWatch"]

_ID: Final = re.compile(rb"([0-9a-f]{40}|[0-9a-f]{64})\n?")
# What `git pack-refs` and the reftable format change with every ref: replaced as a whole, so the file's number differs.
_STORES: Final = ("packed-refs", "reftable/tables.list")

_Mark = tuple[tuple[int, int, int] | None, ...]


def _mark(place: Path) -> tuple[int, int, int] | None:
    try:
        found = place.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


class RefWatch:
    """One ref of a repository; for one thread.

    Args:
        git: The repository.
        ref: Its full name.
    """

    def __init__(self, git: Git, ref: str) -> None:
        self._git = git
        self._ref = ref
        self._seen: _Mark = ()
        self._tip: str | None = None

    def tip(self) -> str | None:
        """The object that the ref is at; None where there is no such ref.

        Raises:
            GitError: Git cannot read the ref.
        """
        loose = _ID.fullmatch(read_start(self._git.shared_dir / self._ref))
        if loose is not None:
            return loose[1].decode()
        seen = tuple(_mark(self._git.shared_dir / name) for name in _STORES)
        if seen != self._seen:
            self._tip = find_tip(self._git, self._ref)
            self._seen = seen
        return self._tip
