"""Searches for models and versions: MLflow's filters, orders and pages over the live catalog."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from functools import lru_cache
from typing import Final

import orjson

from registry_tool.integrations.mlflow_mapping import (
    API,
    read_origin,
    render_tag,
)
from registry_tool.live.filter_mlflow import (
    MlflowFilter,
    MlflowKind,
    MlflowOrder,
    parse_mlflow_filter,
    parse_mlflow_order,
)
from registry_tool.live.filters import (
    And,
    Expression,
    FilterColumn,
    FilterColumns,
    FilterField,
    FilterTerm,
    Predicate,
    Scalar,
    compile_filter,
    find_candidates,
)
from registry_tool.live.pages import (
    OrderTerm,
    Page,
    PageTokenError,
    RecordListing,
    changed_term,
    created_term,
    read_page,
    text_term,
)
from registry_tool.live.parts import encode
from registry_tool.live.records import ModelRecord, ObjectRecord, Record, VersionRecord
from registry_tool.manifests.data import member
from registry_tool.names import ModelName
from registry_tool.server.mlflow.errors import MlflowError
from registry_tool.server.mlflow.lookup import Lookup
from registry_tool.server.mlflow.queries import SearchQuery
from registry_tool.server.mlflow.render import MODEL_TOUCHED, VERSION_TOUCHED, proxy_folder

__all__ = ["find_only_model", "search_models", "search_versions"]

_MODELS: Final = (100, 1000)
_VERSIONS: Final = (10_000, 200_000)
_REMEMBERED: Final = 1000  # characters of a filter that is parsed once
_DAMAGED_PAGE: Final = "Invalid page token, could not base64-decode"


def _tag_column(key: str) -> FilterColumn:
    written = encode(key)

    def value(record: Record) -> Scalar | None:
        # Most records do not have most tags, and looking for the text of one costs less than decoding all of them.
        if isinstance(record, ObjectRecord) or written not in record.free:
            return None
        metadata = record.metadata
        return render_tag(metadata[key]) if key in metadata else None

    return FilterColumn(value, ("mlflow tag", key))


def _origin_column(attribute: str) -> FilterColumn:
    def value(record: Record) -> Scalar | None:
        if not isinstance(record, VersionRecord):
            return None
        wire = member(record.file("wire.yaml"), API)
        origin = read_origin(record.data, wire, f"mlflow-artifacts:/{proxy_folder(record)}")
        return origin.run_id if attribute == "run_id" else origin.source

    return FilterColumn(value, f"mlflow {attribute}")


def _name(lookup: Lookup, record: Record) -> str:
    """MLflow's name of a model, or of the model of a version."""
    snapshot = lookup.snapshot
    if isinstance(record, VersionRecord):
        record = snapshot.model_with(record)
    return lookup.model_name(record) if isinstance(record, ModelRecord) else ""


def _read_names(lookup: Lookup) -> Callable[[Record], str]:
    """The name of a record, or of its model; versions of one model share it."""
    names: dict[ModelName, str] = {}

    def name(record: Record) -> str:
        if not isinstance(record, VersionRecord):
            return _name(lookup, record)
        found = names.get(record.model)
        if found is None:
            found = names[record.model] = _name(lookup, record)
        return found

    return name


def _number(lookup: Lookup, record: Record) -> int:
    return lookup.snapshot.number(record) if isinstance(record, VersionRecord) else 0


def _columns(lookup: Lookup) -> FilterColumns:
    def column(field: FilterField) -> FilterColumn:
        if field.is_free:
            return _tag_column(field.name)
        if field.name == "name":
            return FilterColumn(_read_names(lookup))
        if field.name == "version_number":
            return FilterColumn(lambda record: _number(lookup, record))
        return _origin_column(field.name)

    return column


def _wanted_names(expression: Expression) -> tuple[str, ...] | None:
    """The names that a filter asks for, where it asks for some and no others."""
    terms = expression.terms if isinstance(expression, And) else (expression,)
    for term in terms:
        if not isinstance(term, FilterTerm) or term.field != FilterField("name"):
            continue
        if term.operator in {"=", "IN"}:
            return tuple(str(value) for value in term.values)
    return None


def _wanted_models(lookup: Lookup, expression: Expression) -> list[ModelRecord] | None:
    """The models with these names."""
    names = _wanted_names(expression)
    if names is None:
        return None
    return [model for name in names if name and (model := lookup.find_model(name)) is not None]


def find_only_model(lookup: Lookup, source: str, kind: MlflowKind) -> ModelRecord | None:
    """The model that a search is about, if its filter asks for one name; None where it may find others.

    Args:
        lookup: How the request finds things.
        source: The filter, which is valid.
        kind: What is searched for.
    """
    models = _wanted_models(lookup, _parse_filter(source, kind).expression)
    return models[0] if models is not None and len(models) == 1 else None


