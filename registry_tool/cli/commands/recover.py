"""``registry recover``."""

from __future__ import annotations

from pathlib import Path

import click

from registry_tool.cli.output.console import say
from registry_tool.errors import NotARegistryError

__all__ = ["recover"]


@click.command()
@click.option(
    "--repo", metavar="DIR", default=".", envvar="REGISTRY_REPO",
    help="A folder in the registry. Default: the current one.",
)  # fmt: skip
def recover(*, repo: str) -> None:
    """Finish what a killed command left half done.

    A command writes down what it is about to do before it changes a file. Killed in between, it is finished from
    there: by this command, or by the next one that writes. What you changed since is left alone and named. Nothing is
    done where nothing was interrupted.

    \b
    Examples:
      registry recover
      registry recover --repo ~/models
    """
    from registry_tool.git.command import find_repository
    from registry_tool.git.transaction.recovery import exclusive

    git = find_repository(Path(repo))
    if git is None:
        raise NotARegistryError(
            f"{Path(repo).absolute()} is not in a Git repository",
            remedy="go into a registry, or name one with --repo",
        )
    told: list[str] = []
    with exclusive(git, tell=told.append):
        pass
    for words in told or ["nothing was left to finish"]:
        say(words)
