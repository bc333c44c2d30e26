"""Erasing a version: its record stays, its pointers go. The bytes follow later, once that is on the main branch."""

from __future__ import annotations

import datetime as dt

from registry_tool.catalog.facts import aliases_of, tags_of
from registry_tool.catalog.index import Catalog, VersionView
from registry_tool.catalog.resolve import resolve
from registry_tool.catalog.tombstones import check_fixed
from registry_tool.edits.changeset import Act, ChangeSet
from registry_tool.edits.keep import changed
from registry_tool.errors import Refused
from registry_tool.manifests.problems import JSON
from registry_tool.manifests.writer import render
from registry_tool.names import Reference

__all__ = ["erase"]

_POINTER = ".dvc"


def _names_of(pointing: dict[str, str], version: VersionView) -> list[str]:
    return sorted(name for name, wanted in pointing.items() if wanted == version.version)


def _check_no_alias(version: VersionView) -> None:
    held = _names_of(aliases_of(version.model), version)
    if held:
        named = "alias" if len(held) == 1 else "aliases"
        raise Refused(
            f"{version} is held by the {named} {', '.join(held)}",
            remedy=f"registry alias set {version.model.name}@VERSION {held[0]}; or: "
            f"registry alias rm {version.model.name} {held[0]}",
        )


def _tags(version: VersionView, *, go: bool) -> frozenset[str]:
    """The paths of the tags that hold the version; they go with it, or stop it."""
    model = version.model
    held = _names_of(tags_of(model), version)
    if held and not go:
        named = "tag" if len(held) == 1 else "tags"
        raise Refused(
            f"{version} is held by the {named} {', '.join(held)}",
            remedy="--with-tags deletes them in the same change; their names are not free again",
        )
    return frozenset(model.catalog.layout.tag(model.name, tag) for tag in held)


def _pointers(version: VersionView) -> frozenset[str]:
    """The pointers in the version's folder; also one that its record does not know, since plain DVC reads it."""
    found = version.model.catalog.tree.folder(version.folder)
    names = (n for n, entry in found.items() if n.endswith(_POINTER) and not entry.is_folder)
    return frozenset(f"{version.folder}/{name}" for name in names)


def _status(version: VersionView, path: str, fields: dict[str, JSON]) -> bytes:
    before = version.status
    if before is None or before.data is None:
        return render({"schema": "status/v1", **fields})
    return changed(before.source, before.data, fields, path)


def erase(
    reference: Reference, *, reason: str, with_tags: bool = False, today: dt.date | None = None
) -> Act:
    """Erase a version, from whatever state; there is no way back.

    Its ``status.yaml`` says so, and its ``.dvc`` pointers are deleted, so that a plain ``dvc pull`` does not ask for
    bytes that are gone. Its record with all digests, its card and its evidence stay.

    Args:
        reference: The version, or a tag of it.
        reason: Why; readers are told.
        with_tags: Delete the tags that hold it, too.
        today: The date that is written down; today in UTC by default.

    Returns:
        An act that raises NotFound, UsageError (the reference is an alias or ``latest``), or Refused: an alias
        holds the version, or a tag that may not go.
    """
    since = (today or dt.datetime.now(dt.UTC).date()).isoformat()

    def act(catalog: Catalog) -> ChangeSet:
        found = resolve(catalog, reference, allow_withdrawn=True)
        version = found.version
        if found.state == "erased":
            return ChangeSet(f"{version} is erased already")
        if found.via != "alias":  # an alias holds what it names, which says more
            check_fixed(found)
        _check_no_alias(version)
        gone = _tags(version, go=with_tags) | _pointers(version)
        path = f"{version.folder}/status.yaml"
        status = _status(version, path, {"state": "erased", "reason": reason, "since": since})
        note = f"its bytes stay on the remote; once this is on the main branch: registry erase {version} --purge"
        message = f"Erase {version}: {reason}".split("\n")[0]
        return ChangeSet(message, {path: status}, gone, (note,))

    return act