def _ids(
    lookup: Lookup, kind: MlflowKind, expression: Expression, columns: FilterColumns
) -> array[int] | None:
    """The ids among which are all that a filter describes; None for no better than all."""
    models = _wanted_models(lookup, expression)
    if models is None:
        return find_candidates(expression, kind, lookup.snapshot.indexes, columns)
    if kind == "model":
        return array("q", sorted({model.id for model in models}))
    if len(models) == 1:
        return models[0].version_ids
    return array("q", sorted({number for model in models for number in model.version_ids}))


def _accept(lookup: Lookup, parsed: MlflowFilter, columns: FilterColumns) -> Predicate:
    matches, subject = compile_filter(parsed.expression, columns), lookup.subject
    if subject.sees_all:
        return matches

    def accept(record: Record) -> bool:
        name = record.model if isinstance(record, VersionRecord) else None
        name = record.name if isinstance(record, ModelRecord) else name
        return name is not None and subject.sees(name.namespace) and matches(record)

    return accept


def _term(
    lookup: Lookup, order: MlflowOrder, kind: MlflowKind, touched: tuple[str, ...]
) -> OrderTerm:
    descending = not order.is_ascending
    if order.key == "name" and kind == "model":
        # The names follow from the records and from the namespace that has bare names.
        return text_term(
            f"name in {lookup.writing}", lambda r: _name(lookup, r), descending=descending
        )
    match order.key:
        case "creation_timestamp":
            return created_term(descending=descending)
        case "last_updated_timestamp":
            return changed_term(*touched, descending=descending)
        case "version_number":
            return OrderTerm(order.key, lambda r: _number(lookup, r), descending)
        case _:
            return OrderTerm(order.key, _read_names(lookup), descending)


def _terms(lookup: Lookup, orders: list[MlflowOrder], kind: MlflowKind) -> tuple[OrderTerm, ...]:
    """The order of a search with MLflow's own at its end."""
    usual = [MlflowOrder("name", is_ascending=True)]
    if kind == "version":
        usual.append(MlflowOrder("version_number", is_ascending=False))
        if not orders:
            usual.insert(0, MlflowOrder("last_updated_timestamp", is_ascending=False))
    given = {order.key for order in orders}
    whole = [*orders, *(order for order in usual if order.key not in given)]
    touched = MODEL_TOUCHED if kind == "model" else VERSION_TOUCHED
    return tuple(_term(lookup, order, kind, touched) for order in whole)


def _size(query: SearchQuery, limits: tuple[int, int], kind: MlflowKind) -> int:
    usual, most = limits
    size = usual if query.max_results is None else query.max_results
    if size > most:
        raise MlflowError(
            f"Invalid value for request parameter max_results. It must be at most {most}, but got value {size}"
        )
    if size < (1 if kind == "version" else 0):
        raise MlflowError(
            f"Invalid value for max_results. It must be a positive integer, but got {size}"
        )
    return size


def _parse_filter(source: str, kind: MlflowKind) -> MlflowFilter:
    if len(source) > _REMEMBERED:
        return parse_mlflow_filter(source, kind)
    return _parse_short_filter(source, kind)


@lru_cache(maxsize=1024)
def _parse_short_filter(source: str, kind: MlflowKind) -> MlflowFilter:
    return parse_mlflow_filter(source, kind)


def _search(lookup: Lookup, query: SearchQuery, kind: MlflowKind, limits: tuple[int, int]) -> Page:
    size = _size(query, limits, kind)
    parsed = _parse_filter(query.filter, kind)
    orders = parse_mlflow_order(query.order_by, kind)
    columns = _columns(lookup)
    ids = _ids(lookup, kind, parsed.expression, columns)
    said = orjson.dumps([query.filter, query.order_by, lookup.writing]).decode()
    accept = _accept(lookup, parsed, columns)
    listing = RecordListing(kind, _terms(lookup, orders, kind), said, ids, accept)
    try:
        return read_page(lookup.snapshot, listing, size, query.page_token)
    except PageTokenError:
        raise MlflowError(_DAMAGED_PAGE) from None


def search_models(lookup: Lookup, query: SearchQuery) -> Page:
    """A page of models, by name if no order is given.

    Raises:
        MlflowError: The page size or token is not one.
        FilterError: The filter or the order is not one.
    """
    return _search(lookup, query, "model", _MODELS)


def search_versions(lookup: Lookup, query: SearchQuery) -> Page:
    """A page of versions, the latest changed first if no order is given.

    Raises:
        MlflowError: The page size or token is not one.
        FilterError: The filter or the order is not one.
    """
    return _search(lookup, query, "version", _VERSIONS)
