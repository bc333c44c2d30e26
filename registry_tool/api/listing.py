"""Many models and versions at once, for programs: what ``Registry`` lists and finds.

Whatever is asked of many versions is answered from rows; a version's files are read when a program asks for more. Rows
are of one moment, and the files of a work tree may change under a program, so its versions are read when they are listed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from registry_tool.api.views import ModelVersion, RegisteredModel
from registry_tool.catalog.catalog import ModelView, VersionView
from registry_tool.catalog.resolve import find_model
from registry_tool.catalog.search import parse_query, search
from registry_tool.catalog.summary import VersionRow
from registry_tool.catalog.summary_cache import Rows
from registry_tool.names import fold_task

if TYPE_CHECKING:
    from registry_tool.api.snapshot import Snapshot
    from registry_tool.names import ModelName

__all__ = [
    "found_versions",
    "listed_versions",
    "matching_models",
    "version_rows",
]


def version_rows(registry: Snapshot, name: ModelName) -> tuple[VersionRow, ...]:
    """The rows of one model, highest first: of a work tree from its files, without asking Git about all of them."""
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
        if view.document is None or view.document.data is None:
            continue
        model = RegisteredModel(view, fetcher=registry.store.fetch)
        if asked_task is not None and fold_task(model.task or "") != asked_task:
            continue
        if owner is not None and model.owner != owner:
            continue
        if wanted <= set(model.labels):
            yield model


def _of_files(registry: Snapshot, model: ModelView, version: str) -> Iterator[ModelVersion]:
    view = model.version(version)
    if view is not None:
        yield ModelVersion(view, fetcher=registry.store.fetch)


def _of_row(registry: Snapshot, model: ModelView, row: VersionRow) -> Iterator[ModelVersion]:
    if registry.commit is None or row.unreadable:
        return _of_files(registry, model, row.version)
    view = VersionView(model, row.version)
    return iter([ModelVersion(view, fetcher=registry.store.fetch, row=row)])


def listed_versions(registry: Snapshot, name: ModelName) -> Iterator[ModelVersion]:
    """See ``Registry.versions``."""
    model = find_model(registry.catalog, name)
    if registry.commit is None or registry.rows.model(name).unreadable:
        for version in RegisteredModel(model, fetcher=registry.store.fetch).versions:
            yield from _of_files(registry, model, version)
        return
    for row in reversed(registry.rows.versions(name)):
        yield from _of_row(registry, model, row)


def found_versions(registry: Snapshot, words: str) -> Iterator[ModelVersion]:
    """See ``Registry.search``."""
    for model, row in search(registry.rows, parse_query([words], versions=True)):
        if row is not None:
            yield from _of_row(registry, ModelView(registry.catalog, model.name), row)
