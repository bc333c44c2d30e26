"""``registry show``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from registry_tool.cli.completion import complete_reference
from registry_tool.cli.options import format_option, open_for_reading, ref_option, repo_option
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
from registry_tool.manifests.data import Data, get, member, records, text, texts
from registry_tool.manifests.fields import MODEL_FIELDS, VERSION_FIELDS, Field
from registry_tool.manifests.problems import JSON

if TYPE_CHECKING:
    from registry_tool.api.registry import Registry
    from registry_tool.catalog.catalog import ModelView, VersionView

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
    """The fields that are mappings; a signature has a table of its own."""
    for field in shown:
        if field.is_shown and field.kind in {"free", "part"} and field.name != "signature":
            _group(field.name, member(data, *field.path))


def _model_data(model: ModelView) -> dict[str, object]:
    from registry_tool.catalog.resolve import in_order

    return {
        "model": str(model.name),
        "record": dict(model.data),
        "versions": in_order(model),
        "aliases": model.alias_targets(),
        "tags": model.tag_targets(),
        "metrics": model.metrics,
        "evidence": [
            {"id": d.place.name, **d.data} for d in model.evidence() if d.data is not None
        ],
    }


def _draw_model(model: ModelView) -> None:
    from registry_tool.catalog.resolve import in_order

    data, versions = model.data, in_order(model)
    _title(str(model.name), text(data, "state") or "live")
    fields(
        [
            *_lines(MODEL_FIELDS, data),
            ("scheme", model.scheme),
            (
                "versions",
                f"{len(versions)}: {', '.join(versions[::-1][:10])}" if versions else "none",
            ),
            ("aliases", names_words(model.alias_targets())),
            ("tags", names_words(model.tag_targets())),
        ]
    )
    table("metrics", [(k, value_words(v)) for k, v in model.metrics.items()])
    table("links", [(text(link, "title"), text(link, "url")) for link in records(data, "links")])
    _artifacts(data)
    _groups(MODEL_FIELDS, data)
    seen = [(d.place.name, d.data) for d in model.evidence() if d.data is not None]
    table("evidence", [_evidence_cells(record, name) for name, record in seen])


def _version_data(view: VersionView) -> dict[str, object]:
    status = view.status
    return {
        "model": str(view.model.name),
        "version": view.version,
        "state": view.state,
        "status": dict(status.data) if status is not None and status.data is not None else None,
        "aliases": [*view.aliases],
        "tags": [*view.tags],
        "description": view.description,
        "labels": list(view.labels),
        "metrics": view.metrics,
        "metadata": view.all_metadata,
        "record": dict(view.data),
        "evidence": [{"id": d.place.name, **d.data} for d in view.evidence() if d.data is not None],
    }


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


def _draw_version(view: VersionView, notes: Iterable[str]) -> None:
    data, state = view.data, view.state
    _title(str(view), state)
    for note in notes:
        say(note, fg=STATE_COLOURS.get(state, "yellow"))
    merged: Data = {
        **data,
        "description": view.description,
        "labels": [*view.labels],
        "metadata": view.all_metadata,
    }
    lines = _lines(VERSION_FIELDS, merged)
    fields([*lines, ("aliases", ", ".join(view.aliases)), ("tags", ", ".join(view.tags))])
    table("metrics", [(k, value_words(v)) for k, v in view.metrics.items()])
    _artifacts(data)
    table("signature", _signature(data))
    _groups(VERSION_FIELDS, merged)
    seen = [(d.place.name, d.data) for d in view.evidence() if d.data is not None]
    table("evidence", [_evidence_cells(record, name) for name, record in seen])


def _show_model(registry: Registry, name: str, form: str) -> None:
    from registry_tool.catalog.resolve import find_model
    from registry_tool.names import ModelName

    model = find_model(registry.catalog, ModelName.parse(name))
    if form == "json":
        print_json(_model_data(model))
    else:
        _draw_model(model)


@click.command()
@click.argument("reference", metavar="REF", shell_complete=complete_reference)
@format_option
@repo_option
@ref_option
def show(*, reference: str, form: str, repo: str, ref: str | None) -> None:
    """Show a model or a version.

    REF is a model, [NAMESPACE/]MODEL, or a version of it, MODEL@VERSION|TAG|ALIAS|latest. Withdrawn versions are
    shown too.

    \b
    Examples:
      registry show nlp/lang-id
      registry show nlp/lang-id@production
      registry show nlp/lang-id@4 --format json
    """
    with open_for_reading(repo, ref) as registry:
        if "@" not in reference:
            _show_model(registry, reference, form)
            return
        found = registry.resolve(reference, allow_withdrawn=True)
        if form == "json":
            print_json(_version_data(found.version))
        else:
            _draw_version(found.version, found.notes)
