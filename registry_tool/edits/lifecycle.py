"""The states of versions and models: deprecate, withdraw, archive.

Erasing a version: its record stays, its pointers go. The bytes follow later, once that is on the main branch.
"""

from __future__ import annotations

import datetime as dt
from typing import Literal

from registry_tool.catalog.catalog import Catalog, VersionView
from registry_tool.catalog.resolve import find_model, may_follow, resolve
from registry_tool.catalog.tombstones import check_fixed
from registry_tool.edits.aliases import remove_alias
from registry_tool.edits.changeset import ChangeSet, Edit, combine
from registry_tool.edits.models import remove_uploads
from registry_tool.errors import RefusedError
from registry_tool.manifests.data import text
from registry_tool.manifests.problems import JSON
from registry_tool.manifests.yaml.editor import GONE, edit_fields
from registry_tool.manifests.yaml.writer import render
from registry_tool.names import ModelName, Reference

__all__ = [
    "archive",
    "erase",
    "find_alias_names",
    "render_status",
    "restore",
    "set_state",
    "withdraw_with_aliases",
]

_WORDS = {"active": "Activate", "deprecated": "Deprecate", "withdrawn": "Withdraw"}


def find_alias_names(version: VersionView) -> list[str]:
    """The aliases that point to a version."""
    model = version.model
    return [
        alias
        for alias in model.aliases
        if (document := model.alias(alias)) is not None
        and text(document.data, "version") == version.version
    ]


def set_state(
    reference: Reference,
    state: Literal["active", "deprecated", "withdrawn"],
    *,
    reason: str,
    replaced_by: str = "",
    today: dt.date | None = None,
) -> Edit:
    """Set a version's state, with a reason.

    The edit raises NotFound, or Refused: the step is not allowed, or an alias still points at what is withdrawn.
    """
    since = (today or dt.datetime.now(dt.UTC).date()).isoformat()

    def edit(catalog: Catalog) -> ChangeSet:
        found = resolve(catalog, reference, allow_withdrawn=True)
        version = found.version
        if found.state == state:
            return ChangeSet(f"{version} is already {state}")
        if not may_follow(found.state, state):
            raise RefusedError(
                f"{version} is {found.state}; it cannot become {state}",
                remedy="add a new version instead",
            )
        holders = find_alias_names(version) if state == "withdrawn" else []
        if holders:
            raise RefusedError(
                f"{version} is still the target of alias {', '.join(holders)}",
                remedy=f"move it first: registry alias set {version.model.name}@VERSION {holders[0]};"
                " or remove it in the same change: --remove-aliases",
            )
        fields: dict[str, JSON] = {"state": state, "reason": reason, "since": since}
        if replaced_by:
            fields["replaced_by"] = replaced_by
        path = f"{version.folder}/status.yaml"
        message = f"{_WORDS[state]} {version}: {reason}".split("\n")[0]
        return ChangeSet(message, {path: render_status(version, path, fields)})

    return edit


def withdraw_with_aliases(reference: Reference, *, reason: str, replaced_by: str = "") -> Edit:
    """Withdraw a version and remove the aliases that point at it, as one change. The edit raises as ``set_state``."""

    def edit(catalog: Catalog) -> ChangeSet:
        version = resolve(catalog, reference, allow_withdrawn=True).version
        fixed = Reference(version.model.name, version.version)
        gone = [remove_alias(version.model.name, alias) for alias in find_alias_names(version)]
        state = set_state(fixed, "withdrawn", reason=reason, replaced_by=replaced_by)
        message = f"Withdraw {version}: {reason}".split("\n")[0]
        return combine([*gone, state], message)(catalog)

    return edit


def render_status(version: VersionView, path: str, fields: dict[str, JSON]) -> bytes:
    """The ``status.yaml`` of a version with these fields; comments in an existing one stay."""
    before = version.status
    if before is None or before.data is None:
        return render({"schema": "status/v1", **fields})
    gone = {} if "replaced_by" in fields else {"replaced_by": GONE}
    return edit_fields(before.source, before.data, {**fields, **gone}, path)


def archive(model: ModelName) -> Edit:
    """Archive a model: it keeps its versions and takes no new ones. The edit raises NotFound."""

    def edit(catalog: Catalog) -> ChangeSet:
        view = find_model(catalog, model)
        data = view.data
        if text(data, "state") == "archived":
            return ChangeSet(f"{model} is already archived")
        path = f"{view.folder}/model.yaml"
        source = b"" if view.document is None else view.document.source
        edited = edit_fields(source, data, {"state": "archived"}, path)
        return ChangeSet(f"Archive {model}", {path: edited})

    return edit


