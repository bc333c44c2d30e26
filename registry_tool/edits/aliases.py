"""Aliases and tags: names that point to a version. A draft is sealed in the same change."""

from __future__ import annotations

from registry_tool.catalog.catalog import Catalog
from registry_tool.catalog.resolve import find_model
from registry_tool.edits.changeset import ChangeSet, Edit
from registry_tool.edits.pointers import write_alias, write_tag
from registry_tool.edits.sealing import seal_first
from registry_tool.errors import NotFoundError
from registry_tool.names import ModelName, Reference, check_pointer

__all__ = ["add_tag", "remove_alias", "set_alias"]


def set_alias(reference: Reference, alias: str, *, reason: str = "") -> Edit:
    """Create an alias, or move it, to the version that a reference names; a draft is sealed in the same change.

    The edit raises NotFound, Refused (the name is taken, the version is not usable) or InvalidName.
    """
    return seal_first(reference, write_alias(reference, alias, reason=reason), f"as {alias}")


def add_tag(reference: Reference, tag: str) -> Edit:
    """Add an immutable tag to a version; a draft is sealed in the same change.

    The edit raises NotFound, Refused (the name is taken) or InvalidName.
    """
    return seal_first(reference, write_tag(reference, tag), f"as {tag}")


def remove_alias(model: ModelName, alias: str) -> Edit:
    """Remove an alias; the version stays. The edit raises NotFound; InvalidName when it can be no alias."""
    check_pointer(alias, "alias")

    def edit(catalog: Catalog) -> ChangeSet:
        view = find_model(catalog, model)
        if alias not in view.aliases:
            names = ", ".join(view.aliases) or "none"
            raise NotFoundError(f"{model} has no alias {alias!a}", remedy=f"its aliases: {names}")
        gone = {catalog.layout.alias(model, alias)}
        if alias in view.titled:
            gone.add(catalog.layout.title(model, alias))
        return ChangeSet(f"Remove {model}@{alias}", deletes=frozenset(gone))

    return edit
