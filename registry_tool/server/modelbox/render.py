"""Records of the live catalog as messages."""

from __future__ import annotations

from typing import Final

from google.protobuf.message import Message

from registry_tool.live.records import ModelRecord, ObjectRecord, VersionRecord
from registry_tool.live.snapshot import Snapshot
from registry_tool.manifests.data import Data, get, member, text
from registry_tool.manifests.problems import JSON
from registry_tool.server.modelbox.contexts import show_framework, show_owner, show_words
from registry_tool.server.modelbox.descriptors import FRAMEWORKS
from registry_tool.server.modelbox.files import list_files, show_file
from registry_tool.server.modelbox.objects import read_real
from registry_tool.server.modelbox.parents import API, model_id, version_id
from registry_tool.server.modelbox.values import build, build_time, build_values
from registry_tool.server.shown_namespaces import show_namespace

__all__ = [
    "list_tags",
    "show_checkpoint",
    "show_experiment",
    "show_model",
    "show_times",
    "show_version",
]

# What a client calls an update of a model or version.
_MODEL: Final = ("record", "metadata", "wire", "status", "title")
_VERSION: Final = (*_MODEL, "aliases", "tags", "evidence")


def _wire(record: ModelRecord | VersionRecord) -> Data:
    return member(record.file("wire.yaml"), API)


def show_times(
    snapshot: Snapshot, record: ModelRecord | VersionRecord | ObjectRecord
) -> dict[str, Message]:
    """The fields with the times of a record."""
    kinds: tuple[str, ...] = _MODEL if isinstance(record, ModelRecord) else _VERSION
    kinds = ("record",) if isinstance(record, ObjectRecord) else kinds
    return {
        "created_at": build_time(snapshot.created(record)),
        "updated_at": build_time(snapshot.changed(record, *kinds)),
    }


def show_model(snapshot: Snapshot, record: ModelRecord) -> Message:
    """A model."""
    data, wire = record.data, _wire(record)
    return build(
        "Model",
        id=model_id(record.name),
        name=record.shown,
        owner=show_owner(data, wire),
        namespace=show_namespace(snapshot, record.name.namespace),
        description=show_words("description", wire, data),
        task=show_words("task", wire, data),
        files=[show_file(file) for file in list_files(snapshot, record)],
        **show_times(snapshot, record),
    )


def list_tags(snapshot: Snapshot, record: VersionRecord) -> list[str]:
    """The names that no other version of the model has: tags, and aliases, which can be moved."""
    titles = snapshot.model_with(record).titles
    return [titles.get(name, name) for name in (*record.tags, *record.aliases)]


def show_version(snapshot: Snapshot, record: VersionRecord) -> Message:
    """A version or draft."""
    data, wire, added = record.data, _wire(record), record.file("metadata.yaml")
    return build(
        "ModelVersion",
        id=version_id(record.model, record.version),
        model_id=model_id(record.model),
        name=show_words("name", wire, data) or snapshot.model_with(record).shown,
        version=record.shown,
        description=show_words("description", wire, added, data),
        files=[show_file(file) for file in list_files(snapshot, record)],
        metadata=build("Metadata", metadata=build_values(record.metadata)),
        framework=FRAMEWORKS.index(show_framework(data)),
        unique_tags=list_tags(snapshot, record),
        **show_times(snapshot, record),
    )


def show_experiment(snapshot: Snapshot, record: ObjectRecord) -> Message:
    """An experiment."""
    data = record.data
    framework = text(data, "framework") or FRAMEWORKS[0]
    return build(
        "Experiment",
        id=record.slug,
        name=record.title,
        namespace=show_namespace(snapshot, text(data, "namespace")),
        owner=text(data, "owner"),
        framework=FRAMEWORKS.index(framework) if framework in FRAMEWORKS else 0,
        external_id=text(data, "external_id"),
        **show_times(snapshot, record),
    )


def _epoch(written: JSON) -> int:
    return int(written) if isinstance(written, int | str) else 0


def show_checkpoint(snapshot: Snapshot, record: ObjectRecord) -> Message:
    """A checkpoint."""
    metrics = member(record.data, "metrics")
    return build(
        "Checkpoint",
        id=record.slug,
        epoch=_epoch(get(record.data, "epoch")),
        experiment_id=record.parent.partition("/")[2],
        files=[show_file(file) for file in list_files(snapshot, record)],
        metrics={key: read_real(value) for key, value in metrics.items()},
        **show_times(snapshot, record),
    )
