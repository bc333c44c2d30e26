"""``registry model``."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict, Unpack

import click

from registry_tool.cli.change import (
    WriteArguments,
    open_for_writing,
    print_publication,
    writing_options,
)
from registry_tool.cli.completion import complete_file, complete_model
from registry_tool.cli.options import Part
from registry_tool.errors import UsageError

if TYPE_CHECKING:
    from registry_tool.api.types import JSON

__all__ = ["model"]


class _Options(TypedDict):
    task: str
    owner: str
    description: str | None
    label: tuple[str, ...]
    license_: str | None
    external_id: str | None
    scheme: str | None
    continues: str | None
    card: str | None
    artifact: tuple[str, ...]
    allow: tuple[str, ...]
    metadata: tuple[str, ...]
    link: tuple[str, ...]


@click.group(cls=Part)
def model() -> None:
    """A model is a named line of versions with an owner and a model card."""


def _describe(options: _Options, card: str) -> str:
    """The description given, else the card's first paragraph."""
    if options["description"] is not None:
        return options["description"]
    paragraphs = (p.strip() for p in card.replace("\r\n", "\n").split("\n\n"))
    found = next((p for p in paragraphs if p and not p.startswith(("#", "---"))), "")
    if not found:
        raise UsageError(
            "a model needs a description",
            remedy='--description "Identifies 176 languages."',
        )
    return found


def _fields(options: _Options, card: str) -> dict[str, JSON]:
    from registry_tool.cli.parsing import json_pairs, link

    given: dict[str, JSON] = {
        "owner": options["owner"],
        "task": options["task"],
        "description": _describe(options, card),
        "labels": list(dict.fromkeys(options["label"])),
        "license": options["license_"],
        "external_id": options["external_id"],
        "version_scheme": options["scheme"],
        "continues": options["continues"],
        "links": [link(text) for text in options["link"]],
        "metadata": json_pairs(options["metadata"], "--metadata"),
    }
    return {key: value for key, value in given.items() if value not in (None, [], {})}


@model.command("add")
@click.argument("name", metavar="[NS/]MODEL", shell_complete=complete_model)
@click.option("--task", metavar="T", required=True, help="What it does: language-identification.")
@click.option("--owner", metavar="O", required=True, help="The user or team that owns it.")
@click.option(
    "--description", metavar="TEXT", help="What it is. Default: the card's first paragraph."
)
@click.option("--label", metavar="L", multiple=True, help="A label for searches.")
@click.option("--license", "license_", metavar="SPDX", help="Its licence: Apache-2.0.")
@click.option("--external-id", metavar="X", help="Its identifier in another system.")
@click.option(
    "--scheme",
    type=click.Choice(["integer", "semver", "calver", "free"]),
    help="The version scheme. Default: the registry's.",
)
@click.option(
    "--continues", metavar="NS/MODEL", help="The model that it replaces under a new name."
)
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
@click.option("--metadata", metavar="KEY=JSON", multiple=True, help="Free metadata.")
@click.option("--link", metavar="TITLE=URL", multiple=True, help="A page about it.")
@writing_options
def add(*, name: str, how: WriteArguments, **options: Unpack[_Options]) -> int:
    """Add a model, and its namespace if it is the first model there.

    \b
    Examples:
      registry model add nlp/lang-id --task language-identification --owner @acme/speech \\
          --description "Identifies 176 languages." --license CC-BY-SA-3.0
      registry model add nlp/lang-id --task language-identification --owner @acme/speech --card CARD.md --commit
    """  # fmt: skip
    from registry_tool.cli.artifact_args import parse_sources
    from registry_tool.cli.parsing import read_text

    card = read_text(options["card"], "--card") if options["card"] is not None else ""
    fields = _fields(options, card)
    artifacts = parse_sources(options["artifact"])
    with open_for_writing(how) as (registry, write):
        done = registry.add_model(
            name, fields, card=card, artifacts=artifacts, allow=options["allow"], **write
        )
        return print_publication(registry, how, done)
