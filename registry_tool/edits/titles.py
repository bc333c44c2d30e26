"""Titles: the shown names of namespaces, models, versions, tags and aliases. A rename moves no path."""

from __future__ import annotations

from typing import Final

from registry_tool.catalog.catalog import Catalog, ModelView
from registry_tool.catalog.resolve import find_model
from registry_tool.catalog.shown_names import find_forbidden
from registry_tool.catalog.titles import find_models, find_selectors
from registry_tool.edits.changeset import ChangeSet, Edit
from registry_tool.errors import InvalidNameError, NotFoundError, RefusedError
from registry_tool.manifests.data import text
from registry_tool.manifests.layout import Place
from registry_tool.manifests.yaml.editor import edit_fields
from registry_tool.manifests.yaml.writer import render
from registry_tool.names import ModelName

__all__ = [
    "check_model_title",
    "check_selector_title",
    "check_title",
    "set_namespace_title",
    "set_title",
    "title_bytes",
]

_LONGEST: Final = 512


def check_title(title: str) -> str:
    """The title itself, if it is one.

    Raises:
        InvalidNameError: It is empty, too long, or contains a character that a title may not contain.
    """
    found = find_forbidden(title)
    if found:
        raise InvalidNameError(
            f"the title {title[:60]!a} contains {found}",
            remedy="leave out control, bidirectional and invisible characters, and blanks at either end",
        )
    if not 1 <= len(title) <= _LONGEST:
        raise InvalidNameError(
            f"the title has {len(title)} characters", remedy=f"use 1 to {_LONGEST} characters"
        )
    return title


def title_bytes(title: str) -> bytes:
    """The file of a title."""
    return render({"schema": "title/v1", "title": title})


def check_model_title(catalog: Catalog, model: ModelName, shown: str) -> None:
    """Check that no other live model of the namespace is shown by a name.

    Raises:
        RefusedError: One is.
    """
    others = [view for view in find_models(catalog, model.namespace, shown) if view.name != model]
    if others:
        raise RefusedError(
            f"the model {others[0].name} is already shown as {shown!a}",
            remedy="choose another title",
        )


def check_selector_title(model: ModelView, name: str, shown: str) -> None:
    """Check that no other version, tag or alias of a model is shown by a name.

    Raises:
        RefusedError: One is.
    """
    others = [other for other in find_selectors(model, shown) if other != name]
    if others:
        raise RefusedError(
            f"{model.name}@{others[0]} is already shown as {shown!a}", remedy="choose another title"
        )


def _put(catalog: Catalog, path: str, place: Place, title: str, what: str) -> ChangeSet:
    """The change of one file; an empty title removes it."""
    document = catalog.document(path, place)
    before = "" if document is None else text(document.data, "title")
    if before == title and (title or document is None):
        return ChangeSet(
            f"{what} already has the title {title!a}" if title else f"{what} has no title"
        )
    if not title:
        return ChangeSet(f"Remove the title of {what}", deletes=frozenset({path}))
    if document is None or document.data is None:
        source = title_bytes(title)
    else:
        source = edit_fields(document.source, document.data, {"title": title}, path)
    return ChangeSet(f"Set the title of {what}", {path: source})


def set_title(model: ModelName, title: str, *, name: str = "") -> Edit:
    """Set or remove the title of a model, or of a version, tag or alias of it; the path stays.

    Args:
        model: The model.
        title: The title; empty removes it, and so does the name in the path.
        name: The version, tag or alias; empty for the model itself.

    The edit raises NotFoundError (no such model or name) or RefusedError (another one is shown by that name; it is deleted).

    Raises:
        InvalidNameError: It is not a title.
    """
    given = check_title(title) if title else ""

    def edit(catalog: Catalog) -> ChangeSet:
        view = find_model(catalog, model)
        if view.is_deleted:
            raise RefusedError(f"{model} is deleted")
        own = name or model.name
        if name:
            _check_named(view, name)
            check_selector_title(view, name, given or name)
        else:
            check_model_title(catalog, model, given or model.name)
        what = f"{model}@{name}" if name else str(model)
        path = catalog.layout.title(model, name)
        place = Place("title", model, None, name)
        return _put(catalog, path, place, "" if given == own else given, what)

    return edit


def _check_named(model: ModelView, name: str) -> None:
    version = model.version(name)
    exists = model.draft(name) or model.tag(name) or model.alias(name)
    if version is None and exists is None:
        raise NotFoundError(
            f"{model.name} has no version, tag or alias {name!a}",
            remedy=f"list its versions: registry show {model.name}",
        )
    if version is not None and version.is_deleted:
        raise RefusedError(f"{version} is deleted")


def set_namespace_title(namespace: str, title: str) -> Edit:
    """Set or remove the title of a namespace; its folder stays.

    Args:
        namespace: The namespace.
        title: The title; empty removes it.

    The edit raises NotFoundError: no such namespace exists.

    Raises:
        InvalidNameError: It is not a title.
    """
    given = check_title(title) if title else ""

    def edit(catalog: Catalog) -> ChangeSet:
        if namespace not in catalog.namespaces():
            raise NotFoundError(f"namespace {namespace!a} does not exist", remedy="registry list")
        path = f"{catalog.layout.namespace(namespace)}/title.yaml"
        wanted = "" if given == namespace else given
        return _put(catalog, path, Place("title", name=namespace), wanted, f"namespace {namespace}")

    return edit
