"""Filters: one expression tree under the grammars of all protocols, run as nested functions.

Nothing is evaluated as code and nothing is matched with backtracking: a filter costs its length times the records that it
looks at. Equality on a column with an index looks at the records that have the value and no others.
"""

from __future__ import annotations

import operator
from array import array
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Final, Literal, NamedTuple, TypeAlias

from registry_tool.errors import UsageError
from registry_tool.live.indexes import Indexes
from registry_tool.live.records import Record

__all__ = [
    "MOST_CHARACTERS",
    "MOST_TERMS",
    "And",
    "Expression",
    "FilterColumn",
    "FilterColumns",
    "FilterError",
    "FilterField",
    "FilterTerm",
    "Operator",
    "Or",
    "Predicate",
    "Scalar",
    "compare_scalar",
    "compile_filter",
    "find_candidates",
    "match_pattern",
]

MOST_TERMS: Final = 1000
MOST_CHARACTERS: Final = 100_000

Scalar: TypeAlias = str | int | float | bool
Operator = Literal["=", "!=", ">", ">=", "<", "<=", "LIKE", "ILIKE", "IN", "NOT IN"]
Predicate = Callable[[Record], bool]


class FilterError(UsageError):
    """A filter that its protocol does not allow; the message is in the protocol's words."""


class FilterField(NamedTuple):
    """What a filter compares.

    Attributes:
        name: A field of the protocol's object, or a key of its free metadata.
        is_free: True for a key of the free metadata: a tag, a custom property.
        type: The type that a custom property must have: ``string``, ``int``, ``double``, ``bool``; empty for any.
    """

    name: str
    is_free: bool = False
    type: str = ""


class FilterTerm(NamedTuple):
    """One field compared with values.

    Attributes:
        field: The left side.
        operator: How.
        values: The right side; more than one for ``IN`` and ``NOT IN`` only.
        absent: The result for a record that does not have the field.
    """

    field: FilterField
    operator: Operator
    values: tuple[Scalar, ...]
    absent: bool = False


class And(NamedTuple):
    """All of some expressions; true for none."""

    terms: tuple[Expression, ...]


class Or(NamedTuple):
    """One of some expressions; false for none."""

    terms: tuple[Expression, ...]


Expression: TypeAlias = "FilterTerm | And | Or"


class FilterColumn(NamedTuple):
    """Where the values of a field come from.

    Attributes:
        value: The value of a record; None where it has none.
        lookup: The name of an equality index; None for none. The value must follow from the record alone then, and of
            one name there is one function.
    """

    value: Callable[[Record], Scalar | None]
    lookup: Hashable = None


# The column of a field; raises FilterError for a field that the object does not have.
FilterColumns = Callable[[FilterField], FilterColumn]


