"""One model or version as plain data: its record, and everything that other files add to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry_tool.catalog.catalog import (
    aliases_of,
    description_of,
    labels_of,
    last_metrics,
    metadata_of,
    tags_of,
)
from registry_tool.catalog.resolve import find_model, in_order
from registry_tool.manifests.problems import JSON
from registry_tool.names import ModelName

if TYPE_CHECKING:
    from registry_tool.api.snapshot import Snapshot
    from registry_tool.catalog.catalog import VersionView

__all__ = ["Description", "describe"]


@dataclass(frozen=True)
class Description:
    """A model or a version.

    Attributes:
        name: ``namespace/model`` or ``namespace/model@version``.
        is_version: True for a version.
        state: Its state.
        scheme: The version scheme of the model.
        data: Plain data, for programs.
        notes: Notes on the resolved version: deprecated, pinned and so on.
    """

    name: str
    is_version: bool
    state: str
    scheme: str
    data: dict[str, JSON]
    notes: tuple[str, ...] = ()


def describe(registry: Snapshot, reference: str) -> Description:
    """A model, ``[namespace/]model``, or the version that a reference names, withdrawn ones included.

    Raises:
        NotFoundError: No such model or version exists.
        InvalidManifestError: Its record cannot be read.
    """
    if "@" not in reference:
        return _describe_model(registry, ModelName.parse(reference))
    found = registry.resolve(reference, allow_withdrawn=True)
    view = found.version
    return Description(
        str(view), True, view.state, view.model.scheme, _version_data(view), tuple(found.notes)
    )


def _describe_model(registry: Snapshot, name: ModelName) -> Description:
    model = find_model(registry.catalog, name)
    record = dict(model.data)
    data: dict[str, JSON] = {
        "model": str(model.name),
        "record": record,
        "versions": [*in_order(model)],
        "aliases": dict(aliases_of(model)),
        "tags": dict(tags_of(model)),
    }
    return Description(
        str(model.name), False, str(record.get("state") or "live"), model.scheme, data
    )


def _names(view: VersionView) -> tuple[list[JSON], list[JSON]]:
    both = (aliases_of(view.model), tags_of(view.model))
    aliases, tags = ([n for n, v in names.items() if v == view.version] for names in both)
    return [*aliases], [*tags]


def _version_data(view: VersionView) -> dict[str, JSON]:
    aliases, tags = _names(view)
    status = view.status
    return {
        "model": str(view.model.name),
        "version": view.version,
        "state": view.state,
        "status": dict(status.data) if status is not None and status.data is not None else None,
        "aliases": aliases,
        "tags": tags,
        "description": description_of(view),
        "labels": [*labels_of(view)],
        "metrics": dict(last_metrics(view)),
        "metadata": dict(metadata_of(view)),
        "record": dict(view.data),
        "evidence": [{"id": d.place.name, **d.data} for d in view.evidence() if d.data is not None],
    }
