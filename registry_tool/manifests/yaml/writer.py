"""Plain data to canonical YAML: equal data gives equal bytes, and every reader of YAML gives the data back.

Block style, two spaces, keys in the order given. A string is written plain only where YAML 1.1, YAML 1.2 and JSON
readers all take it for that string; digests, versions and timestamps are therefore always quoted.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from registry_tool.manifests.problems import JSON

__all__ = ["render"]

# Words that mean something to some reader; and digests, so that all of them look alike.
_MEANINGFUL = r"(?i:y|yes|n|no|on|off|true|false|null|nan|inf|infinity)|[0-9a-f]{7,}(?:\.dir)?"
# A letter first, no colon but in an address, no "#", no space at the end: nothing that any reader takes for anything but
# this text.
_PLAIN = re.compile(
    rf"(?!(?:{_MEANINGFUL})\Z)[A-Za-z/][A-Za-z0-9_./@+~(),;?!'=% -]*(?:://[A-Za-z0-9_./@+~?=%-]+)?(?<! )",
    re.ASCII,
)
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]"
)

_encode = json.JSONEncoder(ensure_ascii=False).encode  # `json.dumps` would make one for each text


def _quote(text: str) -> str:
    """A JSON string is a double-quoted YAML string; invisible characters are escaped."""
    return _INVISIBLE.sub(lambda c: f"\\u{ord(c[0]):04x}", _encode(text))


def _scalar(value: JSON) -> str:
    if isinstance(value, str):
        text = str.__str__(value)  # a member of an enum of texts prints as its name
        return text if _PLAIN.fullmatch(text) else _quote(text)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{value} cannot be represented in JSON")
        # PyYAML takes 1e+16 for text: it wants a point before the exponent.
        # Of a subclass too: NumPy writes its numbers as np.float64(0.5).
        mantissa, e, exponent = float.__repr__(value).partition("e")
        return f"{mantissa}{'' if '.' in mantissa else '.0'}{e}{exponent}"
    return _encode(value)


def _write_block(text: str, indent: str, lines: list[str]) -> None:
    lines[-1] += " |" if text.endswith("\n") else " |-"
    lines += [f"{indent}{line}" if line else "" for line in text.removesuffix("\n").split("\n")]


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


@lru_cache(1024)
def _key(name: str) -> str:
    return _scalar(name)


# These append to lines instead of giving them: a record has forty, each would pass through every level above it.
def _write_member(value: JSON, indent: str, lines: list[str]) -> None:
    """What follows ``key:`` or ``-`` on the last line; lists and mappings begin on the next."""
    if isinstance(value, str):
        if "\n" in value and _fits_block(value):
            _write_block(value, indent, lines)
        else:
            lines[-1] += f" {_scalar(value)}"
    elif isinstance(value, dict):
        if value:
            _write_mapping(value, indent, lines)
        else:
            lines[-1] += " {}"
    elif isinstance(value, list):
        if value:
            _write_sequence(value, indent, lines)
        else:
            lines[-1] += " []"
    else:
        lines[-1] += f" {_scalar(value)}"


def _write_mapping(data: Mapping[str, JSON], indent: str, lines: list[str]) -> None:
    deeper = indent + "  "
    for key, value in data.items():
        lines.append(f"{indent}{_key(key)}:")
        _write_member(value, deeper, lines)


def _write_sequence(items: Sequence[JSON], indent: str, lines: list[str]) -> None:
    deeper = indent + "  "
    for item in items:
        if isinstance(item, dict) and item:
            start = len(lines)
            _write_mapping(item, deeper, lines)
            lines[start] = f"{indent}- {lines[start][len(deeper) :]}"
        else:
            lines.append(f"{indent}-")
            _write_member(item, deeper, lines)


def render(data: Mapping[str, JSON]) -> bytes:
    """The canonical bytes of a manifest.

    Raises:
        ValueError: A number is infinite or not a number.
    """
    lines: list[str] = []
    _write_mapping(data, "", lines)
    return ("\n".join(lines or ["{}"]) + "\n").encode()
