"""``registry alias``."""

from __future__ import annotations

import click

from registry_tool.cli.change import (
    WriteArguments,
    open_for_writing,
    print_publication,
    writing_options,
)
from registry_tool.cli.completion import complete_alias, complete_model, complete_reference
from registry_tool.cli.options import Part

__all__ = ["alias"]


@click.group(cls=Part)
def alias() -> None:
    """An alias moves like a Git branch: `production`, `champion`. For a name that never moves, use a tag."""


@alias.command("set")
@click.argument("reference", metavar="REF", shell_complete=complete_reference)
@click.argument("name", metavar="ALIAS", shell_complete=complete_alias)
@click.option("--reason", metavar="TEXT", default="", help="Why it points to this version.")
@writing_options
def set_(*, reference: str, name: str, reason: str, how: WriteArguments) -> int:
    """Create an alias, or move it, to the version that REF names.

    \b
    Examples:
      registry alias set nlp/lang-id@4 production
      registry alias set nlp/lang-id@4 production --reason "best on short texts" --commit
      registry alias set nlp/lang-id@staging production --branch promote-lang-id --push
    """
    with open_for_writing(how) as (registry, options):
        done = registry.set_alias(reference, name, reason=reason, **options)
        return print_publication(registry, how, done)


@alias.command("rm")
@click.argument("model", metavar="[NS/]MODEL", shell_complete=complete_model)
@click.argument("name", metavar="ALIAS", shell_complete=complete_alias)
@writing_options
def rm(*, model: str, name: str, how: WriteArguments) -> int:
    """Remove an alias; the version stays.

    \b
    Examples:
      registry alias rm nlp/lang-id champion
    """
    with open_for_writing(how) as (registry, options):
        return print_publication(registry, how, registry.remove_alias(model, name, **options))
