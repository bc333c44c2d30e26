"""Plain (unquoted) scalars of YAML: the value of each, and which ones YAML readers disagree about.

Values are those of the YAML 1.2 core schema, with three exceptions, all in favor of text: a whole number with leading
zeros (``010``), a number too large for 64 bits or for a float (``12345678e90123456789012345678901``), and ``.inf``
or ``.nan`` stay strings.
"""

from __future__ import annotations

import re
from typing import Final

from registry_tool.manifests.problems import JSON

__all__ = ["is_ambiguous", "plain_value"]

_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,18})")
_HEX = re.compile(r"0x[0-9a-fA-F]{1,15}")
_OCTAL = re.compile(r"0o[0-7]{1,20}")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_DIGITS = re.compile(r"[-+]?[0-9]+")
# Whatever some reader of YAML 1.1 or 1.2 takes for a number, a time or a date.
_NUMBER_LIKE = re.compile(
    r"[-+]?[0-9][0-9_]*(?:\.[0-9_]*)?(?:[eE][-+]?[0-9]+)?|[-+]?\.[0-9_]+(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?0x[0-9a-fA-F_]+|[-+]?0o[0-7_]+|[-+]?0b[01_]+"
    r"|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?"
    r"|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt ].*)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
_CLEAR_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,18})(?:\.[0-9]{1,20}(?:[eE][-+][0-9]{1,3})?)?")
# Booleans and null of YAML 1.1, which other readers still take for one.
_WORDS_1_1 = frozenset(
    w for word in ("yes", "no", "on", "off", "y", "n") for w in (word, word.title(), word.upper())
)
_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE: Final = frozenset({"true", "True", "TRUE"})
_FALSE: Final = frozenset({"false", "False", "FALSE"})
_TOO_LARGE = 2**63


def plain_value(text: str) -> JSON:  # noqa: PLR0911 (one line for each kind of scalar)
    """The value of a plain (unquoted) scalar; the module gives the rules."""
    if text in _NULLS:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    if _INT.fullmatch(text):
        return int(text) if abs(int(text)) < _TOO_LARGE else text
    if _HEX.fullmatch(text):
        return int(text, 16)
    if _OCTAL.fullmatch(text):
        return int(text, 8) if int(text, 8) < _TOO_LARGE else text
    if _FLOAT.fullmatch(text) and not _DIGITS.fullmatch(text):
        number = float(text)
        return number if abs(number) != float("inf") else text
    return text


def is_ambiguous(written: str) -> bool:
    """True for a plain scalar that some reader takes for a number, date or boolean, and some for text."""
    if written in _WORDS_1_1:
        return True
    if not _NUMBER_LIKE.fullmatch(written):
        return False
    return not _CLEAR_NUMBER.fullmatch(written) or abs(float(written)) == float("inf")
