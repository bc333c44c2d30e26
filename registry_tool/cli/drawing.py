"""Values of manifests as words, and the blocks that ``show`` and ``compare`` are made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from registry_tool.catalog.values import value_words
from registry_tool.cli.console import columns, say
from registry_tool.manifests.problems import JSON
from registry_tool.manifests.shown import one_line

__all__ = ["STATE_COLOURS", "fields", "names_words", "note_unreadable", "table", "value_words"]

STATE_COLOURS = {"deprecated": "yellow", "withdrawn": "red", "erased": "red", "archived": "yellow"}


def names_words(names: Mapping[str, str]) -> str:
    """Aliases or tags and what they name: ``production=4, staging=5``."""
    return ", ".join(f"{name}={version}" for name, version in names.items())


def fields(pairs: Iterable[tuple[str, JSON]], *, indent: str = "") -> None:
    """Name and value, one a line; what is empty is left out."""
    filled = [(name, value_words(v)) for name, v in pairs if v not in (None, "", [], {})]
    width = max((len(name) for name, _ in filled), default=0)
    for name, words in filled:
        say(f"{indent}{one_line(name):<{width}}  {words.rstrip()}")


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
