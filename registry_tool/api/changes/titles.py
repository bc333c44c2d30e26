"""Titles, data of other protocols, objects and deletions: each edit is checked, and written as other edits are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Unpack

from registry_tool.api.changes.session import write
from registry_tool.names import ModelName, Reference, check_namespace

if TYPE_CHECKING:
    from registry_tool.api.changes.publish import Publication, WriteOptions
    from registry_tool.api.snapshot import Snapshot

__all__ = ["delete", "put_object", "set_title", "set_wire"]


def set_title(
    registry: Snapshot, subject: str, title: str, **options: Unpack[WriteOptions]
) -> Publication:
    """Set or remove the shown name of something; its path stays.

    Args:
        registry: The registry.
        subject: ``[namespace/]model``, ``[namespace/]model@name`` for a version, tag or alias, or ``namespace/``.
        title: The title; empty removes it.
        options: How it is written.

    Raises:
        InvalidNameError: It is not a title.
    """
    from registry_tool.edits.titles import set_namespace_title
    from registry_tool.edits.titles import set_title as title_edit

    if subject.endswith("/"):
        namespace = check_namespace(subject.removesuffix("/"))
        return write(registry, set_namespace_title(namespace, title), options)
    found = Reference.for_change(subject)
    return write(registry, title_edit(found.model, title, name=found.selector), options)


def set_wire(
    registry: Snapshot,
    subject: str,
    api: str,
    data: Mapping[str, object] | None,
    **options: Unpack[WriteOptions],
) -> Publication:
    """Replace what one protocol says of a model, ``[namespace/]model``, or a version, ``[namespace/]model@version``.

    Args:
        registry: The registry.
        subject: The model or version.
        api: The protocol, such as ``mlflow``.
        data: All of it; None removes it.
        options: How it is written.
    """
    from registry_tool.edits.wire import set_wire as wire_edit

    found = Reference.for_change(subject)
    return write(registry, wire_edit(found.model, found.selector or None, api, data), options)


def put_object(
    registry: Snapshot,
    api: str,
    kind: str,
    title: str,
    data: Mapping[str, object] | None = None,
    *,
    parent: str = "",
    state: str = "",
    **options: Unpack[WriteOptions],
) -> Publication:
    """Add an object of another protocol: an experiment, a run, a serving environment."""
    from registry_tool.edits.objects import put_object as object_edit

    edit = object_edit(api, kind, title, data, parent=parent, state=state)
    return write(registry, edit, options)


def delete(
    registry: Snapshot,
    subject: str,
    *,
    reason: str,
    remove_aliases: bool = False,
    **options: Unpack[WriteOptions],
) -> Publication:
    """Delete a model, ``[namespace/]model``, or a version or draft, ``[namespace/]model@version``. It cannot be undone.

    Args:
        registry: The registry.
        subject: The model or version.
        reason: Why; readers see it.
        remove_aliases: Remove the aliases that point to the version; those of a model always go.
        options: How it is written.
    """
    from registry_tool.catalog.resolve import find_draft
    from registry_tool.edits.deletion import delete_model, delete_version
    from registry_tool.edits.drafts import delete_draft

    if "@" not in subject:
        return write(registry, delete_model(ModelName.parse(subject), reason=reason), options)
    version = Reference.parse(subject)
    if find_draft(registry.catalog, version) is not None:
        return write(registry, delete_draft(version), options)
    edit = delete_version(version, reason=reason, remove_aliases=remove_aliases)
    return write(registry, edit, options)
