"""What MLSteam's calls change, as edits. Each function returns one edit, which becomes one commit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from registry_tool.artifacts.packages.mlarchive import FRAMEWORK_TYPES, SHOWN_FRAMEWORKS
from registry_tool.edits.annotations import plain_annotations
from registry_tool.edits.changeset import Edit, combine
from registry_tool.edits.model_fields import update_model
from registry_tool.edits.shown import NewNamespace, add_shown_model, add_shown_version
from registry_tool.edits.titles import set_title
from registry_tool.edits.versions import VersionRecord
from registry_tool.errors import UsageError
from registry_tool.manifests.data import Data
from registry_tool.names import ModelName
from registry_tool.server.mlsteam.addresses import API
from registry_tool.server.mlsteam.bodies import ModelBody, ModelChange, VersionBody

if TYPE_CHECKING:
    from registry_tool.manifests.problems import JSON
    from registry_tool.server.changes import KnownVersions

__all__ = ["StoredFiles", "change_model", "create_model", "create_version"]


class StoredFiles(NamedTuple):
    """The uploaded files of a version: the entry of their artifact, and its pointers by path."""

    entry: Data
    pointers: Mapping[str, bytes]


def create_model(namespace: NewNamespace, given: ModelBody, *, owner: str) -> Edit:
    """Add a model, and its namespace with the first. The edit raises ConflictError: the project has one of this name."""
    fields: dict[str, object] = {"owner": owner, "version_scheme": "free"}
    fields |= {
        k: v for k, v in (("description", given.description), ("metadata", given.metadata)) if v
    }
    return add_shown_model(namespace, given.name, fields)


def change_model(model: ModelName, given: ModelChange) -> Edit:
    """Change the name, description or metadata of a model.

    Raises:
        UsageError: Nothing is to be changed.
    """
    edits: list[Edit] = []
    fields: dict[str, object] = {}
    if given.description is not None:
        fields["description"] = given.description or None
    if given.metadata is not None:
        fields["metadata"] = given.metadata or None
    if fields:
        edits.append(update_model(model, fields))
    if given.name is not None:
        edits.append(set_title(model, given.name))
    if not edits:
        raise UsageError(
            "the body changes nothing", remedy="name a field: name, description or metadata"
        )
    return edits[0] if len(edits) == 1 else combine(edits, f"Update {model}")


def create_version(
    model: ModelName, given: VersionBody, files: StoredFiles, *, author: str, known: KnownVersions
) -> Edit:
    """Add a version, sealed at once: the call says everything about it.

    The edit raises ConflictError: the model has a version, tag or alias of this name.

    Raises:
        UsageError: The framework is not one of MLSteam's.
    """
    if given.framework and given.framework not in FRAMEWORK_TYPES:
        raise UsageError(
            f"framework: found {given.framework[:60]!a}; expected one of {', '.join(FRAMEWORK_TYPES)}"
        )
    fields: dict[str, object] = {"author": author}
    wire: dict[str, JSON] = {}
    if given.framework:
        ours = FRAMEWORK_TYPES[given.framework]
        fields["framework"] = {"type": ours}
        if given.framework != SHOWN_FRAMEWORKS[ours]:
            wire["framework"] = given.framework
    record = VersionRecord(
        fields,
        [files.entry],
        files.pointers,
        added=plain_annotations(given.metadata, description=given.description or None),
        wire={API: wire} if wire else {},
    )
    return add_shown_version(
        model, given.version, record, gone=known.find_gone, find_equal=known.find_equal
    )
