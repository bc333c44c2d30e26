"""Interrupted commands: complete them, or roll them back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from registry_tool.errors import NotARegistryError
from registry_tool.git.command import find_repository
from registry_tool.git.transaction.lock import ignore_message
from registry_tool.git.transaction.recovery import exclusive, recover_pending

__all__ = ["finish_interrupted", "recover"]


def finish_interrupted(folder: Path, *, notify: Callable[[str], None] = ignore_message) -> None:
    """Recover from an interrupted command in the registry of a folder; nothing where there is no repository.

    Raises:
        OperationalError: It cannot be recovered.
        UntrustedRepositoryError: The repository belongs to another user; nothing is changed in it.
    """
    git = find_repository(folder)
    if git is not None:
        git.check_trusted()
        recover_pending(git, notify=notify)


def recover(folder: Path) -> list[str]:
    """Complete or roll back an interrupted command in the registry of a folder.

    Returns:
        One line for each action; empty where nothing was interrupted.

    Raises:
        NotARegistryError: The folder is not in a Git repository.
        OperationalError: It cannot be completed.
    """
    git = find_repository(folder)
    if git is None:
        raise NotARegistryError(
            f"{folder.absolute()} is not in a Git repository",
            remedy="change to a registry, or name one with --repo",
        )
    done: list[str] = []
    with exclusive(git, notify=done.append):
        pass
    return done
