"""Text that is safe to print: hostile text made harmless, and JSON that can always be written."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

__all__ = ["harmless", "json_text"]

_CONTROL: Final = "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]"
_SURROGATE: Final = "[\ud800-\udfff]"


@cache
def _control() -> re.Pattern[str]:
    return re.compile(_CONTROL)


def harmless(text: str) -> str:
    """Text that cannot move the cursor or change colours: control characters are escaped."""
    if text.isprintable():  # most text is; compiling the expression takes a millisecond
        return text
    return _control().sub(lambda c: f"\\u{ord(c[0]):04x}", text)


def json_text(data: object) -> str:
    """Data as JSON; names that are not UTF-8 are escaped, so that it can be written."""
    import json

    text = json.dumps(data, ensure_ascii=False, indent=2)
    return re.sub(_SURROGATE, lambda c: f"\\u{ord(c[0]):04x}", text)
