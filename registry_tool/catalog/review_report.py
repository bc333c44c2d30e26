"""The reviewer's report, as Markdown for a pull request; all that comes from the registry is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from registry_tool.catalog.compare import GROUPS, Comparison, Row
from registry_tool.catalog.describe import escape_markdown, sentence, size_words, value_words
from registry_tool.catalog.review import Against, Review, Versus
from registry_tool.manifests.problems import JSON

__all__ = ["markdown"]

# A comment on GitHub holds 65,536 characters.
_FOR_EVENTS: Final = 20_000
_FOR_VERSIONS: Final = 35_000
_ROWS: Final = 60
_NONE: Final = "-"
_WORDS: Final = {
    "metrics": "metric", "artifacts": "artifact", "framework": "framework", "environment": "environment",
    "packages": "package", "parameters": "parameter", "lineage": "lineage", "labels": "label",
    "files": "file",
}  # fmt: skip
_ORDER: Final = (*GROUPS[:2], "files", *GROUPS[2:])  # files after artifacts
_WITH_SIZE: Final = frozenset({"artifacts", "files"})
_Key = tuple[str, str]


def _size(value: JSON) -> int | None:
    size = value.get("size") if isinstance(value, dict) else None
    return size if isinstance(size, int) else None


def _value(group: str, value: JSON) -> str:
    if group == "labels":
        return "yes"
    if group in _WITH_SIZE and isinstance(value, dict):
        where = value.get("uri")
        return escape_markdown(str(where)) if where is not None else size_words(_size(value))
    return escape_markdown(value_words(value)) or "yes"  # a package without a version


def _relative(before: float, after: float) -> str:
    """Which way a number went, and how far for its size: ``↑ +2.1%``."""
    if before == after:
        return "="
    arrow = "↑" if after > before else "↓"
    try:
        share = (after - before) / abs(before)
    except (ZeroDivisionError, OverflowError):
        return arrow
    return f"{arrow} {share:+.1%}"


def _describe_change(group: str, row: Row) -> str:
    """What the other version has, and how the one under review differs from it."""
    left, right = row.left, row.right
    if group in _WITH_SIZE:
        left, right = _size(row.left), _size(row.right)
    shown = _value(group, row.left)
    numbers = (int, float)
    if isinstance(left, bool) or isinstance(right, bool):
        return shown
    if isinstance(left, numbers) and isinstance(right, numbers):
        moved = _relative(left, right)
        return f"{shown}, other bytes" if moved == "=" else f"{shown} {moved}"
    return shown


def _cell(group: str, row: Row | None) -> str:
    if row is None or row.change == "added":
        return _NONE
    if row.change == "same":
        return f"{_value(group, row.left)} =" if group == "metrics" else "="
    return _value(group, row.left) if row.change == "removed" else _describe_change(group, row)


def _rows(comparison: Comparison) -> dict[_Key, Row]:
    return {(group, row.name): row for group in GROUPS for row in comparison.groups[group]}


def _index_rows(other: Against) -> dict[_Key, Row]:
    return _rows(other.comparison) | {("files", row.name): row for row in other.files}


def _lines(alone: Mapping[_Key, Row], others: Sequence[Mapping[_Key, Row]]) -> Iterator[str]:
    """Metrics always; everything else where it differs from one of the others, or nothing is there to compare."""
    keys = list(dict.fromkeys([*alone, *(key for rows in others for key in rows)]))
    keys.sort(key=lambda key: _ORDER.index(key[0]))
    for key in keys:
        group, name = key
        rows = [other.get(key) for other in others]
        if others and group != "metrics" and all(r is None or r.change == "same" for r in rows):
            continue
        own = next((r for r in (alone.get(key), *rows) if r and r.change != "removed"), None)
        shown = _NONE if own is None else _value(group, own.right)
        cells = [
            f"{_WORDS[group]} {escape_markdown(name)}",
            shown,
            *(_cell(group, row) for row in rows),
        ]
        yield f"| {' | '.join(cells)} |"


def _table(versus: Versus, alone: Comparison) -> Iterator[str]:
    named = [
        f"{escape_markdown(other.version)}, {escape_markdown(other.role)}"
        for other in versus.others
    ]
    heads = ["", escape_markdown(versus.version), *named]
    lines = list(_lines(_rows(alone), [_index_rows(other) for other in versus.others]))
    yield f"| {' | '.join(heads)} |"
    yield f"|{' --- |' * len(heads)}"
    yield from lines[:_ROWS]
    if len(lines) > _ROWS:
        yield from ["", f"… and {len(lines) - _ROWS} more rows: `registry compare`"]


def _section(versus: Versus) -> Iterator[str]:
    named = escape_markdown(f"{versus.model}@{versus.version}")
    why = "new" if versus.why == "new" else f"for {escape_markdown(versus.why)}"
    yield from ["", f"### {named}, {why}", ""]
    if versus.alone is None:
        yield f"Its record cannot be read: {escape_markdown(versus.unreadable)}"
        return
    yield from _table(versus, versus.alone)
    same = [escape_markdown(a.version) for a in versus.others if a.comparison.same_identity]
    if same:
        yield from ["", f"It has the identity of {', '.join(same)}: it produces the same outputs."]
    elif not versus.others:
        yield from ["", "There is no earlier version to compare it with."]


def _fitting(parts: Iterable[str], room: int) -> tuple[list[str], int]:
    """The parts that fit into so many characters, and how many do not."""
    kept: list[str] = []
    found = list(parts)
    for part in found:
        room -= len(part)
        if room < 0:
            break
        kept.append(part)
    return kept, len(found) - len(kept)


def markdown(review: Review, *, gates: Sequence[str] = ()) -> str:
    """The report.

    Args:
        review: What the change does.
        gates: What has to hold before a version gets further, one sentence each, as plain text.
    """
    done = (f"- {sentence(event, escape_markdown)}" for event in review.events)
    lines, more = _fitting(done, _FOR_EVENTS)
    if more:
        lines.append(f"- … and {more} more: `registry diff`")
    sections, more = _fitting(("\n".join(_section(v)) for v in review.versions), _FOR_VERSIONS)
    lines += sections
    if more + review.more:
        lines += ["", f"… and {more + review.more} more versions: `registry compare`"]
    if any(versus.others for versus in review.versions):
        lines += [
            "",
            "An arrow shows how a value changes in the version under review.",
        ]
    if gates:
        lines += [
            "",
            "### Gates for later promotions",
            "",
            *(f"- {escape_markdown(gate)}" for gate in gates),
        ]
    return "\n".join(["## Changes", "", *(lines or ["Nothing."])]) + "\n"
