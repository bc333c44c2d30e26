"""Files in a work tree: written whole or not at all, and put back when one of several cannot be written."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from registry_tool.errors import EnvironmentTrouble, Refused

__all__ = ["check_places", "write_files"]


def _guarded(root: Path, path: str) -> Path:
    """The place of a path, which may not lead through a symbolic link out of the work tree."""
    place = root / path
    inside = root.resolve()
    for folder in place.parents:
        if folder == root:
            break
        if folder.is_symlink() or (folder.exists() and inside not in folder.resolve().parents):
            raise Refused(f"{folder} leads out of the registry through a symbolic link")
    return place


def check_places(root: Path, paths: Iterable[str]) -> None:
    """See that files may be written at some paths.

    Raises:
        Refused: A path leads out through a symbolic link.
    """
    for path in paths:
        _guarded(root, path)


def _replace(root: Path, place: Path, data: bytes) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    # In Git's own folder: there a check sees nothing of it, even if this process is killed.
    inside = root / ".git"
    folder = inside if inside.is_dir() else place.parent
    handle, name = tempfile.mkstemp(prefix=f".{place.name[:40]}.", suffix=".tmp", dir=folder)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        umask = os.umask(0)
        os.umask(umask)
        Path(name).chmod(0o666 & ~umask)
        Path(name).replace(place)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


def _remove(root: Path, place: Path) -> None:
    place.unlink(missing_ok=True)
    for folder in place.parents:
        if folder == root:
            break
        try:
            folder.rmdir()
        except FileNotFoundError:
            continue  # it was never made
        except OSError:
            break  # not empty


def _undo(root: Path, before: dict[Path, bytes | None]) -> None:
    for place, data in reversed(before.items()):
        with contextlib.suppress(OSError):
            if data is None:
                _remove(root, place)
            else:
                _replace(root, place, data)


def write_files(root: Path, puts: Mapping[str, bytes], deletes: frozenset[str]) -> None:
    """Write some files and delete others; when one fails, those before it are put back.

    Raises:
        EnvironmentTrouble: A file cannot be written.
        Refused: A path leads out through a symbolic link.
    """
    places = {_guarded(root, path): data for path, data in puts.items()}
    gone = [_guarded(root, path) for path in deletes]
    before: dict[Path, bytes | None] = {}
    place = root
    try:
        for place in gone:  # first: a folder may take the name of a file that goes
            before[place] = place.read_bytes() if place.is_file() else None
            _remove(root, place)
        for place, data in places.items():
            before[place] = place.read_bytes() if place.is_file() else None
            _replace(root, place, data)
    except OSError as exc:
        _undo(root, before)
        raise EnvironmentTrouble(
            f"{place} cannot be written: {exc.strerror}", remedy="nothing was changed"
        ) from exc
    except BaseException:
        _undo(root, before)  # interrupted
        raise
