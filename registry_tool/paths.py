"""Folders of this program (cache, state), which of them only this user can have written, and packaged data files.

In a wheel the data files (schemas, hooks, templates) are in ``registry_tool/_data``; in a checkout at the top level,
where people read and edit them.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from functools import cache, lru_cache
from pathlib import Path
from typing import Final

__all__ = [
    "cache_folder",
    "is_guarded",
    "is_ours",
    "own_key",
    "own_user",
    "resource",
    "resource_text",
    "state_folder",
    "usable_folder",
]

_KEY: Final = "seal-key"
_KEY_SIZE: Final = 32
_FOLDERS: Final = 1 << 14
_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_ROOT: Final = 0


def cache_folder() -> Path:
    """The cache: ``$REGISTRY_CACHE``, or ``registry-tool`` in the system's cache folder (``$XDG_CACHE_HOME``)."""
    named = os.environ.get("REGISTRY_CACHE")
    if named:
        return Path(named).expanduser().absolute()
    from platformdirs import user_cache_path

    return user_cache_path("registry-tool")


def own_user() -> int | None:
    """The number of this user; None on Windows, where files are guarded in other ways."""
    return os.geteuid() if hasattr(os, "geteuid") else None


def is_ours(info: os.stat_result) -> bool:
    """True for what this user or root owns and no other user may write to."""
    user = own_user()
    return user is None or (info.st_uid in {user, _ROOT} and not info.st_mode & _OTHERS_WRITE)


@lru_cache(_FOLDERS)
def is_guarded(folder: str) -> bool:
    """True when no other user can put anything into a folder, or another folder in its place.

    It and all folders above it belong to this user or to root, and are closed to others; above it may be one like
    ``/tmp``, in which others cannot touch our files. Determined once per folder and process.
    """
    if own_user() is None:
        return True
    waiting, known = [(folder, False)], {(folder, False)}
    while waiting:
        guards = _find_guards(*waiting.pop())
        if guards is None:
            return False
        waiting += [one for one in guards if one not in known]
        known.update(guards)
    return True


@lru_cache(_FOLDERS)
def _find_guards(place: str, sticky: bool) -> tuple[tuple[str, bool], ...] | None:  # noqa: FBT001 (as it is kept)
    """The folders that a folder is as safe as, each with whether it may be sticky; None where others can change it.

    Args:
        place: A folder, or a link to one.
        sticky: True where users may have files next to each other, if they cannot touch those of others.
    """
    try:
        info = os.lstat(place)
    except OSError:
        return None
    is_of_ours = info.st_uid in {own_user(), _ROOT}
    above = ((os.path.dirname(place), True),)  # noqa: PTH120 - text
    if stat.S_ISLNK(info.st_mode):  # a link has no mode
        return (*above, (os.path.realpath(place), sticky)) if is_of_ours else None
    is_closed = is_ours(info) or (sticky and is_of_ours and bool(info.st_mode & stat.S_ISVTX))
    return above if is_closed else None


@cache
def own_key() -> bytes:
    """A secret of this user, kept between runs; where none can be kept, one of this process.

    It is in the system's folder for state (``$XDG_STATE_HOME``), never in a cache that users may share.
    """
    import secrets

    place = state_folder() / _KEY
    with suppress(OSError):
        if key := _read_key(place) or _made_key(place):
            return key
    return secrets.token_bytes(_KEY_SIZE)


def _read_key(place: Path) -> bytes | None:
    try:
        handle = os.open(place, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    except FileNotFoundError:
        return None
    with os.fdopen(handle, "rb") as stream:
        info = os.fstat(handle)
        key = stream.read(_KEY_SIZE + 1)
    if info.st_uid != own_user() or info.st_mode & _OTHERS or len(key) != _KEY_SIZE:
        raise PermissionError(place)
    return key


def _made_key(place: Path) -> bytes | None:
    import secrets

    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    making = place.with_name(f".{secrets.token_hex(8)}.tmp")
    handle = os.open(making, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(secrets.token_bytes(_KEY_SIZE))
        os.link(making, place)  # the first of several processes wins
    except FileExistsError:
        pass
    finally:
        making.unlink()
    return _read_key(place)


def _is_writable(folder: Path) -> bool:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)


def usable_folder(folder: Path) -> Path | None:
    """A folder for things of this user: the one that is named or one next to it; None where neither can be written."""
    user = own_user()
    beside = [] if user is None else [folder.with_name(f"{folder.name}-{user}")]
    return next((one for one in (folder, *beside) if _is_writable(one)), None)


def state_folder() -> Path:
    """The folder for permanent state, such as the hosts that get credentials.

    It is ``registry-tool`` in the system's state folder (``$XDG_STATE_HOME``).
    """
    from platformdirs import user_state_path

    return user_state_path("registry-tool")


_PACKAGE = Path(__file__).parent
_ROOTS = (_PACKAGE / "_data", _PACKAGE.parent)


def resource(name: str) -> Path:
    """The path of a data file or folder, such as ``schemas/tag/v1.schema.json``.

    Raises:
        FileNotFoundError: The installation is incomplete.
    """
    for root in _ROOTS:
        path = root / name
        if path.exists():
            return path
    raise FileNotFoundError(f"{name} is missing from this installation of registry-tool")


def resource_text(name: str) -> str:
    """The text of a data file."""
    return resource(name).read_text(encoding="utf-8")
