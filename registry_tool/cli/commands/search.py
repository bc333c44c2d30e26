"""``registry search``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from registry_tool.catalog.search import FILTERS, VERSION_FILTERS
from registry_tool.cli.options import format_option, open_for_reading, ref_option, repo_option
from registry_tool.cli.output.console import columns, note_unreadable, print_json, say, value_words
from registry_tool.manifests.fields import MODEL_FIELDS, VERSION_FIELDS
from registry_tool.manifests.problems import JSON

if TYPE_CHECKING:
    from contextlib import ExitStack

    from registry_tool.api.registry import Registry
    from registry_tool.catalog.search import Found
    from registry_tool.catalog.summary_cache import Rows

__all__ = ["search"]


def _listed(words: Iterable[str], end: str = "") -> str:
    *first, last = (f"{word}{end}" for word in words)
    return f"{', '.join(first)} and {last}" if first else last


_SEARCHED = dict.fromkeys(f.name for f in (*MODEL_FIELDS, *VERSION_FIELDS) if f.is_searched)
_HELP = f"""Search models and versions.

Words are searched in {_listed(_SEARCHED)}. Filters are {_listed(FILTERS, ":")}; METRIC>=VALUE is a bound on a metric.
Every term must match. A filter on versions ({_listed(VERSION_FILTERS, ":")}, a metric, a version's state:)
finds versions. AND between terms is allowed; OR, NOT, brackets and wildcards are not. Text in double quotes is
taken literally.

\b
Examples:
  registry search language
  registry search label:edge owner:@acme/speech
  registry search "accuracy>=0.9" framework:fasttext
  registry search alias:production --limit 10
"""


def _row(found: Found) -> dict[str, JSON]:
    model, version = found
    row: dict[str, JSON] = {
        "model": str(model.name),
        "task": model.get("task") or None,
        "description": model.get("description"),
    }
    if version is not None:
        row |= {
            "version": version.version,
            "state": version.state,
            "description": version.description or model.get("description"),
            "framework": version.get("framework.type"),
            "metrics": dict(version.metrics),
        }
    return row


def _rows(registry: Registry, stack: ExitStack) -> Rows:
    """The rows of a registry; where many have to be made, a second process helps until the search ends."""
    from registry_tool.api.rows import load_rows, rows_folder
    from registry_tool.catalog.worker import going_ahead

    git = registry.repository.git
    commit = registry.commit or git.head()
    if commit is None:
        return registry.rows
    ahead = going_ahead(git, commit, rows_folder())
    return load_rows(registry.catalog, registry.repository, many=lambda: stack.enter_context(ahead))


def _cells(row: dict[str, JSON], metrics: tuple[str, ...]) -> tuple[str, ...]:
    from registry_tool.catalog.search import named_metric

    first = (str(row["description"]).strip().split("\n") or [""])[0]
    if "version" not in row:
        return (str(row["model"]), str(row["task"] or ""), first)
    known = row["metrics"] if isinstance(row["metrics"], dict) else {}
    named = ((key, named_metric(known, key)) for key in metrics)
    bounds = "  ".join(
        f"{name or key}={value_words(known.get(name or key))}" for key, name in named
    )
    return (f"{row['model']}@{row['version']}", str(row["state"]), bounds, first)


@click.command(help=_HELP)
@click.argument("query", nargs=-1, required=True)
@click.option("--versions", is_flag=True, help="Find versions, also where no filter asks for them.")
@click.option(
    "--limit", metavar="N", type=click.IntRange(min=1), default=50, show_default=True,
    help="Stop after so many.",
)  # fmt: skip
@format_option
@repo_option
@ref_option
def search(
    *, query: tuple[str, ...], versions: bool, limit: int, form: str, repo: str, ref: str | None
) -> None:
    """Search models and versions; see ``_HELP``."""
    from contextlib import ExitStack
    from itertools import islice

    from registry_tool.catalog import search

    asked = search.parse_query(query, versions=versions)
    unreadable: list[str] = []
    with ExitStack() as stack:
        registry = stack.enter_context(open_for_reading(repo, ref))
        names = search.MetricNames()
        hits = search.search(
            _rows(registry, stack), asked, unreadable=unreadable.append, metrics=names
        )
        rows = [_row(hit) for hit in islice(hits, limit)]
        more = next(hits, None) is not None
    if form == "json":
        print_json(rows)
    metrics = tuple(dict.fromkeys(bound.metric for bound in asked.bounds))
    for line in columns(_cells(row, metrics) for row in rows) if form != "json" else ():
        say(line)
    note_unreadable(unreadable)
    if more:
        say(f"note:  there are more than {limit}; ask for more with --limit", err=True)
    if not rows:
        say("note:  nothing found", err=True)
        for note in names.notes():
            say(f"note:  {note}", err=True)
