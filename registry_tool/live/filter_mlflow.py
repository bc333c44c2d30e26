"""MLflow's ``filter`` and ``order_by`` of registered models and model versions.

Comparisons joined by AND; no OR and no parentheses. Errors are those of MLflow 3.18's ``mlflow/utils/search_utils.py``, word for
word, because its clients compare them. As there, quoted text is taken as it stands, without escapes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, Literal, NamedTuple

from registry_tool.live.filter_tokens import BAD, END, NAME, NUMBER, TEXT, FilterToken, scan_filter
from registry_tool.live.filters import (
    MOST_CHARACTERS,
    MOST_TERMS,
    And,
    Expression,
    FilterError,
    FilterField,
    FilterTerm,
    Operator,
    Scalar,
)

__all__ = [
    "PROMPT_TAG",
    "MlflowFilter",
    "MlflowKind",
    "MlflowOrder",
    "parse_mlflow_filter",
    "parse_mlflow_order",
]

PROMPT_TAG: Final = "mlflow.prompt.is_prompt"

MlflowKind = Literal["model", "version"]


class _Grammar(NamedTuple):
    """What a kind of object can be searched and ordered by."""

    attributes: tuple[str, ...]
    numeric: tuple[str, ...]
    lists: tuple[str, ...]
    orders: tuple[str, ...]


_GRAMMARS: Final[dict[MlflowKind, _Grammar]] = {
    "model": _Grammar(
        ("name",), (), ("name",), ("creation_timestamp", "last_updated_timestamp", "name", "timestamp")
    ),
    "version": _Grammar(
        ("name", "run_id", "source_path", "version_number"), ("version_number",), ("name", "run_id"),
        ("creation_timestamp", "last_updated_timestamp", "name", "version_number"),
    ),
}  # fmt: skip
# As MLflow names them; of these only version_number can be searched for.
_NUMERIC: Final = ("version_number", "creation_timestamp", "last_updated_timestamp")
_ENTITIES: Final = ("attribute", "tag", "tags")
_TEXT_OPERATORS: Final[dict[str, Operator]] = {
    "=": "=", "!=": "!=", "LIKE": "LIKE", "ILIKE": "ILIKE",
}  # fmt: skip
_LIST_OPERATORS: Final[dict[str, Operator]] = {"IN": "IN", "NOT IN": "NOT IN"}
_NUMBER_OPERATORS: Final[dict[str, Operator]] = {
    "=": "=", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">=",
}  # fmt: skip
_COMPARATORS: Final = frozenset(
    {*_TEXT_OPERATORS, *_LIST_OPERATORS, *_NUMBER_OPERATORS, "==", "<>"}
)
_INTEGER: Final = re.compile(r"\s*[-+]?\d{1,40}\s*")
_ORDER: Final = re.compile(
    r"\s*(?P<key>`[^`]*`|\"[^\"]*\"|[\w.]+)(?:\s+(?P<way>\w+))?\s*(?P<more>\S.*)?", re.DOTALL
)


class MlflowFilter(NamedTuple):
    """A parsed filter.

    Attributes:
        expression: What a record must satisfy; ordinary searches leave prompts out by it.
        wants_prompts: True where the filter asks for prompts.
    """

    expression: Expression
    wants_prompts: bool


class MlflowOrder(NamedTuple):
    """One ``order_by`` clause: ``name``, ``version_number``, ``creation_timestamp`` or ``last_updated_timestamp``."""

    key: str
    is_ascending: bool


def _shown(names: Sequence[str]) -> str:
    """Names as Python prints a set of them."""
    return "{" + ", ".join(f"'{name}'" for name in names) + "}"


def _split(tokens: Sequence[FilterToken]) -> Iterator[list[FilterToken]]:
    """The tokens between one AND and the next."""
    clause: list[FilterToken] = []
    for token in tokens:
        if token.kind == END or (token.kind == NAME and token.text.upper() == "AND"):
            if clause:
                yield clause
            clause = []
        else:
            clause.append(token)


def _check_statement(source: str, tokens: Sequence[FilterToken]) -> None:
    for token in tokens:
        if token.kind == NAME and token.text.upper() == "OR":
            raise FilterError(f"Invalid clause(s) in filter string: {token.text}")
        if token.kind == BAD and token.text == ";":
            raise FilterError(
                f"Search filter contained multiple expression {source[:200]!r}. Provide AND-ed expression list."
            )


def _invalid(clause: Sequence[FilterToken]) -> FilterError:
    glue = " " if clause and clause[0].text == "(" else ", "
    words = glue.join(token.text for token in clause)[:200]
    return FilterError(f"Invalid clause(s) in filter string: {words}")


def _field(written: str, grammar: _Grammar) -> FilterField:
    entity, dot, key = written.partition(".")
    if not dot:
        entity, key = "attribute", written
    elif entity not in _ENTITIES:
        raise FilterError(f"Invalid entity type '{entity}'. Valid entity types are {_ENTITIES}")
    is_tag = entity in {"tag", "tags"}
    if not is_tag and key not in grammar.attributes:
        raise FilterError(
            f"Invalid attribute key '{key}' specified. Valid keys are '{_shown(grammar.attributes)}'"
        )
    for quote in ('"', "'", "`"):
        if len(key) > 1 and key[0] == key[-1] == quote:
            key = key[1:-1]
    return FilterField(key, is_free=is_tag)


def _comparator(clause: list[FilterToken]) -> tuple[str, list[FilterToken]]:
    """The comparator of a clause, and what comes after it."""
    words = [token.text.upper() for token in clause]
    if words[:2] == ["NOT", "IN"]:
        return "NOT IN", clause[2:]
    return (words[0], clause[1:]) if words else ("", [])


def _texts(clause: list[FilterToken], field: FilterField, grammar: _Grammar) -> tuple[Scalar, ...]:
    """The values of a list in parentheses."""
    if field.name not in grammar.lists:
        raise FilterError(
            f"Only {sorted(grammar.lists)} attributes support comparison with a list of quoted string values."
        )
    inner = clause[1:-1]
    expected = "While parsing a list in the query, expected"
    if not inner:
        raise FilterError(f"{expected} a non-empty list of string values, but got empty list")
    good = clause[-1].text == ")" and len(inner) % 2 == 1
    good = good and all(
        token.kind == TEXT if number % 2 == 0 else token.text == ","
        for number, token in enumerate(inner)
    )
    if not good:
        words = " ".join(token.text for token in inner)[:200]
        raise FilterError(
            f"{expected} string value, punctuation, or whitespace, but got different type in list: ({words})"
        )
    return tuple(token.text[1:-1] for token in inner[::2])


def _unquoted(token: FilterToken, field: FilterField) -> FilterError:
    if token.kind == NAME:
        return FilterError(
            "Parameter value is either not quoted or unidentified quote types used for string value "
            f"{token.text}. Use either single or double quotes."
        )
    if field.is_free:
        return FilterError(
            f"Expected a quoted string value for tag (e.g. 'my-value'). Got value {token.text}"
        )
    return FilterError(
        f"Expected a quoted string value or a list of quoted string values for attributes. Got value {token.text}"
    )


def _value(token: FilterToken, field: FilterField, grammar: _Grammar) -> Scalar:
    if token.kind == TEXT:
        return token.text[1:-1]
    is_numeric = field.name in grammar.numeric and not field.is_free
    if token.kind != NUMBER or field.is_free or not grammar.numeric:
        raise _unquoted(token, field)
    if not is_numeric:
        raise FilterError(
            f"Only the '{_shown(_NUMERIC)}' attributes support comparison with numeric values."
        )
    return token.text


def _whole(value: Scalar, field: FilterField) -> int:
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        return int(value)
    raise FilterError(f"Invalid value for numeric attribute '{field.name}': {value!r}")


def _comparison(clause: list[FilterToken], grammar: _Grammar) -> FilterTerm:
    if clause[0].kind == TEXT:
        raise FilterError(
            f"Invalid comparison clause. Expected 'Identifier' found '{clause[0].text[:200]}'"
        )
    if clause[0].kind != NAME:
        raise _invalid(clause)
    comparator, rest = _comparator(clause[1:])
    known = comparator in _COMPARATORS
    in_list = bool(rest) and rest[0].text == "("
    is_whole = bool(rest) and rest[0].kind != BAD and (len(rest) == 1 or in_list)
    if not known or not is_whole:
        raise _invalid(clause)
    field = _field(clause[0].text, grammar)
    if in_list and field.is_free:
        words = "".join(token.text for token in rest)[:200]
        raise FilterError(
            f"Expected a quoted string value for tag (e.g. 'my-value'). Got value {words}"
        )
    values = _texts(rest, field, grammar) if in_list else (_value(rest[0], field, grammar),)
    if field.name in grammar.numeric and not field.is_free:
        if comparator not in _NUMBER_OPERATORS:
            raise FilterError(f"Invalid comparator for attribute {field.name}: {comparator}")
        return FilterTerm(field, _NUMBER_OPERATORS[comparator], (_whole(values[0], field),))
    allowed = _LIST_OPERATORS if in_list else _TEXT_OPERATORS
    if comparator not in allowed:
        what = "tag" if field.is_free else "attribute"
        raise FilterError(f"Invalid comparator for {what}: {comparator}")
    return FilterTerm(field, allowed[comparator], values)


def _asks_for_prompts(comparisons: Sequence[FilterTerm]) -> bool:
    for comparison in comparisons:
        if comparison.field == FilterField(PROMPT_TAG, is_free=True):
            word = str(comparison.values[0]).lower()
            return (comparison.operator, word) in {("=", "true"), ("!=", "false")}
    return False


def parse_mlflow_filter(source: str, kind: MlflowKind) -> MlflowFilter:
    """A filter of ``registered-models/search`` or ``model-versions/search``.

    Args:
        source: As the client sent it; may be empty.
        kind: What is searched.

    Raises:
        FilterError: It is no filter, or too large.
    """
    if len(source) > MOST_CHARACTERS:
        raise FilterError(f"Invalid filter: more than {MOST_CHARACTERS} characters")
    tokens = scan_filter(source)
    _check_statement(source, tokens)
    clauses = list(_split(tokens))
    if len(clauses) > MOST_TERMS:
        raise FilterError(f"Invalid filter: more than {MOST_TERMS} comparisons")
    found = [_comparison(clause, _GRAMMARS[kind]) for clause in clauses]
    wants_prompts = _asks_for_prompts(found)
    if not wants_prompts:
        prompt = FilterField(PROMPT_TAG, is_free=True)
        found = [comparison for comparison in found if comparison.field != prompt]
        found.append(FilterTerm(prompt, "!=", ("true",), absent=True))
    return MlflowFilter(And(tuple(found)), wants_prompts)


def parse_mlflow_order(clauses: Sequence[str], kind: MlflowKind) -> list[MlflowOrder]:
    """The ``order_by`` of a search, without the tie-breakers that follow from the kind.

    Raises:
        FilterError: A clause is no order, or a field comes twice.
    """
    found: list[MlflowOrder] = []
    orders = _GRAMMARS[kind].orders
    for clause in clauses:
        match = _ORDER.fullmatch(clause) if len(clause) < MOST_TERMS else None
        if match is None or match["more"]:
            raise FilterError(f"Invalid order_by clause '{clause[:200]}'. Could not be parsed.")
        way = (match["way"] or "asc").lower()
        if way not in {"asc", "desc"}:
            raise FilterError(f"Invalid ordering key in order_by clause '{clause}'.")
        key = match["key"].strip('`"').removeprefix("attribute.")
        if key not in orders:
            raise FilterError(
                f"Invalid attribute key '{key}' specified. Valid keys are '{_shown(orders)}'"
            )
        key = "last_updated_timestamp" if key == "timestamp" else key
        if any(order.key == key for order in found):
            raise FilterError(f"`order_by` contains duplicate fields: {list(clauses)}")
        found.append(MlflowOrder(key, way == "asc"))
    return found
