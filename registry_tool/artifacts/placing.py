"""From the cache to where the user wants the bytes: copies, complete or not at all.

A process that is killed while it copies leaves a hidden folder beside the place; the next copy to that place removes it.
"""

from __future__ import annotations

import filecmp
import os
from pathlib import Path

from registry_tool.artifacts.disk import copy_file, on_disk
from registry_tool.artifacts.folders import walk
from registry_tool.artifacts.leftovers import making, swap_in, sweep_beside
from registry_tool.artifacts.progress import SILENT, Progress, shown
from registry_tool.errors import Conflict, RegistryError

__all__ = ["place"]


def _files(source: Path) -> list[tuple[str, int]]:
    """Relative path (empty for a file itself) and size of everything to copy."""
    if source.is_dir():
        return [(path, info.st_size) for path, info in walk(source)]
    return [("", source.stat().st_size)]


def _is_same(source: Path, destination: Path) -> bool:
    """True when the destination already holds exactly these bytes."""
    if destination.is_symlink() or source.is_dir() != destination.is_dir():
        return False
    try:
        files = _files(source)
        return files == _files(destination) and all(
            filecmp.cmp(source / path, destination / path, shallow=False) for path, _ in files
        )
    except (RegistryError, OSError):
        return False  # links, special or unreadable files: certainly not what we would write


def _copy(source: Path, temporary: Path, progress: Progress) -> None:
    for path, _ in _files(source):
        target = temporary / path
        target.parent.mkdir(parents=True, exist_ok=True)
        # A copy, never a hard link: the user may write to it, the cache must not notice.
        copy_file(source / path, target, progress=progress.advance)


def _is_free(destination: Path) -> bool:
    if not os.path.lexists(destination):
        return True
    return destination.is_dir() and not destination.is_symlink() and not any(destination.iterdir())


def place(
    source: Path, destination: Path, *, overwrite: bool = False, progress: Progress = SILENT
) -> bool:
    """Copy a file or folder of the cache to exactly ``destination``; its parents are made.

    Args:
        source: What ``fetch`` returned.
        destination: The path the copy gets. An empty folder there counts as nothing.
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
            if _is_same(source, destination):
                return False
            if not overwrite:
                raise Conflict(
                    f"{destination} exists and is something else",
                    remedy="choose another place, or allow it to be overwritten",
                )
        destination.parent.mkdir(parents=True, exist_ok=True)
        total = sum(size for _, size in _files(source))
        with making(destination) as folder:
            with shown(progress, total, f"Copying {destination.name}"):
                _copy(source, folder / "new", progress)
            swap_in(folder, destination)
    return True
