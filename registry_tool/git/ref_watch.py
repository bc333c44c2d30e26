"""Where branches are, asked again and again: a look costs a file or a folder, not a process."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from registry_tool.git.command import Git
from registry_tool.git.ownership import read_start
from registry_tool.git.revisions import find_tip

__all__ = ["FolderWatch", "RefWatch"]

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


class FolderWatch:
    """The refs in one folder, such as ``refs/heads/serve/``; for one thread.

    Args:
        git: The repository.
        folder: The folder, with a slash at its end; folders in it are not looked at.
    """

    def __init__(self, git: Git, folder: str) -> None:
        self._git = git
        self._folder = folder
        self._seen: _Mark | None = None
        self._tips: Mapping[str, str] = {}

    def tips(self) -> Mapping[str, str]:
        """The object that each ref is at, by the name of the ref without the folder.

        Raises:
            GitError: Git cannot read the refs.
        """
        seen = self._mark()
        if seen != self._seen and not self._may_have_refs(seen):
            self._tips, self._seen = {}, seen
        elif seen != self._seen:
            asked = ("--format=%(objectname) %(refname)", self._folder)
            lines = self._git.run("for-each-ref", *asked).decode(errors="surrogateescape")
            found = (line.partition(f" {self._folder}") for line in lines.splitlines())
            self._tips = {name: oid for oid, _, name in found if name and "/" not in name}
            self._seen = seen
        return self._tips

    def _may_have_refs(self, seen: _Mark) -> bool:
        """False where no file can have one, so that no process has to say so."""
        packed, reftable, *loose = seen
        if loose or reftable:
            return True
        return packed is not None and self._is_packed()

    def _is_packed(self) -> bool:
        try:
            return f" {self._folder}".encode() in (self._git.shared_dir / _STORES[0]).read_bytes()
        except OSError:
            return True

    def _mark(self) -> _Mark:
        place = self._git.shared_dir / self._folder
        try:
            files = sorted(place.iterdir())
        except OSError:
            files = []
        loose = (_mark(file) for file in files if file.suffix != ".lock")
        return (*(_mark(self._git.shared_dir / name) for name in _STORES), *loose)
