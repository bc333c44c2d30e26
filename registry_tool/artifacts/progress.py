"""Progress of long work with bytes, told to whoever draws it. The library itself never draws."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol

__all__ = ["SILENT", "Progress", "shown"]


class Progress(Protocol):
    """What a progress bar must offer. ``advance`` is called from several threads at once."""

    def start(self, total_bytes: int, description: str) -> None:
        """Work of about ``total_bytes`` begins."""

    def advance(self, n: int) -> None:
        """``n`` more bytes are done."""

    def finish(self) -> None:
        """The work ended, well or not."""


class _Silent:
    def start(self, total_bytes: int, description: str) -> None:
        pass

    def advance(self, n: int) -> None:
        pass

    def finish(self) -> None:
        pass


SILENT: Final[Progress] = _Silent()


@contextmanager
def shown(progress: Progress, total_bytes: int, description: str) -> Iterator[Progress]:
    """Start and surely finish one piece of work."""
    progress.start(total_bytes, description)
    try:
        yield progress
    finally:
        progress.finish()
