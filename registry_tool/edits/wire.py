"""What clients of other protocols wrote about a model or a version: ``wire.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from registry_tool.catalog.catalog import Catalog
from registry_tool.catalog.resolve import find_model
from registry_tool.edits.changeset import ChangeSet, Edit
from registry_tool.errors import InvalidManifestError, NotFoundError
from registry_tool.manifests.arguments import check_manifest
from registry_tool.manifests.document import Document
from registry_tool.manifests.problems import JSON
from registry_tool.manifests.schema_fast import same
from registry_tool.manifests.values import plain_fields
from registry_tool.manifests.yaml.editor import GONE, edit_fields
from registry_tool.manifests.yaml.writer import render
from registry_tool.names import ModelName

__all__ = ["set_wire", "wire_bytes"]

_SCHEMA: Final = "wire/v1"


def wire_bytes(data: Mapping[str, Mapping[str, object]]) -> bytes:
    """The file for a new model or version, from the data of each protocol.

    Raises:
        UsageError: A value has no form in a manifest, or the protocol is unknown.
    """
    plain: dict[str, JSON] = {api: plain_fields(given, api) for api, given in data.items()}
    whole: dict[str, JSON] = {"schema": _SCHEMA, **plain}
    check_manifest(_SCHEMA, whole, called="wire.yaml")
    return render(whole)


def _source(document: Document | None, api: str, data: dict[str, JSON] | None, path: str) -> bytes:
    """The file with the data of one protocol replaced; empty where nothing is left."""
    if document is None:
        return b"" if data is None else render({"schema": _SCHEMA, api: data})
    if document.data is None:
        problem = document.problems[0]
        raise InvalidManifestError(f"{path}:{problem.line}: {problem.message}")
    if data is None:
        others = set(document.data) - {"schema", api}
        gone = {api: GONE} if api in document.data else {}
        return edit_fields(document.source, document.data, gone, path) if others else b""
    if same(document.data.get(api), data):
        return document.source
    return edit_fields(document.source, document.data, {api: data}, path)


def set_wire(
    model: ModelName, version: str | None, api: str, data: Mapping[str, object] | None
) -> Edit:
    """Replace what one protocol says of a model or a version; what the others say stays.

    Args:
        model: The model.
        version: The version; None for the model itself.
        api: The protocol, such as ``mlflow``.
        data: All of it, as plain values; None removes it.

    The edit raises NotFoundError (no such model or version) or InvalidManifestError (the file cannot be read).

    Raises:
        UsageError: A value has no form in a manifest, or the protocol is unknown.
    """
    given = None if data is None else plain_fields(data, api)
    check_manifest(_SCHEMA, {"schema": _SCHEMA, api: given or {}}, called="wire.yaml")

    def edit(catalog: Catalog) -> ChangeSet:
        view = find_model(catalog, model)
        found = view if version is None else view.version(version) or view.draft(version)
        if found is None:
            raise NotFoundError(
                f"{model} has no version {version!a}", remedy=f"registry list {model}"
            )
        what = str(model) if version is None else f"{model}@{version}"
        path, document = f"{found.folder}/wire.yaml", found.wire
        source = _source(document, api, given, path)
        if source == (b"" if document is None else document.source):
            return ChangeSet(f"{what} already has this data of {api}")
        message = f"Update the data of {api} about {what}"
        if not source:
            return ChangeSet(message, deletes=frozenset({path}))
        return ChangeSet(message, {path: source})

    return edit
