"""What a command says on standard error while it waits, and after it finished what a killed one had left."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from registry_tool.cli.console import say

if TYPE_CHECKING:
    from registry_tool.git.repository import Repository

__all__ = ["finish_interrupted", "tell", "tell_of_history", "tell_of_owner"]


def tell(words: str) -> None:
    """One line: which command is waited for, or what was finished."""
    say(f"note:  {words}", err=True)


def tell_of_history(repo: str) -> None:
    """From now on, say when the history of a registry that is opened by URL has to be brought: that takes a while."""
    from registry_tool.git.clones import is_url

    if not is_url(repo):
        return
    import logging

    logger = logging.getLogger("registry_tool.git.newest")
    if logger.handlers:
        return
    handler = logging.Handler()
    handler.emit = lambda record: tell(record.getMessage())  # type: ignore[method-assign]  # one line of one kind
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)


def tell_of_owner(repository: Repository | None) -> None:
    """Say that a repository belongs to somebody else, and how it is read."""
    if repository is not None and (words := repository.caution):
        tell(words)


def finish_interrupted(repo: str) -> None:
    """Finish what a killed command left in the registry of a folder, before a command looks at its files.

    Raises:
        EnvironmentTrouble: Something is in the way.
        UntrustedRepository: The registry belongs to somebody else: then nothing is changed in it.
    """
    from registry_tool.git.clones import is_url
    from registry_tool.git.exclusive import finish
    from registry_tool.git.plumbing import find_repository

    git = None if is_url(repo) else find_repository(Path(repo))
    if git is not None:
        git.check_trusted()
        finish(git, tell=tell)
