"""One model or version as plain data: its record, and everything that other files add to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry_tool.catalog.resolve import find_model, in_order
from registry_tool.manifests.problems import JSON
from registry_tool.names import ModelName

if TYPE_CHECKING:
    from registry_tool.api.snapshot import Snapshot
    from registry_tool.catalog.catalog import VersionView
    from registry_tool.manifests.document import Document

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
    """A model, ``[namespace/]model``, or the version that a reference names, withdrawn ones and drafts included.

    Raises:
        NotFoundError: No such model or version exists.
        InvalidManifestError: Its record cannot be read.
    """
    if "@" not in reference:
        return _describe_model(registry, ModelName.parse(reference))
    found = registry.resolve(reference, allow_withdrawn=True, allow_draft=True)
    view = found.version
    return Description(
        str(view), True, view.state, view.model.scheme, _version_data(view), tuple(found.notes)
    )


def _describe_model(registry: Snapshot, name: ModelName) -> Description:
    model = find_model(registry.catalog, name)
    record = dict(model.data)
    data: dict[str, JSON] = {
        "model": str(model.name),
        "title": model.title or None,
        "record": record,
        "versions": [*in_order(model)],
        "aliases": dict(model.alias_targets()),
        "tags": dict(model.tag_targets()),
        "titles": {name: model.title_of(name) for name in sorted(model.titled)},
        "metrics": dict(model.metrics),
        "evidence": [
            {"id": d.place.name, **d.data} for d in model.evidence() if d.data is not None
        ],
    }
    return Description(str(model.name), False, model.state, model.scheme, data)


def _version_data(view: VersionView) -> dict[str, JSON]:
    status = view.status
    data = _known(view, status)
    if view.is_draft:
        tags, aliases = view.reserved_tags, view.reserved_aliases
        data["reserved"] = {"tags": [*tags], "aliases": [*aliases]}
    return data


def _known(view: VersionView, status: Document | None) -> dict[str, JSON]:
    return {
        "model": str(view.model.name),
        "version": view.version,
        "title": view.title or None,
        "state": view.state,
        "status": dict(status.data) if status is not None and status.data is not None else None,
        "aliases": [*view.aliases],
        "tags": [*view.tags],
        "description": view.description,
        "labels": [*view.labels],
        "metrics": dict(view.metrics),
        "metadata": dict(view.all_metadata),
        "record": dict(view.data),
        "evidence": [{"id": d.place.name, **d.data} for d in view.evidence() if d.data is not None],
    }
