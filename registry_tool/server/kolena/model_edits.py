"""Models of Kolena as edits: a model of the registry with the version ``1``. Each function returns one edit, one commit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from registry_tool.catalog.catalog import Catalog, VersionView
from registry_tool.catalog.resolve import resolve
from registry_tool.catalog.titles import find_models, model_slug
from registry_tool.edits.annotations import plain_annotations, replace_metadata
from registry_tool.edits.changeset import ChangeSet, Edit, combine, followed_by
from registry_tool.edits.counted_versions import add_counted_version
from registry_tool.edits.shown import NewNamespace, add_shown_model
from registry_tool.edits.titles import set_title
from registry_tool.edits.versions import VersionRecord
from registry_tool.edits.wire import set_wire
from registry_tool.manifests.arguments import fits
from registry_tool.manifests.data import Data, member
from registry_tool.manifests.problems import JSON
from registry_tool.names import Reference
from registry_tool.server.kolena.errors import IncorrectUsageError, NameConflictError
from registry_tool.server.kolena.lookup import API

if TYPE_CHECKING:
    from registry_tool.server.changes import KnownVersions

__all__ = ["GivenModel", "create_model", "edit_model", "split_tags"]

_SCHEME: Final = "free"
_FIRST: Final = "1"


class GivenModel(NamedTuple):
    """A model as a client describes it."""

    name: str
    metadata: Mapping[str, object]
    workflow: str
    tags: Sequence[str]


def split_tags(tags: Sequence[str]) -> tuple[list[str], list[str]]:
    """Tags that are labels of the registry, and the others; sorted."""
    wanted = sorted(set(tags))
    labels = [tag for tag in wanted if fits("metadata/v1", "labels", [tag])]
    return labels, [tag for tag in wanted if tag not in labels]


def create_model(
    namespace: NewNamespace,
    given: GivenModel,
    *,
    owner: str,
    author: str,
    known: KnownVersions,
    default_scheme: str,
) -> Edit:
    """Add a model with its only version, and its namespace with the first.

    Args:
        namespace: Its namespace.
        given: The model.
        owner: Who owns it.
        author: Who creates its version.
        known: Finds numbers that were used, and equal versions.
        default_scheme: The registry's version scheme.

    The edit raises NameConflictError: a model has this name.

    Raises:
        UsageError: A value has no form in a manifest.
    """
    labels, others = split_tags(given.tags)
    wire: dict[str, JSON] = {"workflow": given.workflow}
    if others:
        wire["tags"] = [*others]
    record = VersionRecord(
        {"author": author}, labels=labels, added=plain_annotations(given.metadata), wire={API: wire}
    )
    fields: dict[str, object] = {"owner": owner}
    if default_scheme != _SCHEME:
        fields["version_scheme"] = _SCHEME

    def create(catalog: Catalog) -> ChangeSet:
        if find_models(catalog, namespace.name, given.name):
            raise NameConflictError(
                f"the model {given.name!a} already exists",
                remedy="load it, or choose another name",
            )
        name = model_slug(catalog, namespace.name, given.name)
        model = add_shown_model(namespace, given.name, fields)(catalog)
        version = add_counted_version(
            name, record, gone=known.find_gone, find_equal=known.find_equal, number=_FIRST
        )
        return followed_by(catalog, model, [version])

    return create


def _find(catalog: Catalog, reference: Reference) -> VersionView:
    return resolve(catalog, reference, allow_withdrawn=True, allow_draft=True).version


def edit_model(
    reference: Reference,
    *,
    name: str | None = None,
    metadata: Mapping[str, object] | None = None,
    tags: Sequence[str] | None = None,
) -> Edit:
    """Change what a client may change of a model; None leaves it.

    Args:
        reference: The version that it is.
        name: Another name: the title of the model of the registry.
        metadata: All of its metadata.
        tags: All of its tags.

    The edit raises NameConflictError: a model has this name.

    Raises:
        UsageError: A value has no form in a manifest.
    """
    split = None if tags is None else split_tags(tags)

    def edit(catalog: Catalog) -> ChangeSet:
        found = _find(catalog, reference)
        edits: list[Edit] = []
        if name is not None:
            if any(o.name != reference.model for o in find_models(catalog, reference.model.namespace, name)):  # fmt: skip
                raise NameConflictError(f"the model {name!a} already exists")
            edits.append(set_title(reference.model, name))
        if metadata is not None or split is not None:
            whole = found.all_metadata if metadata is None else metadata
            edits.append(replace_metadata(reference, whole, labels=None if split is None else split[0]))  # fmt: skip
        if split is not None:
            edits.append(_set_tags(reference, found, split[1]))
        if not edits:
            raise IncorrectUsageError("the request changes nothing of the model")
        return combine(edits, f"Update {reference}")(catalog)

    return edit


def _set_tags(reference: Reference, found: VersionView, others: Sequence[str]) -> Edit:
    before: Data = member(None if found.wire is None else found.wire.data, API)
    wire = {key: value for key, value in before.items() if key != "tags"}
    if others:
        wire["tags"] = [*others]
    return set_wire(reference.model, str(reference.selector), API, wire or None)
