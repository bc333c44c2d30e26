"""Kubeflow's ``filterQuery``: comparisons joined by AND and OR, with parentheses.

``name LIKE 'lang%' AND (accuracy > 0.9 OR `team name`.string_value = "speech")``. A name that is no field of the object is a
custom property, which may say its type.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from registry_tool.live.filter_tokens import (
    BAD,
    END,
    NAME,
    NUMBER,
    SIGN,
    TEXT,
    FilterToken,
    scan_filter,
)
from registry_tool.live.filters import (
    MOST_CHARACTERS,
    MOST_TERMS,
    And,
    Expression,
    FilterError,
    FilterField,
    FilterTerm,
    Operator,
    Or,
    Scalar,
)

__all__ = ["parse_kubeflow_filter"]

_DEEPEST: Final = 50
_TYPES: Final = {
    "string_value": "string",
    "int_value": "int",
    "double_value": "double",
    "bool_value": "bool",
}
_OPERATORS: Final[dict[str, Operator]] = {
    "=": "=", "!=": "!=", "<>": "!=", ">": ">", ">=": ">=", "<": "<", "<=": "<=", "LIKE": "LIKE",
    "ILIKE": "ILIKE", "IN": "IN",
}  # fmt: skip
_KEYWORDS: Final = frozenset({"AND", "OR", "LIKE", "ILIKE", "IN", "NOT"})
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t"}


class _Parser:
    def __init__(self, source: str, fields: Collection[str]) -> None:
        self._tokens = scan_filter(source)
        self._fields = fields
        self._at = 0
        self._terms = 0

    @property
    def _next(self) -> FilterToken:
        return self._tokens[self._at]

    def _take(self) -> FilterToken:
        token = self._next
        if token.kind != END:
            self._at += 1
        return token

    def _is_word(self, word: str) -> bool:
        return self._next.kind == NAME and self._next.text.upper() == word

    def _unexpected(self, expected: str) -> FilterError:
        token = self._next
        if token.kind == END:
            return FilterError(f"invalid filter query: expected {expected} at the end")
        if token.kind == BAD and token.text[0] in "'\"`":
            return FilterError(
                f"invalid filter query: no closing {token.text[0]} for the quote at position {token.place + 1}"
            )
        return FilterError(
            f"invalid filter query: unexpected {token.text[:40]!r} at position {token.place + 1}, expected {expected}"
        )

    def parse(self) -> Expression:
        found = self._either(0)
        if self._next.kind != END:
            raise self._unexpected("AND, OR or the end")
        return found

    def _either(self, depth: int) -> Expression:
        found = [self._both(depth)]
        while self._is_word("OR"):
            self._take()
            found.append(self._both(depth))
        return found[0] if len(found) == 1 else Or(tuple(found))

    def _both(self, depth: int) -> Expression:
        found = [self._term(depth)]
        while self._is_word("AND"):
            self._take()
            found.append(self._term(depth))
        return found[0] if len(found) == 1 else And(tuple(found))

    def _term(self, depth: int) -> Expression:
        if self._next.kind == SIGN and self._next.text == "(":
            if depth == _DEEPEST:
                raise FilterError(
                    f"invalid filter query: more than {_DEEPEST} levels of parentheses"
                )
            self._take()
            found = self._either(depth + 1)
            self._expect(")")
            return found
        return self._comparison()

    def _expect(self, sign: str) -> None:
        if self._next.kind != SIGN or self._next.text != sign:
            raise self._unexpected(f"'{sign}'")
        self._take()

    def _comparison(self) -> FilterTerm:
        self._terms += 1
        if self._terms > MOST_TERMS:
            raise FilterError(f"invalid filter query: more than {MOST_TERMS} comparisons")
        if self._next.kind != NAME or self._next.text.upper() in _KEYWORDS:
            raise self._unexpected("a property name")
        field = self._field(self._take().text)
        comparator = _OPERATORS.get(self._next.text.upper())
        if comparator is None or self._next.kind not in {SIGN, NAME}:
            raise self._unexpected("an operator (=, !=, <>, >, >=, <, <=, LIKE, ILIKE, IN)")
        self._take()
        if comparator == "IN":
            return FilterTerm(field, comparator, self._list())
        value = self._value()
        if comparator in {"LIKE", "ILIKE"} and not isinstance(value, str):
            raise FilterError(f"invalid filter query: {comparator} needs a quoted pattern")
        return FilterTerm(field, comparator, (value,))

    def _field(self, written: str) -> FilterField:
        name, kind = written, ""
        for suffix, known in _TYPES.items():
            if written.endswith(f".{suffix}"):
                name, kind = written.removesuffix(f".{suffix}"), known
        is_quoted = name.startswith("`") and name.endswith("`")
        name = name.strip("`") if is_quoted else name
        if not kind and name in self._fields:
            return FilterField(name)
        return FilterField(name, is_free=True, type=kind)

    def _list(self) -> tuple[Scalar, ...]:
        self._expect("(")
        values = [self._value()]
        while self._next.text == "," and self._next.kind == SIGN:
            self._take()
            values.append(self._value())
        self._expect(")")
        return tuple(values)

    def _value(self) -> Scalar:
        token = self._next
        word = token.text.lower()
        if token.kind == TEXT:
            self._take()
            return _ESCAPED.sub(lambda m: _ESCAPES.get(m[1], m[1]), token.text[1:-1])
        if token.kind == NUMBER:
            self._take()
            return _read_number(token.text)
        if token.kind == NAME and word in {"true", "false"}:
            self._take()
            return word == "true"
        raise self._unexpected("a value")


def _read_number(text: str) -> int | float:
    digits = text.lstrip("+-")
    if digits.isdecimal() and len(digits) < 40:  # noqa: PLR2004 (no id, time or count is longer)
        return int(text)
    return float(text)


def parse_kubeflow_filter(source: str, fields: Collection[str]) -> Expression:
    """The expression of a ``filterQuery``.

    Args:
        source: As the client sent it; not empty.
        fields: The JSON fields of the object; any other name is a custom property.

    Raises:
        FilterError: It is no filter, or too large.
    """
    if len(source) > MOST_CHARACTERS:
        raise FilterError(f"invalid filter query: more than {MOST_CHARACTERS} characters")
    if "\0" in source:
        raise FilterError("invalid filter query: it contains a null byte")
    return _Parser(source, fields).parse()
