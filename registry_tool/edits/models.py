"""New models with the namespaces they live in, and what changes in the record of a published model."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from registry_tool.catalog.catalog import Catalog, ModelView
from registry_tool.catalog.resolve import find_model
from registry_tool.edits.changeset import ChangeSet, Edit
from registry_tool.edits.titles import check_model_title, check_title, title_bytes
from registry_tool.edits.wire import wire_bytes
from registry_tool.errors import InvalidManifestError, RefusedError
from registry_tool.manifests.arguments import check_manifest
from registry_tool.manifests.data import Data, member, records, text
from registry_tool.manifests.fields import MODEL_FIELDS, in_write_order
from registry_tool.manifests.layout import Layout
from registry_tool.manifests.problems import JSON
from registry_tool.manifests.schema_fast import same
from registry_tool.manifests.values import plain_fields
from registry_tool.manifests.yaml.editor import GONE, edit_fields
from registry_tool.manifests.yaml.writer import render
from registry_tool.names import (
    POINTER_PATTERN,
    ModelName,
    check_namespace,
    check_new_name,
    fold_model,
)

__all__ = [
    "add_model",
    "add_namespace",
    "check_new_model",
    "extend_model",
    "model_schema",
    "remove_uploads",
    "upgraded_model",
    "write_card",
]

_HANDLE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?")
_PERSON = re.compile(r"[^<>]*<([^<>@\s]+@[^<>@\s]+)>")
# What model/v1 takes for a task: it also knows no model without one, or without a description.
_FIRST_TASKS = re.compile(POINTER_PATTERN)

_ORDER = in_write_order(MODEL_FIELDS, "model")


def model_schema(data: Data) -> str:
    """The oldest schema that can say this of a model, so that older releases read what they can.

    A model whose record is ``model/v2`` stays that: evidence in its folder may depend on it.
    """
    task = text(data, "task")
    fits_first = bool(_FIRST_TASKS.fullmatch(task)) and "description" in data
    fits_first = fits_first and not any("version" in e for e in records(data, "artifacts"))
    return "model/v1" if fits_first and text(data, "schema") != "model/v2" else "model/v2"


def _owner_handle(owner: str) -> str:
    """An owner as namespace.yaml names them: a bare word is a team or user of the Git host, a person an e-mail address."""
    person = _PERSON.fullmatch(owner)
    if person:
        return person[1]
    return f"@{owner}" if _HANDLE.fullmatch(owner) else owner


def _namespace_file(owner: str, namespace: str) -> bytes:
    """The ``namespace.yaml`` of a namespace that comes with its first model."""
    from registry_tool.manifests.schema import partial_mismatches

    if partial_mismatches("namespace/v1", {"owners": [owner]}):
        raise RefusedError(
            f"{namespace} is a new namespace, and {owner!a} cannot own one",
            remedy="name its owner as @user, @organisation/team or an e-mail address",
        )
    return render({"schema": "namespace/v1", "owners": [owner]})


def add_namespace(
    namespace: str, owners: Sequence[str], *, title: str = "", description: str = ""
) -> Edit:
    """Add a namespace without models.

    Args:
        namespace: Its name.
        owners: Who approves changes: ``@user``, ``@organisation/team`` or an e-mail address.
        title: Its shown name, where that is not its name.
        description: What it is for.

    The edit raises RefusedError: it exists.

    Raises:
        InvalidNameError: The name or the title is not one.
        UsageError: The schema does not allow a value.
    """
    check_new_name(check_namespace(namespace), "namespace")
    fields: dict[str, JSON] = {"schema": "namespace/v1", "owners": [*owners]}
    if description:
        fields["description"] = description
    check_manifest("namespace/v1", fields, called="namespace.yaml")
    shown = check_title(title) if title else ""

    def add(catalog: Catalog) -> ChangeSet:
        if namespace in catalog.namespaces():
            raise RefusedError(f"namespace {namespace} already exists")
        folder = catalog.layout.namespace(namespace)
        puts = {f"{folder}/namespace.yaml": render(fields)}
        if shown and shown != namespace:
            puts[f"{folder}/title.yaml"] = title_bytes(shown)
        return ChangeSet(f"Add namespace {namespace}", puts)

    return add


def check_new_model(catalog: Catalog, name: ModelName) -> None:
    """Check that no model has this name, or one that differs only by case or separators.

    Raises:
        RefusedError: One has.
    """
    twins = [
        m
        for m in catalog.model_names(name.namespace)
        if fold_model(m.name) == fold_model(name.name)
    ]
    if twins:
        same = twins[0] == name
        raise RefusedError(
            f"model {twins[0]} exists already",
            remedy=f"add a version to it: registry version add {twins[0]} --artifact PATH --framework TYPE"
            if same
            else f"{name} differs only by case, or by - _ and .; choose another name",
        )


def _record(name: ModelName, given: Mapping[str, JSON]) -> dict[str, JSON]:
    """The data of ``model.yaml``, in the order in which it is written."""
    data: dict[str, JSON] = {
        "schema": model_schema(given),
        "name": name.name,
        "namespace": name.namespace,
    }
    data.update({key: given[key] for key in _ORDER if key in given})
    data.update({key: value for key, value in given.items() if key not in data})
    return data


def add_model(
    name: ModelName,
    fields: Mapping[str, object],
    *,
    card: str = "",
    files: Mapping[str, bytes] | None = None,
    title: str = "",
    wire: Mapping[str, Mapping[str, object]] | None = None,
) -> Edit:
    """Add a model; its namespace too, when this is its first.

    Args:
        name: The model's full name.
        fields: The fields of its ``model.yaml``, without the names.
        card: The text of its ``CARD.md``; a short one is written when empty.
        files: Pointers of its own artifacts, by artifact path.
        title: Its shown name, where that is not its name.
        wire: What clients of other protocols say of it, by protocol.

    The edit raises RefusedError (the name or the title is taken, or the owner cannot own a new namespace) or
    InvalidNameError (some systems cannot have a file of this name).

    Raises:
        UsageError: A value has no form in a manifest; see ``manifests.values``.
        InvalidNameError: The title is not one.
    """
    given = plain_fields(fields)
    shown = check_title(title) if title else name.name
    own = {"model.yaml": render(_record(name, given)), "CARD.md": _card(name, given, card)}
    own |= {f"{path}.dvc": source for path, source in (files or {}).items()}
    if shown != name.name:
        own["title.yaml"] = title_bytes(shown)
    if wire:
        own["wire.yaml"] = wire_bytes(wire)

    def add(catalog: Catalog) -> ChangeSet:
        check_new_model(catalog, name)
        check_new_name(name.name, "model")
        if name.namespace not in catalog.namespaces():
            check_new_name(name.namespace, "namespace")
        if "continues" in given:
            find_model(catalog, ModelName.parse(str(given["continues"])))
        check_model_title(catalog, name, shown)
        layout: Layout = catalog.layout
        puts = {f"{layout.model(name)}/{file}": source for file, source in own.items()}
        notes: tuple[str, ...] = ()
        if name.namespace not in catalog.namespaces():
            owner = _owner_handle(str(given.get("owner", "")))
            source = _namespace_file(owner, name.namespace)
            puts[f"{layout.namespace(name.namespace)}/namespace.yaml"] = source
            notes = (f"new namespace {name.namespace}, owned by {owner}",)
        return ChangeSet(f"Add model {name}", puts, notes=notes)

    return add


def extend_model(
    name: ModelName,
    *,
    metadata: Mapping[str, object] | None = None,
    artifacts: Sequence[Data] = (),
    files: Mapping[str, bytes] | None = None,
) -> Edit:
    """Add to the record of a published model; comments and order in its ``model.yaml`` stay.

    Args:
        name: The model.
        metadata: Keys of its free metadata; a key that exists is replaced.
        artifacts: Entries of artifacts that are added to its own.
        files: Pointers of these artifacts, by artifact path.

    The edit raises NotFoundError (no such model) or InvalidManifestError (its record cannot be read).

    Raises:
        UsageError: A value has no form in a manifest; see ``manifests.values``.
    """
    free = plain_fields(metadata or {}, "metadata")

    def extend(catalog: Catalog) -> ChangeSet:
        model = find_model(catalog, name)
        old, path = model.data, f"{model.folder}/model.yaml"
        new: dict[str, JSON] = {}
        if free:
            new["metadata"] = {**member(old, "metadata"), **free}
        if artifacts:
            new["artifacts"] = [dict(entry) for entry in (*records(old, "artifacts"), *artifacts)]
        new["schema"] = model_schema({**old, **new})
        new = {key: value for key, value in new.items() if not same(old.get(key), value)}
        puts = {f"{model.folder}/{at}.dvc": source for at, source in (files or {}).items()}
        if new:
            puts[path] = edit_fields(_source(model), old, new, path)
        return ChangeSet(f"Update {name}" if puts else f"{name} already has these values", puts)

    return extend


def remove_uploads(model: ModelView, version: str) -> tuple[dict[str, bytes], frozenset[str]]:
    """The files that no longer name what was uploaded for a version after it was published.

    Args:
        model: The model.
        version: The version.

    Returns:
        The model's ``model.yaml`` without these entries, by path, and the paths of their pointers; both empty where
        nothing was uploaded, or ``model.yaml`` cannot be read.
    """
    data = None if model.document is None else model.document.data
    entries = records(data, "artifacts")
    left = [entry for entry in entries if text(entry, "version") != version]
    if data is None or len(left) == len(entries):
        return {}, frozenset()
    used = {text(entry, "path") for entry in left}
    pointers = {
        f"{text(entry, 'path')}.dvc" for entry in entries if text(entry, "path") not in used
    }
    found = model.catalog.tree.folder(model.folder).keys() & pointers
    path = f"{model.folder}/model.yaml"
    kept: list[JSON] = [dict(entry) for entry in left]
    edited = edit_fields(_source(model), data, {"artifacts": kept or GONE}, path)
    return {path: edited}, frozenset(f"{model.folder}/{name}" for name in found)


def _source(model: ModelView) -> bytes:
    if model.document is None:
        raise InvalidManifestError(f"{model.name} has no model.yaml")
    return model.document.source


def write_card(name: ModelName, card: str) -> Edit:
    """Replace the ``CARD.md`` of a model; an empty text removes it. The edit raises NotFoundError."""
    text_of_card = card.replace("\r\n", "\n").rstrip("\n")
    source = f"{text_of_card}\n".encode()

    def edit(catalog: Catalog) -> ChangeSet:
        path = f"{find_model(catalog, name).folder}/CARD.md"
        before = catalog.tree.read(path)
        if not text_of_card.strip():
            gone = frozenset() if before is None else frozenset({path})
            return ChangeSet(f"Remove the card of {name}", deletes=gone)
        if before is not None and before.replace(b"\r\n", b"\n").rstrip(b"\n") == source[:-1]:
            return ChangeSet(f"{name} already has this card")
        return ChangeSet(f"Update the card of {name}", {path: source})

    return edit


def upgraded_model(model: ModelView) -> dict[str, bytes]:
    """The ``model.yaml`` of a model as a file of ``model/v2``, by path; empty where it is one.

    Raises:
        InvalidManifestError: It cannot be read.
    """
    data, path = model.data, f"{model.folder}/model.yaml"
    if text(data, "schema") != "model/v1":
        return {}
    return {path: edit_fields(_source(model), data, {"schema": "model/v2"}, path)}


def _card(name: ModelName, fields: Mapping[str, JSON], card: str) -> bytes:
    about = text(fields, "description")
    words = card or f"# {name.name}\n" + (f"\n{about}\n" if about else "")
    return (words if words.endswith("\n") else words + "\n").encode()
