"""Requests as edits of models and versions. Each function returns one edit, which becomes one commit."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Final

from registry_tool.catalog.catalog import Catalog, ModelView, VersionView
from registry_tool.catalog.resolve import find_draft, find_model
from registry_tool.edits.annotations import replace_metadata
from registry_tool.edits.changeset import ChangeSet, Edit, combine, followed_by
from registry_tool.edits.drafts import DraftChanges, edit_draft
from registry_tool.edits.lifecycle import archive, restore, set_state
from registry_tool.edits.model_fields import update_model
from registry_tool.edits.shown import NewNamespace, add_shown_draft, add_shown_model
from registry_tool.edits.versions import VersionRecord
from registry_tool.edits.wire import set_wire
from registry_tool.errors import NotFoundError
from registry_tool.manifests.arguments import fits
from registry_tool.manifests.data import Data, member, text
from registry_tool.manifests.document import Document
from registry_tool.manifests.problems import JSON
from registry_tool.names import ModelName, Reference
from registry_tool.server.bare_names import BareName
from registry_tool.server.kubeflow.properties import read_properties
from registry_tool.server.kubeflow.render import API

__all__ = [
    "add_registered_model",
    "add_version_draft",
    "merge_wire",
    "update_registered_model",
    "update_version",
]

ARCHIVED: Final = "archived through Kubeflow"
RESTORED: Final = "restored through Kubeflow"
_MODEL_FIELDS: Final = {"owner": "owner", "description": "description", "externalId": "external_id"}
# Kept whole in the wire data, because our own fields say less.
_MODEL_WIRE: Final = (
    "readme", "maturity", "language", "tasks", "provider", "logo", "license", "licenseLink", "libraryName",
)  # fmt: skip
_WIRE_NAMES: Final = {"externalId": "external_id"}

Wire = dict[str, JSON]


def _split_model(body: Mapping[str, JSON]) -> tuple[dict[str, object], Wire]:
    """The fields of ``model.yaml``, and the rest as wire data; None in either removes one."""
    fields: dict[str, object] = {}
    wire: Wire = {}
    for name, field in _MODEL_FIELDS.items():
        if name in body:
            own = fits("model/v2", field, body[name])
            fields |= {field: body[name]} if own else {} if field == "owner" else {field: None}
            wire[_WIRE_NAMES.get(name, name)] = None if own else body[name]
    wire |= {name: body[name] for name in _MODEL_WIRE if name in body}
    tasks = body.get("tasks")
    if isinstance(tasks, list):
        own = bool(tasks) and fits("model/v2", "task", tasks[0])
        fields["task"] = tasks[0] if own else None
    return fields, wire


def _present(wire: Wire) -> Wire:
    return {key: value for key, value in wire.items() if value is not None}


def add_registered_model(
    name: BareName, body: Mapping[str, JSON], *, owner: str, email: str
) -> Edit:
    """Add a model, and its namespace with the first.

    Args:
        name: Namespace and shown name.
        body: Its fields.
        owner: The owner, if the client names none.
        email: Who owns a new namespace.
    """
    fields, wire = _split_model(body)
    wire = _present(wire)
    given = {key: value for key, value in fields.items() if value is not None}
    if "owner" not in given:
        wire["defaults"] = {"owner": owner}
        given["owner"] = owner
    properties = body.get("customProperties")
    metadata, labels = read_properties(properties if isinstance(properties, dict) else {}, {})
    given |= {key: value for key, value in (("metadata", metadata), ("labels", labels)) if value}
    given["version_scheme"] = "free"
    if body.get("state") == "ARCHIVED":
        given["state"] = "archived"

    namespace = NewNamespace(name.namespace, email)
    return add_shown_model(
        namespace, name.shown, given, what="registered model", wire={API: wire} if wire else None
    )


def _kubeflow(document: Document | None) -> Data:
    return member(None if document is None else document.data, API)


def merge_wire(name: ModelName, version: str | None, changes: Wire) -> Edit:
    """Change some keys of Kubeflow's wire data; None removes one."""

    def edit(catalog: Catalog) -> ChangeSet:
        view = find_model(catalog, name)
        found = view if version is None else view.version(version) or view.draft(version)
        if found is None:
            raise NotFoundError(f"model version not found: {name}@{version}")
        merged = _present({**_kubeflow(found.wire), **changes})
        return set_wire(name, version, API, merged)(catalog)

    return edit


def update_registered_model(name: ModelName, body: Mapping[str, JSON], now: int) -> Edit:
    """Change fields of a model; an update that changes nothing counts as one too.

    Args:
        name: The model.
        body: The fields that are given.
        now: The time, in milliseconds.
    """
    fields, wire = _split_model(body)

    def edit(catalog: Catalog) -> ChangeSet:
        data = find_model(catalog, name).data
        changed = dict(fields)
        properties = body.get("customProperties")
        if isinstance(properties, dict):
            metadata, labels = read_properties(properties, member(data, "metadata"))
            changed |= {"metadata": metadata or None, "labels": labels or None}
        edits: list[Edit] = [update_model(name, changed)]
        if wire or "owner" in body:
            edits.append(
                merge_wire(name, None, {**wire, **({"defaults": None} if "owner" in body else {})})
            )
        state = body.get("state")
        if state == "ARCHIVED":
            edits.append(archive(name))
        elif state == "LIVE":
            edits.append(restore(name))
        return _at_least_marked(
            catalog, edits, merge_wire(name, None, {"updated": now}), f"Update {name}"
        )

    return edit


