"""Projects, models and versions as JSON."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

from registry_tool.artifacts.packages.mlarchive import FRAMEWORK_TYPES, SHOWN_FRAMEWORKS
from registry_tool.live.ids import make_namespace_uuid
from registry_tool.live.parts import decode
from registry_tool.live.records import ModelRecord, NamespaceRecord, VersionRecord
from registry_tool.manifests.data import Data, member, records, text, whole
from registry_tool.server.mlsteam.addresses import API
from registry_tool.server.mlsteam.packages import find_kind

if TYPE_CHECKING:
    from registry_tool.manifests.problems import JSON
    from registry_tool.server.mlsteam.lookup import Lookup

__all__ = ["render_model", "render_project", "render_version"]

_MODEL_TOUCHED: Final = ("record", "metadata", "wire", "status", "title", "versions")
_VERSION_TOUCHED: Final = ("record", "metadata", "wire", "status", "title", "aliases", "tags")


def _render_time(milliseconds: int) -> str:
    moment = dt.datetime.fromtimestamp(milliseconds // 1000, dt.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{milliseconds % 1000:03d}Z"


def render_project(lookup: Lookup, project: NamespaceRecord) -> dict[str, JSON]:
    """A project."""
    return {
        "uuid": make_namespace_uuid(project.name),
        "name": project.shown,
        "owner": lookup.owner,
        "description": text(decode(project.record), "description"),
    }


def render_model(lookup: Lookup, model: ModelRecord) -> dict[str, JSON]:
    """A model."""
    snapshot, record = lookup.snapshot, model.data
    return {
        "uuid": snapshot.uuid(model),
        "puuid": make_namespace_uuid(model.name.namespace),
        "name": model.shown,
        "description": text(record, "description"),
        "owner": text(record, "owner"),
        "state": model.state,
        "metadata": {**model.metadata},
        "versions": sum(1 for _ in snapshot.versions(model)),
        "created_at": _render_time(snapshot.created(model)),
        "updated_at": _render_time(snapshot.changed(model, *_MODEL_TOUCHED)),
    }


def _show_framework(version: VersionRecord, record: Data) -> str:
    """A framework in MLSteam's words where it has them."""
    said = text(member(version.file("wire.yaml"), API), "framework")
    ours = text(record, "framework", "type")
    return said if FRAMEWORK_TYPES.get(said) == ours else SHOWN_FRAMEWORKS.get(ours, ours)


def render_version(lookup: Lookup, version: VersionRecord) -> dict[str, JSON]:
    """A version. What the SDK reads of it is ``uuid``, ``version`` and ``meta``."""
    snapshot, record = lookup.snapshot, version.data
    model, kind = snapshot.model_with(version), find_kind(version)
    stored = [entry for entry in records(record, "artifacts") if "path" in entry]
    tags: list[JSON] = [model.titles.get(tag, tag) for tag in version.tags]
    aliases: list[JSON] = [model.titles.get(alias, alias) for alias in version.aliases]
    return {
        "uuid": snapshot.uuid(version),
        "muuid": snapshot.uuid(model),
        "version": version.shown,
        "meta": {"package": kind != "plaintext", "encrypt": kind == "packaged-encrypted"},
        "type": kind,
        "description": text(version.file("metadata.yaml"), "description") or text(record, "description"),
        "framework": _show_framework(version, record),
        "author": text(record, "author"),
        "state": version.state,
        "metadata": {**version.metadata},
        "tags": tags,
        "aliases": aliases,
        "size": sum(whole(entry, "size") for entry in stored),
        "created_at": _render_time(snapshot.created(version)),
        "updated_at": _render_time(snapshot.changed(version, *_VERSION_TOUCHED)),
    }  # fmt: skip
