"""Drawing for a terminal: colour only there, columns that fit, hostile text made harmless."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from registry_tool.catalog.values import size_words
from registry_tool.cli.plain import harmless, json_text
from registry_tool.manifests.shown import one_line

if TYPE_CHECKING:
    from registry_tool.artifacts.progress import Progress

__all__ = ["columns", "harmless", "nobody_reads", "print_json", "progress_bar", "say", "size_words"]


def say(text: str = "", *, err: bool = False, **style: object) -> None:
    """One line; styled only where a terminal reads it and ``NO_COLOR`` is not set."""
    import os

    plain = harmless(text)
    shown = click.style(plain, **style) if style and not os.environ.get("NO_COLOR") else plain  # type: ignore[arg-type]  # passed on as it is
    click.echo(shown, err=err)


def nobody_reads() -> None:
    """The reader of standard output went away: what is still to be written goes nowhere, without complaint."""
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

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        self._progress = Progress(
            TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TransferSpeedColumn(),
            TimeRemainingColumn(), console=Console(stderr=True), transient=True,
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
def progress_bar() -> Iterator[Progress]:
    """A bar on standard error when that is a terminal; silence otherwise."""
    from registry_tool.artifacts.progress import SILENT

    if not sys.stderr.isatty():
        yield SILENT
        return
    bar = _Bar()
    try:
        yield bar
    finally:
        bar.finish()
