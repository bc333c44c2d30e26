"""``registry search``."""

from __future__ import annotations

from collections.abc import Iterable
from inspect import cleandoc
from typing import TYPE_CHECKING

import click

from registry_tool.api.interface.fields import (
    FILTERS,
    MODEL_FIELDS,
    VERSION_FIELDS,
    VERSION_FILTERS,
)
from registry_tool.cli.options import format_option, open_for_reading, ref_option, repo_option
from registry_tool.cli.output.console import columns, note_unreadable, print_json, say, value_words

if TYPE_CHECKING:
    from registry_tool.api.interface.types import JSON

__all__ = ["search"]


def _cells(row: dict[str, JSON], metrics: tuple[str, ...]) -> tuple[str, ...]:
    from registry_tool.api.listing import named_metric

    first = (str(row["description"]).strip().split("\n") or [""])[0]
    if "version" not in row:
        return (str(row["model"]), str(row["task"] or ""), first)
    known = row["metrics"] if isinstance(row["metrics"], dict) else {}
    named = ((key, named_metric(known, key)) for key in metrics)
    bounds = "  ".join(
        f"{name or key}={value_words(known.get(name or key))}" for key, name in named
    )
    return (f"{row['model']}@{row['version']}", str(row["state"]), bounds, first)


def _join(words: Iterable[str], end: str = "") -> str:
    *first, last = (f"{word}{end}" for word in words)
    return f"{', '.join(first)} and {last}" if first else last


_SEARCHED = dict.fromkeys(f.name for f in (*MODEL_FIELDS, *VERSION_FIELDS) if f.is_searched)
_TERMS = f"""Words are searched in {_join(_SEARCHED)}.

Filters are {_join(FILTERS, ":")}; METRIC>=VALUE is a bound on a metric. Every term must match. A filter on versions
({_join(VERSION_FILTERS, ":")}, a metric, a version's state:) finds versions. AND between terms is allowed; OR, NOT,
brackets and wildcards are not. Text in double quotes is taken literally.
"""


@click.command()
@click.argument("query", nargs=-1, required=True)
@click.option("--versions", is_flag=True, help="Find versions, even if no filter requires them.")
@click.option(
    "--limit", metavar="N", type=click.IntRange(min=1), default=50, show_default=True,
    help="Maximum number of results.",
)  # fmt: skip
@format_option
@repo_option
@ref_option
def search(
    *, query: tuple[str, ...], versions: bool, limit: int, form: str, repo: str, ref: str | None
) -> None:
    """Terms may be words, filters and bounds on metrics.

    \b
    Examples:
      registry search language
      registry search label:edge owner:@acme/speech
      registry search "accuracy>=0.9" framework:fasttext
      registry search alias:production --limit 10
    """
    with open_for_reading(repo, ref) as registry:
        found = registry.find(query, versions=versions, limit=limit, workers=None)
    if form == "json":
        print_json(found.rows)
    else:
        for line in columns(_cells(row, found.metrics) for row in found.rows):
            say(line)
    note_unreadable(found.unreadable)
    if found.has_more:
        say(f"note:  there are more than {limit} results; raise --limit", err=True)
    if not found.rows:
        say("note:  nothing found", err=True)
        for note in found.notes:
            say(f"note:  {note}", err=True)


# From the table of fields: a docstring cannot be computed.
search.help = f"{_TERMS}\n{cleandoc(search.help or '').partition(chr(10))[2].strip()}"
