"""The ``filter`` and ``order_by`` of a search for runs: MLflow's grammar, which TrueFoundry's runs come from.

Comparisons joined by AND: ``metrics.accuracy > 0.7 and params.model = 'SVM'``. A run without the metric, parameter or tag
does not match.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cmp_to_key
from typing import Final, NamedTuple, TypeVar

from registry_tool.live.filter_tokens import BAD, END, NAME, NUMBER, TEXT, FilterToken, scan_filter
from registry_tool.live.filters import (
    MOST_CHARACTERS,
    MOST_TERMS,
    FilterError,
    Operator,
    Scalar,
    compare_scalar,
)

__all__ = ["RunOrder", "RunTerm", "RunValues", "matches_run", "parse_run_filter", "parse_run_order", "sort_runs"]  # fmt: skip

_T = TypeVar("_T")
_SHOWN: Final = 200
_ENTITIES: Final[Mapping[str, str]] = {
    "metric": "metrics", "metrics": "metrics",
    "param": "params", "params": "params", "parameter": "params", "parameters": "params",
    "tag": "tags", "tags": "tags",
    "attr": "attributes", "attribute": "attributes", "attributes": "attributes", "run": "attributes",
}  # fmt: skip
_ATTRIBUTES: Final[Mapping[str, str]] = {
    "status": "status", "name": "name", "run_name": "name", "run_id": "run_id", "fqn": "fqn",
    "start_time": "start_time", "created": "start_time", "end_time": "end_time",
    "artifact_uri": "artifact_uri",
}  # fmt: skip
_NUMERIC: Final = frozenset({"start_time", "end_time"})
_TEXT_OPERATORS: Final[Mapping[str, Operator]] = {
    "=": "=", "==": "=", "!=": "!=", "<>": "!=", "LIKE": "LIKE", "ILIKE": "ILIKE",
}  # fmt: skip
_NUMBER_OPERATORS: Final[Mapping[str, Operator]] = {
    "=": "=", "==": "=", "!=": "!=", "<>": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">=",
}  # fmt: skip
_ORDER: Final = re.compile(
    r"\s*(?P<key>[A-Za-z_]+(?:\.(?:`[^`]*`|\"[^\"]*\"|[^\s`\"]+))?)(?:\s+(?P<way>\w+))?\s*",
    re.DOTALL,
)


class RunTerm(NamedTuple):
    """One comparison.

    Attributes:
        entity: ``metrics``, ``params``, ``tags`` or ``attributes``.
        key: The name of the metric, parameter, tag or attribute.
        operator: How.
        value: The right side.
    """

    entity: str
    key: str
    operator: Operator
    value: Scalar


class RunOrder(NamedTuple):
    """One clause of ``order_by``; runs without the value come last."""

    entity: str
    key: str
    is_ascending: bool


class RunValues(NamedTuple):
    """What a run is compared by: the last value of each metric, and the rest as it is."""

    metrics: Mapping[str, Scalar]
    params: Mapping[str, Scalar]
    tags: Mapping[str, Scalar]
    attributes: Mapping[str, Scalar]

    def find(self, entity: str, key: str) -> Scalar | None:
        """A value; None where the run has none."""
        values: Mapping[str, Scalar] = getattr(self, entity)
        return values.get(key)


def _split_key(written: str) -> tuple[str, str]:
    """The entity and the key of an identifier.

    Raises:
        FilterError: It is none.
    """
    entity, dot, key = written.partition(".")
    if not dot:
        entity, key = "attributes", written
    if len(key) > 1 and key[0] == key[-1] and key[0] in "`\"'":
        key = key[1:-1]
    found = _ENTITIES.get(entity.lower())
    if found is None or not key:
        raise FilterError(
            f"{written[:_SHOWN]!a} names nothing that runs have;"
            " expected metrics.NAME, params.NAME, tags.NAME or attributes.NAME"
        )
    if found == "attributes":
        if key not in _ATTRIBUTES:
            raise FilterError(
                f"runs have no attribute {key[:_SHOWN]!a}; expected one of {', '.join(sorted(set(_ATTRIBUTES.values())))}"
            )
        key = _ATTRIBUTES[key]
    return found, key


def _read_term(clause: Sequence[FilterToken]) -> RunTerm:
    words = " ".join(token.text for token in clause)[:_SHOWN]
    if len(clause) != 3 or clause[0].kind != NAME or clause[2].kind not in {TEXT, NUMBER}:  # noqa: PLR2004 (key, operator, value)
        raise FilterError(
            f"{words!a} is not a comparison; expected one such as params.model = 'SVM'"
        )
    entity, key = _split_key(clause[0].text)
    is_number = entity == "metrics" or (entity == "attributes" and key in _NUMERIC)
    operators = _NUMBER_OPERATORS if is_number else _TEXT_OPERATORS
    operator = operators.get(clause[1].text.upper())
    if operator is None:
        raise FilterError(f"{words!a} compares with {clause[1].text!a}; expected one of {', '.join(operators)}")  # fmt: skip
    written = clause[2]
    if is_number != (written.kind == NUMBER):
        expected = "a number" if is_number else "quoted text"
        raise FilterError(f"{words!a} compares with {written.text[:_SHOWN]}; expected {expected}")
    value: Scalar = float(written.text) if is_number else written.text[1:-1]
    return RunTerm(entity, key, operator, value)


def parse_run_filter(source: str) -> list[RunTerm]:
    """The comparisons of a filter, all of which must be true.

    Raises:
        FilterError: It is no filter, or too large.
    """
    if len(source) > MOST_CHARACTERS:
        raise FilterError(f"more than {MOST_CHARACTERS} characters")
    found: list[RunTerm] = []
    clause: list[FilterToken] = []
    tokens = scan_filter(source)
    if tokens[0].kind == END:
        return []
    for token in tokens:
        if token.kind == BAD:
            raise FilterError(f"found {token.text[:_SHOWN]!a}; expected comparisons joined by and")
        if token.kind == END or (token.kind == NAME and token.text.upper() == "AND"):
            found.append(_read_term(clause))
            clause = []
        else:
            clause.append(token)
        if len(found) > MOST_TERMS:
            raise FilterError(f"more than {MOST_TERMS} comparisons")
    return found


def matches_run(terms: Sequence[RunTerm]) -> Callable[[RunValues], bool]:
    """A function that is true for the runs that all comparisons are true of."""
    tests = [(one, compare_scalar(one.operator, one.value)) for one in terms]

    def matches(values: RunValues) -> bool:
        for term, test in tests:
            value = values.find(term.entity, term.key)
            if value is None or not test(value):
                return False
        return True

    return matches


def parse_run_order(clauses: Sequence[str]) -> list[RunOrder]:
    """The clauses of ``order_by``.

    Raises:
        FilterError: One is none.
    """
    found: list[RunOrder] = []
    for clause in clauses:
        match = _ORDER.fullmatch(clause) if len(clause) < MOST_TERMS else None
        way = "" if match is None else (match["way"] or "ASC").upper()
        if match is None or way not in {"ASC", "DESC"}:
            raise FilterError(
                f"{clause[:_SHOWN]!a} is not an order; expected one such as metrics.rmse DESC"
            )
        found.append(RunOrder(*_split_key(match["key"]), way == "ASC"))
    return found


def sort_runs(
    runs: Sequence[tuple[RunValues, _T]], orders: Sequence[RunOrder]
) -> list[tuple[RunValues, _T]]:
    """Runs in order; equal ones stay as they are."""

    def compare(left: tuple[RunValues, _T], right: tuple[RunValues, _T]) -> int:
        for order in orders:
            one, other = (side[0].find(order.entity, order.key) for side in (left, right))
            if one is None or other is None:
                sign = (one is None) - (other is None)
            else:
                sign = _compare(one, other) * (1 if order.is_ascending else -1)
            if sign:
                return sign
        return 0

    return sorted(runs, key=cmp_to_key(compare))


def _compare(one: Scalar, other: Scalar) -> int:
    if isinstance(one, str) or isinstance(other, str):
        return (str(one) > str(other)) - (str(one) < str(other))
    return (one > other) - (one < other)
