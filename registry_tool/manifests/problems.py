"""Problems of one file as values, and text from files made safe for messages.

A problem has a place, the value found, the value expected, and how to fix it. Anyone who can push to a registry chooses the text in
its files, so no text of a file may end a line, move the cursor, change the writing direction, or start a command of a CI
system that reads the output of a job.
"""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Final, NamedTuple, TypeAlias

__all__ = [
    "JSON",
    "JSONPath",
    "Problem",
    "inert",
    "inert_json",
    "is_fatal",
    "json_lines",
    "one_line",
    "show_value",
]

# Plain data as it comes out of a manifest.
JSON: TypeAlias = dict[str, "JSON"] | list["JSON"] | str | int | float | bool | None
JSONPath: TypeAlias = tuple[str | int, ...]


class Problem(NamedTuple):
    """One thing wrong with one file.

    Attributes:
        code: ``parse``, ``form``, ``schema``, ``schema-version``, ``ambiguous`` or ``lenient``.
        message: One sentence.
        line: Counted from 1.
        column: Counted from 1.
        found: What stands there.
        expected: What should stand there.
        remedy: The next step.
    """

    code: str
    message: str
    line: int = 1
    column: int = 1
    found: str = ""
    expected: str = ""
    remedy: str = ""


def is_fatal(problem: Problem) -> bool:
    """True for a problem that makes the data of a file unusable."""
    return problem.code not in {"ambiguous", "lenient"}


_LENGTH = 80
# Controls, line and paragraph separators, bidirectional controls, tags that nobody sees, halves of surrogate pairs
# (names that are not UTF-8), and what is no character.
_UNSAFE: Final = (
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff"
    "\U000e0000-\U000e007f]"
)
_SHORT: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
# GitHub reads `::command::` where a line begins, after blanks too, and its older `##[command]` anywhere; Azure reads
# `##vso[` and GitLab `section_start:` behind an escape character.
_OLDER: Final = r"##(?=\[|vso\[)"
_COMMAND: Final = rf"^\s*::|{_OLDER}"


@cache
def _unsafe() -> re.Pattern[str]:
    return re.compile(_UNSAFE)


def _escape(character: str) -> str:
    code = ord(character)
    return _SHORT.get(character) or (f"\\u{code:04x}" if code < 1 << 16 else f"\\U{code:08x}")


def one_line(text: str) -> str:
    """Text that stays on its line and cannot draw: everything that could is escaped, as Python writes it."""
    if text.isprintable():  # most text is; compiling the expression takes a millisecond
        return text
    return _unsafe().sub(lambda found: _escape(found[0]), text)


def inert(text: str) -> str:
    """A line of output that no CI system takes for a command; what begins one is escaped."""
    if "::" not in text and "##" not in text:
        return text
    return re.sub(_COMMAND, lambda found: found[0][:-1] + f"\\u{ord(found[0][-1]):04x}", text)


def json_lines(data: object, *, ascii_only: bool = False) -> str:
    """Data as JSON, for printing: without halves of surrogate pairs, and without what a CI system takes for a command."""
    text = json.dumps(data, ensure_ascii=ascii_only, indent=2)
    text = re.sub("[\ud800-\udfff]", lambda found: f"\\u{ord(found[0]):04x}", text)
    return inert_json(text)


def inert_json(text: str) -> str:
    """JSON that no CI system takes for a command, and that means the same."""
    return re.sub(_OLDER, "#\\\\u0023", text) if "##" in text else text


def show_value(value: JSON) -> str:
    """A value for a message: one line, short, harmless on a terminal."""
    text = json.dumps(value, ensure_ascii=True)
    return text if len(text) <= _LENGTH else text[: _LENGTH - 1] + "…"
