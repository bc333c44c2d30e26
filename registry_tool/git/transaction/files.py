"""Files in a work tree: written atomically, and restored when one of several cannot be written."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from registry_tool.errors import OperationalError, RefusedError

__all__ = [
    "FOLDER",
    "check_inside",
    "content_digest",
    "file_state",
    "prune",
    "sync",
    "sync_files",
    "temporary_name",
    "write_files",
]

FOLDER: Final = "a folder"
_NUMBERS = itertools.count()


class _Guard:
    """Returns paths below a root, and refuses those that leave it through a symbolic link."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._inside = root.resolve()
        self._seen: set[Path] = {root}

    def place(self, path: str) -> Path:
        place = self._root / path
        for folder in place.parents:
            if folder in self._seen:
                break
            if folder.is_symlink() or (
                folder.exists() and self._inside not in folder.resolve().parents
            ):
                raise RefusedError(
                    f"{folder} is outside the registry: it is reached through a symbolic link"
                )
            self._seen.add(folder)
        return place


def check_inside(root: Path, paths: Iterable[str]) -> None:
    """Check that files may be written at some paths.

    Raises:
        RefusedError: A path leaves the root through a symbolic link.
    """
    guard = _Guard(root)
    for path in paths:
        guard.place(path)


def content_digest(data: bytes) -> str:
    """The ``file_state`` of a regular file with these bytes."""
    import hashlib  # not for a start that only reads

    return hashlib.sha256(data).hexdigest()


def file_state(place: Path) -> str:
    """The state of a path: a digest of the file's bytes, or its kind as text; empty if the path does not exist.

    Raises:
        OSError: It cannot be read.
    """
    try:
        mode = place.lstat().st_mode
        if stat.S_ISREG(mode):
            return content_digest(place.read_bytes())
        if stat.S_ISLNK(mode):
            return f"a link to {os.fspath(place.readlink())!a}"
        return FOLDER if stat.S_ISDIR(mode) else "a special file"
    except (FileNotFoundError, NotADirectoryError):
        return ""


def sync(place: Path) -> None:
    """Flush a file, or the entries of a folder, to the disk; on systems that cannot, do nothing."""
    with contextlib.suppress(PermissionError, IsADirectoryError):  # folders, on some systems
        handle = os.open(place, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def sync_files(root: Path, paths: Iterable[str]) -> None:
    """``sync`` the files at some paths, and their folders up to the root."""
    folders: set[Path] = set()
    for path in paths:
        place = root / path
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):  # it was removed
            sync(place)
        folders.update(folder for folder in place.parents if folder.is_relative_to(root))
    for folder in folders:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            sync(folder)


def temporary_name(place: Path) -> Path:
    """The temporary file next to a path, for a work tree on another disk; a killed process may leave it."""
    return place.with_name(f".{place.name[:200]}.registry-tool.tmp")


def _place(place: Path, data: bytes, staging: Path | None) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    neighbor = temporary_name(place)
    # In the staging folder if possible: next to its path a check would find it after a kill.
    fresh = neighbor if staging is None else staging / f"{os.getpid()}-{next(_NUMBERS)}.tmp"
    try:
        fresh.write_bytes(data)
        try:
            fresh.replace(place)
        except OSError as exc:
            if exc.errno != errno.EXDEV or staging is None:  # a work tree on another disk
                raise
            import shutil

            shutil.copyfile(fresh, neighbor)
            neighbor.replace(place)
            fresh.unlink()
    except BaseException:
        for one in (fresh, neighbor):
            one.unlink(missing_ok=True)
        raise


def prune(root: Path, place: Path) -> None:
    """Delete the empty parent folders of a path, as Git does."""
    for folder in place.parents:
        if folder == root:
            break
        try:
            folder.rmdir()
        except FileNotFoundError:
            continue  # it never existed
        except OSError:
            break  # not empty


def _remove(root: Path, place: Path) -> None:
    place.unlink(missing_ok=True)
    prune(root, place)


def _undo(root: Path, before: dict[Path, bytes | None], staging: Path | None) -> None:
    for place, data in reversed(before.items()):
        with contextlib.suppress(OSError):
            if data is None:
                _remove(root, place)
            else:
                _place(place, data, staging)


def write_files(
    root: Path,
    puts: Mapping[str, bytes],
    deletes: frozenset[str],
    *,
    staging: Path | None = None,
) -> None:
    """Write some files and delete others; if one fails, the files before it are restored.

    Args:
        root: The work tree.
        puts: Bytes by path.
        deletes: Paths to delete, with folders that become empty.
        staging: A folder for new files before they are renamed to their paths.

    Raises:
        OperationalError: A file cannot be written.
        RefusedError: A path leaves the root through a symbolic link.
    """
    guard = _Guard(root)
    places = {guard.place(path): data for path, data in puts.items()}
    deleted = [guard.place(path) for path in deletes]
    before: dict[Path, bytes | None] = {}
    place = root
    try:
        for place in deleted:  # first: a folder may replace a deleted file
            before[place] = place.read_bytes() if place.is_file() else None
            _remove(root, place)
        for place, data in places.items():
            before[place] = place.read_bytes() if place.is_file() else None
            _place(place, data, staging)
    except OSError as exc:
        _undo(root, before, staging)
        raise OperationalError(
            f"{place} cannot be written: {exc.strerror}", remedy="nothing was changed"
        ) from exc
    except BaseException:
        _undo(root, before, staging)  # interrupted
        raise
