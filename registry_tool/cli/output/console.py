"""Output for a terminal: colour only there, aligned columns, escaped text; and the blocks of ``show`` and ``compare``."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

import click

from registry_tool.api.interface.text import one_line
from registry_tool.api.interface.words import size_words, value_words
from registry_tool.cli.output.escape import harmless, json_text

if TYPE_CHECKING:
    from registry_tool.api.interface.types import JSON, Progress

__all__ = [
    "STATE_COLOURS",
    "columns",
    "discard_output",
    "fields",
    "harmless",
    "names_words",
    "note_unreadable",
    "print_json",
    "progress_bar",
    "say",
    "size_words",
    "table",
    "value_words",
]


def say(text: str = "", *, err: bool = False, **style: object) -> None:
    """One line; styled only where a terminal reads it and ``NO_COLOR`` is not set."""
    import os

    plain = harmless(text)
    shown = click.style(plain, **style) if style and not os.environ.get("NO_COLOR") else plain  # type: ignore[arg-type]  # passed on as it is
    click.echo(shown, err=err)


def discard_output() -> None:
    """The reader of standard output has exited: discard what is still written to it."""
    import os

    # https://docs.python.org/3/library/signal.html#note-on-sigpipe
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def print_json(data: object) -> None:
    """Data for programs, on standard output; names that are not UTF-8 are escaped, so that it can be written."""
    click.echo(json_text(data, sys.stdout.encoding))


def columns(rows: Iterable[Sequence[str]], *, header: Sequence[str] = ()) -> Iterator[str]:
    """Rows as aligned lines; the last column is not padded."""
    table = [[one_line(cell) for cell in row] for row in ([header] if header else [])]
    table += [[one_line(cell) for cell in row] for row in rows]
    if not table:
        return
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    for row in table:
        padded = [cell.ljust(width) for cell, width in zip(row[:-1], widths, strict=False)]
        yield harmless("  ".join([*padded, row[-1]]).rstrip())


class _Bar:
    """A progress bar of rich, told by the library."""

    def __init__(self, unit: Literal["bytes", "models"]) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            MofNCompleteColumn,
            Progress,
            ProgressColumn,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        shown: list[ProgressColumn] = [DownloadColumn(), TransferSpeedColumn()]
        if unit != "bytes":
            shown = [MofNCompleteColumn()]
        self._progress = Progress(
            TextColumn("{task.description}", markup=False), BarColumn(), *shown, TimeRemainingColumn(),
            console=Console(stderr=True), transient=True,
        )  # fmt: skip
        self._task = self._progress.add_task("", visible=False)

    def start(self, total_bytes: int, description: str) -> None:
        self._progress.reset(
            self._task, total=total_bytes, description=harmless(description), visible=True
        )
        self._progress.start()

    def advance(self, n: int) -> None:
        self._progress.advance(self._task, n)

    def finish(self) -> None:
        self._progress.stop()


@contextmanager
def progress_bar(unit: Literal["bytes", "models"] = "bytes") -> Iterator[Progress]:
    """A bar on standard error when that is a terminal and rich is installed; silence otherwise."""
    from registry_tool.api.interface.progress import SILENT

    if not sys.stderr.isatty():
        yield SILENT
        return
    try:
        bar = _Bar(unit)
    except ModuleNotFoundError:  # registry-tool-reader does without
        yield SILENT
        return
    try:
        yield bar
    finally:
        bar.finish()


STATE_COLOURS = {
    "deprecated": "yellow",
    "withdrawn": "red",
    "erased": "red",
    "deleted": "red",
    "archived": "yellow",
}


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
    """Report on standard error which models or versions were skipped."""
    if names:
        shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")  # noqa: PLR2004
        say(f"note:  cannot read {shown}; see `registry check --all`", err=True)
