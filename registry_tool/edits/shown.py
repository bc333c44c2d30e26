"""New models and drafts by the names that clients of other protocols give them: any text, with a path made from it."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import NamedTuple

from registry_tool.catalog.catalog import Catalog, ModelView
from registry_tool.catalog.resolve import find_model
from registry_tool.catalog.shown_names import make_slug
from registry_tool.catalog.stage_names import stages_written
from registry_tool.catalog.titles import (
    find_models,
    find_selectors,
    list_reserved_names,
    model_slug,
)
from registry_tool.edits.changeset import ChangeSet, Edit, combine
from registry_tool.edits.counted_versions import FindEqual, add_counted_version
from registry_tool.edits.drafts import add_draft
from registry_tool.edits.models import add_model, add_namespace
from registry_tool.edits.titles import title_bytes
from registry_tool.edits.versions import FindGone, VersionRecord
from registry_tool.errors import ConflictError
from registry_tool.names import LATEST, POINTER_PATTERN, ModelName, fold
from registry_tool.versioning import admits, looks_like_version

__all__ = [
    "NewNamespace",
    "add_shown_draft",
    "add_shown_model",
    "add_shown_version",
    "ensure_namespace",
    "tag_slug",
]


class NewNamespace(NamedTuple):
    """The namespace of something new; it is added with the first that is in it.

    Attributes:
        name: Its name in paths.
        owner: Who owns it if it is new, as an e-mail address.
        title: Its shown name if it is new, where that is not its name.
    """

    name: str
    owner: str
    title: str = ""


def ensure_namespace(namespace: NewNamespace, edit: Edit, message: str) -> Edit:
    """An edit that adds a namespace first where it does not exist."""

    def add(catalog: Catalog) -> ChangeSet:
        if namespace.name in catalog.namespaces():
            return edit(catalog)
        first = add_namespace(namespace.name, [namespace.owner], title=namespace.title)
        return combine([first, edit], message)(catalog)

    return add


def add_shown_model(
    namespace: NewNamespace,
    shown: str,
    fields: Mapping[str, object],
    *,
    what: str = "model",
    wire: Mapping[str, Mapping[str, object]] | None = None,
) -> Edit:
    """Add a model that is shown by a name, and its namespace with the first.

    Args:
        namespace: Its namespace.
        shown: The name.
        fields: Fields of ``model.yaml``.
        what: What the protocol calls a model.
        wire: What clients of other protocols say of it, by protocol.

    The edit raises ConflictError (a model is shown by this name) or as that of ``add_model``.
    """

    def add(catalog: Catalog) -> ChangeSet:
        if find_models(catalog, namespace.name, shown):
            raise ConflictError(f"{what} {shown!a} already exists")
        path = model_slug(catalog, namespace.name, shown)
        title = "" if path.name == shown else shown
        model = add_model(path, fields, title=title, wire=wire)
        return ensure_namespace(namespace, model, f"Add model {path}")(catalog)

    return add


def _taken_names(model: ModelView) -> set[str]:
    names = {fold(one) for one in (*model.versions, *model.drafts, *model.tags, *model.aliases)}
    return names | set(stages_written(model.catalog, model.name.namespace))


def _version_slug(model: ModelView, shown: str) -> str:
    taken = _taken_names(model)
    return make_slug(shown, "version", lambda one: fold(one) in taken)


def tag_slug(model: ModelView, shown: str, more: Collection[str] = ()) -> str:
    """The path for a new tag that is shown by a name.

    Args:
        model: The model.
        shown: The name.
        more: Further names that are taken.
    """
    names = (*list_reserved_names(model), *more)
    taken = _taken_names(model) | {fold(one) for one in names}

    def is_taken(name: str) -> bool:
        is_version = name == LATEST or looks_like_version(model.scheme, name)
        return is_version or fold(name) in taken

    lower = shown.lower()
    if re.fullmatch(POINTER_PATTERN, lower) and not is_taken(lower):
        return lower
    return make_slug(shown, "namespace", is_taken).replace("_", "-")  # as short as a tag may be


def add_shown_draft(
    name: ModelName,
    shown: str,
    record: VersionRecord,
    *,
    gone: FindGone,
    what: str = "version",
    tags: Collection[str] = (),
) -> Edit:
    """Add a draft that is shown by a name; in a scheme that counts and does not admit the name, it gets the next number.

    Args:
        name: The model.
        shown: The name.
        record: What its author gives.
        gone: Returns the versions and drafts of the model that were deleted.
        what: What the protocol calls a version.
        tags: Shown names of tags that are reserved for it.

    The edit raises ConflictError (something in the model is shown by one of the names) or as that of ``add_draft``.
    """

    def add(catalog: Catalog) -> ChangeSet:
        model = find_model(catalog, name)
        slug, chosen, title = _choose_version(model, shown, what)
        reserved = _reserve(model, tags, [slug])
        whole = replace(record, title=title, tags=(*record.tags, *reserved))
        change = add_draft(name, chosen, whole, gone=gone)(catalog)
        titles = {
            catalog.layout.title(name, path): title_bytes(tag)
            for path, tag in reserved.items()
            if path != tag
        }
        return replace(change, puts={**change.puts, **titles})

    return add


def _choose_version(model: ModelView, shown: str, what: str) -> tuple[str, str | None, str]:
    """For a version that is shown by a name: a path made from it, the one that it gets (None: the next number), and its title.

    Raises:
        ConflictError: Something in the model is shown by the name.
    """
    slug = _version_slug(model, shown)
    counts = model.scheme != "free"
    chosen = None if counts and not admits(model.scheme, slug) else slug
    if find_selectors(model, shown):
        raise ConflictError(f"{what} {shown!a} of {model.name} already exists")
    return slug, chosen, "" if chosen == shown else shown


def add_shown_version(
    name: ModelName,
    shown: str,
    record: VersionRecord,
    *,
    gone: FindGone,
    find_equal: FindEqual,
    what: str = "version",
) -> Edit:
    """Add a version that is shown by a name, sealed at once; otherwise as ``add_shown_draft``.

    Args:
        name: The model.
        shown: The name.
        record: What its author gives.
        gone: Returns the versions and drafts of the model that were deleted.
        find_equal: Finds an earlier version with an identity.
        what: What the protocol calls a version.

    The edit raises ConflictError (something in the model is shown by the name) or as that of ``add_counted_version``.
    """

    def add(catalog: Catalog) -> ChangeSet:
        _, chosen, title = _choose_version(find_model(catalog, name), shown, what)
        whole, number = replace(record, title=title), chosen or ""
        return add_counted_version(name, whole, gone=gone, find_equal=find_equal, number=number)(
            catalog
        )

    return add


def _reserve(model: ModelView, tags: Collection[str], taken: Collection[str]) -> dict[str, str]:
    """The paths of new tags, with their shown names.

    Raises:
        ConflictError: Something in the model is shown by one of them.
    """
    found: dict[str, str] = {}
    for tag in tags:
        owner = next(iter(find_selectors(model, tag)), "") or _reserved_for(model, tag)
        if owner:
            raise ConflictError(f"the tag {tag!a} of {model.name} is taken: {owner}")
        found[tag_slug(model, tag, [*taken, *found])] = tag
    return found


def _reserved_for(model: ModelView, tag: str) -> str:
    """The draft that has reserved a shown name; empty for none."""
    for draft in filter(None, map(model.draft, model.drafts)):
        names = (*draft.reserved_tags, *draft.reserved_aliases)
        shown = {model.find_title(name) or name for name in names}
        if tag in shown or fold(tag) in map(fold, shown):
            return f"it is reserved for {draft}"
    return ""
