"""Whether a killed command left its work half done: one question to the disk, for those who only read."""

from __future__ import annotations

import os
from pathlib import Path

from registry_tool.errors import EnvironmentTrouble
from registry_tool.git.plumbing import Git

__all__ = ["check_finished", "is_pending", "journal_file", "lock_file", "unfinished"]


def lock_file(git: Git) -> Path:
    """The lock that a command holds while it writes."""
    return git.git_dir / "registry-tool.lock"


def journal_file(git: Git) -> Path:
    """Where a command writes down what it is about to do."""
    return git.git_dir / "registry-tool" / "journal"


def is_pending(git: Git) -> bool:
    """True while a command is at work, or after one was killed at it."""
    return os.path.lexists(journal_file(git))


def unfinished(git: Git) -> str:
    """What a killed command began and nobody finished yet, in words; empty where all is well. Nothing is written."""
    if not is_pending(git):
        return ""
    from registry_tool.git.lock import is_held
    from registry_tool.git.recovery import rest_of

    return "" if is_held(lock_file(git)) else rest_of(git)


def check_finished(git: Git) -> None:
    """See that the files of a work tree are not half of what a killed command began.

    Raises:
        EnvironmentTrouble: They are.
    """
    if what := unfinished(git):
        raise EnvironmentTrouble(
            f"a registry command was interrupted in {git.place}: {what}",
            remedy="registry recover",
        )
