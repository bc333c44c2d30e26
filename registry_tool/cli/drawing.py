"""Values of manifests as words, and the blocks that ``show`` and ``compare`` are made of."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from registry_tool.cli.console import columns, say
from registry_tool.manifests.problems import JSON

__all__ = ["STATE_COLOURS", "fields", "names_words", "note_unreadable", "table", "value_words"]

STATE_COLOURS = {"deprecated": "yellow", "withdrawn": "red", "erased": "red", "archived": "yellow"}
_LONGEST = 200


def value_words(value: JSON) -> str:
    """A value in one cell: text as it is, numbers short, everything else as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, dict) and set(value) == {"bytes"}:
        return "(bytes)"
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ", ".join(map(str, value))
    words = json.dumps(value, ensure_ascii=False)
    return words if len(words) <= _LONGEST else words[:_LONGEST] + "…"


def names_words(names: Mapping[str, str]) -> str:
    """Aliases or tags and what they name: ``production=4, staging=5``."""
    return ", ".join(f"{name}={version}" for name, version in names.items())


def fields(pairs: Iterable[tuple[str, JSON]], *, indent: str = "") -> None:
    """Name and value, one a line; what is empty is left out, further lines of a text are indented."""
    filled = [(name, value_words(v)) for name, v in pairs if v not in (None, "", [], {})]
    width = max((len(name) for name, _ in filled), default=0)
    for name, words in filled:
        first, *rest = words.rstrip("\n").split("\n")
        say(f"{indent}{name:<{width}}  {first}")
        for line in rest:
            say(f"{indent}{'':<{width}}  {line}".rstrip())


def table(title: str, rows: Iterable[Sequence[str]], *, header: Sequence[str] = ()) -> None:
    """A titled table; nothing where there are no rows."""
    lines = list(columns(list(rows), header=header))
    if len(lines) <= bool(header):
        return
    say()
    say(title, bold=True)
    for number, line in enumerate(lines):
        say(f"  {line}", dim=number == 0 and bool(header))


def note_unreadable(names: Sequence[str]) -> None:
    """Say on standard error which models or versions were passed over."""
    if names:
        shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")  # noqa: PLR2004
        say(f"note:  cannot be read: {shown}; see `registry check --all`", err=True)
