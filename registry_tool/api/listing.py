"""Listings and searches over many models and versions.

They are answered from cached summaries ("rows"); the files of a version are read when a program needs more. Rows are of
one moment, and files of a work tree may change meanwhile, so its versions are read when they are listed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Literal, TypeVar

from registry_tool.api.rows import load_rows, rows_folder
from registry_tool.api.views import ModelVersion, RegisteredModel
from registry_tool.catalog.catalog import Catalog, ModelView, VersionView
from registry_tool.catalog.resolve import find_model, latest
from registry_tool.catalog.search.query import (
    Filter,
    Found,
    MetricNames,
    Query,
    named_metric,
    parse_query,
    search,
)
from registry_tool.catalog.search.summary import ModelRow, VersionRow
from registry_tool.catalog.search.summary_cache import Rows
from registry_tool.catalog.search.worker import row_workers
from registry_tool.errors import NotFoundError, RegistryError, UsageError
from registry_tool.manifests.problems import JSON
from registry_tool.names import ModelName, check_namespace, fold_task

if TYPE_CHECKING:
    from registry_tool.api.snapshot import Snapshot

__all__ = [
    "Listing",
    "ModelOrder",
    "SearchResult",
    "VersionOrder",
    "found_versions",
    "list_rows",
    "listed_versions",
    "matching_models",
    "model_by_external_id",
    "named_metric",
    "order_versions",
    "page",
    "search_rows",
    "version_by_external_id",
    "version_rows",
]

_T = TypeVar("_T")
ModelOrder = Literal["name", "-name"]
VersionOrder = Literal["version", "-version", "created_at", "-created_at"]


def version_rows(registry: Snapshot, name: ModelName) -> tuple[VersionRow, ...]:
    """The rows of one model, highest first; for a work tree from its files, without a Git query for each."""
    rows = Rows(registry.catalog) if registry.commit is None else registry.rows
    return rows.versions(name)


def matching_models(
    registry: Snapshot,
    *,
    namespace: str | None,
    task: str | None,
    owner: str | None,
    labels: Iterable[str],
) -> Iterator[RegisteredModel]:
    """See ``Registry.models``."""
    wanted = set(labels)
    asked_task = None if task is None else fold_task(task)
    for view in registry.catalog.models(namespace):
        if view.document is None or view.document.data is None or view.is_deleted:
            continue
        model = RegisteredModel(view, fetcher=registry.store.fetch)
        if asked_task is not None and fold_task(model.task or "") != asked_task:
            continue
        if owner is not None and model.owner != owner:
            continue
        if wanted <= set(model.labels):
            yield model


def page(
    items: Iterable[_T], name: Callable[[_T], str], *, limit: int | None, after: str | None
) -> Iterator[_T]:
    """A part of a listing: at most ``limit`` items, those that follow the one named ``after``.

    Raises:
        NotFoundError: No item has that name.
        UsageError: The limit is negative.
    """
    if limit is not None and limit < 0:
        raise UsageError(f"limit is {limit}", remedy="use 0 or more, or None for all")
    rest = iter(items)
    if after is not None and not any(name(one) == after for one in rest):
        raise NotFoundError(f"the listing has no {after!a}, so nothing comes after it")
    return islice(rest, limit)


def order_versions(versions: Iterable[ModelVersion], order: VersionOrder) -> Iterable[ModelVersion]:
    """Versions that come lowest first, in another order; ``-`` reverses."""
    if order == "version":
        return versions
    listed = list(versions)
    if order.endswith("created_at"):
        listed.sort(key=lambda one: one.created_at)
    return reversed(listed) if order.startswith("-") else listed


def model_by_external_id(registry: Snapshot, external_id: str) -> RegisteredModel:
    """The model that has an identifier of another system.

    Raises:
        NotFoundError: None has it.
    """
    for view in registry.catalog.models():
        data = None if view.document is None else view.document.data
        if data is not None and data.get("external_id") == external_id:
            return RegisteredModel(view, fetcher=registry.store.fetch)
    raise NotFoundError(f"no model has the external id {external_id!a}")


def version_by_external_id(
    registry: Snapshot, external_id: str, model: str | None = None
) -> ModelVersion:
    """The version that has an identifier of another system, of one model or of all.

    Raises:
        NotFoundError: None has it.
    """
    views = (
        registry.catalog.models()
        if model is None
        else iter([find_model(registry.catalog, ModelName.parse(model))])
    )
    for view in views:
        for name in view.versions:
            found = view.version(name)
            data = None if found is None or found.document is None else found.document.data
            if found is not None and data is not None and data.get("external_id") == external_id:
                return ModelVersion(found, fetcher=registry.store.fetch)
    raise NotFoundError(f"no version has the external id {external_id!a}")


def _build_from_files(registry: Snapshot, model: ModelView, version: str) -> Iterator[ModelVersion]:
    view = model.version(version)
    if view is not None:
        yield ModelVersion(view, fetcher=registry.store.fetch)


def _build_from_row(
    registry: Snapshot, model: ModelView, row: VersionRow
) -> Iterator[ModelVersion]:
    if registry.commit is None or row.unreadable:
        return _build_from_files(registry, model, row.version)
    view = VersionView(model, row.version)
    return iter([ModelVersion(view, fetcher=registry.store.fetch, row=row)])


def listed_versions(registry: Snapshot, name: ModelName) -> Iterator[ModelVersion]:
    """See ``Registry.versions``."""
    model = find_model(registry.catalog, name)
    if registry.commit is None or registry.rows.model(name).unreadable:
        for version in RegisteredModel(model, fetcher=registry.store.fetch).versions:
            found = _build_from_files(registry, model, version)
            yield from (one for one in found if not one.is_deleted)
        return
    for row in reversed(registry.rows.versions(name)):
        if row.state != "deleted":
            yield from _build_from_row(registry, model, row)


def found_versions(registry: Snapshot, words: str) -> Iterator[ModelVersion]:
    """See ``Registry.search``."""
    for model, row in search(registry.rows, parse_query([words], versions=True)):
        if row is not None:
            yield from _build_from_row(registry, ModelView(registry.catalog, model.name), row)


@dataclass(frozen=True)
class Listing:
    """Models, or the versions of one, as plain data.

    Attributes:
        rows: One mapping for each.
        model: The model whose versions are listed; None where models are listed.
        unreadable: Names that were skipped.
    """

    rows: list[dict[str, JSON]]
    model: str | None
    unreadable: list[str]


@dataclass(frozen=True)
class SearchResult:
    """What a query found, as plain data.

    Attributes:
        rows: One mapping for each model or version.
        metrics: The metrics that the query bounds, as it names them.
        has_more: True where the limit was reached.
        unreadable: Names that were skipped.
        notes: Hints where nothing was found.
    """

    rows: list[dict[str, JSON]]
    metrics: tuple[str, ...]
    has_more: bool
    unreadable: list[str]
    notes: tuple[str, ...]


def _model_data(row: ModelRow, model: ModelView) -> dict[str, JSON]:
    try:
        highest: str | None = latest(model).version
    except RegistryError:
        highest = None
    return {
        "model": str(row.name),
        "title": row.get("title") or None,
        "versions": len(model.versions),
        "latest": highest,
        "aliases": dict(model.alias_targets()),
        "task": row.get("task") or None,
        "owner": row.get("owner"),
        "labels": [*row.labels],
        "state": row.state,
    }


def _version_data(row: VersionRow) -> dict[str, JSON]:
    return {
        "version": row.version,
        "title": row.get("title") or None,
        "state": row.state,
        "created_at": row.created_at,
        "aliases": [*row.aliases],
        "tags": [*row.tags],
        "framework": row.get("framework.type"),
        "metrics": dict(row.metrics),
    }


def _select(catalog: Catalog, what: str) -> ModelView | str:
    """The model or the namespace of a name; a namespace comes before a model of the default namespace."""
    if "/" in what.rstrip("/"):
        return find_model(catalog, ModelName.parse(what))
    name = what.rstrip("/")
    if name in catalog.namespaces():
        return check_namespace(name)
    try:
        return find_model(catalog, ModelName.parse(name))
    except NotFoundError as exc:
        known = ", ".join(catalog.namespaces()[:5]) or "none"
        raise NotFoundError(
            f"no namespace {name} and no model {ModelName.parse(name)} exists",
            remedy=f"namespaces: {known}",
        ) from exc


def list_rows(
    registry: Snapshot,
    what: str | None = None,
    *,
    labels: Iterable[str] = (),
    task: str | None = None,
    owner: str | None = None,
    deleted: bool = False,
) -> Listing:
    """The models of a registry or a namespace, or the versions of a model.

    Args:
        registry: The registry.
        what: A namespace or a model; all models by default.
        labels: Only models with all of these labels.
        task: Only models with this task.
        owner: Only models of this owner.
        deleted: Also deleted models and versions.

    Raises:
        NotFoundError: No such namespace or model exists.
    """
    selected = None if what is None else _select(registry.catalog, what)
    unreadable: list[str] = []
    if isinstance(selected, ModelView):
        rows = version_rows(registry, selected.name)
        rows = tuple(row for row in rows if deleted or row.state != "deleted")
        unreadable += [f"{selected.name}@{row.version}" for row in rows if row.unreadable]
        listed = [_version_data(row) for row in rows if not row.unreadable]
        return Listing(listed, str(selected.name), unreadable)
    given = [("namespace", selected), ("task", task), ("owner", owner)]
    given += [("label", label) for label in labels]
    filters = tuple(Filter(field, value) for field, value in given if value)
    query = Query(filters=filters, deleted=deleted)
    found = search(registry.rows, query, unreadable=unreadable.append)
    models = [_model_data(row, ModelView(registry.catalog, row.name)) for row, _ in found]
    return Listing(models, None, unreadable)


def _found_data(found: Found) -> dict[str, JSON]:
    model, version = found
    row: dict[str, JSON] = {
        "model": str(model.name),
        "title": model.get("title") or None,
        "task": model.get("task") or None,
        "description": model.get("description"),
    }
    if version is not None:
        row |= {
            "version": version.version,
            "state": version.state,
            "description": version.description or model.get("description"),
            "framework": version.get("framework.type"),
            "metrics": dict(version.metrics),
        }
    return row


def _rows_with_workers(registry: Snapshot, stack: ExitStack, workers: int | None) -> Rows:
    """The rows of a registry; where many have to be made, workers help until the search ends."""
    git = registry.repository.git
    commit = registry.commit or git.head()
    if commit is None:
        return registry.rows
    start = stack.enter_context(row_workers(git, commit, rows_folder(), workers))
    return load_rows(
        registry.catalog,
        registry.repository,
        many=lambda: start(len(list(registry.catalog.model_names()))),
    )


def search_rows(
    registry: Snapshot,
    query: Sequence[str],
    *,
    versions: bool = False,
    limit: int = 50,
    workers: int | None = 1,
) -> SearchResult:
    """The models and versions that match a query.

    Args:
        registry: The registry.
        query: Terms; see ``Registry.search``.
        versions: Find versions, even if no term requires them.
        limit: The maximum number of results.
        workers: The number of processes for a first search, this one included; None for as many as
            ``REGISTRY_WORKERS``, ``registry.workers`` or the usable processors.

    Raises:
        UsageError: The query is not well formed.
    """
    parsed = parse_query(query, versions=versions)
    unreadable: list[str] = []
    names = MetricNames()
    with ExitStack() as stack:
        rows = _rows_with_workers(registry, stack, workers)
        hits = search(rows, parsed, unreadable=unreadable.append, metrics=names)
        found = [_found_data(hit) for hit in islice(hits, limit)]
        has_more = next(hits, None) is not None
    metrics = tuple(dict.fromkeys(bound.metric for bound in parsed.bounds))
    notes = () if found else tuple(names.notes())
    return SearchResult(found, metrics, has_more, unreadable, notes)