def restore(model: ModelName) -> Edit:
    """Make an archived model live again. The edit raises NotFound, or Refused: it is deleted."""

    def edit(catalog: Catalog) -> ChangeSet:
        view = find_model(catalog, model)
        if view.is_deleted:
            raise RefusedError(f"{model} is deleted")
        data, path = view.data, f"{view.folder}/model.yaml"
        if text(data, "state") != "archived":
            return ChangeSet(f"{model} is not archived")
        source = b"" if view.document is None else view.document.source
        return ChangeSet(
            f"Restore {model}", {path: edit_fields(source, data, {"state": "live"}, path)}
        )

    return edit


_POINTER = ".dvc"


def _list_names(pointing: dict[str, str], version: VersionView) -> list[str]:
    return sorted(name for name, wanted in pointing.items() if wanted == version.version)


def _check_no_alias(version: VersionView) -> None:
    held = _list_names(version.model.alias_targets(), version)
    if held:
        named = "alias" if len(held) == 1 else "aliases"
        raise RefusedError(
            f"{version} is the target of the {named} {', '.join(held)}",
            remedy=f"registry alias set {version.model.name}@VERSION {held[0]}; or: "
            f"registry alias rm {version.model.name} {held[0]}",
        )


def _tags(version: VersionView, *, go: bool) -> frozenset[str]:
    """The paths of the tags that hold the version; they go with it, or stop it."""
    model = version.model
    held = _list_names(model.tag_targets(), version)
    if held and not go:
        named = "tag" if len(held) == 1 else "tags"
        raise RefusedError(
            f"{version} is the target of the {named} {', '.join(held)}",
            remedy="--with-tags deletes them in the same change; their names cannot be reused",
        )
    return frozenset(model.catalog.layout.tag(model.name, tag) for tag in held)


def _pointers(version: VersionView) -> frozenset[str]:
    """The pointers in the version's folder; also one that its record does not know, since plain DVC reads it."""
    found = version.model.catalog.tree.folder(version.folder)
    names = (n for n, entry in found.items() if n.endswith(_POINTER) and not entry.is_folder)
    return frozenset(f"{version.folder}/{name}" for name in names)


def _erased_status(version: VersionView, path: str, fields: dict[str, JSON]) -> bytes:
    before = version.status
    if before is None or before.data is None:
        return render({"schema": "status/v1", **fields})
    return edit_fields(before.source, before.data, fields, path)


def erase(
    reference: Reference, *, reason: str, with_tags: bool = False, today: dt.date | None = None
) -> Edit:
    """Erase a version, from whatever state; there is no way back.

    Its ``status.yaml`` says so, and its ``.dvc`` pointers are deleted, so that a plain ``dvc pull`` does not ask for
    bytes that are gone. Its record with all digests, its card and its evidence stay. Files that were uploaded for it after
    it was published go with it: their entries in ``model.yaml`` and their pointers. An erased version that still has
    files, such as those that an earlier release left, loses them too.

    Args:
        reference: The version, or a tag of it.
        reason: Why; readers are told.
        with_tags: Delete the tags that hold it, too.
        today: The date that is written down; today in UTC by default.

    Returns:
        An edit that raises NotFound, UsageError (the reference is an alias or ``latest``), or Refused: an alias
        holds the version, or a tag that may not go.
    """
    since = (today or dt.datetime.now(dt.UTC).date()).isoformat()

    def edit(catalog: Catalog) -> ChangeSet:
        found = resolve(catalog, reference, allow_withdrawn=True)
        version = found.version
        puts, uploads = remove_uploads(version.model, version.version)
        note = f"its files stay in the remote; once this is on the main branch: registry erase {version} --purge"
        left = uploads | _pointers(version)
        if found.state == "erased":
            if not left and not puts:
                return ChangeSet(f"{version} is already erased")
            return ChangeSet(f"Erase files that {version} still has", puts, left, (note,))
        if found.via != "alias":  # an alias holds what it names, which says more
            check_fixed(found)
        _check_no_alias(version)
        gone = _tags(version, go=with_tags) | left
        path = f"{version.folder}/status.yaml"
        status = _erased_status(
            version, path, {"state": "erased", "reason": reason, "since": since}
        )
        message = f"Erase {version}: {reason}".split("\n")[0]
        return ChangeSet(message, {path: status, **puts}, gone, (note,))

    return edit
