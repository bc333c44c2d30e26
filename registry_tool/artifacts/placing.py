"""From the cache to where the user wants the bytes: complete or not at all.

They are copied: what the user does with a copy cannot reach the cache. Where the file system can share blocks (XFS,
Btrfs) a copy costs no time and no space. Hard links into the cache are made only when they are asked for.

A process that is killed while it copies leaves a hidden folder beside the place; the next copy to that place removes it.
"""

from __future__ import annotations

import filecmp
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from registry_tool.artifacts.disk import copy_file, on_disk
from registry_tool.artifacts.folders import walk
from registry_tool.artifacts.leftovers import making, swap_in, sweep_beside
from registry_tool.artifacts.progress import SILENT, Progress, shown
from registry_tool.artifacts.seals import NO_LINK, copy_verified, is_verified, link
from registry_tool.artifacts.threads import in_parallel
from registry_tool.errors import Conflict, RegistryError

__all__ = ["Placed", "Put", "copied", "linked", "moved", "place", "place_files"]

# Puts a file at a path that does not exist yet, and tells the number of bytes it copied.
Put = Callable[[str, str, Callable[[int], None]], None]
_WORKERS: Final = 2  # more do not copy faster
_WORTH_THREADS: Final = 64


class Placed(NamedTuple):
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


def copied(source: str, target: str, told: Callable[[int], None]) -> None:
    """As a copy of its own, which the user may write to."""
    copy_file(source, target, progress=told)


def linked(source: str, target: str, told: Callable[[int], None]) -> None:
    """As a hard link: read-only, and the very file of the cache; as a copy where the disk cannot."""
    try:
        os.link(source, target)
    except OSError as exc:
        if exc.errno not in NO_LINK:
            raise
        copied(source, target, told)
    else:
        told(os.lstat(target).st_size)


def _put_checked(file: Placed, target: str, put: Put, told: Callable[[int], None]) -> None:
    """Put a file that another user may have replaced since it was verified, and see what was put."""
    if put is linked and is_verified(file.source, file.sha256, file.size):
        link(file.source, target, file.sha256)  # a copy, where another user owns the file
        told(file.size)
        return
    copy_verified(file.source, target, file.sha256)
    told(file.size)


def moved(source: str, target: str, told: Callable[[int], None]) -> None:
    """The file itself, out of a cache that nobody else uses."""
    place = Path(target)
    place.touch(exist_ok=False)
    mode = place.stat().st_mode
    Path(source).replace(place)
    place.chmod(mode)
    os.utime(place)
    told(place.stat().st_size)


def _listed(source: Path) -> list[Placed]:
    if source.is_dir():
        return [Placed(path, f"{source}/{path}", info.st_size) for path, info in walk(source)]
    return [Placed("", str(source), source.stat().st_size)]


def _is_same(files: Sequence[Placed], destination: Path) -> bool:
    """True when the destination already holds exactly these bytes."""
    is_folder = any(file.path for file in files)
    if destination.is_symlink() or is_folder != destination.is_dir():
        return False
    try:
        there = _listed(destination)
        return [(one.path, one.size) for one in there] == [
            (file.path, file.size) for file in sorted(files)
        ] and all(
            filecmp.cmp(file.source, destination / file.path, shallow=False) for file in files
        )
    except (RegistryError, OSError):
        return False  # links, special or unreadable files: certainly not what we would write


def _put_all(files: Sequence[Placed], new: Path, put: Put, progress: Progress) -> None:
    for folder in sorted({file.path.rpartition("/")[0] for file in files}):
        (new / folder if files[0].path else new.parent).mkdir(parents=True, exist_ok=True)

    def one(file: Placed) -> None:
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
    files: Sequence[Placed],
    destination: Path,
    *,
    put: Put = copied,
    overwrite: bool = False,
    progress: Progress = SILENT,
) -> bool:
    """Bring files of the cache to exactly ``destination``; its parents are made.

    Args:
        files: Those of one folder, or one file without a path.
        destination: The path it gets. An empty folder there counts as nothing.
        put: How: ``copied``, ``linked`` or ``moved``.
        overwrite: Replace something else that is there.
        progress: Told about the bytes that had to be copied.

    Returns:
        False when the same bytes were there already.

    Raises:
        Conflict: Something else is there and ``overwrite`` is not set.
        EnvironmentTrouble: The bytes cannot be read or written; nothing is left half done.
    """
    with on_disk(f"{destination} cannot be written"):
        sweep_beside(destination)
        if not _is_free(destination):
            if _is_same(files, destination):
                return False
            if not overwrite:
                raise Conflict(
                    f"{destination} exists and is something else",
                    remedy="choose another place, or allow it to be overwritten",
                )
        destination.parent.mkdir(parents=True, exist_ok=True)
        with making(destination) as folder:
            total = sum(file.size for file in files)
            with shown(progress, total, f"Copying {destination.name}"):
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
        overwrite: Replace something else that is there.
        progress: Told about the bytes that had to be copied.
    """
    with on_disk(f"{source} cannot be read"):
        files = _listed(source)
    return place_files(files, destination, overwrite=overwrite, progress=progress)
