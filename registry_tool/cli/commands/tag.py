"""``registry tag``."""

from __future__ import annotations

import click

from registry_tool.cli.change import How, carry_out, writing_options
from registry_tool.cli.completion import complete_reference
from registry_tool.cli.options import Part

__all__ = ["tag"]


@click.group(cls=Part)
def tag() -> None:
    """Give a version a fixed second name.

    A tag never moves, as a Git tag does not. A name that moves is an alias.
    """


@tag.command("add")
@click.argument("reference", metavar="REF", shell_complete=complete_reference)
@click.argument("name", metavar="TAG")
@writing_options
def add(*, reference: str, name: str, how: How) -> int:
    """Give the version that REF means a second name, for good.

    \b
    Examples:
      registry tag add nlp/lang-id@4 v4-edge
      registry tag add nlp/lang-id@production release-2026-11 --commit
    """
    from registry_tool.edits.aliases import add_tag
    from registry_tool.names import Reference

    return carry_out(how, add_tag(Reference.for_change(reference), name))
