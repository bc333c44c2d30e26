"""Searching a registry: a small query language, and the models or versions it finds.

A query is words and filters, parted by blanks; all of them must hold. Double quotes keep blanks: ``"F1 (macro)">=0.8``.

::

    word                        in the name, description, task, labels or metadata, upper and lower case alike
    namespace: task: owner:     of the model
    label: license:             likewise; ``label:`` also looks at a version, where versions are found
    state:live|archived         of the model
    state:active|deprecated|withdrawn|erased   framework:   alias:   tag:      of a version
    accuracy>=0.9               the last value of a metric; also ``>``, ``<``, ``<=``, ``=``, ``==``, ``!=``
    metrics.accuracy>=0.9       likewise

What other query languages have and this one has not (OR, NOT, groups, wildcards) is refused with the form to write: a
query never finds nothing because of how it was written. As soon as one filter is about a version, versions are found instead of models.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from registry_tool.catalog.search.summary import (
    ModelRow,
    VersionRow,
    comparable_value,
    compose_text,
    fold_text,
)
from registry_tool.catalog.search.summary_cache import Rows
from registry_tool.errors import RegistryError, UsageError
from registry_tool.manifests.fields import LISTED_VERSION, MODEL_FIELDS, VERSION_FIELDS, Match
from registry_tool.manifests.problems import JSON
from registry_tool.names import ModelName

__all__ = [
    "FILTERS",
    "MODEL_STATES",
    "VERSION_FILTERS",
    "VERSION_STATES",
    "Bound",
    "Filter",
    "Found",
    "MetricNames",
    "Query",
    "named_metric",
    "parse_query",
    "search",
]

_MODEL_FIELDS: Final = {field.filter: field for field in MODEL_FIELDS if field.filter}
# `label:` looks at models first, and at versions where versions are found.
_VERSION_FIELDS: Final = {
    field.filter: field
    for field in VERSION_FIELDS
    if field.filter and field.filter not in _MODEL_FIELDS
}
_POINTERS: Final = ("alias", "tag")
MODEL_STATES: Final = ("live", "archived")
"""What ``state:`` may ask of a model."""
VERSION_STATES: Final = ("active", "deprecated", "withdrawn", "erased")
"""What ``state:`` may ask of a version."""
# Of models and of versions; the state of what is found only where a query asks for it.
_DELETED: Final = "deleted"
VERSION_FILTERS: Final = (*_VERSION_FIELDS, *_POINTERS)
"""Filters that find versions; so does ``state:`` with the state of a version."""
FILTERS: Final = ("namespace", *_MODEL_FIELDS, "state", *VERSION_FILTERS)
"""The words before the colon of a filter."""
_COMPARE: Final[dict[str, Callable[[float, float], bool]]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "!=": operator.ne,
    "=": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
}
# Every run of these is one operator, so that `=>` is seen as what it is.
_OPERATOR: Final = re.compile(r"!=[=<>!]*|[=<>]+[=<>!~]*")
_SPELLED: Final = {"==": "="}
_MEANT: Final = {
    "=>": ">=", "=<": "<=", "<>": "!=", "===": "=", "!==": "!=", "=~": "=", ">>": ">", "<<": "<", "=!": "!=",
}  # fmt: skip
_METRICS: Final = "metrics."
_TURNED: Final = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
# Signs that look like operators: `accuracy≥0.9`, `loss~0.1`.
_LIKE_AN_OPERATOR: Final = re.compile(r"([^≥≤≠~≈]+)([≥≤≠~≈]=?)([-+]?[0-9.]+%?)")
_LOOKALIKES: Final = {"≥": ">=", "≤": "<=", "≠": "!="}
# What people write who know other query languages.
_SIGNS: Final = {
    "&&": "leave it out: every term must match",
    "||": "run one search for each side",
    "|": "run one search for each side",
    "&": "leave it out: every term must match",
}
_NUMERIC: Final = re.compile(r"[-+]?[0-9][0-9.,_ ]*%?")
# Blanks around an operator do not part a bound.
_TOKEN: Final = re.compile(
    r'(?:"[^"]*"|[^\s"<>=!]|!(?!=))*\s*(?:!=[=<>!]*|[=<>]+[=<>!~]*)\s*(?:"[^"]*"|[^\s"])*|(?:"[^"]*"|[^\s"])+'
)
_FIELD: Final = re.compile(r"([A-Za-z_]+):(?!//)(.*)", re.DOTALL)


class Filter(NamedTuple):
    """``field:value``."""

    field: str
    value: str


class Bound(NamedTuple):
    """A metric, an operator and a value; only ``=`` and ``!=`` take text."""

    metric: str
    operator: str
    value: float | str


class Query(NamedTuple):
    """What is searched for; an empty query finds every model that is not deleted, and with ``deleted`` these too."""

    words: tuple[str, ...] = ()
    filters: tuple[Filter, ...] = ()
    bounds: tuple[Bound, ...] = ()
    versions: bool = False
    deleted: bool = False


class Found(NamedTuple):
    """A model, or one version of it; ``str`` is its reference."""

    model: ModelRow
    version: VersionRow | None

    def __str__(self) -> str:
        name = str(self.model.name)
        return name if self.version is None else f"{name}@{self.version.version}"


def _filter(field: str, value: str) -> Filter:
    if field not in FILTERS:
        raise UsageError(
            f"unknown filter {field}:",
            remedy=f"filters are {', '.join(f + ':' for f in FILTERS)}; quote a word with a colon",
        )
    if not value:
        raise UsageError(
            f"{field}: needs a value", remedy=f"write it without a space: {field}:VALUE"
        )
    if ("," in value or "*" in value) and field != "title":
        raise UsageError(
            f"{field}:{value} is not one value",
            remedy=f"write the filter once for each value: {field}:A {field}:B",
        )
    states = (*MODEL_STATES, *VERSION_STATES, _DELETED)
    if field == "state" and value not in states:
        raise UsageError(f"{value!a} is not a state", remedy=f"states are {', '.join(states)}")
    return Filter(field, value)


def _checked_sign(metric: str, sign: str, value: str, *, is_quoted: bool) -> str:
    """The operator in its one spelling, where both sides of it can be what they stand for."""
    sign = _SPELLED.get(sign, sign)
    if sign not in _COMPARE:
        meant = _MEANT.get(sign)
        remedy = (
            f'write "{metric}{meant}{value}"' if meant else "operators are >=, >, <=, <, = and !="
        )
        raise UsageError(f"{sign} is not an operator", remedy=remedy)
    second = None if is_quoted else _OPERATOR.search(value)
    is_turned = _NUMERIC.fullmatch(metric) is not None
    if second is not None:
        middle = value[: second.start()].strip()
        low = f"{middle}{_TURNED.get(sign, sign)}{metric}" if is_turned else f"{metric}>=LOW"
        high = value if is_turned else f"{metric}<=HIGH"
        raise UsageError(
            f"{metric}{sign}{value} has two operators",
            remedy=f'write one condition for each: "{low}" "{high}"',
        )
    if is_turned and not _NUMERIC.fullmatch(value):
        raise UsageError(
            f"{metric}{sign}{value} has its number first",
            remedy=f'write the metric first: "{value}{_TURNED.get(sign, sign)}{metric}"',
        )
    return sign


def _bound(metric: str, sign: str, value: str, *, is_quoted: bool = False) -> Bound:
    if not metric or not value:
        raise UsageError(
            f"{metric}{sign}{value} is not a condition on a metric",
            remedy='write METRIC, an operator and a value, such as "accuracy>=0.9"',
        )
    sign = _checked_sign(metric, sign, value, is_quoted=is_quoted)
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if math.isfinite(number):
        return Bound(metric, sign, number)
    looks_like_one = _NUMERIC.fullmatch(value) is not None and not is_quoted
    if sign in {"=", "!="} and not looks_like_one:
        return Bound(metric, sign, value)
    bare = value.rstrip(")")
    example = f"{metric.lstrip('(')}{sign}{bare}"
    if bare != value and _NUMERIC.fullmatch(bare):
        raise UsageError("a search has no brackets", remedy=f'leave them out: "{example}"')
    raise UsageError(
        f"{metric}{sign}{value}: {value!a} is not a number",
        remedy='write a number, such as "accuracy>=0.9"',
    )


def _word(token: str) -> str:
    """A word that is looked for; one that means something in other query languages is refused."""
    if '"' in token:
        return fold_text(token.replace('"', ""))
    name = token.casefold()
    if name in {"or", "not"} or token in _SIGNS:
        way = _SIGNS.get(token) or (
            "run one search for each side"
            if name == "or"
            else "only a metric can be excluded, with !="
        )
        raise UsageError(f"there is no {token} in a search", remedy=f'{way}; a word is "{token}"')
    if like := _LIKE_AN_OPERATOR.fullmatch(token):
        raise UsageError(
            f"{like[2]} is not an operator",
            remedy=f'write "{like[1]}{_LOOKALIKES.get(like[2], ">=")}{like[3]}"; a word is "{token}"',
        )
    if token[0] in "()-!:'" or (token.endswith(")") and "(" not in token):
        raise UsageError(
            f"{token} is not a search word",
            remedy=f'terms have no brackets, signs or spaces around `:`; a word is "{token}"',
        )
    if "*" in token:
        raise UsageError(
            f"{token}: wildcards are not supported",
            remedy="leave out the *: a word matches anywhere in a text, also inside another word",
        )
    return "" if name == "and" else fold_text(token)


def _term(token: str) -> str | Filter | Bound:
    """One token: a word, a filter or a bound; what stands in quotes is never an operator."""
    bare = re.sub(r'"[^"]*"', lambda c: "_" * len(c[0]), token)
    sign = _OPERATOR.search(bare)
    field = None if token.startswith('"') else _FIELD.fullmatch(token)
    if field is not None and (sign is None or sign.start() > field.start(2)):
        return _filter(field[1].lower(), field[2].replace('"', ""))
    if sign is None:
        return _word(token)
    left, right = token[: sign.start()].strip(), token[sign.end() :].strip()
    metric, value = compose_text(left.replace('"', "")), compose_text(right.replace('"', ""))
    return _bound(metric, sign[0], value, is_quoted='"' in right)


def _is_of_either(found: Filter) -> bool:
    return found.field == "label" or _asks_for_deleted(found)


def _asks_for_deleted(found: Filter) -> bool:
    return found.field == "state" and found.value == _DELETED


def _is_of_version(found: Filter) -> bool:
    return found.field in VERSION_FILTERS or (
        found.field == "state" and found.value in VERSION_STATES
    )


def parse_query(words: Sequence[str], *, versions: bool = False) -> Query:
    """Read a query.

    Args:
        words: Arguments as a shell gives them; each may hold several terms.
        versions: Find versions even where no filter asks for them.

    Raises:
        UsageError: A term is not well formed, or names no filter there is.
    """
    line = " ".join(words)
    if line.count('"') % 2:
        raise UsageError("a double quote is not closed", remedy='put "…" around text with spaces')
    terms = [_term(token) for token in _TOKEN.findall(line)]
    filters = tuple(t for t in terms if isinstance(t, Filter))
    bounds = tuple(t for t in terms if isinstance(t, Bound))
    return Query(
        tuple(t for t in terms if isinstance(t, str) and t),
        filters,
        bounds,
        versions or bool(bounds) or any(_is_of_version(f) for f in filters),
    )


class _Matching(dict[str, bool]):
    """Whether each value of a field matches, worked out once: values repeat from row to row."""

    def __init__(self, match: Match, wanted: str) -> None:
        super().__init__()
        self._match = match
        self._wanted = comparable_value(match, wanted)

    def __missing__(self, value: str) -> bool:
        found = self[value] = comparable_value(self._match, value) == self._wanted
        return found


@lru_cache(64)
def _matching(match: Match, wanted: str) -> _Matching:
    return _Matching(match, wanted)


def _model_matches(model: ModelRow, asked: Filter) -> bool:
    value = fold_text(asked.value)
    if asked.field == "namespace":
        return model.name.namespace == value
    if asked.field == "state":
        return model.state == value
    field = _MODEL_FIELDS[asked.field]
    if field.match == "member":
        return value in model.labels
    return _matching(field.match, asked.value)[model.get(field.name)]


class MetricNames:
    """Which metrics a search asked for, and which the versions had that it looked at."""

    def __init__(self) -> None:
        self._asked: set[str] = set()
        self._found: set[str] = set()
        self._known: set[str] = set()

    def note_missing(self, asked: str, metrics: Mapping[str, JSON]) -> None:
        """A version has other metrics."""
        self._asked.add(asked)
        self._known.update(metrics)

    def note_found(self, asked: str) -> None:
        """A version has the metric."""
        self._found.add(asked)

    def notes(self) -> Iterator[str]:
        """For each metric that no version had: that, and what may have been meant."""
        from difflib import get_close_matches

        for name in sorted(self._asked - self._found):
            field = name.removeprefix(_METRICS)
            near = get_close_matches(field, sorted(self._known), n=3)
            if field in FILTERS:
                meant = f"; a filter is written {field}:VALUE"
            elif near:
                meant = f"; did you mean {' or '.join(near)}?"
            else:
                meant = ""
            yield f"no searched version has a metric {name!a}{meant}"


def named_metric(metrics: Mapping[str, JSON], asked: str) -> str | None:
    """The metric that is meant: by its name, or with ``metrics.`` before it."""
    for name in (asked, asked.removeprefix(_METRICS)):
        if name in metrics:
            return name
        found = next((key for key in metrics if compose_text(key) == name), None)
        if found is not None:
            return found
    return None


def _bound_holds(metrics: Mapping[str, JSON], bound: Bound, names: MetricNames) -> bool:
    name = named_metric(metrics, bound.metric)
    if name is None:
        names.note_missing(bound.metric, metrics)
        return False
    names.note_found(bound.metric)
    value = metrics[name]
    if isinstance(bound.value, str):
        found = compose_text(value) if isinstance(value, str) else value
        return (found == bound.value) == (bound.operator == "=")
    if isinstance(value, bool) or not isinstance(value, int | float):
        return bound.operator == "!="
    return _COMPARE[bound.operator](value, bound.value)


class _Step(NamedTuple):
    """One thing asked of a version, and the file it is in: ``version``, ``status``, or none that must be readable."""

    needs: str
    holds: Callable[[VersionRow], bool]


def _filter_step(asked: Filter) -> _Step:
    name, value = asked.value, fold_text(asked.value)
    if asked.field == "label":
        return _Step("", lambda row: value in row.labels)
    if asked.field == "alias":
        return _Step("", lambda row: name in row.aliases)
    if asked.field == "tag":
        return _Step("", lambda row: name in row.tags)
    if asked.field == "state":
        return _Step("status", lambda row: row.state == name)
    field = _VERSION_FIELDS[asked.field]
    place, matching = LISTED_VERSION.index(field), _matching(field.match, value)
    return _Step("version", lambda row: matching[row.values[place]])


def _bound_step(bound: Bound, names: MetricNames) -> _Step:
    return _Step("version", lambda row: _bound_holds(row.metrics, bound, names))


def _word_step(word: str) -> _Step:
    return _Step("version", lambda row: word in row.text)


def _steps(query: Query, model: ModelRow, names: MetricNames) -> Iterator[_Step]:
    """What is still to be asked of the versions of a model, once, for all of them."""
    for asked in query.filters:
        is_label = asked.field == "label" and fold_text(asked.value) not in model.labels
        if is_label or _is_of_version(asked) or _asks_for_deleted(asked):
            yield _filter_step(asked)
    yield from (_bound_step(bound, names) for bound in query.bounds)
    yield from (_word_step(word) for word in query.words if word not in model.text)


def _select_versions(rows: Rows, name: ModelName, query: Query) -> Sequence[VersionRow]:
    """The versions worth asking: only one can hold an alias or tag."""
    for asked in query.filters:
        if asked.field in {"alias", "tag"}:
            return rows.find_named(name, asked.field, asked.value)
    return rows.versions(name)


def _passes(row: VersionRow, steps: Sequence[_Step]) -> bool | None:
    """Whether all of it holds; None where that, or what the version is, stands in a file that cannot be read."""
    for step in steps:
        if step.needs in row.unreadable:
            return None
        if not step.holds(row):
            return False
    return None if row.unreadable else True


def _in_model(
    rows: Rows, name: ModelName, query: Query, unreadable: Callable[[str], None], metrics: MetricNames
) -> Iterator[Found]:  # fmt: skip
    model = rows.model(name)
    if model.unreadable:
        unreadable(str(name))
        return
    wants_deleted = query.deleted or any(_asks_for_deleted(f) for f in query.filters)
    if model.state == _DELETED and not wants_deleted:
        return
    of_model = [f for f in query.filters if not _is_of_version(f)]
    # A version may have a label that its model has not, or be deleted.
    certain = [f for f in of_model if not (query.versions and _is_of_either(f))]
    if not all(_model_matches(model, asked) for asked in certain):
        return
    if not query.versions:
        if all(word in model.text for word in query.words):
            yield Found(model, None)
        return
    steps = tuple(_steps(query, model, metrics))
    for row in _select_versions(rows, name, query):
        if row.state == _DELETED and not wants_deleted:
            continue
        passes = _passes(row, steps)
        if passes:
            yield Found(model, row)
        elif passes is None:
            unreadable(f"{name}@{row.version}")


def search(
    rows: Rows,
    query: Query,
    *,
    unreadable: Callable[[str], None] = lambda _name: None,
    metrics: MetricNames | None = None,
) -> Iterator[Found]:
    """What a query finds: models by name, or versions by model, highest first.

    Args:
        rows: Where to look.
        query: What to look for.
        unreadable: Told the name of each model or version whose manifests cannot be read; it is passed over.
        metrics: Told which metrics the versions have.
    """
    names = MetricNames() if metrics is None else metrics
    asked = {f.value for f in query.filters if f.field == "namespace"}
    for name in rows.models(asked.pop() if len(asked) == 1 else None):
        try:
            yield from _in_model(rows, name, query, unreadable, names)
        except RegistryError:
            unreadable(str(name))
