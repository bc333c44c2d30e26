"""Moving a stage: forward to a version, or back to the last good one.

The edits only write the alias's file. Whether the gates hold is the check's question (rule C406), of this change as of
every other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from registry_tool.catalog.catalog import USABLE, Catalog, ModelView
from registry_tool.catalog.resolve import find_model, resolve
from registry_tool.catalog.stage_names import stages_written
from registry_tool.edits.changeset import ChangeSet, Edit
from registry_tool.edits.pointers import write_alias
from registry_tool.edits.sealing import seal_first
from registry_tool.errors import InvalidManifestError, NotFoundError, RefusedError
from registry_tool.git.history import FirstParentHistory
from registry_tool.manifests.data import Data, text
from registry_tool.manifests.problems import JSON
from registry_tool.manifests.yaml.editor import GONE, edit_fields
from registry_tool.names import ModelName, Reference, check_pointer, check_version
from registry_tool.promotion.holders import earlier, moves

__all__ = ["promote", "rollback"]


def promote(reference: Reference, stage: str, *, reason: str = "") -> Edit:
    """Move a stage to the version a reference means, and take off its pin; a draft is sealed in the same change.

    The edit raises NotFound, Refused (the name is taken, the version is not usable) or InvalidName.
    """
    check_pointer(stage, "stage")

    def edit(catalog: Catalog) -> ChangeSet:
        found = resolve(catalog, reference, allow_withdrawn=True).version
        before = found.model.alias(stage)
        data: Data = {} if before is None or before.data is None else before.data
        old = text(data, "version")
        if old == found.version:
            return ChangeSet(f"{found.model.name}@{stage} is already {old}")
        message = f"Promote {found} to {stage}"
        plain = write_alias(reference, stage, reason=reason)(catalog)
        if before is None or data.get("pinned") is not True:
            return replace(plain, message=message)
        fields: dict[str, JSON] = {"version": found.version}
        changes = {**fields, "reason": reason or GONE, "pinned": GONE}
        why = text(data, "reason")
        note = f"the pin on version {old} is removed" + (f"; its reason: {why}" if why else "")
        puts = {before.path: edit_fields(before.source, data, changes, before.path)}
        return ChangeSet(message, puts, notes=(note,))

    return seal_first(reference, edit, f"and promote it to {stage}")


def _alias(model: ModelView, stage: str) -> tuple[Data, bytes, str]:
    document = model.alias(stage)
    if document is None:
        names = ", ".join(model.aliases) or "none"
        raise NotFoundError(f"{model.name} has no alias {stage}", remedy=f"its aliases: {names}")
    if document.data is None:
        raise InvalidManifestError(
            f"cannot read {document.path}, so its version is unknown",
            remedy="registry check --all",
        )
    return document.data, document.source, document.path


def _past(line: FirstParentHistory | None, path: str) -> Iterator[str]:
    """The versions that the alias held, the newest good one first."""
    if line is None:
        return
    newest = next(moves(line, path), None)
    if newest is not None and newest.version:
        yield newest.version
    yield from earlier(moves(line, path))


def _usable(model: ModelView, version: str) -> bool:
    view = model.version(version)
    return view is not None and view.state in USABLE


def _forward(model: ModelView, version: str, stage: str) -> str:
    """The command that moves a stage, or a plain alias, to a version."""
    if stage in stages_written(model.catalog, model.name.namespace):
        return f"registry promote {model.name}@{version} --to {stage}"
    return f"registry alias set {model.name}@{version} {stage}"


def _last_good(model: ModelView, stage: str, held: str, past: Iterator[str]) -> str:
    found = next((v for v in past if v != held and _usable(model, v)), None)
    if found is None:
        raise RefusedError(
            f"no usable version was {stage} of {model.name} before {held}",
            remedy=_forward(model, "VERSION", stage),
        )
    return found


def _choose_reason(model: ModelView, stage: str, to: str, past: Iterator[str]) -> str:
    if to not in past:
        raise RefusedError(
            f"version {to} of {model.name} was not {stage} before, or was rolled back itself",
            remedy=_forward(model, to, stage),
        )
    if not _usable(model, to):
        raise RefusedError(
            f"version {to} of {model.name} is out of service; no alias may point to it"
        )
    return to


def rollback(
    model: ModelName,
    stage: str,
    *,
    reason: str,
    history: Callable[[], FirstParentHistory | None],
    to: str = "",
) -> Edit:
    """Move a stage back to the last version that held it well, and pin it there.

    Args:
        model: The model.
        stage: The stage, or any other alias.
        reason: Why; readers are told.
        history: Gives the history that ends where the change will be made.
        to: One of the versions that held the stage; by default the last that still may be used. What was rolled back
            is passed over.

    The edit raises NotFound (the model or alias), Refused (nothing to go back to), InvalidName, or ShallowHistory.
    """
    check_pointer(stage, "stage")
    if to:
        check_version(to)

    def edit(catalog: Catalog) -> ChangeSet:
        view = find_model(catalog, model)
        data, source, path = _alias(view, stage)
        held, past = text(data, "version"), _past(history(), path)
        version = (
            _choose_reason(view, stage, to, past) if to else _last_good(view, stage, held, past)
        )
        fields: dict[str, JSON] = {"version": version, "reason": reason, "pinned": True}
        summary = reason.partition("\n")[0]
        message = f"Roll {model}@{stage} back from {held} to {version}: {summary}"
        if version == held:
            message = f"Pin {model}@{stage} to {held}: {summary}"
        return ChangeSet(message, {path: edit_fields(source, data, fields, path)})

    return edit
