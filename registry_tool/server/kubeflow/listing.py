"""Lists: order, pages and ``filterQuery``, over records of the live catalog and over artifacts."""

from __future__ import annotations

import base64
import binascii
import hashlib
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple, cast

import orjson

from registry_tool.errors import UsageError
from registry_tool.live.filter_kubeflow import parse_kubeflow_filter
from registry_tool.live.filters import (
    Expression,
    FilterColumn,
    FilterColumns,
    FilterField,
    Predicate,
    Scalar,
    compile_filter,
    find_candidates,
)
from registry_tool.live.pages import (
    OrderTerm,
    PageTokenError,
    RecordListing,
    changed_term,
    created_term,
    id_term,
    read_page,
)
from registry_tool.live.records import ArtifactRecord, Record
from registry_tool.manifests.data import member
from registry_tool.manifests.problems import JSON
from registry_tool.server.kubeflow.bodies import Body
from registry_tool.server.kubeflow.render import MODEL_TOUCHES, Item, Renderer, change_time

__all__ = ["ListOptions", "list_items", "list_records", "read_options"]

_MOST: Final = 2**31
_NUMBERS: Final = frozenset(
    {
        "id", "createTimeSinceEpoch", "lastUpdateTimeSinceEpoch", "registeredModelId", "modelVersionId",
        "servingEnvironmentId", "experimentId", "experimentRunId", "startTimeSinceEpoch", "endTimeSinceEpoch",
        "timestamp", "step",
    }
)  # fmt: skip
_VALUES: Final = {
    "string": "string_value", "int": "int_value", "double": "double_value", "bool": "bool_value",
}  # fmt: skip


class ListOptions(NamedTuple):
    """What a client asks of a list.

    Attributes:
        size: The maximum number on a page; 0 for all.
        order: ``ID``, ``CREATE_TIME`` or ``LAST_UPDATE_TIME``.
        descending: True for the largest first.
        token: That of the page; empty for the first.
        query: The filter; empty for none.
        scope: What is listed and how, for the token.
    """

    size: int
    order: str
    descending: bool
    token: str
    query: str
    scope: str


def read_options(params: Mapping[str, str], scope: str) -> ListOptions:
    """The options of a list in a query string.

    Raises:
        UsageError: A page size or an order is none.
    """
    size = params.get("pageSize", "")
    number = int(size) if size.isascii() and size.isdecimal() and len(size) <= 10 else -1  # noqa: PLR2004 (32 bits)
    if size and not 0 <= number < _MOST:
        raise UsageError(
            f"pageSize {size[:40]!a} is not a page size: use a whole number from 0 to {_MOST - 1}"
        )
    order = params.get("orderBy", "").upper()
    if order not in {"CREATE_TIME", "LAST_UPDATE_TIME"}:
        order = "ID"
    direction = params.get("sortOrder", "").upper()
    if direction not in {"", "ASC", "DESC"}:
        raise UsageError(f"sortOrder {direction[:40]!a} is not an order: use ASC or DESC")
    query = params.get("filterQuery", "").strip()
    kind = params.get("artifactType", "")
    return ListOptions(
        max(number, 0), order, direction == "DESC", params.get("nextPageToken", ""), query,
        f"{scope} {kind} {query}",
    )  # fmt: skip


def _scalar(value: JSON, *, numeric: bool) -> Scalar | None:
    if numeric and isinstance(value, str) and value.isascii() and value.isdecimal():
        return int(value)
    return value if isinstance(value, str | int | float) else None


def _property(shown: Mapping[str, JSON], field: FilterField) -> Scalar | None:
    value = member(shown, "customProperties", field.name)
    for kind, key in _VALUES.items():
        if key in value and field.type in {"", kind}:
            return _scalar(value[key], numeric=kind == "int")
    return None


def _columns(renderer: Renderer, *, by_name: bool) -> FilterColumns:
    def column(field: FilterField) -> FilterColumn:
        if field.is_free:
            return FilterColumn(lambda item: _property(renderer.show(item), field))
        numeric = field.name in _NUMBERS
        lookup = (
            "external_id"
            if field.name == "externalId"
            else "shown"
            if by_name and field.name == "name"
            else None
        )
        if lookup is not None:
            attribute = lookup
            return FilterColumn(lambda item: getattr(item, attribute) or None, lookup)
        return FilterColumn(
            lambda item: _scalar(renderer.show(item).get(field.name), numeric=numeric)
        )

    return column


