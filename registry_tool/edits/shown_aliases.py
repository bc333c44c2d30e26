"""Aliases by the text that clients of other protocols use: one that is not a valid file name becomes the title of a path."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from registry_tool.catalog.catalog import Catalog, ModelView
from registry_tool.catalog.resolve import find_model
from registry_tool.catalog.shown_names import make_slug
from registry_tool.catalog.titles import find_selectors
from registry_tool.edits import aliases as alias_edits
from registry_tool.edits.changeset import ChangeSet, Edit, combine
from registry_tool.edits.promotion import promote
from registry_tool.edits.titles import set_title
from registry_tool.errors import RefusedError
from registry_tool.names import POINTER_PATTERN, ModelName, Reference
from registry_tool.versioning import looks_like_version

__all__ = ["choose_alias_path", "find_shown_alias", "remove_shown_alias", "set_shown_alias"]

_POINTER: Final = re.compile(POINTER_PATTERN)


def choose_alias_path(alias: str, scheme: str, is_taken: Callable[[str], bool]) -> str:
    """The file name for a new alias: the alias itself, in lower case, or a slug of it.

    Args:
        alias: The alias as a client writes it, such as ``Champion``.
        scheme: The version scheme of the model: no alias looks like a version.
        is_taken: True for a name that something in the model has.
    """
    lower = alias.lower()
    if _POINTER.fullmatch(lower) and not looks_like_version(scheme, lower) and not is_taken(lower):
        return lower
    return make_slug(alias, "alias", is_taken)


def find_shown_alias(view: ModelView, alias: str) -> str:
    """The path of an alias that is shown by a name; empty for none."""
    shown = {name: view.find_title(name) or name for name in view.aliases}
    return next((name for name, title in shown.items() if title == alias), "")


def set_shown_alias(
    model: ModelName, version: str, alias: str, *, moves_stage: bool = False
) -> Edit:
    """Point an alias to a version; a draft is sealed in the same change.

    Args:
        model: The model.
        version: The version.
        alias: The alias as a client writes it, in any case.
        moves_stage: The alias is that of a stage, so that a pin is taken off.

    The edit raises NotFoundError or RefusedError: another name differs from it by case only, or the version is not usable.
    """

    def edit(catalog: Catalog) -> ChangeSet:
        view = find_model(catalog, model)
        path = find_shown_alias(view, alias)
        is_new = not path
        if is_new:
            alike = find_selectors(view, alias)
            if alike:
                raise RefusedError(
                    f"{model} already has the name {view.find_title(alike[0]) or alike[0]}, which means the same",
                    remedy="choose another alias",
                )
            used = {*view.versions, *view.drafts, *view.tags, *view.aliases}
            path = choose_alias_path(alias, view.scheme, used.__contains__)
        reference = Reference(model, version)
        move = promote(reference, path) if moves_stage else alias_edits.set_alias(reference, path)
        if not is_new or path == alias:
            return move(catalog)
        titled = set_title(model, alias, name=path)
        return combine([move, titled], f"Set {model}@{path} to {version}")(catalog)

    return edit


def remove_shown_alias(model: ModelName, alias: str) -> Edit:
    """Remove an alias, if it exists."""

    def edit(catalog: Catalog) -> ChangeSet:
        path = find_shown_alias(find_model(catalog, model), alias)
        if not path:
            return ChangeSet(f"{model} has no alias {alias!a}")
        return alias_edits.remove_alias(model, path)(catalog)

    return edit
