"""``registry title``."""

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

__all__ = ["title"]


@click.group(cls=Part)
def title() -> None:
    """A title is the shown name of a model, version, tag, alias or namespace. The path never changes."""


@title.command("set")
@click.argument("subject", metavar="MODEL[@NAME]|NAMESPACE/", shell_complete=complete_reference)
@click.argument("text", metavar="TITLE")
@writing_options
def set_(*, subject: str, text: str, how: WriteArguments) -> int:
    """Set the title of a model, of a version, tag or alias, or of a namespace.

    Shown names are unique: those of models in their namespace, those of versions, tags and aliases in their model.

    \b
    Examples:
      registry title set nlp/lang-id "Which language?"
      registry title set nlp/lang-id@4 "helpful-meadow-5 (176 languages)" --commit
      registry title set nlp/ "Speech and text"
    """
    with open_for_writing(how) as (registry, options):
        return print_publication(registry, how, registry.set_title(subject, text, **options))


@title.command("rm")
@click.argument("subject", metavar="MODEL[@NAME]|NAMESPACE/", shell_complete=complete_reference)
@writing_options
def rm(*, subject: str, how: WriteArguments) -> int:
    """Remove a title; the name in the path is shown again.

    \b
    Examples:
      registry title rm nlp/lang-id
    """
    with open_for_writing(how) as (registry, options):
        return print_publication(registry, how, registry.set_title(subject, "", **options))
