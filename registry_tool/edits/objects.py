"""Objects of other protocols: experiments, runs, serving environments, in ``objects/``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from registry_tool.catalog.catalog import Catalog
from registry_tool.catalog.shown_names import make_slug
from registry_tool.edits.changeset import ChangeSet, Edit
from registry_tool.edits.titles import check_title
from registry_tool.errors import InvalidManifestError, NotFoundError, RefusedError
from registry_tool.manifests.arguments import check_manifest
from registry_tool.manifests.data import Data, member, text
from registry_tool.manifests.document import Document
from registry_tool.manifests.layout import Place
from registry_tool.manifests.problems import JSON
from registry_tool.manifests.schema_fast import same
from registry_tool.manifests.values import plain_fields
from registry_tool.manifests.yaml.editor import GONE, edit_fields
from registry_tool.manifests.yaml.writer import render

__all__ = [
    "ObjectName",
    "change_object",
    "edit_object",
    "find_object",
    "object_name",
    "put_object",
]

_DELETED: Final = "deleted"


class ObjectName(NamedTuple):
    """The name of an object: ``str`` is ``<api>/<kind>/<slug>``."""

    api: str
    kind: str
    slug: str

    def __str__(self) -> str:
        return "/".join(self)


def find_object(catalog: Catalog, name: ObjectName) -> Document | None:
    """An object's file; None where there is none."""
    return catalog.document(catalog.layout.object(*name), Place("object", name=str(name)))


def object_name(catalog: Catalog, api: str, kind: str, title: str) -> ObjectName:
    """The name for a new object with a title."""

    def is_taken(slug: str) -> bool:
        return catalog.tree.entry(catalog.layout.object(api, kind, slug)) is not None

    return ObjectName(api, kind, make_slug(title, "object", is_taken))


def _check_parent(catalog: Catalog, api: str, parent: str) -> None:
    kind, _, slug = parent.partition("/")
    if parent and find_object(catalog, ObjectName(api, kind, slug)) is None:
        raise NotFoundError(f"the object {api}/{parent} does not exist", remedy="add it first")


def put_object(
    api: str,
    kind: str,
    title: str,
    data: Mapping[str, object] | None = None,
    *,
    parent: str = "",
    state: str = "",
    slug: str = "",
) -> Edit:
    """Add an object.

    Args:
        api: The protocol, such as ``kubeflow``.
        kind: What it is, such as ``experiment``.
        title: Its shown name.
        data: Everything else, as plain values.
        parent: The object that it belongs to, ``kind/slug``.
        state: Its state in the words of the protocol.
        slug: Its name in the path; made from the title where empty, as ``object_name`` does.

    The edit raises NotFoundError (no such parent) or RefusedError (the slug is taken).

    Raises:
        InvalidNameError: It is not a title.
        UsageError: A value has no form in a manifest, or the schema does not allow it.
    """
    fields: dict[str, JSON] = {
        "schema": "object/v1",
        "api": api,
        "kind": kind,
        "title": check_title(title),
    }
    fields |= {key: value for key, value in (("parent", parent), ("state", state)) if value}
    if data:
        fields["data"] = plain_fields(data, "data")
    check_manifest("object/v1", fields, called=f"an object of kind {kind}")
    source = render(fields)

    def add(catalog: Catalog) -> ChangeSet:
        _check_parent(catalog, api, parent)
        name = ObjectName(api, kind, slug) if slug else object_name(catalog, api, kind, title)
        if find_object(catalog, name) is not None:
            raise RefusedError(f"the object {name} already exists", remedy="choose another title")
        return ChangeSet(f"Add {name}", {catalog.layout.object(*name): source})

    return add


def edit_object(
    name: ObjectName,
    *,
    title: str | None = None,
    data: Mapping[str, object] | None = None,
    parent: str | None = None,
    state: str | None = None,
) -> Edit:
    """Replace fields of an object; its path stays, and so do the fields that are not given.

    Args:
        name: The object.
        title: Another shown name.
        data: All of its data.
        parent: The object that it belongs to, ``kind/slug``; empty for none.
        state: Its state; empty for none. ``deleted`` is permanent.

    The edit raises NotFoundError (no such object or parent), RefusedError (it is deleted) or InvalidManifestError (its file
    cannot be read).

    Raises:
        InvalidNameError: It is not a title.
        UsageError: A value has no form in a manifest.
    """
    given: dict[str, JSON] = {} if title is None else {"title": check_title(title)}
    if data is not None:
        given["data"] = plain_fields(data, "data")
    given |= {k: v for k, v in (("parent", parent), ("state", state)) if v is not None}

    def edit(catalog: Catalog) -> ChangeSet:
        found = find_object(catalog, name)
        if found is None:
            raise NotFoundError(f"the object {name} does not exist")
        if found.data is None:
            raise InvalidManifestError(
                f"{found.path}:{found.problems[0].line}: {found.problems[0].message}"
            )
        if text(found.data, "state") == _DELETED and given.get("state", _DELETED) != _DELETED:
            raise RefusedError(f"the object {name} is deleted")
        _check_parent(catalog, name.api, parent or "")
        old = found.data
        fields: dict[str, JSON | object] = {
            key: (value if value != "" else GONE)
            for key, value in given.items()
            if not same(old.get(key), value) and not (value == "" and key not in old)
        }
        if not fields:
            return ChangeSet(f"{name} already has these values")
        source = edit_fields(found.source, old, fields, found.path)  # type: ignore[arg-type]  # GONE is one of its values
        return ChangeSet(f"Update {name}", {found.path: source})

    return edit


def change_object(name: ObjectName, change: Callable[[Data], Mapping[str, object]]) -> Edit:
    """Change the data of an object, as it is when the change is made.

    Args:
        name: The object.
        change: Returns all of its data.

    The edit raises as that of ``edit_object``.
    """

    def edit(catalog: Catalog) -> ChangeSet:
        found = find_object(catalog, name)
        if found is None or found.data is None:
            raise NotFoundError(f"the object {name} does not exist")
        return edit_object(name, data=change(member(found.data, "data")))(catalog)

    return edit
