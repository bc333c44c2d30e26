"""Values of manifests as words for people."""

from __future__ import annotations

import json
from typing import Final

from registry_tool.manifests.problems import JSON

__all__ = ["size_words", "value_words"]

_KILO: Final = 1000
_LONGEST: Final = 200


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


def value_words(value: JSON) -> str:
    """A value in one cell: text as it is, numbers short, everything else as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, dict) and set(value) == {"bytes"}:
        return "(bytes)"
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ", ".join(map(str, value))
    words = json.dumps(value, ensure_ascii=False)
    return words if len(words) <= _LONGEST else words[:_LONGEST] + "…"
