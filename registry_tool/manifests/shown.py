"""A value that stands in a file, as a message shows it."""

from __future__ import annotations

import json

from registry_tool.manifests.problems import JSON

__all__ = ["shown"]

_LENGTH = 80


def shown(value: JSON) -> str:
    """A value for a message: one line, short, harmless on a terminal."""
    text = json.dumps(value, ensure_ascii=True)
    return text if len(text) <= _LENGTH else text[: _LENGTH - 1] + "…"
