"""Files in a work tree: written whole or not at all, and put back when one of several cannot be written."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import itertools
import os
import shutil
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from registry_tool.errors import OperationalError, RefusedError

__all__ = [
    "FOLDER",
    "check_places",
    "content_of",
    "leavings",
    "prune",
    "state_of",
    "sync",
    "sync_files",
    "write_files",
]

FOLDER: Final = "a folder"
_NUMBERS = itertools.count()


class _Guard:
    """Gives places below a root, none of which is reached through a symbolic link that leads out."""

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
                raise RefusedError(f"{folder} leads out of the registry through a symbolic link")
            self._seen.add(folder)
        return place


def check_places(root: Path, paths: Iterable[str]) -> None:
    """See that files may be written at some paths.

    Raises:
        RefusedError: A path leads out through a symbolic link.
    """
    guard = _Guard(root)
    for path in paths:
        guard.place(path)


def content_of(data: bytes) -> str:
    """What ``state_of`` says of a file with these bytes."""
    return hashlib.sha256(data).hexdigest()


def state_of(place: Path) -> str:
    """What lies at a place: a digest of the file's bytes, or words; empty when nothing does.

    Raises:
        OSError: It cannot be read.
    """
    try:
        mode = place.lstat().st_mode
        if stat.S_ISREG(mode):
            return content_of(place.read_bytes())
        if stat.S_ISLNK(mode):
            return f"a link to {os.fspath(place.readlink())!a}"
        return FOLDER if stat.S_ISDIR(mode) else "a special file"
    except (FileNotFoundError, NotADirectoryError):
        return ""


def sync(place: Path) -> None:
    """Return when a file's bytes, or a folder's names, survive a power cut, where the system can."""
    with contextlib.suppress(PermissionError, IsADirectoryError):  # folders, on some systems
        handle = os.open(place, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def sync_files(root: Path, paths: Iterable[str]) -> None:
    """``sync`` what lies at some paths, and the folders on the way to them."""
    folders: set[Path] = set()
    for path in paths:
        place = root / path
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):  # it was removed
            sync(place)
        folders.update(folder for folder in place.parents if folder.is_relative_to(root))
    for folder in folders:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            sync(folder)


def leavings(place: Path) -> Path:
    """Where a new file is made when it must lie beside the place it gets: a killed process leaves it there."""
    return place.with_name(f".{place.name[:200]}.registry-tool.tmp")


def _place(place: Path, data: bytes, staging: Path | None) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    beside = leavings(place)
    # Not beside its place if that can be helped: there a check would see it, when this process is killed.
    fresh = beside if staging is None else staging / f"{os.getpid()}-{next(_NUMBERS)}.tmp"
    try:
        fresh.write_bytes(data)
        try:
            fresh.replace(place)
        except OSError as exc:
            if exc.errno != errno.EXDEV or staging is None:  # a work tree on another disk
                raise
            shutil.copyfile(fresh, beside)
            beside.replace(place)
            fresh.unlink()
    except BaseException:
        for one in (fresh, beside):
            one.unlink(missing_ok=True)
        raise


def prune(root: Path, place: Path) -> None:
    """Remove the empty folders on the way to a place, as Git has none."""
    for folder in place.parents:
        if folder == root:
            break
        try:
            folder.rmdir()
        except FileNotFoundError:
            continue  # it was never made
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
    """Write some files and delete others; when one fails, those before it are put back.

    Args:
        root: The work tree.
        puts: Bytes by path.
        deletes: Paths that go, with folders they leave empty.
        staging: A folder where new files are made before they get their places.

    Raises:
        OperationalError: A file cannot be written.
        RefusedError: A path leads out through a symbolic link.
    """
    guard = _Guard(root)
    places = {guard.place(path): data for path, data in puts.items()}
    gone = [guard.place(path) for path in deletes]
    before: dict[Path, bytes | None] = {}
    place = root
    try:
        for place in gone:  # first: a folder may take the name of a file that goes
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
