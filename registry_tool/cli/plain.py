"""Text that is safe to print: hostile text made harmless, and JSON that can always be written."""

from __future__ import annotations

import re

__all__ = ["harmless", "json_text"]

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")
_SURROGATE = re.compile("[\ud800-\udfff]")


def harmless(text: str) -> str:
    """Text that cannot move the cursor or change colours: control characters are escaped."""
    return _CONTROL.sub(lambda c: f"\\u{ord(c[0]):04x}", text)


def json_text(data: object) -> str:
    """Data as JSON; names that are not UTF-8 are escaped, so that it can be written."""
    import json

    text = json.dumps(data, ensure_ascii=False, indent=2)
    return _SURROGATE.sub(lambda c: f"\\u{ord(c[0]):04x}", text)
