"""What running processes use of the cache, so that nobody clears it away under them.

::

    uses/<random>    one for each process, locked while it lives: the digests of what it found or added, one a line
    uses/gate        shared by whoever adds a line, held alone by whoever clears away

A process that looks at the cache only after its line is written either finds what it wants and keeps it, or does not
find it. What a process once used counts as used until it ends: its paths may be opened again at any time.
"""

from __future__ import annotations

import os
import secrets
import sys
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from threading import Event, Lock
from typing import Final

from registry_tool.artifacts.claims import try_lock
from registry_tool.places import is_guarded

__all__ = ["Uses", "clearing", "uses_of"]

_CACHES: Final = 16  # at once in one process
_GATE: Final = "gate"
_READ: Final = 1 << 20
_PAUSE: Final = 0.05
_TRIES: Final = 1200

if sys.platform == "win32":

    def _share(_handle: int, *, patient: bool) -> None:
        """Windows keeps what is open from being deleted."""
else:
    import fcntl

    def _share(handle: int, *, patient: bool) -> None:
        """Wait until nobody clears away; where another user may hold the gate for ever, not for ever.

        Raises:
            BlockingIOError: Somebody has held it for a minute.
        """
        if patient:
            fcntl.flock(handle, fcntl.LOCK_SH)
            return
        for tried in range(_TRIES):
            try:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                if tried + 1 == _TRIES:
                    raise
                Event().wait(_PAUSE)
            else:
                return


def _gate(folder: Path) -> int:
    flags = os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
    try:
        return os.open(folder / _GATE, os.O_RDWR | flags, 0o666)
    except PermissionError:  # another user made it: reading is enough for a lock
        return os.open(folder / _GATE, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))


@contextmanager
def _entered(folder: Path) -> Iterator[None]:
    handle = _gate(folder)
    try:
        _share(handle, patient=is_guarded(str(folder)))
        yield
    finally:
        os.close(handle)


def _end(path: Path, handle: int, process: int) -> None:
    if os.getpid() == process:  # not in a child, which ends earlier
        path.unlink(missing_ok=True)
    os.close(handle)


class Uses:
    """What this process uses of one cache.

    Args:
        root: The cache's folder.
    """

    def __init__(self, root: Path) -> None:
        self._folder = root / "uses"
        self._known: set[str] = set()
        self._guard = Lock()
        self._handle: int | None = None

    def add(self, *sha256s: str) -> bool:
        """Use these objects or folders until the process ends; False when it did before.

        In a cache that cannot be written nothing is noted: nobody can clear it away either.
        """
        if self._known.issuperset(sha256s):
            return False
        with self._guard, suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            with _entered(self._folder):
                if self._handle is None:
                    self._handle = self._begin()
                os.write(self._handle, "".join(f"{one}\n" for one in sha256s).encode())
        self._known.update(sha256s)
        return True

    def _begin(self) -> int:
        path = self._folder / secrets.token_hex(8)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | getattr(os, "O_CLOEXEC", 0)
        handle = os.open(path, flags, 0o666)
        try_lock(handle)
        weakref.finalize(self, _end, path, handle, os.getpid())
        return handle


@lru_cache(_CACHES)
def uses_of(root: Path) -> Uses:
    """What this process uses of the cache in a folder, however many objects stand for that cache."""
    return Uses(root)


def _lines(path: Path) -> set[str]:
    """What a process uses; a process that ended uses nothing, and its list goes."""
    try:
        handle = os.open(path, os.O_RDWR | getattr(os, "O_CLOEXEC", 0))
    except FileNotFoundError:  # it ended just now, and took its list away
        return set()
    except PermissionError:
        return _foreign_lines(path)
    with os.fdopen(handle, "rb") as stream:
        if try_lock(handle):
            path.unlink(missing_ok=True)
            return set()
        return set(stream.read().decode("ascii", "replace").split())


def _foreign_lines(path: Path) -> set[str]:
    """What a process of another user uses; one that cannot be asked keeps what it has open, and no more."""
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    except OSError:
        return set()
    with os.fdopen(handle, "rb") as stream:
        return set() if try_lock(handle) else set(stream.read().decode("ascii", "replace").split())


@contextmanager
def clearing(root: Path) -> Iterator[frozenset[str]]:
    """What is in use; nothing else comes into use before the block ends.

    Raises:
        OSError: The cache cannot be written, or its file system knows no locks.
    """
    folder = root / "uses"
    folder.mkdir(parents=True, exist_ok=True)
    gate = _gate(folder)
    try:
        if sys.platform != "win32":
            fcntl.flock(gate, fcntl.LOCK_EX)
        used: set[str] = set()
        for entry in os.scandir(folder):
            if entry.name != _GATE:
                used |= _lines(Path(entry.path))
        yield frozenset(used)
    finally:
        os.close(gate)
