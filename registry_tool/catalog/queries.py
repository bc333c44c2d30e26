"""Searching a catalog: a small query language, and the models or versions it finds.

A query is words and filters, parted by blanks; all of them must hold. Double quotes keep blanks: ``"F1 (macro)">=0.8``.

::

    word                        in the name, description, task, labels or metadata, upper and lower case alike
    namespace: task: owner:     of the model
    label: license:             likewise; ``label:`` also looks at a version, where versions are found
    state:live|archived         of the model
    state:active|deprecated|withdrawn|erased   framework:   alias:   tag:      of a version
    accuracy>=0.9               the last value of a metric; also ``>``, ``<``, ``<=``, ``=``, ``!=``

As soon as one filter is about a version, versions are found instead of models.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from registry_tool.catalog.facts import labels_of, last_metrics, metadata_of
from registry_tool.catalog.index import Catalog, ModelView, VersionView
from registry_tool.catalog.resolve import in_order
from registry_tool.errors import RegistryError, UsageError
from registry_tool.manifests.data import member, text, texts
from registry_tool.manifests.problems import JSON

__all__ = ["Bound", "Filter", "Found", "Query", "parse_query", "search"]

_MODEL_FIELDS: Final = ("namespace", "task", "owner", "label", "license")
_VERSION_FIELDS: Final = ("framework", "alias", "tag")
_MODEL_STATES: Final = ("live", "archived")
_VERSION_STATES: Final = ("active", "deprecated", "withdrawn", "erased")
_FIELDS: Final = (*_MODEL_FIELDS, "state", *_VERSION_FIELDS)
_COMPARE: Final[dict[str, Callable[[float, float], bool]]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "!=": operator.ne,
    "=": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
}
_OPERATOR: Final = re.compile(r">=|<=|!=|=|<|>")
# Blanks around an operator do not part a bound.
_TOKEN: Final = re.compile(
    r'(?:"[^"]*"|[^\s"<>=!]|!(?!=))*\s*(?:>=|<=|!=|=|<|>)\s*(?:"[^"]*"|[^\s"])*|(?:"[^"]*"|[^\s"])+'
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
    """What is searched for; an empty query finds every model."""

    words: tuple[str, ...] = ()
    filters: tuple[Filter, ...] = ()
    bounds: tuple[Bound, ...] = ()
    versions: bool = False


class Found(NamedTuple):
    """A model, or one version of it."""

    model: ModelView
    version: VersionView | None


def _filter(field: str, value: str) -> Filter:
    if field not in _FIELDS:
        raise UsageError(
            f"there is no filter {field}:",
            remedy=f"filters are {', '.join(f + ':' for f in _FIELDS)}; quote a word with a colon",
        )
    if not value:
        raise UsageError(
            f"{field}: needs a value", remedy=f"write it without a blank: {field}:VALUE"
        )
    states = (*_MODEL_STATES, *_VERSION_STATES)
    if field == "state" and value not in states:
        raise UsageError(f"{value!a} is not a state", remedy=f"states are {', '.join(states)}")
    return Filter(field, value)


def _bound(metric: str, sign: str, value: str) -> Bound:
    if not metric or not value:
        raise UsageError(
            f"{metric}{sign}{value} is not a bound on a metric",
            remedy='write METRIC, an operator and a value, such as "accuracy>=0.9"',
        )
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if math.isfinite(number):
        return Bound(metric, sign, number)
    if sign in {"=", "!="}:
        return Bound(metric, sign, value)
    raise UsageError(
        f"{metric}{sign}{value}: {value!a} is not a number",
        remedy='write a number, such as "accuracy>=0.9"',
    )


def _term(token: str) -> str | Filter | Bound:
    """One token: a word, a filter or a bound; what stands in quotes is never an operator."""
    bare = re.sub(r'"[^"]*"', lambda c: "_" * len(c[0]), token)
    sign = _OPERATOR.search(bare)
    field = None if token.startswith('"') else _FIELD.fullmatch(token)
    if field is not None and (sign is None or sign.start() > field.start(2)):
        return _filter(field[1].lower(), field[2].replace('"', ""))
    if sign is None:
        return token.replace('"', "").casefold()
    left, right = token[: sign.start()].strip(), token[sign.end() :].strip()
    return _bound(left.replace('"', ""), sign[0], right.replace('"', ""))


def _is_of_version(found: Filter) -> bool:
    return found.field in _VERSION_FIELDS or (
        found.field == "state" and found.value in _VERSION_STATES
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
        raise UsageError("a double quote is not closed", remedy='write "…" around text with blanks')
    terms = [_term(token) for token in _TOKEN.findall(line)]
    filters = tuple(t for t in terms if isinstance(t, Filter))
    bounds = tuple(t for t in terms if isinstance(t, Bound))
    return Query(
        tuple(t for t in terms if isinstance(t, str) and t),
        filters,
        bounds,
        versions or bool(bounds) or any(_is_of_version(f) for f in filters),
    )


def _strings(value: JSON) -> Iterator[str]:
    """The text anywhere in free data, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)


