"""Who fetches an object: the one process that holds its unfinished file. The others wait for it, or take over.

The unfinished file is the lock itself, and the system lets go of the lock when its holder dies. So a killed process
keeps nobody waiting, and whoever comes next goes on where it stopped.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event
from typing import Final, NamedTuple

from registry_tool.artifacts.disk import fresh_name
from registry_tool.places import own_user

__all__ = ["Claim", "claimed", "clear_claim", "sweep_claims", "try_lock"]

_FIRST_PAUSE: Final = 0.005
_LONGEST_PAUSE: Final = 0.1
_WEEK: Final = 7 * 24 * 3600
_FLAGS: Final = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)

if sys.platform == "win32":
    import msvcrt

    def try_lock(handle: int) -> bool:
        """Lock an open file if nobody else has; Windows locks bytes, so one far behind the end."""
        os.lseek(handle, 1 << 40, os.SEEK_SET)
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:
    import fcntl

    def try_lock(handle: int) -> bool:
        """Lock an open file if nobody else has.

        Raises:
            OSError: The file system knows no locks.
        """
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):  # EACCES: said by some network file systems
            return False
        return True


class Claim(NamedTuple):
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


def _taken(path: Path, waiting: Callable[[int], None]) -> int | None:
    """The file, open and locked; None while somebody else has it."""
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


def _waited(path: Path, is_done: Callable[[], bool], waiting: Callable[[int], None]) -> int | None:
    """The file, open and locked; None when somebody else finished."""
    pause = _FIRST_PAUSE
    while not is_done():
        if (handle := _taken(path, waiting)) is not None:
            return handle
        Event().wait(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
    return None


def _opened(
    path: Path, is_done: Callable[[], bool], waiting: Callable[[int], None]
) -> tuple[Path, int | None]:
    """The file that this process writes to; it has another name where the path is another user's."""
    for name in (path.name, f"{path.name}.{own_user()}"):
        mine = path.with_name(name)
        try:
            return mine, _waited(mine, is_done, waiting)
        except _ForeignError:
            continue
        except _NoLocksError:
            mine.unlink(missing_ok=True)
            break
    alone = fresh_name(path.parent, path.name)  # of this process alone, and begun from the start
    return alone, os.open(alone, _FLAGS, 0o666)


@contextmanager
def claimed(
    path: Path, *, is_done: Callable[[], bool], waiting: Callable[[int], None]
) -> Iterator[Claim | None]:
    """Be the one who fetches; None when there is nothing to do any more.

    Args:
        path: The unfinished file. It is made; when it has bytes at the end, it stays for the next try.
        is_done: Says whether what it will become is there.
        waiting: Told again and again how many bytes the file has while somebody else fetches.

    Raises:
        OSError: The file cannot be made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path, handle = _opened(path, is_done, waiting)
    if handle is None:
        yield None
        return
    claim = Claim(path, handle)
    try:
        yield None if is_done() else claim
    finally:
        if not claim.size:
            claim.drop()
        os.close(handle)


def sweep_claims(folder: Path) -> None:
    """Remove unfinished files that nobody went on with for a week.

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
                clear_claim(Path(entry.path))


def clear_claim(path: Path) -> bool:
    """Remove an unfinished file unless somebody is at work on it; False when it stays.

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
