"""Drawing for a terminal: colour only there, columns that fit, hostile text made harmless."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from registry_tool.artifacts.progress import Progress

__all__ = ["columns", "harmless", "nobody_reads", "print_json", "progress_bar", "say", "size_words"]

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_KILO = 1000


def harmless(text: str) -> str:
    """Text that cannot move the cursor or change colours: control characters are escaped."""
    return _CONTROL.sub(lambda c: f"\\u{ord(c[0]):04x}", text)


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
    text = json.dumps(data, ensure_ascii=False, indent=2)
    click.echo(_SURROGATE.sub(lambda c: f"\\u{ord(c[0]):04x}", text))


def columns(rows: Iterable[Sequence[str]], *, header: Sequence[str] = ()) -> Iterator[str]:
    """Rows as aligned lines; the last column is not padded."""
    table = [
        [harmless(cell).replace("\n", " ") for cell in row] for row in ([header] if header else [])
    ]
    table += [[harmless(cell).replace("\n", " ") for cell in row] for row in rows]
    if not table:
        return
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    for row in table:
        padded = [cell.ljust(width) for cell, width in zip(row[:-1], widths, strict=False)]
        yield "  ".join([*padded, row[-1]]).rstrip()


def size_words(size: int | None) -> str:
    """A size for people, in powers of 1000: ``938.0 kB``."""
    if size is None:
        return "?"
    if size < _KILO:
        return f"{size} B"
    amount = float(size)
    for unit in ("kB", "MB", "GB", "TB"):
        amount /= _KILO
        if amount < _KILO:
            return f"{amount:.1f} {unit}"
    return f"{amount:.1f} PB"


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
            TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(),
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
