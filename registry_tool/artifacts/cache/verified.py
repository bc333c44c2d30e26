"""How the cache knows that a file is still the verified one: by a modification time that only its owner can set.

A verified file gets a time that follows from its digest and is years in the past. A write to it, by whatever path,
makes that time a recent one, and a file that was put in its place has another one; then the bytes are hashed again
before they are trusted. There is no separate list that could be lost or out of date, and the check costs one
look at the file. A disk that changes bytes by itself is not noticed by this: ``registry verify`` reads them.

Only the owner of a file gives it a time, so a seal counts on a file of this user (or of root) that others cannot write
to. Where other users can move files into the cache, they could move one there that this user owns and they filled: in
such a folder the time follows from the number of the file (inode) and a secret of this user as well. What another user
put there is hashed at each delivery. See docs/decisions/0030.

The time of last access is the time of last use, which decides the order of eviction.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from registry_tool.artifacts.filesystem import READ_ONLY, copy_file, make_read_only
from registry_tool.artifacts.hashing import digest_file, digest_stream, ignore_progress
from registry_tool.errors import OperationalError
from registry_tool.paths import is_guarded, is_ours, own_key, own_user

__all__ = ["NO_LINK", "copy_verified", "is_verified", "link", "seal", "stamp"]

_SECOND: Final = 1_000_000_000
# From 2001 to 2018: zip knows no time before 1980. Even seconds: FAT knows no others.
_FIRST: Final = 978_307_200
_DIGITS: Final = 7
_RECENT: Final = 60
_TRIES: Final = 3
NO_LINK: Final = frozenset(
    {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EACCES}
)
_READ: Final = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NONBLOCK", 0)
)


def _folder(path: str) -> str:
    return os.path.dirname(path)  # noqa: PTH120 - text


def _read_time(sha256: str, info: os.stat_result, path: str) -> int:
    """The time of a sealed file."""
    digits = sha256
    if not is_guarded(_folder(path)):
        words = f"{info.st_ino} {sha256}".encode()
        digits = hashlib.blake2b(words, key=own_key(), person=b"registry-seal").hexdigest()
    return (_FIRST + 2 * int(digits[:_DIGITS], 16)) * _SECOND


def stamp(path: str, sha256: str, handle: int | None = None) -> None:
    """Say of a file that its bytes were verified.

    Args:
        path: Where it is.
        sha256: Of its bytes.
        handle: The file, open: the one at the path may have been replaced.

    Raises:
        OSError: As the system reports it.
    """
    is_open = handle is not None and os.utime in os.supports_fd
    file = handle if is_open and handle is not None else path
    info = os.lstat(path) if isinstance(file, str) else os.fstat(file)
    os.utime(file, ns=(time.time_ns(), _read_time(sha256, info, path)))


def seal(path: str, sha256: str) -> None:
    """Stamp a file, and make it read-only.

    Raises:
        OSError: As the system reports it.
    """
    os.chmod(path, READ_ONLY)  # noqa: PTH101 - text
    stamp(path, sha256)


def _is_sealed(info: os.stat_result, sha256: str, path: str) -> bool:
    return is_ours(info) and info.st_mtime_ns == _read_time(sha256, info, path)


def _is_own(info: os.stat_result) -> bool:
    return own_user() in {None, info.st_uid}


def _touch(path: str, info: os.stat_result) -> None:
    """Note that a file is used now, unless that was noted a moment ago; only its owner can."""
    now = time.time_ns()
    if now - info.st_atime_ns > _RECENT * _SECOND:
        with suppress(OSError):
            os.utime(path, ns=(now, info.st_mtime_ns))


def _holds(path: str, sha256: str) -> bool:
    """Hash a file, and seal it when its bytes are right and it is this user's."""
    try:
        handle = os.open(path, _READ)
    except OSError:  # cleared away meanwhile, or not for us to read
        return False
    with os.fdopen(handle, "rb", buffering=0) as stream:
        before = os.fstat(handle)
        if not stat.S_ISREG(before.st_mode):
            return False
        if digest_stream(stream, expected=before.st_size).sha256 != sha256:
            return False
        is_quiet = os.fstat(handle).st_mtime_ns == before.st_mtime_ns
        if is_quiet and _is_own(before):  # no process wrote while it was read
            with suppress(OSError):
                make_read_only(path, handle)
                stamp(path, sha256, handle)
    return True


def is_verified(path: str, sha256: str, size: int) -> bool:
    """True for a regular file with these bytes; one that was modified since it was sealed is hashed again.

    So is one that another user put there, each time.

    Raises:
        OSError: As the system reports it.
    """
    try:
        info = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    if info.st_size != size or not stat.S_ISREG(info.st_mode):
        return False
    if _is_sealed(info, sha256, path):
        _touch(path, info)
        return True
    return _holds(path, sha256)


def copy_verified(source: str, target: str, sha256: str) -> None:
    """Copy a file of the cache, and check that the copy has the bytes; proven files are not hashed.

    Raises:
        OperationalError: Another process replaced the file since it was checked.
        OSError: As the system reports it.
    """
    seen: list[os.stat_result] = []
    copy_file(
        source,
        target,
        progress=ignore_progress,
        opened=lambda handle: seen.append(os.fstat(handle)),
    )
    check_copy(source, target, sha256, seen[0])


def check_copy(source: str, target: str, sha256: str, seen: os.stat_result) -> None:
    """See that a copy has the bytes.

    Args:
        source: The file of the cache.
        target: The copy.
        sha256: What it must be.
        seen: What the system said of the file that was copied, when it was open.

    Raises:
        OperationalError: Another process replaced the file since it was checked.
    """
    if _is_sealed(seen, sha256, source) or digest_file(Path(target)).sha256 == sha256:
        return
    raise OperationalError(
        f"{source} was replaced by another user or process while it was read; nothing was written",
        remedy="run the command again, or use a private cache: export REGISTRY_CACHE=~/.cache/registry-tool",
    )


def _link(source: str, target: str, sha256: str) -> bool:
    """Make a second name; False, and none, for a file that others may change: a link would be the same file."""
    os.link(source, target)
    if is_guarded(_folder(source)) or _is_sealed(os.lstat(target), sha256, target):
        return True
    os.unlink(target)  # noqa: PTH108 - text
    return False


def link(source: str, target: str, sha256: str) -> None:
    """A second name for a sealed file; a sealed copy where the disk knows no such thing, or another user owns it.

    Raises:
        OperationalError: Another process replaced the file since it was checked.
        OSError: As the system reports it.
    """
    for tried in range(_TRIES):
        try:
            if _link(source, target, sha256):
                return
        except FileNotFoundError:
            # link(2) says this also while another process puts the same object over this one.
            if tried + 1 == _TRIES:
                raise
            continue
        except OSError as exc:
            if exc.errno not in NO_LINK:
                raise
        copy_verified(source, target, sha256)
        seal(target, sha256)
        return
