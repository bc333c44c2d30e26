"""``registry list``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import click

from registry_tool.cli.completion import complete_model
from registry_tool.cli.options import format_option, open_for_reading, ref_option, repo_option
from registry_tool.cli.output.console import (
    columns,
    names_words,
    note_unreadable,
    print_json,
    say,
    value_words,
)
from registry_tool.errors import NotFoundError, RegistryError
from registry_tool.manifests.problems import JSON

if TYPE_CHECKING:
    from registry_tool.catalog.catalog import Catalog, ModelView
    from registry_tool.catalog.summary import ModelRow, VersionRow
    from registry_tool.names import ModelName

__all__ = ["list_"]

_Row = dict[str, JSON]


def _model_row(row: ModelRow, model: ModelView) -> _Row:
    from registry_tool.catalog.resolve import latest

    try:
        highest: str | None = latest(model).version
    except RegistryError:
        highest = None
    return {
        "model": str(row.name),
        "versions": len(model.versions),
        "latest": highest,
        "aliases": dict(model.alias_targets()),
        "task": row.get("task") or None,
        "owner": row.get("owner"),
        "labels": [*row.labels],
        "state": row.state,
    }


def _version_rows(
    name: ModelName, rows: Iterable[VersionRow], unreadable: list[str]
) -> Iterator[_Row]:
    for row in rows:
        if row.unreadable:
            unreadable.append(f"{name}@{row.version}")
            continue
        yield {
            "version": row.version,
            "state": row.state,
            "created_at": row.created_at,
            "aliases": [*row.aliases],
            "tags": [*row.tags],
            "framework": row.get("framework.type"),
            "metrics": dict(row.metrics),
        }


def _chosen(catalog: Catalog, what: str) -> ModelView | str:
    """The model or the namespace of a name; a namespace goes before a model of the default namespace."""
    from registry_tool.catalog.resolve import find_model
    from registry_tool.names import ModelName, check_namespace

    if "/" not in what.rstrip("/"):
        name = what.rstrip("/")
        if name in catalog.namespaces():
            return check_namespace(name)
        try:
            return find_model(catalog, ModelName.parse(name))
        except NotFoundError as exc:
            known = ", ".join(catalog.namespaces()[:5]) or "none"
            raise NotFoundError(
                f"there is no namespace {name}, and no model {ModelName.parse(name)}",
                remedy=f"namespaces: {known}",
            ) from exc
    return find_model(catalog, ModelName.parse(what))


def _model_cells(row: _Row) -> tuple[str, ...]:
    aliases = row["aliases"] if isinstance(row["aliases"], dict) else {}
    state = "" if row["state"] == "live" else str(row["state"])
    count = "1 version" if row["versions"] == 1 else f"{row['versions']} versions"
    return (
        str(row["model"]), count, f"latest {row['latest'] or '-'}",
        names_words({k: str(v) for k, v in aliases.items()}), state,
    )  # fmt: skip


def _version_cells(row: _Row) -> tuple[str, ...]:
    def joined(key: str) -> str:
        names = row[key]
        return ", ".join(map(str, names)) if isinstance(names, list) else ""

    metrics = row["metrics"] if isinstance(row["metrics"], dict) else {}
    shown = "  ".join(f"{key}={value_words(value)}" for key, value in list(metrics.items())[:4])
    names = ", ".join(filter(None, (joined("aliases"), joined("tags"))))
    day = str(row["created_at"])[:10]
    return (str(row["version"]), str(row["state"]), day, names, str(row["framework"]), shown)


@click.command("list")
@click.argument("what", metavar="[NAMESPACE|MODEL]", required=False, shell_complete=complete_model)
@click.option("--label", "labels", metavar="L", multiple=True, help="Models with this label.")
@click.option("--task", metavar="T", help="Models of this task.")
@click.option("--owner", metavar="O", help="Models of this owner.")
@format_option
@repo_option
@ref_option
def list_(
    *,
    what: str | None,
    labels: tuple[str, ...],
    task: str | None,
    owner: str | None,
    form: str,
    repo: str,
    ref: str | None,
) -> None:
    """List models, or the versions of one.

    \b
    Examples:
      registry list
      registry list nlp --label edge
      registry list nlp/lang-id
    """
    from registry_tool.api.listing import version_rows
    from registry_tool.catalog.catalog import ModelView
    from registry_tool.catalog.search import Filter, Query, search

    with open_for_reading(repo, ref) as registry:
        chosen = None if what is None else _chosen(registry.catalog, what)
        unreadable: list[str] = []
        if chosen is None or isinstance(chosen, str):
            asked = [("namespace", chosen), ("task", task), ("owner", owner)]
            asked += [("label", label) for label in labels]
            query = Query(filters=tuple(Filter(f, v) for f, v in asked if v))
            found = search(registry.rows, query, unreadable=unreadable.append)
            views = registry.catalog
            rows = [_model_row(row, ModelView(views, row.name)) for row, _ in found]
            cells = [_model_cells(row) for row in rows]
        else:
            rows = list(_version_rows(chosen.name, version_rows(registry, chosen.name), unreadable))
            cells = [_version_cells(row) for row in rows]
        note_unreadable(unreadable)
        if form == "json":
            print_json(rows)
        for line in columns(cells) if form != "json" else ():
            say(line)
        if not rows and form != "json":
            say("note:  nothing found", err=True)
