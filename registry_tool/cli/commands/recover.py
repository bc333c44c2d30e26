"""``registry recover``."""

from __future__ import annotations

from pathlib import Path

import click

from registry_tool.cli.output.console import say

__all__ = ["recover"]


@click.command()
@click.option(
    "--repo", metavar="DIR", default=".", envvar="REGISTRY_REPO",
    help="A folder in the registry. Default: the current one.",
)  # fmt: skip
def recover(*, repo: str) -> None:
    """A command records its changes in a journal before it writes the first file.

    If it was interrupted, this command, or the next one that writes, continues from the journal. Files that you have
    changed since are listed and not touched. If nothing was interrupted, nothing is done.

    \b
    Examples:
      registry recover
      registry recover --repo ~/models
    """
    from registry_tool.api.recovery import recover as recover_registry

    for line in recover_registry(Path(repo)) or ["nothing to recover"]:
        say(line)
