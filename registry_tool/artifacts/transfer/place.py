"""From the cache to a destination of the user: complete or not at all.

Files are copied, so changes to a copy cannot reach the cache. Where the file system can share blocks (XFS, Btrfs) a
copy costs no time and no space. Hard links into the cache are made only on request.

A copy is prepared next to its destination, in a folder that records which process works on it:

::

    .<name>.<random>.tmp/lock      locked by the copying process; the system releases it when the process dies
                         new       the copy
                         old       what it replaces, during the exchange

A killed process leaves such a folder. The next copy to the same destination sees by the lock that no process uses it,
restores the old content, and removes the rest.
"""

from __future__ import annotations

import filecmp
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

from registry_tool.artifacts.cache.verified import NO_LINK, copy_verified, is_verified, link
from registry_tool.artifacts.dvc_files import walk
from registry_tool.artifacts.filesystem import copy_file, on_disk, remove, temporary_name
from registry_tool.artifacts.progress import SILENT, Progress, in_parallel, show_progress
from registry_tool.errors import ConflictError, OperationalError, RegistryError
from registry_tool.git.transaction.lock import acquire, is_locked, read_owner

__all__ = [
    "PlaceFunction",
    "PlacedFile",
    "copy_into",
    "link_into",
    "move_into",
    "place",
    "place_files",
    "staging_folder",
    "swap_in",
    "sweep_leftovers",
]

_DAY: Final = 24 * 3600
_SECONDS: Final = 1.0  # between making a lock and saying whose it is
_TRIES: Final = 3
_RANDOM: Final = re.compile(r"[0-9a-f]{16}\.tmp")


def _is_abandoned(folder: Path) -> bool:
    """True when no process works in it: its lock is free, or it is old where locks are not supported."""
    lock = folder / "lock"
    age = time.time() - lock.stat().st_mtime
    try:
        if is_locked(lock):
            return False
    except OperationalError:  # a file system that knows no locks
        return age > _DAY
    return read_owner(lock) is not None or age > _SECONDS


def _take_down(folder: Path) -> None:
    """Remove a folder with its lock last, so that one without a lock is an empty one."""
    for name in ("new", "old"):
        remove(folder / name)
    remove(folder)


def _clean_up(folder: Path, destination: Path) -> None:
    if not (folder / "lock").exists():
        folder.rmdir()  # of two moments, just made or almost gone; its process creates another
    elif _is_abandoned(folder):
        old = folder / "old"
        if os.path.lexists(old) and not os.path.lexists(destination):
            old.rename(destination)
        _take_down(folder)


def sweep_leftovers(destination: Path) -> None:
    """Clean up after processes that were killed while they copied to this place.

    Raises:
        OSError: As the system reports it.
    """
    start = temporary_name(destination.parent, destination.name).name[
        : -len("0123456789abcdef.tmp")
    ]
    try:
        found = [Path(entry.path) for entry in os.scandir(destination.parent)]
    except FileNotFoundError:
        return
    for folder in found:
        mine = folder.name.startswith(start) and _RANDOM.fullmatch(folder.name[len(start) :])
        if mine and folder.is_dir() and not folder.is_symlink():
            with suppress(OSError):  # another process was faster, or may do what this one may not
                _clean_up(folder, destination)


def _make_locked_folder(destination: Path, held: ExitStack) -> Path:
    """A new folder that this process has locked."""
    for _ in range(_TRIES):
        folder = temporary_name(destination.parent, destination.name)
        folder.mkdir()
        with suppress(OperationalError):
            held.enter_context(acquire(folder / "lock", place=str(folder), patience=0))
            return folder
        if folder.exists():
            break  # a file system that knows no locks
    return folder


@contextmanager
def staging_folder(destination: Path) -> Iterator[Path]:
    """A new folder on the destination's disk, removed afterwards.

    Raises:
        OSError: It cannot be made.
    """
    with ExitStack() as held:
        folder = _make_locked_folder(destination, held)
        try:
            yield folder
        finally:
            _take_down(folder)


def swap_in(folder: Path, destination: Path) -> None:
    """Put the finished copy, ``new`` in the folder, in its place; the old content is removed only afterwards.

    Raises:
        OSError: It cannot be moved; the old content is restored.
    """
    new, old = folder / "new", folder / "old"
    if not new.is_dir() and not (destination.is_dir() and not destination.is_symlink()):
        new.replace(destination)
        return
    if os.path.lexists(destination):
        destination.rename(old)
    try:
        new.rename(destination)
    except OSError:
        if os.path.lexists(old):
            old.rename(destination)
        raise


# Puts a file at a path that does not exist yet, and reports the number of bytes it copied.
PlaceFunction = Callable[[str, str, Callable[[int], None]], None]
_WORKERS: Final = 2  # more do not copy faster
_WORTH_THREADS: Final = 64


class PlacedFile(NamedTuple):
    """One file to place.

    Attributes:
        path: Inside the destination; empty where the destination is the file.
        source: In the cache.
        size: In bytes.
        sha256: What its bytes must be, where others can reach the cache; empty where that is known.
    """

    path: str
    source: str
    size: int
    sha256: str = ""


