"""``registry show``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from registry_tool.api.interface.data import Data, get, member, records, text, texts
from registry_tool.api.interface.fields import MODEL_FIELDS, VERSION_FIELDS, Field
from registry_tool.cli.completion import complete_reference
from registry_tool.cli.options import (
    format_option,
    open_for_reading,
    ref_option,
    repo_option,
    title_option,
)
from registry_tool.cli.output.console import (
    STATE_COLOURS,
    fields,
    names_words,
    print_json,
    say,
    size_words,
    table,
    value_words,
)

if TYPE_CHECKING:
    from registry_tool.api.describe import Description
    from registry_tool.api.interface.types import JSON

__all__ = ["show"]


def _title(name: str, state: str) -> None:
    say(f"{name}  {state}", bold=True, fg=STATE_COLOURS.get(state))


def _artifact_cells(entry: Data) -> tuple[str, ...]:
    size, files = entry.get("size"), entry.get("nfiles")
    where = text(entry, "path") + ("/" if files else "") or text(entry, "uri")
    known = size_words(size if isinstance(size, int) else None)
    counted = f" in {files} files" if files else ""
    return (
        text(entry, "name"),
        text(entry, "role"),
        f"{known}{counted}",
        where,
        text(entry, "sha256")[:12],
    )


def _artifacts(data: Data) -> None:
    table("artifacts", [_artifact_cells(entry) for entry in records(data, "artifacts")])


def _group(title: str, data: Data) -> None:
    table(title, [(name, value_words(value)) for name, value in data.items()])


def _lines(shown: Iterable[Field], data: Data) -> list[tuple[str, JSON]]:
    """The fields that are one line each."""
    return [
        (
            field.name,
            ", ".join(sorted(texts(data, *field.path)))
            if field.kind == "words"
            else get(data, *field.path),
        )
        for field in shown
        if field.is_shown and field.kind in {"text", "words"}
    ]


def _groups(shown: Iterable[Field], data: Data) -> None:
    """The fields that are mappings; a signature has a separate table."""
    for field in shown:
        if field.is_shown and field.kind in {"free", "part"} and field.name != "signature":
            _group(field.name, member(data, *field.path))


def _print_model(found: Description) -> None:
    data = member(found.data, "record")
    listed = found.data["versions"]
    versions = [str(one) for one in listed] if isinstance(listed, list) else []
    _title(found.name, found.state)
    fields(
        [
            *_lines(MODEL_FIELDS, {**data, "title": text(found.data, "title")}),
            ("scheme", found.scheme),
            (
                "versions",
                f"{len(versions)}: {', '.join(versions[::-1][:10])}" if versions else "none",
            ),
            ("aliases", names_words(_list_texts(member(found.data, "aliases")))),
            ("tags", names_words(_list_texts(member(found.data, "tags")))),
        ]
    )
    measured = member(found.data, "metrics")
    table("metrics", [(key, value_words(value)) for key, value in measured.items()])
    table("links", [(text(link, "title"), text(link, "url")) for link in records(data, "links")])
    _artifacts(data)
    _groups(MODEL_FIELDS, data)
    evidence = records(found.data, "evidence")
    table("evidence", [_evidence_cells(one, text(one, "id")) for one in evidence])


def _list_texts(data: Data) -> dict[str, str]:
    return {name: str(value) for name, value in data.items()}


def _evidence_cells(data: Data, name: str) -> tuple[str, ...]:
    kind = text(data, "kind")
    said = {
        "approval": f"{text(data, 'decision')} {text(data, 'stage')}",
        "evaluation": f"{text(data, 'suite')} {text(data, 'verdict')}",
        "scan": f"{text(data, 'tool')} {text(data, 'verdict')}",
    }.get(kind, text(data, "text"))
    return (name, kind, text(data, "by"), text(data, "at")[:10], said.strip())


def _signature(data: Data) -> Iterable[tuple[str, ...]]:
    for side in ("inputs", "outputs", "params"):
        for column in records(data, "signature", side):
            kind = " ".join(
                value_words(column[k]) for k in ("type", "dtype", "shape") if k in column
            )
            yield (side, text(column, "name") or "-", kind)


def _print_version(found: Description) -> None:
    whole, data = found.data, member(found.data, "record")
    _title(found.name, found.state)
    for note in found.notes:
        say(note, fg=STATE_COLOURS.get(found.state, "yellow"))
    merged: Data = {
        **data,
        "title": text(whole, "title"),
        "description": text(whole, "description"),
        "labels": [*texts(whole, "labels")],
        "metadata": {**member(whole, "metadata")},
    }
    names = [(name, ", ".join(texts(whole, name))) for name in ("aliases", "tags")]
    fields([*_lines(VERSION_FIELDS, merged), *names])
    table("metrics", [(k, value_words(v)) for k, v in member(whole, "metrics").items()])
    _artifacts(data)
    table("signature", _signature(data))
    _groups(VERSION_FIELDS, merged)
    evidence = records(whole, "evidence")
    table("evidence", [_evidence_cells(one, text(one, "id")) for one in evidence])


@click.command()
@click.argument("reference", metavar="REF", shell_complete=complete_reference)
@title_option
@format_option
@repo_option
@ref_option
def show(*, reference: str, by_title: bool, form: str, repo: str, ref: str | None) -> None:
    """REF is a model, [NAMESPACE/]MODEL, or a version, MODEL@VERSION|TAG|ALIAS|latest. Withdrawn versions are shown too.

    \b
    Examples:
      registry show nlp/lang-id
      registry show nlp/lang-id@production
      registry show nlp/lang-id@4 --format json
    """
    with open_for_reading(repo, ref) as registry:
        if by_title:
            reference = str(registry.by_title(reference))
        found = registry.describe(reference)
    if form == "json":
        print_json(found.data)
    elif found.is_version:
        _print_version(found)
    else:
        _print_model(found)
