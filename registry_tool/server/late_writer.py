"""The writer of a server, made when the server has started: its imports take as long as all that answers reads."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from registry_tool.writer.writer import Writer

__all__ = ["LateWriter"]


class LateWriter:
    """A writer that is made in a thread, once; safe for threads.

    Args:
        make: Makes it. Where that raises, the requests so far are refused with it, and the next one tries again.
        mode: How requests are written at first.
    """

    def __init__(self, make: Callable[[], Writer], mode: str) -> None:
        self._make = make
        self._mode = mode
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(1, "writer start")
        self._made: Future[Writer] | None = None

    def begin(self) -> Future[Writer]:
        """Make it, if that has not begun."""
        with self._lock:
            made = self._made
            if made is None or (made.done() and made.exception() is not None):
                made = self._made = self._pool.submit(self._make)
            return made

    @property
    def _writer(self) -> Writer | None:
        made = self._made
        if made is None or not made.done() or made.exception() is not None:
            return None
        return made.result()

    @property
    def trouble(self) -> str:
        """Why it refuses every write; empty where it does not."""
        made = self._made
        if made is not None and made.done() and (error := made.exception()) is not None:
            return f"every write is refused: {error}"
        if (writer := self._writer) is not None and writer.failure is not None:
            return "the writer has stopped, and every write is refused; restart the server"
        return ""

    @property
    def began_at(self) -> str | None:
        """As ``Writer.began_at``; None before it is made."""
        return None if (writer := self._writer) is None else writer.began_at

    @property
    def mode(self) -> str:
        """How requests are written now: ``commit``, ``branch`` or ``propose``."""
        return self._mode if (writer := self._writer) is None else writer.mode.write

    @property
    def policy_trouble(self) -> str:
        """As ``Writer.policy_trouble``."""
        return "" if (writer := self._writer) is None else writer.policy_trouble

    @property
    def waiting(self) -> int:
        """How many requests wait."""
        return 0 if (writer := self._writer) is None else writer.waiting

    def close(self) -> None:
        """End it, as ``Writer.close``."""
        with self._lock:
            made = self._made
        if made is not None and made.exception() is None:
            made.result().close()
        self._pool.shutdown()