def _model_text(model: ModelView) -> str:
    data = model.data
    parts = [str(model.name), text(data, "task"), text(data, "description"), *texts(data, "labels")]
    return "\n".join([*parts, *_strings(dict(member(data, "metadata")))]).casefold()


def _version_text(version: VersionView) -> str:
    added = version.metadata.data if version.metadata is not None else None
    parts = [str(version), text(version.data, "name"), text(version.data, "description")]
    parts += [text(added, "description"), *labels_of(version)]
    return "\n".join([*parts, *_strings(metadata_of(version))]).casefold()


def _model_holds(model: ModelView, asked: Filter) -> bool:
    data, value = model.data, asked.value.casefold()
    if asked.field == "namespace":
        return model.name.namespace == value
    if asked.field == "owner":
        return text(data, "owner").casefold().removeprefix("@") == value.removeprefix("@")
    if asked.field == "label":
        return value in texts(data, "labels")
    if asked.field == "state":
        return (text(data, "state") or "live") == value
    return text(data, asked.field).casefold() == value


def _points_at(version: VersionView, kind: str, name: str) -> bool:
    model = version.model
    document = model.alias(name) if kind == "alias" else model.tag(name)
    return document is not None and text(document.data, "version") == version.version


def _version_holds(version: VersionView, asked: Filter) -> bool:
    if asked.field in {"alias", "tag"}:
        return _points_at(version, asked.field, asked.value)
    if asked.field == "framework":
        return text(version.data, "framework", "type") == asked.value.casefold()
    return version.state == asked.value


def _bound_holds(metrics: dict[str, JSON], bound: Bound) -> bool:
    if bound.metric not in metrics:
        return False
    value = metrics[bound.metric]
    if isinstance(bound.value, str):
        return (value == bound.value) == (bound.operator == "=")
    if isinstance(value, bool) or not isinstance(value, int | float):
        return bound.operator == "!="
    return _COMPARE[bound.operator](value, bound.value)


def _version_matches(version: VersionView, query: Query, model_text: str) -> bool:
    for asked in query.filters:
        if _is_of_version(asked):
            if not _version_holds(version, asked):
                return False
        elif asked.field == "label" and asked.value.casefold() in labels_of(version):
            continue
        elif not _model_holds(version.model, asked):
            return False
    if query.bounds:
        metrics = last_metrics(version)
        if not all(_bound_holds(metrics, bound) for bound in query.bounds):
            return False
    if all(word in model_text for word in query.words):
        return True
    whole = f"{model_text}\n{_version_text(version)}"
    return all(word in whole for word in query.words)


def _versions_of(model: ModelView, query: Query) -> Iterator[str]:
    """The versions worth opening: only one can hold an alias or tag."""
    for asked in query.filters:
        if asked.field in {"alias", "tag"}:
            document = (
                model.alias(asked.value) if asked.field == "alias" else model.tag(asked.value)
            )
            if document is not None:
                yield text(document.data, "version")
            return
    yield from reversed(in_order(model))


def _in_model(model: ModelView, query: Query, unreadable: Callable[[str], None]) -> Iterator[Found]:
    of_model = [f for f in query.filters if not _is_of_version(f)]
    # A version may have a label that its model has not.
    certain = [f for f in of_model if not (query.versions and f.field == "label")]
    if not all(_model_holds(model, asked) for asked in certain):
        return
    words = _model_text(model)
    if not query.versions:
        if all(word in words for word in query.words):
            yield Found(model, None)
        return
    model.prefetch()
    for name in _versions_of(model, query):
        version = model.version(name)
        try:
            if version is not None and _version_matches(version, query, words):
                yield Found(model, version)
        except RegistryError:
            unreadable(f"{model.name}@{name}")


def search(
    catalog: Catalog, query: Query, *, unreadable: Callable[[str], None] = lambda _name: None
) -> Iterator[Found]:
    """What a query finds: models by name, or versions by model, highest first.

    Args:
        catalog: Where to look.
        query: What to look for.
        unreadable: Told the name of each model or version whose manifests cannot be read; it is passed over.
    """
    asked = {f.value for f in query.filters if f.field == "namespace"}
    for model in catalog.models(asked.pop() if len(asked) == 1 else None):
        try:
            yield from _in_model(model, query, unreadable)
        except RegistryError:
            unreadable(str(model.name))