def _fields(kinds: Iterable[type[Body]]) -> frozenset[str]:
    return frozenset(
        field.alias or name for kind in kinds for name, field in kind.model_fields.items()
    )


def _parse(query: str, kinds: Iterable[type[Body]]) -> Expression | None:
    return parse_kubeflow_filter(query, _fields(kinds)) if query else None


def _answer(
    renderer: Renderer, items: Sequence[Item], options: ListOptions, token: str
) -> dict[str, JSON]:
    # Encoded one by one: a list without a page size may have all versions, whose objects take many times their JSON.
    encoded = [orjson.Fragment(orjson.dumps(renderer.show(item))) for item in items]
    shown = cast("list[JSON]", encoded)
    return {"items": shown, "size": len(shown), "pageSize": options.size, "nextPageToken": token}


def list_records(
    renderer: Renderer,
    kind: str,
    body: type[Body],
    options: ListOptions,
    *,
    ids: array[int] | None = None,
    accept: Predicate,
) -> dict[str, JSON]:
    """A page of models, versions or objects.

    Args:
        renderer: Shows them.
        kind: ``model``, ``version`` or ``kubeflow/<kind>``.
        body: Their fields.
        options: What the client asks for.
        ids: Those to choose from, ascending; None for all.
        accept: True for those that the client may see.

    Raises:
        FilterError: The filter is none.
        PageTokenError: The token is damaged, or of another list.
    """
    snapshot = renderer.snapshot
    expression = _parse(options.query, [body])
    chosen = accept
    if expression is not None:
        columns = _columns(renderer, by_name=kind != "model")
        matches = compile_filter(expression, columns)
        chosen = lambda record: accept(record) and matches(record)  # noqa: E731 (a predicate made of two)
        if ids is None:
            ids = find_candidates(expression, kind, snapshot.indexes, columns)
    terms = (_term(renderer, kind, options),)
    listing = RecordListing(kind, terms, options.scope, ids, chosen)
    page = read_page(snapshot, listing, options.size or None, options.token)
    return _answer(renderer, page.records, options, page.next_token)


def _term(renderer: Renderer, kind: str, options: ListOptions) -> OrderTerm:
    if options.order == "CREATE_TIME":
        return created_term(descending=options.descending)
    if options.order == "ID":
        return id_term(descending=options.descending)
    if kind != "version":
        touched = MODEL_TOUCHES if kind == "model" else ("record",)
        return changed_term(*touched, descending=options.descending)
    snapshot = renderer.snapshot

    def changed(record: Record) -> int:
        return change_time(snapshot, record)

    return OrderTerm("changed", changed, options.descending)


def list_items(
    renderer: Renderer, items: Iterable[Item], kinds: Iterable[type[Body]], options: ListOptions
) -> dict[str, JSON]:
    """A page of artifacts, which have no index.

    Raises:
        FilterError: The filter is none.
        PageTokenError: The token is damaged, or of another list.
    """
    expression = _parse(options.query, kinds)
    if expression is not None:
        matches = cast(
            "Callable[[Item], bool]", compile_filter(expression, _columns(renderer, by_name=False))
        )
        items = filter(matches, items)

    def key(item: Item) -> tuple[int, int]:
        snapshot = renderer.snapshot
        if options.order == "LAST_UPDATE_TIME":
            return change_time(snapshot, item), item.id
        if options.order == "CREATE_TIME":
            created = item.created if isinstance(item, ArtifactRecord) else item.touched.created
            return created, item.id
        return item.id, item.id

    ordered = sorted(items, key=key, reverse=options.descending)
    if options.token:
        last = _read_token(options)
        ordered = [i for i in ordered if (key(i) < last if options.descending else key(i) > last)]
    size = options.size or len(ordered)
    page = ordered[:size]
    token = _write_token(options, key(page[-1])) if page and len(ordered) > size else ""
    return _answer(renderer, page, options, token)


def _digest(options: ListOptions) -> str:
    said = repr((options.scope, options.order, options.descending)).encode(errors="surrogatepass")
    return hashlib.blake2b(said, digest_size=9).hexdigest()


def _write_token(options: ListOptions, key: tuple[int, int]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([_digest(options), *key])).decode()


def _read_token(options: ListOptions) -> tuple[int, int]:
    try:
        data = orjson.loads(base64.b64decode(options.token, altchars=b"-_", validate=True))
    except (ValueError, binascii.Error) as exc:
        raise PageTokenError("the page token is damaged") from exc
    match data:
        case [str(digest), int(value), int(number)] if digest == _digest(options):
            return value, number
    raise PageTokenError("the page token belongs to another list")
