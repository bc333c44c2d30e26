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

__all__ = ["is_verified", "link", "seal"]

_SECOND: Final = 1_000_000_000
# From 2001 to 2018: zip knows no time before 1980. Even seconds: FAT knows no others.
_FIRST: Final = 978_307_200
_DIGITS: Final = 7
_RECENT: Final = 60
_NO_LINK: Final = frozenset(
    {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EACCES}
)


def _time_of(sha256: str) -> int:
    return (_FIRST + 2 * int(sha256[:_DIGITS], 16)) * _SECOND


def seal(path: Path | int, sha256: str) -> None:
    """Say of a file, or of an open one, that its bytes were verified; it becomes read-only.

    Raises:
        OSError: As the system reports it.
    """
    os.chmod(path, READ_ONLY)  # noqa: PTH101 - of an open file too
    os.utime(path, ns=(time.time_ns(), _time_of(sha256)))


def _is_sealed(info: os.stat_result, sha256: str, size: int) -> bool:
    return (
        info.st_size == size and info.st_mtime_ns == _time_of(sha256) and stat.S_ISREG(info.st_mode)
    )


def _touch(path: Path, info: os.stat_result) -> None:
    """Note that a file is used now, unless that was noted a moment ago; only its owner can."""
    now = time.time_ns()
    if now - info.st_atime_ns > _RECENT * _SECOND:
        with suppress(OSError):
            os.utime(path, ns=(now, info.st_mtime_ns))


def _holds(path: Path, info: os.stat_result, sha256: str) -> bool:
    """Hash a file, and seal it when its bytes are right."""
    try:
        if digest_file(path).sha256 != sha256:
            return False
        if path.lstat().st_mtime_ns == info.st_mtime_ns:  # nobody wrote while it was read
            seal(path, sha256)
    except EnvironmentTrouble:  # cleared away meanwhile, or not for us to read
        return False
    except OSError:  # somebody else's: right, and hashed each time
        return True
    return True


def is_verified(path: Path, sha256: str, size: int) -> bool:
    """True for a plain file that holds these bytes; one that was written to since it was sealed is hashed again.

    Raises:
        OSError: As the system reports it.
    """
    try:
        info = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    if _is_sealed(info, sha256, size):
        _touch(path, info)
        return True
    if info.st_size != size or not stat.S_ISREG(info.st_mode):
        return False
    return _holds(path, info, sha256)


def link(source: Path, target: str, sha256: str) -> None:
    """A second name for a sealed file; a sealed copy where the disk knows no such thing.

    Raises:
        OSError: As the system reports it.
    """
    try:
        os.link(source, target)
    except OSError as exc:
        if exc.errno not in _NO_LINK:
            raise
        copy_file(source, Path(target), progress=ignore)
        seal(Path(target), sha256)