def _at_least_marked(catalog: Catalog, edits: list[Edit], mark: Edit, message: str) -> ChangeSet:
    change = combine(edits, message)(catalog)
    if change.puts or change.deletes:
        return change
    return mark(catalog)


def add_version_draft(
    name: ModelName, body: Mapping[str, JSON], gone: Callable[[ModelView], Collection[str]]
) -> Edit:
    """Add a version to a model as a draft.

    Args:
        name: The model.
        body: Its fields.
        gone: Returns the versions of a model that were removed.
    """
    shown = str(body["name"])
    fields, wire = _split_version(body)

    record = VersionRecord(
        fields={k: v for k, v in fields.items() if v is not None}, wire={API: _present(wire)}
    )
    added = add_shown_draft(name, shown, record, gone=gone, what="model version")

    def add(catalog: Catalog) -> ChangeSet:
        change = added(catalog)
        return followed_by(catalog, change, _annotation(change.versions[0], body, {}))

    return add


def _split_version(body: Mapping[str, JSON]) -> tuple[dict[str, JSON], Wire]:
    """The fields of ``version.yaml`` of a draft, and the rest as wire data; None in either removes one."""
    fields: dict[str, JSON] = {}
    wire: Wire = {}
    for name, field in (("author", "author"), ("externalId", "external_id")):
        if name in body:
            own = fits("version/v1", field, body[name])
            fields[field] = body[name] if own else None
            wire[_WIRE_NAMES.get(name, name)] = None if own else body[name]
    if "description" in body:
        own = fits("metadata/v2", "description", body["description"])
        wire["description"] = None if own else body["description"]
    if body.get("state") == "ARCHIVED":
        wire["state"] = "ARCHIVED"
    elif "state" in body:
        wire["state"] = None
    return fields, wire


def _annotation(reference: Reference, body: Mapping[str, JSON], before: Data) -> list[Edit]:
    """What sets description and custom properties, which lie in ``metadata.yaml`` from the start."""
    properties, description = body.get("customProperties"), body.get("description")
    words = (
        description
        if isinstance(description, str) and fits("metadata/v2", "description", description)
        else None
    )
    if not isinstance(properties, dict):
        if words is None:
            return []
        return [replace_metadata(reference, before, description=words)]
    metadata, labels = read_properties(properties, before)
    return [replace_metadata(reference, metadata, labels=labels, description=words)]


def update_version(reference: Reference, body: Mapping[str, JSON], now: int) -> Edit:
    """Change fields of a version or draft; an update that changes nothing counts as one too.

    Args:
        reference: The version.
        body: The fields that are given.
        now: The time, in milliseconds.
    """
    name, selector = reference.model, str(reference.selector)

    def edit(catalog: Catalog) -> ChangeSet:
        draft = find_draft(catalog, reference)
        version = draft or find_model(catalog, name).version(selector)
        if version is None:
            raise NotFoundError(f"model version not found: {reference}")
        fields, wire = _split_version(body)
        edits = _annotation(reference, body, version.all_metadata)
        if draft is not None:
            edits.append(edit_draft(reference, DraftChanges(fields=fields)))
        else:
            wire |= _frozen_fields(version, body)
            edits += _state_edits(reference, version, body)
            if body.get("state") == "ARCHIVED":
                del wire["state"]
        changes = {k: v for k, v in wire.items() if v != _kubeflow(version.wire).get(k)}
        if changes or _moves_record_only(version, fields):
            edits.append(merge_wire(name, selector, {**changes, "updated": now}))
        mark = merge_wire(name, selector, {"updated": now})
        return _at_least_marked(catalog, edits, mark, f"Update {reference}")

    return edit


def _moves_record_only(version: VersionView, fields: Mapping[str, JSON]) -> bool:
    """True where fields of a draft's record change: artifacts are in that file too, so a time has to say it."""
    return version.is_draft and any(version.data.get(k) != v for k, v in fields.items())


def _frozen_fields(version: VersionView, body: Mapping[str, JSON]) -> Wire:
    """Author and external id of a sealed version: what differs from its record lies in the wire data."""
    found: Wire = {}
    for name, field in (("author", "author"), ("externalId", "external_id")):
        if name in body:
            found[_WIRE_NAMES.get(name, name)] = (
                None if text(version.data, field) == body[name] else body[name]
            )
    return found


def _state_edits(
    reference: Reference, version: VersionView, body: Mapping[str, JSON]
) -> list[Edit]:
    if body.get("state") == "ARCHIVED" and version.state == "active":
        return [set_state(reference, "deprecated", reason=ARCHIVED)]
    if body.get("state") == "LIVE" and version.state != "active":
        return [set_state(reference, "active", reason=RESTORED)]
    return []