def _number(value: Scalar) -> float | None:
    """A value as a number, where it is one or looks like one; no boolean is."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value
    try:
        return float(value) if len(value) < 40 and "_" not in value else None  # noqa: PLR2004 (no number is longer)
    except ValueError:
        return None


def _is_equal(value: Scalar, wanted: Scalar) -> bool:
    if isinstance(value, bool) or isinstance(wanted, bool):
        return value is wanted
    if type(value) is type(wanted):
        return value == wanted
    if isinstance(value, str) and not isinstance(wanted, str):
        return False
    # A number against quoted digits, as ids and times are in JSON.
    return _number(value) == _number(wanted)


_ORDERINGS: Final[Mapping[str, Callable[[float | str, float | str], bool]]] = {
    ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le,
}  # fmt: skip


def _is_ordered(value: Scalar, comparator: str, wanted: Scalar) -> bool:
    if isinstance(value, str) and isinstance(wanted, str):
        return _ORDERINGS[comparator](value, wanted)
    if isinstance(value, str):
        return False
    left, right = _number(value), _number(wanted)
    return left is not None and right is not None and _ORDERINGS[comparator](left, right)


def compare_scalar(comparator: Operator, *values: Scalar) -> Callable[[Scalar], bool]:
    """A function that compares a value with others; more than one for ``IN`` and ``NOT IN`` only."""
    wanted = values[0] if values else ""
    match comparator:
        case "=":
            return lambda value: _is_equal(value, wanted)
        case "!=":
            return lambda value: not _is_equal(value, wanted)
        case "IN":
            return lambda value: any(_is_equal(value, one) for one in values)
        case "NOT IN":
            return lambda value: not any(_is_equal(value, one) for one in values)
        case "LIKE" | "ILIKE":
            matches = match_pattern(str(wanted), folds=comparator == "ILIKE")
            return lambda value: isinstance(value, str) and matches(value)
        case _:
            return lambda value: _is_ordered(value, comparator, wanted)


def compile_filter(expression: Expression, columns: FilterColumns) -> Predicate:
    """A function that is true for the records that an expression describes.

    Raises:
        FilterError: It names a field that the object does not have.
    """
    if isinstance(expression, FilterTerm):
        value, absent = columns(expression.field).value, expression.absent
        test = compare_scalar(expression.operator, *expression.values)

        def compare(record: Record) -> bool:
            found = value(record)
            return absent if found is None else test(found)

        return compare
    parts = [compile_filter(term, columns) for term in expression.terms]
    if isinstance(expression, And):
        return parts[0] if len(parts) == 1 else lambda record: all(part(record) for part in parts)
    return lambda record: any(part(record) for part in parts)


def _keys(values: Iterable[Scalar]) -> set[Hashable]:
    """The values in an index that may be equal to some others: quoted digits are equal to a number."""
    found: set[Hashable] = set()
    for value in values:
        found.add(value)
        number = _number(value)
        if number is not None:
            found.add(number)
    return found


def find_candidates(
    expression: Expression, kind: str, indexes: Indexes, columns: FilterColumns
) -> array[int] | None:
    """The ids, ascending, of records among which are all that an expression describes; None where no index says so.

    Args:
        expression: The filter.
        kind: The kind of record; see ``indexes.record_kind``.
        indexes: Those of the snapshot.
        columns: The columns of the protocol.
    """
    if isinstance(expression, FilterTerm):
        column = columns(expression.field)
        indexed = column.lookup is not None and expression.operator in {"=", "IN"}
        if not indexed or expression.absent:
            return None
        found = [
            indexes.find(kind, column.lookup, column.value, key) for key in _keys(expression.values)
        ]
        return _union(found)
    parts = [find_candidates(term, kind, indexes, columns) for term in expression.terms]
    known = [part for part in parts if part is not None]
    if isinstance(expression, And):
        return min(known, key=len, default=None)
    return _union(known) if len(known) == len(parts) else None


def _union(parts: list[array[int]]) -> array[int]:
    filled = [part for part in parts if part]
    if len(filled) == 1:
        return filled[0]
    return array("q", sorted({number for part in filled for number in part}))


def _segment_finder(segment: str) -> Callable[[str, int], int]:
    """Finds a piece of a pattern without ``%`` from some place on, in linear time; -1 where there is none."""
    if "_" not in segment:
        return lambda text, start: text.find(segment, start)
    # Shift-and (Baeza-Yates and Gonnet, 1992): one bit for each character that has matched so far.
    everywhere = sum(1 << number for number, letter in enumerate(segment) if letter == "_")
    masks: dict[str, int] = {}
    for number, letter in enumerate(segment):
        if letter != "_":
            masks[letter] = masks.get(letter, everywhere) | 1 << number
    last = 1 << len(segment) - 1

    def find(text: str, start: int) -> int:
        state = 0
        for place in range(start, len(text)):
            state = (state << 1 | 1) & masks.get(text[place], everywhere)
            if state & last:
                return place - len(segment) + 1
        return -1

    return find


def _fits(segment: str, text: str, start: int) -> bool:
    piece = text[start : start + len(segment)]
    return len(piece) == len(segment) and all(
        wanted in ("_", letter) for wanted, letter in zip(segment, piece, strict=True)
    )


def match_pattern(pattern: str, *, folds: bool = False) -> Callable[[str], bool]:
    """A function that is true for text that a ``LIKE`` pattern matches: ``%`` is any text, ``_`` any character.

    Args:
        pattern: The pattern.
        folds: True to ignore case.
    """
    first, *middle = (pattern.casefold() if folds else pattern).split("%")
    if not middle:
        return lambda text: _matches_whole(first, text.casefold() if folds else text)
    last = middle.pop()
    finders = [(_segment_finder(piece), len(piece)) for piece in middle if piece]

    def matches(text: str) -> bool:
        found = text.casefold() if folds else text
        if len(found) < len(first) + len(last) or not _fits(first, found, 0):
            return False
        place = len(first)
        for find, length in finders:
            place = find(found, place)
            if place < 0:
                return False
            place += length
        end = len(found) - len(last)
        return place <= end and _fits(last, found, end)

    return matches


def _matches_whole(pattern: str, text: str) -> bool:
    return len(pattern) == len(text) and _fits(pattern, text, 0)
