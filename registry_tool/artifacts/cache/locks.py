"""Locks of the cache: which process downloads an object, and which objects running processes use.

``download_lock``: the unfinished file is itself the lock, and the system releases it when its process dies. A killed
process therefore blocks no other, and the next one resumes where it stopped.

``CacheUses``: what a running process uses is not evicted.

::

    uses/<random>    one per process, locked while it runs: the digests it found or added, one per line
    uses/gate        shared by processes that add a line, exclusive to a process that evicts

A process reads the cache only after its line is written, so it either finds an object and keeps it, or does not find
it. What a process used once counts as used until it exits: its paths may be opened again at any time.

The locks are ``flock`` locks on the files above (docs/decisions/0042 says why not ``filelock``).
"""

from __future__ import annotations

import errno
import os
import secrets
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from threading import Event, Lock
from typing import Final, NamedTuple

from registry_tool.artifacts.filesystem import temporary_name
from registry_tool.file_lock import lock_exclusively, lock_shared, try_lock, try_lock_shared
from registry_tool.paths import is_guarded, own_user

__all__ = [
    "CacheUses",
    "DownloadLock",
    "download_lock",
    "get_uses",
    "lock_for_eviction",
    "remove_partial",
    "sweep_partials",
]

_FIRST_PAUSE: Final = 0.005
_LONGEST_PAUSE: Final = 0.1
_WEEK: Final = 7 * 24 * 3600
_FLAGS: Final = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


class DownloadLock(NamedTuple):
    """An unfinished file that only this process writes to.

    Attributes:
        path: Where it is.
        handle: Open for reading and writing.
    """

    path: Path
    handle: int

    @property
    def size(self) -> int:
        """The bytes that it has."""
        return os.fstat(self.handle).st_size

    def empty(self) -> None:
        """Begin again."""
        os.ftruncate(self.handle, 0)

    def drop(self) -> None:
        """Let the file go away: it is finished, or of no use."""
        self.path.unlink(missing_ok=True)


def _is_at(handle: int, path: Path) -> bool:
    """True while the open file is the one at the path: its holder may have finished it meanwhile."""
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    return os.path.samestat(os.fstat(handle), there)


class _NoLocksError(Exception):
    """The file system knows no locks."""


def _is_free(handle: int) -> bool:
    try:
        return try_lock(handle)
    except OSError as exc:
        raise _NoLocksError from exc


class _ForeignError(Exception):
    """The file is another user's, who may keep it, and write to it, for as long as they like."""


def _try_lock(path: Path, waiting: Callable[[int], None]) -> int | None:
    """The file, open and locked; None while another process has it."""
    try:
        handle = os.open(path, _FLAGS, 0o666)
    except PermissionError as exc:
        if os.path.lexists(path):
            raise _ForeignError from exc
        raise
    try:
        if own_user() not in {None, os.fstat(handle).st_uid}:
            raise _ForeignError
        if not _is_free(handle):
            waiting(os.fstat(handle).st_size)
        elif _is_at(handle, path):
            kept, handle = handle, -1
            return kept
        return None
    finally:
        if handle >= 0:
            os.close(handle)


