"""Versions of protocols that count: the next number in every scheme that allows one, and the earlier equal version named."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Final

from registry_tool.catalog.catalog import Catalog, ModelView
from registry_tool.catalog.resolve import find_model
from registry_tool.edits.changeset import ChangeSet, Edit
from registry_tool.edits.drafts import add_draft
from registry_tool.edits.versions import (
    FindGone,
    VersionRecord,
    add_version,
    finish_record,
    version_fields,
)
from registry_tool.errors import RefusedError
from registry_tool.manifests.data import text
from registry_tool.names import ModelName, fold
from registry_tool.versioning import next_version

__all__ = ["FindEqual", "add_counted_version"]

_COUNTED: Final = frozenset({"free"})

# The earlier version of a model with an identity, as a reference; empty for none.
FindEqual = Callable[[ModelView, str], str]


def _choose_name(view: ModelView, gone: Collection[str]) -> str | None:
    """The name of the next version in a scheme that does not count: its number; None where the scheme counts."""
    if view.scheme not in _COUNTED:
        return None
    proposed = view.catalog.proposed_versions(view.name)
    used = {fold(name) for name in (*view.versions, *view.drafts, *gone, *proposed)}
    number = len(used) + 1
    while str(number) in used:
        number += 1
    return str(number)


def _check_counts(view: ModelView) -> None:
    if view.scheme not in _COUNTED and next_version(view.scheme, [], []) is None:
        raise RefusedError(
            f"the versions of {view.name} follow the scheme {view.scheme}, so a person has to name them",
            remedy=f"registry version add {view.name} VERSION --track URI --framework TYPE",
        )


def _find_twin(view: ModelView, record: VersionRecord, find_equal: FindEqual) -> str:
    fields = version_fields(record.fields)
    whole = finish_record({**fields, "artifacts": [dict(entry) for entry in record.artifacts]})
    return find_equal(view, text(whole, "identity"))


def add_counted_version(
    model: ModelName,
    record: VersionRecord,
    *,
    gone: FindGone,
    find_equal: FindEqual,
    number: str = "",
    is_draft: bool = False,
) -> Edit:
    """Add the next version of a model; ``same_as`` names an equal one.

    Args:
        model: The model.
        record: What the author gives.
        gone: Returns the versions and drafts of the model that were deleted.
        find_equal: Finds an earlier version with an identity.
        number: The version, where a client chooses it; empty for the next one.
        is_draft: Add it as a draft, which needs no ``same_as`` until it is sealed.

    The edit raises NotFoundError (no such model) or RefusedError (the model takes no versions, its scheme has no next one, or
    the number is or was used).
    """

    def add(catalog: Catalog) -> ChangeSet:
        view = find_model(catalog, model)
        _check_counts(view)
        if number and fold(number) in {fold(name) for name in gone(view)}:
            raise RefusedError(
                f"version {number} of {model} was deleted, and its number is not used again",
                remedy="leave the number out to get the next one",
            )
        name = number or _choose_name(view, gone(view))
        if is_draft:
            return add_draft(model, name, record, gone=gone)(catalog)
        equal = _find_twin(view, record, find_equal) if record.artifacts else ""
        if not equal:
            return add_version(model, name, record, gone=gone)(catalog)
        named = replace(record, fields={**record.fields, "same_as": equal})
        return add_version(model, name, named, gone=gone)(catalog)

    return add
