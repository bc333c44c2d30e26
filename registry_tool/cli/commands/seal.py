"""``registry seal``."""

from __future__ import annotations

import click

from registry_tool.cli.change import (
    WriteArguments,
    open_for_writing,
    print_publication,
    writing_options,
)
from registry_tool.cli.completion import complete_reference
from registry_tool.cli.parsing import parse_duration
from registry_tool.errors import UsageError

__all__ = ["seal"]


@click.command()
@click.argument("reference", metavar="[REF]", required=False, shell_complete=complete_reference)
@click.option("--tag", "tags", metavar="T", multiple=True, help="A tag that it also gets.")
@click.option("--alias", "aliases", metavar="A", multiple=True, help="An alias that it also gets.")
@click.option(
    "--all-older-than",
    "age",
    metavar="AGE",
    help="Seal every draft that has a model and did not change for AGE: 10m, 2h, 1d.",
)
@writing_options
def seal(
    *,
    reference: str | None,
    tags: tuple[str, ...],
    aliases: tuple[str, ...],
    age: str | None,
    how: WriteArguments,
) -> int:
    """A sealed draft is a version: it never changes, and it gets the tags and aliases that were reserved for it.

    Setting an alias or a tag, a promotion and evidence seal a draft too. `registry list --drafts` lists the drafts.

    \b
    Examples:
      registry seal nlp/lang-id@5
      registry seal nlp/lang-id@5 --alias candidate --commit
      registry seal --all-older-than 10m --commit
    """
    if (reference is None) == (age is None):
        raise UsageError(
            "name one draft, or use --all-older-than", remedy="list them: registry list --drafts"
        )
    with open_for_writing(how) as (registry, options):
        if reference is None:
            done = registry.seal_older(parse_duration(age or ""), **options)
        else:
            done = registry.seal(reference, tags=tags, aliases=aliases, **options)
        return print_publication(registry, how, done)
