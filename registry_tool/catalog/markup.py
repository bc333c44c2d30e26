"""Text from a registry as Markdown that stays text.

Whoever opens a pull request writes the paths and values in it, so nothing of them may act as Markdown or HTML, link,
or call people: punctuation becomes character references, and what would mention is parted.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["escaped"]

_LONGEST: Final = 500
_SPACE: Final = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")
_INVISIBLE: Final = re.compile(
    "[\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff\U000e0000-\U000e007f]"
)
# All ASCII punctuation: a character reference is text to Markdown, never structure (CommonMark 2.5).
_PUNCTUATION: Final = re.compile(r"[!-,./:-@\[-`{-~-]")
# After rendering GitHub looks for mentions and issues in the text; a zero-width space parts them.
_CALLS: Final = frozenset("@#")


def escaped(text: str) -> str:
    """A text as one line of Markdown, also inside a table; a long one is cut."""
    short = text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
    plain = _SPACE.sub(" ", _INVISIBLE.sub("�", short)).strip()
    return _PUNCTUATION.sub(
        lambda c: f"&#{ord(c[0])};" + ("&#8203;" if c[0] in _CALLS else ""), plain
    )
