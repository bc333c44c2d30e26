"""The states of versions and models: deprecate, withdraw, archive."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from registry_tool.catalog.index import Catalog, VersionView
from registry_tool.catalog.resolve import find_model, resolve
from registry_tool.catalog.states import may_follow
from registry_tool.edits.changeset import Act, ChangeSet, combined
from registry_tool.edits.keep import GONE, changed
from registry_tool.edits.pointers import remove_alias
from registry_tool.errors import Refused
from registry_tool.manifests.data import text
from registry_tool.manifests.problems import JSON
from registry_tool.manifests.writer import render
from registry_tool.names import ModelName, Reference

__all__ = ["archive", "set_state", "withdraw_with_aliases"]

_WORDS = {"active": "Activate", "deprecated": "Deprecate", "withdrawn": "Withdraw"}


def _held_by(version: VersionView) -> list[str]:
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
) -> Act:
    """Set a version's state, with a reason.

    The act raises NotFound, or Refused: the step is not allowed, or an alias still points at what is withdrawn.
    """
    since = (today or dt.datetime.now(dt.UTC).date()).isoformat()

    def act(catalog: Catalog) -> ChangeSet:
        found = resolve(catalog, reference, allow_withdrawn=True)
        version = found.version
        if found.state == state:
            return ChangeSet(f"{version} is {state} already")
        if not may_follow(found.state, state):
            raise Refused(
                f"{version} is {found.state}; it cannot become {state}",
                remedy="add a new version instead",
            )
        holders = _held_by(version) if state == "withdrawn" else []
        if holders:
            raise Refused(
                f"{version} is still named by the alias {', '.join(holders)}",
                remedy=f"move it first: registry alias set {version.model.name}@VERSION {holders[0]};"
                " or remove it in the same change: --remove-aliases",
            )
        fields: dict[str, JSON] = {"state": state, "reason": reason, "since": since}
        if replaced_by:
            fields["replaced_by"] = replaced_by
        path = f"{version.folder}/status.yaml"
        message = f"{_WORDS[state]} {version}: {reason}".split("\n")[0]
        return ChangeSet(message, {path: _status(version, path, fields)})

    return act


def withdraw_with_aliases(reference: Reference, *, reason: str, replaced_by: str = "") -> Act:
    """Withdraw a version and remove the aliases that point at it, as one change. The act raises as ``set_state``."""

    def act(catalog: Catalog) -> ChangeSet:
        version = resolve(catalog, reference, allow_withdrawn=True).version
        fixed = Reference(version.model.name, version.version)
        gone = [remove_alias(version.model.name, alias) for alias in _held_by(version)]
        state = set_state(fixed, "withdrawn", reason=reason, replaced_by=replaced_by)
        message = f"Withdraw {version}: {reason}".split("\n")[0]
        return combined([*gone, state], message)(catalog)

    return act


def _status(version: VersionView, path: str, fields: dict[str, JSON]) -> bytes:
    before = version.status
    if before is None or before.data is None:
        return render({"schema": "status/v1", **fields})
    gone = {} if "replaced_by" in fields else {"replaced_by": GONE}
    return changed(before.source, before.data, {**fields, **gone}, path)


def archive(model: ModelName) -> Act:
    """Archive a model: it keeps its versions and takes no new ones. The act raises NotFound."""

    def act(catalog: Catalog) -> ChangeSet:
        view = find_model(catalog, model)
        data = view.data
        if text(data, "state") == "archived":
            return ChangeSet(f"{model} is archived already")
        path = f"{view.folder}/model.yaml"
        source = b"" if view.document is None else view.document.source
        edited = changed(source, data, {"state": "archived"}, path)
        return ChangeSet(f"Archive {model}", {path: edited})

    return act
