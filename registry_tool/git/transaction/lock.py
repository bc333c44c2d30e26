"""The write lock of a repository: released by the operating system when its process ends, and naming its owner."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import takewhile
from pathlib import Path
from typing import Final, NamedTuple

from registry_tool.errors import OperationalError
from registry_tool.file_lock import try_lock, try_lock_shared

__all__ = [
    "LONGEST_PAUSE",
    "PATIENCE",
    "LockOwner",
    "acquire",
    "ignore_message",
    "is_awaited",
    "is_locked",
    "read_owner",
]

PATIENCE: Final = 60.0
_WORDS_AFTER: Final = 1.0
_FIRST_PAUSE: Final = 0.005
LONGEST_PAUSE: Final = 0.1
"""For how many seconds a process that waits for a lock does not look."""
_COMMAND_LENGTH: Final = 80
_FILE_LIMIT: Final = 4096


def _host() -> str:
    import platform

    return platform.node()


def ignore_message(_words: str) -> None:
    """Do nothing: for callers that need no messages."""


def _command() -> str:
    """The command line up to its first option: the rest may be long, or secret."""
    program, *rest = sys.argv or [""]
    name = Path(program).name
    name = "registry" if Path(program).parts[-2:] == ("registry_tool", "__main__.py") else name
    words = list(takewhile(lambda word: not word.startswith("-"), rest))
    said = " ".join([name, *words])
    return f"{said[:_COMMAND_LENGTH]} …" if said[_COMMAND_LENGTH:] or rest[len(words) :] else said


class LockOwner(NamedTuple):
    """The owner of a lock.

    Attributes:
        pid: Its process.
        host: Its machine.
        command: Its command line, without options.
        since: When it took the lock, in seconds since 1970.
    """

    pid: int
    host: str
    command: str
    since: float

    @classmethod
    def me(cls) -> LockOwner:
        """This process, now."""
        return cls(os.getpid(), _host(), _command(), time.time())

    @property
    def words(self) -> str:
        """A description, for messages."""
        place = "" if self.host == _host() else f" on {self.host}"
        seconds = max(0, round(time.time() - self.since))
        return f"pid {self.pid}{place}, `{self.command}`, since {seconds} s"


def read_owner(path: Path) -> LockOwner | None:
    """The owner of a lock, or the last one if it was killed; None if the lock is free, or its owner not recorded yet."""
    try:
        with path.open("rb") as stream:
            said = json.loads(stream.read(_FILE_LIMIT))
        return LockOwner(int(said[0]), str(said[1]), str(said[2]), float(said[3]))
    except (OSError, ValueError, TypeError, LookupError, RecursionError):
        return None


def _queue_file(path: Path) -> Path:
    """The file that everybody who waits for a lock has locked together with the others who wait."""
    return path.with_name(f"{path.name}.queue")


@contextmanager
def _queue(path: Path) -> Iterator[None]:
    """Say that this process waits for a lock; one that takes it again and again then gives way."""
    handle = -1
    with suppress(OperationalError):  # only politeness depends on it
        handle = _open(_queue_file(path))
    try:
        if handle >= 0:
            with suppress(OSError):
                try_lock_shared(handle)
        yield
    finally:
        if handle >= 0:
            os.close(handle)


def is_awaited(path: Path) -> bool:
    """True while another process waits for a lock; always False on Windows."""
    try:
        handle = os.open(_queue_file(path), os.O_RDWR)
    except OSError:
        return False
    try:
        return not try_lock(handle, byte=_FILE_LIMIT)
    except OSError:
        return False
    finally:
        os.close(handle)


def _wait(
    handle: int, path: Path, *, place: str, patience: float, notify: Callable[[str], None]
) -> None:
    if not try_lock(handle, byte=_FILE_LIMIT):
        with _queue(path):
            _wait_in_queue(handle, path, place=place, patience=patience, notify=notify)


def _wait_in_queue(
    handle: int, path: Path, *, place: str, patience: float, notify: Callable[[str], None]
) -> None:
    from threading import Event

    pause, waited, told = _FIRST_PAUSE, time.monotonic(), False
    while not try_lock(handle, byte=_FILE_LIMIT):
        passed = time.monotonic() - waited
        if passed >= _WORDS_AFTER and not told:
            holder = read_owner(path)
            told = True
            notify(
                f"waiting for another registry command{f' ({holder.words})' if holder else ''} …"
            )
        if passed >= patience:
            holder = read_owner(path)
            who = f": {holder.words}" if holder else ""
            raise OperationalError(
                f"another registry command is using {place}{who}; waited {patience:.0f} s",
                remedy="wait until it has finished, then retry",
            )
        Event().wait(pause)
        pause = min(2 * pause, LONGEST_PAUSE)


@contextmanager
def _explain_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise OperationalError(f"{path} cannot be locked: {exc.strerror}") from exc


def _open(path: Path) -> int:
    # Never truncated here: the file may name the owner.
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        return os.open(path, flags, 0o666)
    except OSError as exc:
        raise OperationalError(f"{path.parent} cannot be written: {exc.strerror}") from exc


def _write(handle: int, words: bytes) -> None:
    """Put a text in place of what the file says: over it, with blanks to the end of what was there.

    Not by truncating it: ext4 writes such a file to the disk when it is closed (``auto_da_alloc``), which takes longer
    than the rest of the lock.
    """
    with suppress(OSError):  # the lock works without the text, on a full disk too
        before = os.lseek(handle, 0, os.SEEK_END)
        if before > _FILE_LIMIT:
            os.ftruncate(handle, 0)
        os.lseek(handle, 0, os.SEEK_SET)
        os.write(handle, words.ljust(min(before, _FILE_LIMIT)))


@contextmanager
def acquire(
    path: Path,
    *,
    place: str,
    patience: float = PATIENCE,
    notify: Callable[[str], None] = ignore_message,
) -> Iterator[None]:
    """Take a lock, and wait while another process or thread has it.

    Args:
        path: The lock file; it is created, and stays.
        place: The locked folder, for messages.
        patience: The number of seconds to wait.
        notify: Receives the name of the owner, once, after about a second of waiting.

    Raises:
        OperationalError: The lock was not free in that time, or the file cannot be written.
    """
    handle = _open(path)
    try:
        with _explain_errors(path):
            _wait(handle, path, place=place, patience=patience, notify=notify)
        _write(handle, json.dumps(LockOwner.me()).encode())
        try:
            yield
        finally:
            _write(handle, b"")
    finally:
        os.close(handle)


def is_locked(path: Path) -> bool:
    """True while another process or thread has the lock; no file is created.

    Raises:
        OperationalError: The file system does not support locks.
    """
    try:
        handle = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        with _explain_errors(path):
            return not try_lock(handle, byte=_FILE_LIMIT)
    finally:
        os.close(handle)
