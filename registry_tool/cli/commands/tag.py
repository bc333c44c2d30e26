"""``registry tag``."""

from __future__ import annotations

import click

from registry_tool.cli.change import (
    WriteArguments,
    open_for_writing,
    print_publication,
    writing_options,
)
from registry_tool.cli.completion import complete_reference
from registry_tool.cli.options import Part

__all__ = ["tag"]


@click.group(cls=Part)
def tag() -> None:
    """A tag never moves, like a Git tag. For a name that moves, use an alias."""


@tag.command("add")
@click.argument("reference", metavar="REF", shell_complete=complete_reference)
@click.argument("name", metavar="TAG")
@writing_options
def add(*, reference: str, name: str, how: WriteArguments) -> int:
    """Add an immutable tag to the version that REF names.

    \b
    Examples:
      registry tag add nlp/lang-id@4 v4-edge
      registry tag add nlp/lang-id@production release-2026-11 --commit
    """
    with open_for_writing(how) as (registry, options):
        return print_publication(registry, how, registry.add_tag(reference, name, **options))
