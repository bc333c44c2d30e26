"""How the cache knows that a file is still what was verified: by a time of last change that only we give.

A verified file gets a time that follows from its digest and lies years back. Whoever writes to it, by whatever path,
makes that time a recent one, and a file that was put in its place has another one; then the bytes are hashed again
before anybody trusts them. There is no list beside the files that could be lost or out of date, and asking costs one
look at the file. A disk that changes bytes by itself is not noticed by this: ``registry verify`` reads them.

The time of last access is the time of last use, which tells what may be cleared away first.
"""

from __future__ import annotations

import os
import stat
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from registry_tool.artifacts.disk import READ_ONLY

__all__ = ["is_sealed", "seal", "touch"]

_SECOND: Final = 1_000_000_000
# From 2001 to 2018: zip knows no time before 1980. Even seconds: FAT knows no others.
_FIRST: Final = 978_307_200
_DIGITS: Final = 7
_RECENT: Final = 60


def _time_of(sha256: str) -> int:
    return (_FIRST + 2 * int(sha256[:_DIGITS], 16)) * _SECOND


def seal(path: Path | int, sha256: str) -> None:
    """Say of a file, or of an open one, that its bytes were verified; it becomes read-only.

    Raises:
        OSError: As the system reports it.
    """
    os.chmod(path, READ_ONLY)
    os.utime(path, ns=(time.time_ns(), _time_of(sha256)))


def is_sealed(info: os.stat_result, sha256: str, size: int) -> bool:
    """True for a plain file of that size that nobody wrote to since it was verified."""
    return (
        info.st_size == size
        and info.st_mtime_ns == _time_of(sha256)
        and stat.S_ISREG(info.st_mode)
    )


def touch(path: Path, info: os.stat_result) -> None:
    """Note that a file is used now, unless that was noted a moment ago; only its owner can."""
    now = time.time_ns()
    if now - info.st_atime_ns > _RECENT * _SECOND:
        with suppress(OSError):
            os.utime(path, ns=(now, info.st_mtime_ns))
