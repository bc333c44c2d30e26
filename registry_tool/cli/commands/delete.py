"""``registry delete``."""

from __future__ import annotations

import click

from registry_tool.cli.change import (
    WriteArguments,
    open_for_writing,
    print_publication,
    writing_options,
)
from registry_tool.cli.commands.lifecycle import check_reason
from registry_tool.cli.completion import complete_reference

__all__ = ["delete"]


@click.command()
@click.argument("subject", metavar="MODEL[@VERSION]", shell_complete=complete_reference)
@click.option("--reason", metavar="TEXT", required=True, help="Why; readers see it.")
@click.option(
    "--remove-aliases", is_flag=True, help="Also remove the aliases that point to the version."
)
@writing_options
def delete(*, subject: str, reason: str, remove_aliases: bool, how: WriteArguments) -> int:
    """A deleted version is no longer served or listed. A deleted model is archived, without aliases, and all its versions are deleted.

    Files, paths and tags stay, and a path or version is never used again; the title is free. It cannot be undone, so a person
    reviews it. `registry erase` deletes the content of a version too.

    \b
    Examples:
      registry delete nlp/lang-id@3 --reason "registered twice"
      registry delete nlp/lang-id --reason "moved to another registry" --branch delete-lang-id --push
    """
    why = check_reason(reason)
    with open_for_writing(how) as (registry, options):
        done = registry.delete(subject, reason=why, remove_aliases=remove_aliases, **options)
        return print_publication(registry, how, done)