def copy_into(source: str, target: str, told: Callable[[int], None]) -> None:
    """As a separate copy, which the user may write to."""
    copy_file(source, target, progress=told)


def link_into(source: str, target: str, told: Callable[[int], None]) -> None:
    """As a hard link: read-only, and the very file of the cache; as a copy where the disk cannot."""
    try:
        os.link(source, target)
    except OSError as exc:
        if exc.errno not in NO_LINK:
            raise
        copy_into(source, target, told)
    else:
        told(os.lstat(target).st_size)


def _put_checked(
    file: PlacedFile, target: str, put: PlaceFunction, told: Callable[[int], None]
) -> None:
    """Put a file that another user may have replaced since it was verified, and verify the result."""
    if put is link_into and is_verified(file.source, file.sha256, file.size):
        link(file.source, target, file.sha256)  # a copy, where another user owns the file
        told(file.size)
        return
    copy_verified(file.source, target, file.sha256)
    told(file.size)


def move_into(source: str, target: str, told: Callable[[int], None]) -> None:
    """The file itself, out of a private cache."""
    place = Path(target)
    place.touch(exist_ok=False)
    mode = place.stat().st_mode
    Path(source).replace(place)
    place.chmod(mode)
    os.utime(place)
    told(place.stat().st_size)


def _list_files(source: Path) -> list[PlacedFile]:
    if source.is_dir():
        return [PlacedFile(path, f"{source}/{path}", info.st_size) for path, info in walk(source)]
    return [PlacedFile("", str(source), source.stat().st_size)]


def _is_same(files: Sequence[PlacedFile], destination: Path) -> bool:
    """True when the destination already has exactly these bytes."""
    is_folder = any(file.path for file in files)
    if destination.is_symlink() or is_folder != destination.is_dir():
        return False
    try:
        there = _list_files(destination)
        return [(one.path, one.size) for one in there] == [
            (file.path, file.size) for file in sorted(files)
        ] and all(
            filecmp.cmp(file.source, destination / file.path, shallow=False) for file in files
        )
    except (RegistryError, OSError):
        return False  # links, special or unreadable files: certainly not what we would write


def _put_all(
    files: Sequence[PlacedFile], new: Path, put: PlaceFunction, progress: Progress
) -> None:
    for folder in sorted({file.path.rpartition("/")[0] for file in files}):
        (new / folder if files[0].path else new.parent).mkdir(parents=True, exist_ok=True)

    def one(file: PlacedFile) -> None:
        target = f"{new}/{file.path}" if file.path else str(new)
        if file.sha256:
            _put_checked(file, target, put, progress.advance)
        else:
            put(file.source, target, progress.advance)

    if len(files) < _WORTH_THREADS:
        for file in files:
            one(file)
    else:
        in_parallel(one, files, workers=_WORKERS)


def _is_free(destination: Path) -> bool:
    if not os.path.lexists(destination):
        return True
    return destination.is_dir() and not destination.is_symlink() and not any(destination.iterdir())


def place_files(
    files: Sequence[PlacedFile],
    destination: Path,
    *,
    put: PlaceFunction = copy_into,
    overwrite: bool = False,
    progress: Progress = SILENT,
) -> bool:
    """Place files of the cache at exactly ``destination``; parent folders are created.

    Args:
        files: Those of one folder, or one file without a path.
        destination: The path it gets. An empty folder there counts as nothing.
        put: How: ``copy_into``, ``link_into`` or ``move_into``.
        overwrite: Replace different content.
        progress: Receives the number of bytes that had to be copied.

    Returns:
        False when the same content existed already.

    Raises:
        ConflictError: Different content exists there and ``overwrite`` is not set.
        OperationalError: The bytes cannot be read or written; no partial result is left.
    """
    with on_disk(f"{destination} cannot be written"):
        sweep_leftovers(destination)
        if not _is_free(destination):
            if _is_same(files, destination):
                return False
            if not overwrite:
                raise ConflictError(
                    f"{destination} already exists with different content",
                    remedy="choose another path, or allow overwriting",
                )
        destination.parent.mkdir(parents=True, exist_ok=True)
        with staging_folder(destination) as folder:
            total = sum(file.size for file in files)
            with show_progress(progress, total, f"Copying {destination.name}"):
                _put_all(files, folder / "new", put, progress)
            swap_in(folder, destination)
    return True


def place(
    source: Path, destination: Path, *, overwrite: bool = False, progress: Progress = SILENT
) -> bool:
    """Copy a file or folder of the cache to exactly ``destination``; see ``place_files``.

    Args:
        source: What ``fetch`` returned.
        destination: The path the copy gets.
        overwrite: Replace different content.
        progress: Receives the number of bytes that had to be copied.
    """
    with on_disk(f"{source} cannot be read"):
        files = _list_files(source)
    return place_files(files, destination, overwrite=overwrite, progress=progress)