def _wait_for_lock(
    path: Path, is_done: Callable[[], bool], waiting: Callable[[int], None]
) -> int | None:
    """The file, open and locked; None when another process finished it."""
    pause = _FIRST_PAUSE
    while not is_done():
        if (handle := _try_lock(path, waiting)) is not None:
            return handle
        Event().wait(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
    return None


def _open_unfinished(
    path: Path, is_done: Callable[[], bool], waiting: Callable[[int], None]
) -> tuple[Path, int | None]:
    """The file that this process writes to; it has another name where the path is another user's."""
    for name in (path.name, f"{path.name}.{own_user()}"):
        mine = path.with_name(name)
        try:
            return mine, _wait_for_lock(mine, is_done, waiting)
        except _ForeignError:
            continue
        except _NoLocksError:
            mine.unlink(missing_ok=True)
            break
    alone = temporary_name(
        path.parent, path.name
    )  # of this process alone, and begun from the start
    return alone, os.open(alone, _FLAGS, 0o666)


@contextmanager
def download_lock(
    path: Path, *, is_done: Callable[[], bool], waiting: Callable[[int], None]
) -> Iterator[DownloadLock | None]:
    """Be the one who fetches; None when there is nothing to do any more.

    Args:
        path: The unfinished file. It is made; when it has bytes at the end, it stays for the next try.
        is_done: Whether the finished file exists now.
        waiting: Called repeatedly with the size of the file, while another process downloads.

    Raises:
        OSError: The file cannot be made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path, handle = _open_unfinished(path, is_done, waiting)
    if handle is None:
        yield None
        return
    claim = DownloadLock(path, handle)
    try:
        yield None if is_done() else claim
    finally:
        if not claim.size:
            claim.drop()
        os.close(handle)


def sweep_partials(folder: Path) -> None:
    """Remove unfinished files that no process resumed for a week.

    Raises:
        OSError: As the system reports it.
    """
    try:
        found = list(os.scandir(folder))
    except FileNotFoundError:
        return
    for entry in found:
        with suppress(OSError):
            if entry.stat(follow_symlinks=False).st_mtime < time.time() - _WEEK:
                remove_partial(Path(entry.path))


def remove_partial(path: Path) -> bool:
    """Remove an unfinished file unless a process works on it; False when it stays.

    Raises:
        OSError: As the system reports it.
    """
    try:
        handle = os.open(path, _FLAGS & ~os.O_CREAT)
    except PermissionError:
        return False  # another user's
    try:
        free = try_lock(handle) and _is_at(handle, path)
        if free:
            path.unlink()
        return free
    finally:
        os.close(handle)


_CACHES: Final = 16  # at once in one process
_GATE: Final = "gate"
_READ: Final = 1 << 20
_PAUSE: Final = 0.05
_TRIES: Final = 1200


def _share(handle: int, *, patient: bool) -> None:
    """Wait for an eviction to end; at most a minute where another user may keep the gate locked.

    Raises:
        BlockingIOError: It took longer than that.
    """
    if patient:
        lock_shared(handle)
        return
    for _ in range(_TRIES):
        if try_lock_shared(handle):
            return
        Event().wait(_PAUSE)
    raise BlockingIOError(errno.EWOULDBLOCK, "another process keeps the cache locked")


def _gate(folder: Path) -> int:
    flags = os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
    try:
        return os.open(folder / _GATE, os.O_RDWR | flags, 0o666)
    except PermissionError:  # another user made it: reading is enough for a lock
        return os.open(folder / _GATE, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))


@contextmanager
def _enter(folder: Path) -> Iterator[None]:
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


class CacheUses:
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

        In a cache that cannot be written nothing is noted: it cannot be evicted either.
        """
        if self._known.issuperset(sha256s):
            return False
        with self._guard, suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            with _enter(self._folder):
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
def get_uses(root: Path) -> CacheUses:
    """What this process uses of the cache in a folder, however many objects stand for that cache."""
    return CacheUses(root)


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
    """What a process of another user uses; one that cannot be queried keeps what it has open, and no more."""
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    except OSError:
        return set()
    with os.fdopen(handle, "rb") as stream:
        return set() if try_lock(handle) else set(stream.read().decode("ascii", "replace").split())


@contextmanager
def lock_for_eviction(root: Path) -> Iterator[frozenset[str]]:
    """The objects in use; no others come into use before the block ends.

    Raises:
        OSError: The cache cannot be written, or its file system knows no locks.
    """
    folder = root / "uses"
    folder.mkdir(parents=True, exist_ok=True)
    gate = _gate(folder)
    try:
        lock_exclusively(gate)
        used: set[str] = set()
        for entry in os.scandir(folder):
            if entry.name != _GATE:
                used |= _lines(Path(entry.path))
        yield frozenset(used)
    finally:
        os.close(gate)
