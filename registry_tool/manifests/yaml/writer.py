"""Plain data to canonical YAML: equal data gives equal bytes, and every reader of YAML gives the data back.

Block style, two spaces, keys in the order given. A string is written plain only where YAML 1.1, YAML 1.2 and JSON
readers all take it for that string; digests, versions and timestamps are therefore always quoted.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence

from registry_tool.manifests.problems import JSON

__all__ = ["render"]

# A letter first, no colon but in an address, no "#": nothing that any reader takes for anything but this text.
_PLAIN = re.compile(
    r"[A-Za-z/][A-Za-z0-9_./@+~(),;?!'=% -]*(?:://[A-Za-z0-9_./@+~?=%-]+)?", re.ASCII
)
# Words that mean something to some reader; and digests, so that all of them look alike.
_MEANINGFUL = re.compile(
    r"(?i:y|yes|n|no|on|off|true|false|null|nan|inf|infinity)|[0-9a-f]{7,}(?:\.dir)?", re.ASCII
)
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]"
)


def _quote(text: str) -> str:
    """A JSON string is a double-quoted YAML string; invisible characters are escaped."""
    return _INVISIBLE.sub(lambda c: f"\\u{ord(c[0]):04x}", json.dumps(text, ensure_ascii=False))


def _is_plain(text: str) -> bool:
    return (
        bool(_PLAIN.fullmatch(text)) and not _MEANINGFUL.fullmatch(text) and not text.endswith(" ")
    )


def _scalar(value: JSON) -> str:
    if isinstance(value, str):
        text = str.__str__(value)  # a member of an enum of texts prints as its name
        return text if _is_plain(text) else _quote(text)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{value} cannot be represented in JSON")
        # PyYAML takes 1e+16 for text: it wants a point before the exponent.
        # Of a subclass too: NumPy writes its numbers as np.float64(0.5).
        mantissa, e, exponent = float.__repr__(value).partition("e")
        return f"{mantissa}{'' if '.' in mantissa else '.0'}{e}{exponent}"
    return json.dumps(value)


def _as_block(text: str, indent: str) -> Iterator[str]:
    chomp = "" if text.endswith("\n") else "-"
    yield f"|{chomp}"
    for line in text.removesuffix("\n").split("\n"):
        yield f"{indent}{line}" if line else ""


def _fits_block(text: str) -> bool:
    """True for text of several lines that reads back the same from a literal block."""
    return (
        "\n" in text.rstrip("\n")
        and not text.startswith((" ", "\n", "\t"))
        and not text.endswith("\n\n")
        and all(line == line.rstrip() for line in text.split("\n"))
        and not _INVISIBLE.search(text)
        and "\t" not in text
    )


def _member(value: JSON, indent: str) -> Iterator[str]:
    """What follows ``key:`` or ``-``: its first item continues that line, the others are lines."""
    if isinstance(value, str) and _fits_block(value):
        yield from _as_block(value, indent)
    elif isinstance(value, dict) and value:
        yield ""
        yield from _mapping(value, indent)
    elif isinstance(value, list) and value:
        yield ""
        yield from _sequence(value, indent)
    elif isinstance(value, dict | list):
        yield "{}" if isinstance(value, dict) else "[]"
    else:
        yield _scalar(value)


def _mapping(data: Mapping[str, JSON], indent: str) -> Iterator[str]:
    for key, value in data.items():
        first, *rest = _member(value, indent + "  ")
        yield f"{indent}{_scalar(key)}:{' ' if first else ''}{first}"
        yield from rest


def _sequence(items: Sequence[JSON], indent: str) -> Iterator[str]:
    for item in items:
        if isinstance(item, dict) and item:
            first, *rest = _mapping(item, indent + "  ")
            yield f"{indent}- {first.removeprefix(indent + '  ')}"
        else:
            head, *rest = _member(item, indent + "  ")
            yield f"{indent}- {head}" if head else f"{indent}-"
        yield from rest


def render(data: Mapping[str, JSON]) -> bytes:
    """The canonical bytes of a manifest.

    Raises:
        ValueError: A number is infinite or not a number.
    """
    lines = list(_mapping(data, "")) or ["{}"]
    return ("\n".join(lines) + "\n").encode()
