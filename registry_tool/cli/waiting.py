"""What a command says on standard error while it waits, and after it finished what a killed one had left."""

from __future__ import annotations

from pathlib import Path

from registry_tool.cli.console import say

__all__ = ["finish_interrupted", "tell"]


def tell(words: str) -> None:
    """One line: which command is waited for, or what was finished."""
    say(f"note:  {words}", err=True)


def finish_interrupted(repo: str) -> None:
    """Finish what a killed command left in the registry of a folder, before a command looks at its files.

    Raises:
        EnvironmentTrouble: Something is in the way.
    """
    from registry_tool.git.clones import is_url
    from registry_tool.git.exclusive import finish
    from registry_tool.git.plumbing import find_repository

    git = None if is_url(repo) else find_repository(Path(repo))
    if git is not None:
        finish(git, tell=tell)
