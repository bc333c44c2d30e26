"""How the cache knows that a file is still what was verified: by a time of last change that only we give.

A verified file gets a time that follows from its digest and lies years back. Whoever writes to it, by whatever path,
makes that time a recent one, and a file that was put in its place has another one; then the bytes are hashed again
before anybody trusts them. There is no list beside the files that could be lost or out of date, and asking costs one
look at the file. A disk that changes bytes by itself is not noticed by this: ``registry verify`` reads them.

The time of last access is the time of last use, which tells what may be cleared away first.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from registry_tool.artifacts.disk import READ_ONLY, copy_file
from registry_tool.artifacts.hashing import digest_file, ignore
from registry_tool.errors import EnvironmentTrouble

__all__ = ["NO_LINK", "is_verified", "link", "seal", "stamp"]

_SECOND: Final = 1_000_000_000
# From 2001 to 2018: zip knows no time before 1980. Even seconds: FAT knows no others.
_FIRST: Final = 978_307_200
_DIGITS: Final = 7
_RECENT: Final = 60
_TRIES: Final = 3
NO_LINK: Final = frozenset(
    {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EACCES}
)


def _time_of(sha256: str) -> int:
    return (_FIRST + 2 * int(sha256[:_DIGITS], 16)) * _SECOND


def stamp(file: str | int, sha256: str) -> None:
    """Say of a file, by its path or open, that its bytes were verified.

    Raises:
        OSError: As the system reports it.
    """
    os.utime(file, ns=(time.time_ns(), _time_of(sha256)))


def seal(path: str, sha256: str) -> None:
    """Stamp a file, and make it read-only.

    Raises:
        OSError: As the system reports it.
    """
    os.chmod(path, READ_ONLY)  # noqa: PTH101 - text
    stamp(path, sha256)


def _is_sealed(info: os.stat_result, sha256: str, size: int) -> bool:
    return (
        info.st_size == size and info.st_mtime_ns == _time_of(sha256) and stat.S_ISREG(info.st_mode)
    )


def _touch(path: str, info: os.stat_result) -> None:
    """Note that a file is used now, unless that was noted a moment ago; only its owner can."""
    now = time.time_ns()
    if now - info.st_atime_ns > _RECENT * _SECOND:
        with suppress(OSError):
            os.utime(path, ns=(now, info.st_mtime_ns))


def _holds(path: str, info: os.stat_result, sha256: str) -> bool:
    """Hash a file, and seal it when its bytes are right."""
    try:
        if digest_file(Path(path)).sha256 != sha256:
            return False
        if os.lstat(path).st_mtime_ns == info.st_mtime_ns:  # nobody wrote while it was read
            seal(path, sha256)
    except EnvironmentTrouble:  # cleared away meanwhile, or not for us to read
        return False
    except OSError:  # somebody else's: right, and hashed each time
        return True
    return True


def is_verified(path: str, sha256: str, size: int) -> bool:
    """True for a plain file that holds these bytes; one that was written to since it was sealed is hashed again.

    Raises:
        OSError: As the system reports it.
    """
    try:
        info = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    if _is_sealed(info, sha256, size):
        _touch(path, info)
        return True
    return info.st_size == size and stat.S_ISREG(info.st_mode) and _holds(path, info, sha256)


def link(source: str, target: str, sha256: str) -> None:
    """A second name for a sealed file; a sealed copy where the disk knows no such thing.

    Raises:
        OSError: As the system reports it.
    """
    for tried in range(_TRIES):
        try:
            os.link(source, target)
        except FileNotFoundError:
            # link(2) says this also while another process puts the same object over this one.
            if tried + 1 == _TRIES:
                raise
        except OSError as exc:
            if exc.errno not in NO_LINK:
                raise
            copy_file(source, target, progress=ignore)
            seal(target, sha256)
            return
        else:
            return
