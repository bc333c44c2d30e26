"""The rows of one model as columns: small when compressed, and quick to scan in a browser.

What a query compares is written in the form in which it is compared, so that the browser folds nothing but the query.
``templates/web/assets/search-worker.js`` reads what is written here.
"""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from registry_tool.catalog.search.query import VERSION_FILTERS
from registry_tool.catalog.search.summary import (
    ModelRow,
    VersionRow,
    comparable_value,
    compose_text,
)
from registry_tool.manifests.fields import LISTED_VERSION, MODEL_FIELDS
from registry_tool.manifests.problems import JSON

__all__ = ["write_columns"]

_COMPARED_OF_MODEL: Final = tuple(f for f in MODEL_FIELDS if f.filter and f.match != "member")
_COMPARED_OF_VERSION: Final = tuple(f for f in LISTED_VERSION if f.filter in VERSION_FILTERS)
_SHOWN_OF_MODEL: Final = ("title", "task")
_MARKS: Final = frozenset("\x01\x02\x03")
_EXACT: Final = 1 << 53
# In a text: the description, and the labels, which are next to it; and at its start, that it is whole.
_DESCRIPTION, _LABELS, _WHOLE = "\x01", "\x02", "\x03"


def write_columns(
    model: ModelRow, versions: Sequence[VersionRow], own_pages: Collection[str] | None = None
) -> bytes:
    """The rows of a model and its versions as one line of JSON.

    Args:
        model: The row of the model.
        versions: Those of its versions, highest first.
        own_pages: The versions that have a page of their own; None for all.
    """
    entry: dict[str, JSON] = {"name": str(model.name)}
    if model.unreadable:
        entry["unreadable"] = True
    else:
        entry.update(_describe_model(model))
        if versions:
            entry["versions"] = _arrange_versions(str(model.name), versions)
            if own_pages is not None:
                entry["pages"] = [n for n, row in enumerate(versions) if row.version in own_pages]
    # The halves of surrogate pairs, which stand for bytes that are not UTF-8, are escaped.
    text = json.dumps(entry, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", "backslashreplace")


def _describe_model(model: ModelRow) -> dict[str, JSON]:
    compared = {f.filter: comparable_value(f.match, model.get(f.name)) for f in _COMPARED_OF_MODEL}
    entry: dict[str, JSON] = {name: model.get(name) for name in _SHOWN_OF_MODEL if model.get(name)}
    entry["description"] = _take_first_line(model.get("description"))
    entry["is"] = {name: value for name, value in compared.items() if value}
    entry["state"] = model.state
    entry["labels"] = list(model.labels)
    entry["text"] = model.text
    return entry


def _take_first_line(text: str) -> str:
    return text.strip().split("\n")[0]


def _arrange_versions(model: str, rows: Sequence[VersionRow]) -> dict[str, JSON]:
    numbered = [str(number) for number in range(len(rows), 0, -1)]
    names = [row.version for row in rows]
    columns: dict[str, JSON] = {
        "names": len(rows) if names == numbered else [*names],
        "days": _arrange_days(rows),
        "descriptions": [_take_first_line(row.description) for row in rows],
        "texts": [_shorten_text(model, row) for row in rows],
        "labels": _arrange_values([list(row.labels) for row in rows]),
        "state": _arrange_values([row.state for row in rows]),
    }
    for field in _COMPARED_OF_VERSION:
        values = [comparable_value(field.match, row.get(field.name)) for row in rows]
        columns[field.filter] = _arrange_values(values)
    columns["aliases"] = _arrange_names([row.aliases for row in rows])
    columns["tags"] = _arrange_names([row.tags for row in rows])
    columns["unreadable"] = _arrange_names([row.unreadable for row in rows])
    columns["metrics"], columns["odd"] = _arrange_metrics([row.metrics for row in rows])
    return {name: column for name, column in columns.items() if column not in ({}, [])}


def _arrange_days(rows: Sequence[VersionRow]) -> list[JSON]:
    """Days since 1970, each but the first as the difference to the one before; null for none."""
    column: list[JSON] = []
    before = 0
    for row in rows:
        try:
            day = dt.date.fromisoformat(row.created_at[:10]).toordinal() - 719_163
        except ValueError:
            column.append(None)
            continue
        column.append(day - before)
        before = day
    return column


def _shorten_text(model: str, row: VersionRow) -> str:
    """The text that words are searched in, without its first line, which is the reference."""
    first = comparable_value("folded", f"{model}@{row.version}")
    shown, labels = _take_first_line(row.description), "\n".join(row.labels)
    is_usual = row.text.startswith(first) and not _MARKS.intersection(f"{row.text}{shown}{labels}")
    if not is_usual:
        return _WHOLE + row.text
    text = row.text.removeprefix(first)
    if shown.isascii() and shown:
        text = text.replace(f"\n{shown.lower()}", f"\n{_DESCRIPTION}", 1)
    if labels:
        text = text.replace(f"\n{labels}", f"\n{_LABELS}", 1)
    return text


def _arrange_values(values: Sequence[JSON]) -> list[JSON]:
    """The values there are, and which of them each row has; one value of all rows stands alone."""
    known: list[JSON] = []
    places: list[JSON] = []
    for value in values:
        if value not in known:
            known.append(value)
        places.append(known.index(value))
    return [known] if len(known) == 1 else [known, places]


def _arrange_names(names: Sequence[tuple[str, ...]]) -> dict[str, JSON]:
    """The rows that have each name."""
    found: dict[str, list[JSON]] = {}
    for number, row in enumerate(names):
        for name in row:
            found.setdefault(name, []).append(number)
    return {name: [*rows] for name, rows in sorted(found.items())}


def _arrange_metrics(
    rows: Sequence[Mapping[str, JSON]],
) -> tuple[dict[str, JSON], dict[str, JSON]]:
    """Numbers by metric and row; and what is none that a browser reads exactly, by metric and row."""
    numbers: dict[str, dict[int, float]] = {}
    odd: dict[str, list[JSON]] = {}
    for place, metrics in enumerate(rows):
        for name, value in _compose_names(metrics).items():
            if _is_exact(value):
                numbers.setdefault(name, {})[place] = value  # type: ignore[assignment]  # a finite number
            else:
                odd.setdefault(name, []).append([place, *_describe_odd(value)])
    columns: dict[str, JSON] = {}
    for name, found in sorted(numbers.items()):
        if len(found) * 2 < len(rows):
            columns[name] = {"rows": [*found], "values": [*found.values()]}
        else:
            columns[name] = [found.get(place) for place in range(len(rows))]
    return columns, {name: [*values] for name, values in sorted(odd.items())}


def _compose_names(metrics: Mapping[str, JSON]) -> Mapping[str, JSON]:
    """As a query finds them: a name as it is asked for, before the first that is composed to it."""
    if all(name.isascii() for name in metrics):
        return metrics
    found: dict[str, JSON] = {}
    for name, value in metrics.items():
        composed = compose_text(name)
        found.setdefault(composed, metrics.get(composed, value))
    return found


def _is_exact(value: JSON) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) <= _EXACT if isinstance(value, int) else math.isfinite(value)


def _describe_odd(value: JSON) -> list[JSON]:
    """What a value is: ``number`` with its digits or its name, ``text`` with it, or ``other``."""
    if isinstance(value, str):
        return ["text", compose_text(value)]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ["other"]
    return ["number", str(value)]
