"""What is said while another process is waited for."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

__all__ = ["Patience", "say_nothing"]

_WORDS_AFTER: Final = 1.0


def say_nothing(_words: str) -> None:
    """What a caller who does not listen is told."""


class Patience:
    """Says once, after a second, that another process is waited for.

    Args:
        label: What it fetches.
        tell: Told so.
    """

    def __init__(self, label: str, tell: Callable[[str], None]) -> None:
        self._label, self._tell = label, tell
        self._since = 0.0

    def wait(self, _there: int = 0) -> None:
        """Another process is still at it, and has so many bytes."""
        now = time.monotonic()
        if not self._since:
            self._since = now
        elif now - self._since > _WORDS_AFTER:
            self._since = float("inf")
            self._tell(f"waiting for another process that fetches {self._label} …")
