"""``registry model``."""

from __future__ import annotations

import click

from registry_tool.api.interface.fields import MODEL_FIELDS
from registry_tool.cli.change import (
    WriteArguments,
    open_for_writing,
    print_publication,
    writing_options,
)
from registry_tool.cli.completion import complete_file, complete_model
from registry_tool.cli.field_options import field_options, given_fields
from registry_tool.cli.options import Part

__all__ = ["model"]


@click.group(cls=Part)
def model() -> None:
    """A model is a named line of versions with an owner and a model card."""


def _describe(card: str) -> str:
    """The first paragraph of the card; empty without one."""
    paragraphs = (p.strip() for p in card.replace("\r\n", "\n").split("\n\n"))
    return next((p for p in paragraphs if p and not p.startswith(("#", "---"))), "")


@model.command("add")
@click.argument("name", metavar="[NS/]MODEL", shell_complete=complete_model)
@field_options(MODEL_FIELDS)
@click.option(
    "--card", metavar="FILE", help="Its model card, in Markdown.", shell_complete=complete_file
)
@click.option(
    "--artifact",
    metavar="[NAME=]PATH",
    multiple=True,
    help="A file or folder that belongs to all versions, such as a test set.",
    shell_complete=complete_file,
)
@click.option(
    "--allow", type=click.Choice(["empty", "mislabelled"]), multiple=True,
    help="Accept an artifact that is one empty file, or whose content contradicts its name.",
)  # fmt: skip
@writing_options
def add(
    *,
    name: str,
    how: WriteArguments,
    card: str | None,
    artifact: tuple[str, ...],
    allow: tuple[str, ...],
    **options: object,
) -> int:
    """Add a model, and its namespace if it is the first model there.

    \b
    Examples:
      registry model add nlp/lang-id
      registry model add nlp/lang-id --task "Language ID" --owner @acme/speech \\
          --description "Identifies 176 languages." --license CC-BY-SA-3.0
      registry model add nlp/lang-id --task language-identification --owner @acme/speech --card CARD.md --commit
    """  # fmt: skip
    from registry_tool.cli.artifact_args import parse_sources
    from registry_tool.cli.parsing import read_text

    words = "" if card is None else read_text(card, "--card")
    fields = given_fields(MODEL_FIELDS, options)
    if "description" not in fields and (described := _describe(words)):
        fields["description"] = described
    artifacts = parse_sources(artifact)
    title = str(fields.pop("title", ""))
    with open_for_writing(how) as (registry, write):
        done = registry.add_model(
            name, fields, card=words, artifacts=artifacts, allow=allow, title=title, **write
        )
        return print_publication(registry, how, done)
