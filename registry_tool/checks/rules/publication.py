"""What several rules about changes ask of what is published, and how they say to put it back."""

from __future__ import annotations

from registry_tool.catalog.index import Catalog, VersionView
from registry_tool.checks.rule import ChangeView
from registry_tool.checks.rules.wording import command
from registry_tool.git.tree import Entry
from registry_tool.manifests.data import text
from registry_tool.manifests.layout import Place

__all__ = ["put_back", "record_entry", "state_of", "version_of"]

_SHOWN = 12


def record_entry(catalog: Catalog, place: Place) -> Entry | None:
    """The entry of the ``version.yaml`` of the version that a place lies in; None where there is none."""
    if place.model is None or place.version is None:
        return None
    return catalog.tree.entry(f"{catalog.layout.version(place.model, place.version)}/version.yaml")


def version_of(catalog: Catalog, place: Place) -> VersionView | None:
    """The version that a place lies in."""
    model = None if place.model is None else catalog.model(place.model)
    return None if model is None or place.version is None else model.version(place.version)


def state_of(version: VersionView | None) -> str:
    """A version's state; empty where there is no version, or its status cannot be read."""
    if version is None:
        return ""
    return "active" if version.status is None else text(version.status.data, "state")


def put_back(view: ChangeView, path: str) -> str:
    """The command that brings back a published file; words where no history is at hand."""
    if view.line is None:
        return "put the published file back as it was"
    tip = view.line.tip[:_SHOWN]
    return command(f"git restore --source={tip} --staged --worktree", path)
