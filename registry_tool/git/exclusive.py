"""The one way to write to a repository: alone in it, and after what a killed command left there is finished."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from registry_tool.errors import EnvironmentTrouble
from registry_tool.git.index import release
from registry_tool.git.journal import workshop
from registry_tool.git.lock import PATIENCE, hold, say_nothing
from registry_tool.git.plumbing import Git
from registry_tool.git.unfinished import is_pending, lock_file

__all__ = ["exclusive", "finish"]

_DAY: Final = 24 * 3600


def _sweep(git: Git) -> None:
    """Remove what killed commands were making: all in the workshop, and elsewhere what is older than a day."""
    with suppress(OSError):
        for entry in os.scandir(workshop(git)):
            Path(entry.path).unlink()
    with suppress(OSError):
        for entry in os.scandir(workshop(git).parent):
            if entry.name.endswith(".tmp") and time.time() - entry.stat().st_mtime > _DAY:
                Path(entry.path).unlink()


@contextmanager
def exclusive(
    git: Git, *, patience: float = PATIENCE, tell: Callable[[str], None] = say_nothing
) -> Iterator[None]:
    """No other registry command writes here; what a killed one left is finished or cleaned away first.

    Args:
        git: The repository; each linked work tree is one of its own.
        patience: How many seconds to wait for another command.
        tell: Told who is waited for, and what was finished.

    Raises:
        EnvironmentTrouble: Another command held on for longer, the repository cannot be written, or something is in
            the way of what has to be finished.
        GitTrouble: A git command holds the index, or was killed and left its lock.
        UntrustedRepository: The repository belongs to somebody else.
    """
    git.check_trusted()
    with hold(lock_file(git), place=str(git.place), patience=patience, tell=tell):
        try:
            release(git)
            if is_pending(git):
                from registry_tool.git.recovery import recover

                recover(git, tell)
        except OSError as exc:
            raise EnvironmentTrouble(f"{git.git_dir} cannot be written: {exc.strerror}") from exc
        _sweep(git)
        yield


def finish(git: Git, *, tell: Callable[[str], None] = say_nothing) -> None:
    """Finish what a killed command left, if one did.

    Raises:
        EnvironmentTrouble: As ``exclusive``.
        GitTrouble: As ``exclusive``.
    """
    if is_pending(git):
        with exclusive(git, tell=tell):
            return
