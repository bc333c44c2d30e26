"""Strings that are looked for in many files at once.

To look for a thousand digests one by one in ten thousand files takes ten seconds, for git too. But they all begin alike:
what they share is found in one pass, and what follows it is looked up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import takewhile
from typing import Final

__all__ = ["Needles"]

# Fewer are looked for as fast one by one; a shorter beginning stands in too many places.
_MANY: Final = 16
_LONG: Final = 4


def _beginning(words: Sequence[bytes]) -> bytes:
    """What some words all begin with."""
    lowest, highest = min(words), max(words)
    same = (one == other for one, other in zip(lowest, highest, strict=False))
    return lowest[: sum(takewhile(bool, same))]


class Needles:
    """Strings that are looked for.

    Args:
        words: The strings.

    Attributes:
        words: Each of them once, as bytes.
        beginning: What they all begin with; empty where they are better looked for one by one.
    """

    def __init__(self, words: Iterable[str]) -> None:
        self.words = tuple(dict.fromkeys(word.encode(errors="surrogateescape") for word in words))
        # Git tells lines, in which no line feed stands.
        lines = len(self.words) >= _MANY and not any(b"\n" in word for word in self.words)
        shared = _beginning(self.words) if lines else b""
        self.beginning = shared if len(shared) >= _LONG else b""
        self._lengths = sorted(set(map(len, self.words)))
        self._known = frozenset(self.words)

    def are_in(self, data: bytes) -> bool:
        """True when one of them stands in some bytes."""
        if not self.beginning:
            return any(word in data for word in self.words)
        place = data.find(self.beginning)
        while place >= 0:
            for length in self._lengths:
                if data[place : place + length] in self._known:
                    return True
            place = data.find(self.beginning, place + 1)
        return False
