"""Files on the local disk, written so that a reader sees all of a file or nothing; the system's errors described."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Literal

from registry_tool.errors import OperationalError

__all__ = [
    "NO_SPACE",
    "READ_ONLY",
    "SparseWriter",
    "copy_file",
    "describe_os_error",
    "make_read_only",
    "on_disk",
    "remove",
    "sweep",
    "sync_folder",
    "temporary_name",
    "write_all",
]

READ_ONLY: Final = 0o444
NO_SPACE: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_DAY: Final = 24 * 3600
_PIECE = 16 << 20
_HOLE: Final = 64 << 10
_FEW: Final = 64 << 10
_CLOSED_IN_CHILDREN: Final = getattr(os, "O_CLOEXEC", 0)
_NO_KERNEL_COPY = frozenset(
    {errno.EXDEV, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM}
)
_WORDS = {
    errno.ENOSPC: ("the disk is full", "free some space and try again"),
    errno.EDQUOT: ("the disk quota is used up", "free some space and try again"),
    errno.EFBIG: ("the file is larger than the system allows", "raise the limit and try again"),
    errno.EACCES: ("permission denied", "check the permissions"),
    errno.EPERM: ("permission denied", "check the permissions"),
    errno.EROFS: ("the file system is read-only", "choose a writable location"),
    errno.ENOTDIR: ("a file exists where a folder is needed", "move or rename the file"),
    errno.EEXIST: ("a file exists where a folder is needed", "move or rename the file"),
    errno.EMFILE: ("too many files are open", "raise the limit of open files"),
}


def describe_os_error(exc: OSError) -> tuple[str, str]:
    """What happened, and what to do about it (may be empty)."""
    known = _WORDS.get(exc.errno or 0)
    return known or (exc.strerror or str(exc) or type(exc).__name__, "")


class _OSErrorTranslation:
    """See ``on_disk``; a class, because a generator takes several times as long and it is used for every file."""

    __slots__ = ("_full", "_kind", "_what")

    def __init__(self, what: str, kind: type[OperationalError], full: str) -> None:
        self._what, self._kind, self._full = what, kind, full

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, _: TracebackType | None
    ) -> Literal[False]:
        if isinstance(exc, OSError):
            words, remedy = describe_os_error(exc)
            if exc.errno in NO_SPACE:
                remedy = self._full or remedy
            raise self._kind(f"{self._what}: {words}", remedy=remedy) from exc
        return False


def on_disk(
    what: str, *, kind: type[OperationalError] = OperationalError, full: str = ""
) -> AbstractContextManager[None]:
    """Turn the system's errors into ours.

    Args:
        what: Says what could not be done.
        kind: The class to raise.
        full: What to do where there is no space, if there is more to say than that.

    Raises:
        OperationalError: Or the given ``kind``, keeping the cause.
    """
    return _OSErrorTranslation(what, kind, full)


def make_read_only(path: str, handle: int) -> None:
    """Make an open file read-only; the file at its path may have been replaced since.

    Raises:
        OSError: As the system reports it.
    """
    if hasattr(os, "fchmod"):
        os.fchmod(handle, READ_ONLY)
    else:
        Path(path).chmod(READ_ONLY)


def temporary_name(folder: Path, name: str = "") -> Path:
    """An unused path in the folder; hidden, and recognizably temporary."""
    return folder / f".{name[:80]}{'.' if name else ''}{secrets.token_hex(8)}.tmp"


def remove(path: Path) -> None:
    """Remove a file or folder that this program made, if it exists; leftovers are swept later."""
    with suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def sweep(folder: Path, *, now: float) -> None:
    """Remove what killed processes left in a folder for files in the making: all that is older than a day.

    Only the age counts: its process may run on another machine, or in a container with other process ids.

    Args:
        folder: The folder; it need not exist.
        now: The present by the clock of that disk, in seconds since 1970.

    Raises:
        OSError: As the system reports it.
    """
    try:
        leftovers = list(os.scandir(folder))
    except FileNotFoundError:
        return
    for entry in leftovers:
        with suppress(FileNotFoundError):
            if entry.stat(follow_symlinks=False).st_mtime < now - _DAY:
                remove(Path(entry.path))


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut, where the system can."""
    with suppress(OSError):  # Windows and some network file systems cannot
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


