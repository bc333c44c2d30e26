"""A copy in the making, beside the place it gets: in a folder of its own, which says who is at work on it.

::

    .<name>.<random>.tmp/lock      held by the process that copies; the system lets go of it when the process dies
                         new       the copy
                         old       what it replaces, for the moment of the exchange

A killed process leaves such a folder behind. The next one that copies to the same place sees by the lock that nobody
is at work on it any more, puts back what was being replaced, and removes the rest.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

from registry_tool.artifacts.disk import fresh_name, remove
from registry_tool.errors import EnvironmentTrouble
from registry_tool.git.lock import hold, holder_of, is_held

__all__ = ["making", "swap_in", "sweep_beside"]

_DAY: Final = 24 * 3600
_SECONDS: Final = 1.0  # between making a lock and saying whose it is
_TRIES: Final = 3
_RANDOM: Final = re.compile(r"[0-9a-f]{16}\.tmp")


def _is_abandoned(folder: Path) -> bool:
    """True when nobody is at work in it: its lock is free again, or could not say so for long enough."""
    lock = folder / "lock"
    age = time.time() - lock.stat().st_mtime
    try:
        if is_held(lock):
            return False
    except EnvironmentTrouble:  # a file system that knows no locks
        return age > _DAY
    return holder_of(lock) is not None or age > _SECONDS


def _take_down(folder: Path) -> None:
    """Remove a folder with its lock last, so that one without a lock is an empty one."""
    for name in ("new", "old"):
        remove(folder / name)
    remove(folder)


def _clean_up(folder: Path, destination: Path) -> None:
    if not (folder / "lock").exists():
        folder.rmdir()  # of two moments, just made or almost gone; whoever made it makes another
    elif _is_abandoned(folder):
        old = folder / "old"
        if os.path.lexists(old) and not os.path.lexists(destination):
            old.rename(destination)
        _take_down(folder)


def sweep_beside(destination: Path) -> None:
    """Clean up after processes that were killed while they copied to this place.

    Raises:
        OSError: As the system reports it.
    """
    start = fresh_name(destination.parent, destination.name).name[: -len("0123456789abcdef.tmp")]
    try:
        found = [Path(entry.path) for entry in os.scandir(destination.parent)]
    except FileNotFoundError:
        return
    for folder in found:
        mine = folder.name.startswith(start) and _RANDOM.fullmatch(folder.name[len(start) :])
        if mine and folder.is_dir() and not folder.is_symlink():
            with suppress(OSError):  # somebody else was faster, or may do what we may not
                _clean_up(folder, destination)


def _locked(destination: Path, held: ExitStack) -> Path:
    """A fresh folder that is held by this process."""
    for _ in range(_TRIES):
        folder = fresh_name(destination.parent, destination.name)
        folder.mkdir()
        with suppress(EnvironmentTrouble):
            held.enter_context(hold(folder / "lock", place=str(folder), patience=0))
            return folder
        if folder.exists():
            break  # a file system that knows no locks
    return folder


@contextmanager
def making(destination: Path) -> Iterator[Path]:
    """A fresh folder on the destination's disk, which goes away again.

    Raises:
        OSError: It cannot be made.
    """
    with ExitStack() as held:
        folder = _locked(destination, held)
        try:
            yield folder
        finally:
            _take_down(folder)


def swap_in(folder: Path, destination: Path) -> None:
    """Put the finished copy, ``new`` in the folder, in its place; what was there goes only afterwards.

    Raises:
        OSError: It cannot be moved; what was there is there again.
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
