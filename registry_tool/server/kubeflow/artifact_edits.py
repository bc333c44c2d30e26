"""Artifacts, metrics and parameters of requests as edits of a draft, or as evidence about a sealed version."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from registry_tool.catalog.catalog import Catalog, VersionView
from registry_tool.catalog.resolve import find_draft, find_model
from registry_tool.edits.annotations import add_evidence
from registry_tool.edits.changeset import ChangeSet, Edit, combine, followed_by
from registry_tool.edits.drafts import DraftChanges, edit_draft
from registry_tool.errors import ConflictError, NotFoundError, RefusedError
from registry_tool.manifests.data import Data, member, records, text, texts
from registry_tool.manifests.problems import JSON
from registry_tool.names import Reference
from registry_tool.server.kubeflow.entries import (
    OWN,
    entry_name,
    kept_by_others,
    label_of_kind,
    show_entry,
    write_entry,
    write_metric,
    write_parameter,
)
from registry_tool.server.kubeflow.map import merge_wire
from registry_tool.server.kubeflow.render import API

__all__ = ["Said", "attach_object", "put_artifact"]

# What can change the outputs of a version.
_OUTPUTS: Final = ("uri", "etag", "sha256", "path")


class Said(NamedTuple):
    """Who changes an artifact, and when.

    Attributes:
        by: Who, for evidence.
        now: When, in milliseconds.
    """

    by: str
    now: int


def _entries(version: VersionView) -> list[Data]:
    found = list(records(version.data, "artifacts"))
    for document in version.evidence():
        found += records(document.data, "artifacts")
    return found


def _keys(version: VersionView, kind: str) -> set[str]:
    if kind == "parameter":
        return set(member(version.data, "parameters"))
    return {text(metric, "key") for metric in version.measured}


def _refuse_frozen(version: VersionView, what: str) -> RefusedError:
    return RefusedError(
        f"{version} is sealed: {what} would change what it puts out",
        remedy="register a new model version",
    )


def _rests(version: VersionView) -> Data:
    data = None if version.wire is None else version.wire.data
    return member(data, API, "artifacts")


def _by_shown(version: VersionView, label: str, name: str) -> str | None:
    """The key of a metric or parameter that a client gave a name; None where there is none."""
    for key in _keys(version, label):
        rest = member(_rests(version), f"{label}:{key}")
        if (text(rest, "name") or key) == name:
            return key
    return None


def put_artifact(
    reference: Reference, body: Mapping[str, JSON], *, name: str | None, said: Said
) -> Edit:
    """Add an artifact to a version, or change one.

    Args:
        reference: The version; of a sealed one, what cannot change its outputs goes into evidence.
        body: All fields of the artifact.
        name: Its name in the manifest; None for a new one. A metric or parameter of the same name is updated.
        said: Who says it, and when.
    """
    label = label_of_kind(str(body["artifactType"]))

    def edit(catalog: Catalog) -> ChangeSet:
        draft = find_draft(catalog, reference)
        version = draft or find_model(catalog, reference.model).version(str(reference.selector))
        if version is None:
            raise NotFoundError(f"model version not found: {reference}")
        if label == "artifact":
            return _put_entry(version, body, name, said)(catalog)
        shown = str(body["name"])
        known = name or _by_shown(version, label, shown)
        key = known or entry_name(shown, _keys(version, label), label)
        write = _write_metric if label == "metric" else _write_parameter
        first, rest = write(version, body, key, said)
        rest |= {"updated": said.now} if known is not None and version.is_draft else {}
        return followed_by(catalog, first(catalog), _set_rest(version, f"{label}:{key}", rest))

    return edit


def _exact(version: VersionView) -> Reference:
    return Reference(version.model.name, version.version)


def _put_entry(
    version: VersionView, body: Mapping[str, JSON], name: str | None, said: Said
) -> Edit:
    entries = {text(entry, "name"): entry for entry in _entries(version)}
    reference = _exact(version)
    if name is None:
        _check_new_name(entries, body, str(version))
    own = name or entry_name(str(body["name"]), entries, "artifact")
    entry = write_entry(body, own, 0 if name is None else said.now)
    kept = kept_by_others(member(entries.get(own), "metadata"))
    if kept:
        entry["metadata"] = {**member(entry, "metadata"), **kept}
    if version.is_draft:
        return edit_draft(reference, DraftChanges(artifacts=[entry]))
    if entry["role"] == "model":
        if name is None:
            raise _refuse_frozen(version, "another model artifact")
        before = entries[name]
        if any(before.get(k) != entry.get(k) for k in _OUTPUTS):
            raise _refuse_frozen(version, "a change of the address of its model")
    fields: dict[str, object] = {"artifacts": [entry]}
    if name is not None and (revised := _evidence_with(version, name)):
        fields["revises"] = revised
    return add_evidence(reference, "artifacts", fields, by=said.by)


def _check_new_name(entries: Mapping[str, Data], body: Mapping[str, JSON], where: str) -> None:
    shown = [show_entry(entry, where) for entry in entries.values()]
    if any(
        one["name"] == body["name"] and one["artifactType"] == body["artifactType"] for one in shown
    ):
        raise ConflictError(f"{body['artifactType']} {body['name']!a} of {where} already exists")


def _evidence_with(version: VersionView, name: str) -> str:
    """The newest evidence that names an artifact; empty where it is in the record."""
    found = ""
    for document in sorted(version.evidence(), key=lambda one: text(one.data, "at")):
        if any(text(entry, "name") == name for entry in records(document.data, "artifacts")):
            found = document.path.rpartition("/")[2].removesuffix(".yaml")
    return found


def _set_rest(version: VersionView, label: str, rest: dict[str, JSON]) -> list[Edit]:
    """What keeps the rest of a metric or parameter as wire data; nothing where that is as it was."""
    before = _rests(version)
    if before.get(label, {}) == rest:
        return []
    kept = {key: value for key, value in before.items() if key != label}
    whole: JSON = {**kept, **({label: rest} if rest else {})}
    return [merge_wire(version.model.name, version.version, {"artifacts": whole or None})]


def _write_metric(
    version: VersionView, body: Mapping[str, JSON], key: str, said: Said
) -> tuple[Edit, dict[str, JSON]]:
    entry, rest = write_metric(body, key)
    if version.is_draft:
        return edit_draft(_exact(version), DraftChanges(metrics=[entry])), rest
    return add_evidence(_exact(version), "metrics", {"metrics": [entry]}, by=said.by), rest


def _write_parameter(
    version: VersionView, body: Mapping[str, JSON], key: str, _: Said
) -> tuple[Edit, dict[str, JSON]]:
    value, rest = write_parameter(body, key)
    parameters = member(version.data, "parameters")
    if version.is_draft:
        fields = {"parameters": {**parameters, key: value}}
        return edit_draft(_exact(version), DraftChanges(fields=fields)), rest
    if key not in parameters or parameters[key] != value:
        raise _refuse_frozen(version, "a parameter")
    return combine([], f"Update {version}"), rest


def attach_object(reference: Reference, slug: str, body: Mapping[str, JSON]) -> Edit:
    """Attach a standalone artifact to a version; it keeps its id.

    Args:
        reference: The version.
        slug: The artifact.
        body: All of its fields; a model artifact of a draft is named in its record too, so that it can be fetched.
    """
    named = f"artifact/{slug}"

    def edit(catalog: Catalog) -> ChangeSet:
        draft = find_draft(catalog, reference)
        version = draft or find_model(catalog, reference.model).version(str(reference.selector))
        if version is None:
            raise NotFoundError(f"model version not found: {reference}")
        data = None if version.wire is None else version.wire.data
        attached = texts(member(data, API), "attached")
        if named in attached:
            return ChangeSet(f"{named} is attached to {version}")
        merged = merge_wire(reference.model, version.version, {"attached": [*attached, named]})
        if draft is None or body["artifactType"] != "model-artifact":
            return merged(catalog)
        taken = {text(entry, "name") for entry in _entries(version)}
        entry = write_entry(body, entry_name(str(body["name"]), taken, "artifact"), 0)
        own: JSON = {**member(entry, "metadata"), OWN: {"object": named}}
        entry = {k: v for k, v in entry.items() if k != "external_id"}
        entry["metadata"] = own
        return followed_by(
            catalog, edit_draft(_exact(version), DraftChanges(artifacts=[entry]))(catalog), [merged]
        )

    return edit
