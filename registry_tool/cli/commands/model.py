"""``registry model``."""

from __future__ import annotations

import click

from registry_tool.cli.change import ChangeSession, How, writing, writing_options
from registry_tool.cli.completion import complete_file, complete_model
from registry_tool.cli.field_options import field_options, given_fields
from registry_tool.cli.options import Part
from registry_tool.errors import UsageError
from registry_tool.manifests.fields import MODEL_FIELDS

__all__ = ["model"]


@click.group(cls=Part)
def model() -> None:
    """Add a model."""


def _describe(card: str) -> str:
    """The first paragraph of the card; empty without one."""
    paragraphs = (p.strip() for p in card.replace("\r\n", "\n").split("\n\n"))
    return next((p for p in paragraphs if p and not p.startswith(("#", "---"))), "")


def _owner(desk: ChangeSession) -> str:
    """The author of the change."""
    author = desk.author()
    if not author:
        raise UsageError(
            "the model needs an owner, and Git does not know who you are", remedy="--owner @TEAM"
        )
    return author


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
    help="Add an artifact although it is one empty file, or its content contradicts its name.",
)  # fmt: skip
@writing_options
def add(
    *,
    name: str,
    how: How,
    card: str | None,
    artifact: tuple[str, ...],
    allow: tuple[str, ...],
    **options: object,
) -> int:
    """Add a model, and its namespace when it is the first there.

    \b
    Examples:
      registry model add nlp/lang-id
      registry model add nlp/lang-id --task "Language ID" --owner @acme/speech \\
          --description "Tells 176 languages apart." --license CC-BY-SA-3.0
      registry model add nlp/lang-id --task language-identification --owner @acme/speech --card CARD.md --commit
    """  # fmt: skip
    from registry_tool.cli.artifact_args import sources, tracked
    from registry_tool.cli.parsing import read_text
    from registry_tool.edits.models import add_model
    from registry_tool.manifests.arguments import check_fields
    from registry_tool.names import ModelName

    full = ModelName.parse(name)
    words = "" if card is None else read_text(card, "--card")
    fields = given_fields(MODEL_FIELDS, options)
    if "description" not in fields and (described := _describe(words)):
        fields["description"] = described
    with writing(how) as desk:
        fields = {"owner": _owner(desk), **fields} if "owner" not in fields else fields
        check_fields("model/v2", fields)
        add_model(full, fields)(desk.catalog)  # a taken name is refused before files are read
        asked = sources(artifact)
        plain = [one for one in asked if one.kind != "url"]
        stored, pointers = desk.take_in(plain, allow=allow)
        entries = [*stored, *tracked((one for one in asked if one.kind == "url"), {})]
        if entries:
            fields["artifacts"] = [*entries]
        return desk.finish(add_model(full, fields, card=words, files=pointers))
