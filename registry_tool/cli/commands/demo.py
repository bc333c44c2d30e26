"""``registry demo``."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from registry_tool.cli.completion import complete_folder
from registry_tool.cli.output.console import say

__all__ = ["demo"]


@click.command()
@click.argument("folder", metavar="[DIR]", default="registry-demo", shell_complete=complete_folder)
def demo(*, folder: str) -> int:
    """The demo runs in a new folder DIR (default: registry-demo) and downloads nothing.

    A small model that identifies eight languages is trained from sentences that come with this program. Every step is
    real, and is shown as the commands that do it.

    \b
    Examples:
      registry demo
      registry demo /tmp/first-look
    """
    from registry_tool.demo.tour import tour

    for step in tour(Path(folder)):
        for command in step.command.splitlines():
            say(f"$ {command}", bold=True)
        for line in step.result:
            say(f"  {line}")
    quoted = shlex.quote(folder)
    say()
    say(f"Everything is in {quoted}. To explore it: registry list --repo {quoted}/registry")
    say(f"Remove it with: rm -r {quoted}")
    return 0
