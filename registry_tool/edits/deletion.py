"""Deletion of versions and models: their files stay, they are served no more, and their titles are free.

A deleted version is withdrawn too, so that earlier releases do not serve it (docs/decisions/0047).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Final

from registry_tool.catalog.catalog import Catalog, ModelView, VersionView
from registry_tool.catalog.resolve import find_model, resolve
from registry_tool.catalog.tombstones import check_fixed
from registry_tool.edits.changeset import ChangeSet, Edit
from registry_tool.edits.lifecycle import find_alias_names, render_status
from registry_tool.edits.versions import timestamp
from registry_tool.errors import InvalidManifestError, RefusedError, UsageError
from registry_tool.manifests.data import text
from registry_tool.manifests.problems import JSON
from registry_tool.manifests.yaml.editor import edit_fields
from registry_tool.manifests.yaml.writer import render
from registry_tool.names import ModelName, Reference

__all__ = ["delete_model", "delete_version"]

_OUT_OF_SERVICE: Final = frozenset({"withdrawn", "erased", "deleted"})


def _deletion(reason: str, at: str) -> bytes:
    return render({"schema": "deletion/v1", "reason": reason, "at": at})


def _check_reason(reason: str) -> str:
    if not reason.strip():
        raise UsageError("the reason is empty", remedy="give a reason: readers see it")
    return reason


def _delete_files(version: VersionView, reason: str, at: str) -> dict[str, bytes]:
    """The files that say so and are missing, by path; empty for one that is deleted."""
    puts: dict[str, bytes] = {}
    if not version.is_deleted:
        puts[f"{version.folder}/deletion.yaml"] = _deletion(reason, at)
    if version.state not in _OUT_OF_SERVICE:
        fields: dict[str, JSON] = {"state": "withdrawn", "reason": reason, "since": at[:10]}
        path = f"{version.folder}/status.yaml"
        puts[path] = render_status(version, path, fields)
    return puts


def _alias_files(model: ModelView, aliases: Sequence[str]) -> frozenset[str]:
    """The files of some aliases, and of their titles."""
    layout = model.catalog.layout
    titles = {layout.title(model.name, alias) for alias in aliases if alias in model.titled}
    return frozenset(layout.alias(model.name, alias) for alias in aliases) | titles


def delete_version(
    reference: Reference,
    *,
    reason: str,
    remove_aliases: bool = False,
    now: dt.datetime | None = None,
) -> Edit:
    """Delete a version: it is withdrawn for good and no longer listed. Its files, its number and its tags stay.

    Args:
        reference: The version, or a tag of it.
        reason: Why; readers see it.
        remove_aliases: Remove the aliases that point to it in the same change.
        now: The time that is written down; now by default.

    The edit raises NotFoundError, UsageError (the reference is an alias or ``latest``) or RefusedError (an alias points to it).

    Raises:
        UsageError: The reason is empty.
    """
    why, at = _check_reason(reason), timestamp(now)

    def edit(catalog: Catalog) -> ChangeSet:
        found = resolve(catalog, reference, allow_withdrawn=True)
        version, model = found.version, found.version.model
        puts, held = _delete_files(version, why, at), find_alias_names(version)
        if not puts and not held:
            return ChangeSet(f"{version} is already deleted")
        check_fixed(found)
        if held and not remove_aliases:
            raise RefusedError(
                f"{version} is still the target of alias {', '.join(held)}",
                remedy=f"move it first: registry alias set {model.name}@VERSION {held[0]};"
                " or remove it in the same change: --remove-aliases",
            )
        gone = _alias_files(model, held)
        message = f"Delete {version}: {why}".split("\n")[0]
        return ChangeSet(message, puts, gone)

    return edit


def _archive(model: ModelView) -> dict[str, bytes]:
    data, path = model.data, f"{model.folder}/model.yaml"
    if model.document is None:
        raise InvalidManifestError(f"{model.name} has no model.yaml")
    if text(data, "state") == "archived":
        return {}
    return {path: edit_fields(model.document.source, data, {"state": "archived"}, path)}


def delete_model(name: ModelName, *, reason: str, now: dt.datetime | None = None) -> Edit:
    """Delete a model: it is archived, all its versions are deleted, and its aliases are removed. Its path stays taken.

    Args:
        name: The model.
        reason: Why; readers see it.
        now: The time that is written down; now by default.

    The edit raises NotFoundError or InvalidManifestError (its record or a status cannot be read).

    Raises:
        UsageError: The reason is empty.
    """
    why, at = _check_reason(reason), timestamp(now)

    def edit(catalog: Catalog) -> ChangeSet:
        model = find_model(catalog, name)
        puts = _archive(model)
        if not model.is_deleted:
            puts[f"{model.folder}/deletion.yaml"] = _deletion(why, at)
        for version in filter(None, map(model.version, model.versions)):
            puts |= _delete_files(version, why, at)
        gone = _alias_files(model, model.aliases)
        if not puts and not gone:
            return ChangeSet(f"{name} is already deleted")
        return ChangeSet(f"Delete {name}: {why}".split("\n")[0], puts, gone)

    return edit
