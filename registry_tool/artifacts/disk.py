"""Files on the local disk, written so that a reader sees all or nothing, and what goes wrong there in words."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

from registry_tool.errors import EnvironmentTrouble

__all__ = [
    "READ_ONLY",
    "copy_file",
    "fresh_name",
    "in_words",
    "on_disk",
    "remove",
    "sweep",
    "sync_folder",
]

READ_ONLY: Final = 0o444
_DAY: Final = 24 * 3600
_PIECE = 16 << 20
_NO_KERNEL_COPY = frozenset(
    {errno.EXDEV, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM}
)
_WORDS = {
    errno.ENOSPC: ("the disk is full", "free some space and try again"),
    errno.EDQUOT: ("the disk quota is used up", "free some space and try again"),
    errno.EFBIG: ("the file is larger than the system allows", "raise the limit and try again"),
    errno.EACCES: ("permission denied", "check who may read and write there"),
    errno.EPERM: ("permission denied", "check who may read and write there"),
    errno.EROFS: ("the file system is read-only", "choose a place that can be written"),
    errno.ENOTDIR: ("there is a file where a folder should be", "move that file away"),
    errno.EEXIST: ("there is a file where a folder should be", "move that file away"),
    errno.EMFILE: ("too many files are open", "raise the limit of open files"),
}


def in_words(exc: OSError) -> tuple[str, str]:
    """What happened, and what to do about it (may be empty)."""
    known = _WORDS.get(exc.errno or 0)
    return known or (exc.strerror or str(exc) or type(exc).__name__, "")


@contextmanager
def on_disk(what: str, *, kind: type[EnvironmentTrouble] = EnvironmentTrouble) -> Iterator[None]:
    """Turn the system's errors into ours: ``what`` says what could not be done.

    Raises:
        EnvironmentTrouble: Or the ``kind`` asked for, keeping the cause.
    """
    try:
        yield
    except OSError as exc:
        words, remedy = in_words(exc)
        raise kind(f"{what}: {words}", remedy=remedy) from exc


def fresh_name(folder: Path, name: str = "") -> Path:
    """A path in the folder that nobody else has chosen; hidden, and plainly temporary."""
    return folder / f".{name[:80]}{'.' if name else ''}{secrets.token_hex(8)}.tmp"


def remove(path: Path) -> None:
    """Remove a file or a folder of our own making, if it is there; leftovers are swept later."""
    with suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def sweep(folder: Path, *, now: float) -> None:
    """Remove what killed processes left in a folder for files in the making: all that is older than a day.

    Only the age tells: who made it may run on another machine, or in a container with process ids of its own.

    Args:
        folder: The folder; it need not be there.
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


def _kernel_copy(source: BinaryIO, target: BinaryIO, progress: Callable[[int], None]) -> bool:
    """Copy inside the kernel, which shares the blocks where the file system can (XFS, Btrfs)."""
    if not hasattr(os, "copy_file_range"):
        return False
    done = 0
    try:
        while n := os.copy_file_range(source.fileno(), target.fileno(), _PIECE):
            done += n
            progress(n)
    except OSError as exc:
        if done or exc.errno not in _NO_KERNEL_COPY:
            raise
        return False
    # Some kernels answer 0 for files of virtual file systems that do have bytes.
    return done > 0


def copy_file(
    source: Path, target: Path, *, progress: Callable[[int], None], sync: bool = False
) -> None:
    """Copy bytes to a path that does not exist yet: a temporary one, which the caller removes whatever happens.

    Args:
        source: The file to read.
        target: The file to make.
        progress: Told the number of bytes after each piece.
        sync: Return only when the bytes survive a power cut.

    Raises:
        OSError: As the system reports it.
    """
    with source.open("rb") as reading, target.open("xb") as writing:
        if not _kernel_copy(reading, writing, progress):
            while piece := reading.read(1 << 20):
                writing.write(piece)
                progress(len(piece))
        writing.flush()
        if sync:
            os.fsync(writing.fileno())
