"""``registry alias``."""

from __future__ import annotations

import click

from registry_tool.cli.change import How, carry_out, writing_options
from registry_tool.cli.completion import complete_alias, complete_model, complete_reference
from registry_tool.cli.options import Part

__all__ = ["alias"]


@click.group(cls=Part)
def alias() -> None:
    """Set or remove a movable name of a version.

    An alias moves, as a Git branch does: `production`, `champion`. A name that never moves is a tag.
    """


@alias.command("set")
@click.argument("reference", metavar="REF", shell_complete=complete_reference)
@click.argument("name", metavar="ALIAS", shell_complete=complete_alias)
@click.option("--reason", metavar="TEXT", default="", help="Why it points there.")
@writing_options
def set_(*, reference: str, name: str, reason: str, how: How) -> int:
    """Create an alias, or move it, to the version that REF means.

    \b
    Examples:
      registry alias set nlp/lang-id@4 production
      registry alias set nlp/lang-id@4 production --reason "best on short texts" --commit
      registry alias set nlp/lang-id@staging production --branch promote-lang-id --push
    """
    from registry_tool.edits.aliases import set_alias
    from registry_tool.names import Reference

    return carry_out(how, set_alias(Reference.for_change(reference), name, reason=reason))


@alias.command("rm")
@click.argument("model", metavar="[NS/]MODEL", shell_complete=complete_model)
@click.argument("name", metavar="ALIAS", shell_complete=complete_alias)
@writing_options
def rm(*, model: str, name: str, how: How) -> int:
    """Remove an alias; the version stays.

    \b
    Examples:
      registry alias rm nlp/lang-id champion
    """
    from registry_tool.edits.aliases import remove_alias
    from registry_tool.names import ModelName

    return carry_out(how, remove_alias(ModelName.parse(model), name))