class SparseWriter:
    """Writes a file from its current position and skips blocks of zeros; ``end`` sets its length.

    Args:
        handle: The file, open for writing.
    """

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._gap = False

    def write(self, data: bytes, /) -> int:
        """Write all of it."""
        if len(data) >= _HOLE and not data[0] and data == bytes(len(data)):
            os.lseek(self._handle, len(data), os.SEEK_CUR)
            self._gap = True
            return len(data)
        write_all(self._handle, data)
        return len(data)

    def end(self) -> None:
        """Give the file its length.

        A file without gaps is as long as the bytes that reached the disk, so one that a power cut left short is
        recognized by its length. One with gaps is not: it is synced first.
        """
        if self._gap:
            os.ftruncate(self._handle, os.lseek(self._handle, 0, os.SEEK_CUR))
            os.fsync(self._handle)


def _runs(handle: int) -> Iterator[tuple[int, int]]:
    """Where a file has data: from and to; all of it where the system does not report it."""
    size = os.fstat(handle).st_size
    if not hasattr(os, "SEEK_DATA"):
        yield 0, size
        return
    at = 0
    while at < size:
        try:
            start = os.lseek(handle, at, os.SEEK_DATA)
        except OSError as exc:
            if exc.errno == errno.ENXIO:  # only a gap up to the end
                return
            start, at = at, size
        else:
            at = os.lseek(handle, start, os.SEEK_HOLE)
        yield start, at


def _kernel_copy(
    source: int, target: int, run: tuple[int, int], progress: Callable[[int], None]
) -> bool:
    """Copy inside the kernel, which shares the blocks where the file system can (XFS, Btrfs)."""
    if not hasattr(os, "copy_file_range"):
        return False
    at, end = run
    try:
        while at < end:
            n = os.copy_file_range(source, target, min(end - at, _PIECE), at, at)
            if not n:
                break
            at += n
            progress(n)
    except OSError as exc:
        if at > run[0] or exc.errno not in _NO_KERNEL_COPY:
            raise
        return False
    # Some kernels answer 0 for files of virtual file systems that do have bytes.
    return at > run[0]


def _copy_runs(one: int, other: int, progress: Callable[[int], None]) -> None:
    copied = 0
    for run in _runs(one):
        if not _kernel_copy(one, other, run, progress):
            _plain_copy(one, other, run, progress)
        copied += run[1] - run[0]
    size = os.fstat(one).st_size
    if copied < size:
        os.ftruncate(other, size)
        progress(size - copied)


def write_all(handle: int, data: bytes) -> None:
    """Write all of it to an open file.

    Raises:
        OSError: As the system reports it.
    """
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(handle, rest) :]


def _plain_copy(
    source: int, target: int, run: tuple[int, int], progress: Callable[[int], None]
) -> None:
    at, end = run
    os.lseek(target, at, os.SEEK_SET)
    os.lseek(source, at, os.SEEK_SET)
    while at < end and (piece := os.read(source, min(end - at, 1 << 20))):
        write_all(target, piece)
        at += len(piece)
        progress(len(piece))


def copy_file(
    source: Path | str,
    target: Path | str,
    *,
    progress: Callable[[int], None],
    sync: bool = False,
    opened: Callable[[int], None] | None = None,
) -> None:
    """Copy bytes to a path that does not exist yet: a temporary one, which the caller removes whatever happens.

    Gaps of a sparse file stay gaps.

    Args:
        source: The file to read.
        target: The file to make.
        progress: Called with the number of bytes after each piece.
        sync: Return only when the bytes survive a power cut.
        opened: Given the open source before it is read.

    Raises:
        OSError: As the system reports it.
    """
    one = os.open(source, os.O_RDONLY | _CLOSED_IN_CHILDREN)
    try:
        if opened is not None:
            opened(one)
        other = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _CLOSED_IN_CHILDREN, 0o666)
        try:
            first = os.read(one, _FEW)
            if len(first) < _FEW:  # all of it
                write_all(other, first)
                progress(len(first))
            else:
                _copy_runs(one, other, progress)
            if sync:
                os.fsync(other)
        finally:
            os.close(other)
    finally:
        os.close(one)
