"""The words of a filter: names, numbers, quoted text, operators. Each character is looked at once."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

__all__ = ["BAD", "END", "NAME", "NUMBER", "SIGN", "TEXT", "FilterToken", "scan_filter"]

NAME: Final = "name"
NUMBER: Final = "number"
TEXT: Final = "text"
SIGN: Final = "sign"
BAD: Final = "bad"
END: Final = "end"

# Possessive, so that a text without an end is not tried again from the middle.
_TOKEN: Final = re.compile(
    r"""
      (?P<name>(?:[^\W\d]\w*+|`[^`]*+`)(?:\.(?:[\w-]++|`[^`]*+`|"[^"]*+"|'[^']*+')|:\w++)*+)
    | (?P<number>[-+]?(?:\d++(?:\.\d*+)?|\.\d++)(?:[eE][-+]?\d++)?+(?!\w))
    | (?P<text>'(?:[^'\\]|\\.|'')*+'|"(?:[^"\\]|\\.|"")*+")
    | (?P<sign><>|==|!=|>=|<=|[=<>(),])
    | (?P<bad>\S)
    """,
    re.VERBOSE | re.DOTALL,
)
_QUOTES: Final = frozenset("'\"`")
_BLANK: Final = re.compile(r"\s*+")


class FilterToken(NamedTuple):
    """One word of a filter.

    Attributes:
        kind: One of the constants of this module.
        text: As it was written.
        place: Where it begins, from 0.
    """

    kind: str
    text: str
    place: int


def scan_filter(source: str) -> list[FilterToken]:
    """The words of a filter; the last is of kind ``END``, and what is no word is of kind ``BAD``, as is all from a quote without an end on."""
    found: list[FilterToken] = []
    place = 0
    while True:
        blank = _BLANK.match(source, place)
        place = place if blank is None else blank.end()
        token = _TOKEN.match(source, place)
        if token is None:
            return [*found, FilterToken(END, "", len(source))]
        if (
            token[0] in _QUOTES
        ):  # without an end: from each later quote on, it would be looked for again
            return [
                *found,
                FilterToken(BAD, source[place:], place),
                FilterToken(END, "", len(source)),
            ]
        found.append(FilterToken(str(token.lastgroup), token[0], place))
        place = token.end()
