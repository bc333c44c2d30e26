"""Ids of ModelBox, and what they are the ids of.

An id is the SHA-256 of what an object is called, in 40 hex digits, so it is the same on every replica, in a proposal and
after its merge, and also for what people and clients of other protocols have added.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable
from typing import Final, Literal, NamedTuple

from registry_tool.access.subjects import Subject
from registry_tool.errors import NotFoundError
from registry_tool.live.records import ModelRecord, ObjectRecord, Record, VersionRecord
from registry_tool.live.snapshot import Snapshot
from registry_tool.manifests.data import text
from registry_tool.names import ModelName

__all__ = [
    "API",
    "CHECKPOINT",
    "EVENT",
    "EXPERIMENT",
    "Parent",
    "ParentKind",
    "checkpoint_id",
    "describe_parent",
    "experiment_id",
    "find_experiment",
    "find_model",
    "find_parent",
    "list_in",
    "make_id",
    "model_id",
    "version_id",
]

API: Final = "modelbox"
EXPERIMENT: Final = "experiment"
CHECKPOINT: Final = "checkpoint"
EVENT: Final = "event"
_DIGITS: Final = 40
_INDEX: Final = "modelbox id"

ParentKind = Literal["model", "version", "experiment", "checkpoint"]


def make_id(*parts: str) -> str:
    """The id of what some parts name together: each counts with its length, so no two lists give one id."""
    whole = b"".join(b"%d:%s" % (len(raw), raw) for raw in (part.encode() for part in parts))
    return hashlib.sha256(whole).hexdigest()[:_DIGITS]


def model_id(name: ModelName) -> str:
    """The id of a model."""
    return make_id("model", name.namespace, name.name)


def version_id(model: ModelName, version: str) -> str:
    """The id of a version, which it keeps when it is sealed."""
    return make_id("version", model.namespace, model.name, version)


def experiment_id(namespace: str, name: str, external_id: str) -> str:
    """The id of an experiment; it is also the name of its file."""
    return make_id(EXPERIMENT, namespace, name, external_id)


def checkpoint_id(experiment: str, epoch: int) -> str:
    """The id of a checkpoint; it is also the name of its file."""
    return make_id(CHECKPOINT, experiment, str(epoch))


class Parent(NamedTuple):
    """What metrics, events, files and metadata belong to.

    Attributes:
        id: Its id.
        kind: What it is.
        record: Its record.
        namespace: Its namespace, as a path.
    """

    id: str
    kind: ParentKind
    record: ModelRecord | VersionRecord | ObjectRecord
    namespace: str

    @property
    def model(self) -> ModelName | None:
        """The model that is it, or that it is a version of."""
        record = self.record
        if isinstance(record, ModelRecord):
            return record.name
        return record.model if isinstance(record, VersionRecord) else None


def describe_parent(record: Record) -> str:
    """What a parent is, by path, as files keep it: ids follow from paths, and not the other way round."""
    if isinstance(record, ModelRecord):
        return f"model {record.name}"
    if isinstance(record, VersionRecord):
        return f"version {record.model}@{record.version}"
    return f"{record.kind} {record.slug}"


def _id(record: Record) -> Hashable:
    if isinstance(record, ModelRecord):
        return model_id(record.name)
    return version_id(record.model, record.version) if isinstance(record, VersionRecord) else None


def _find(snapshot: Snapshot, wanted: str) -> Parent | None:
    for kind in ("model", "version"):
        for number in snapshot.indexes.find(kind, _INDEX, _id, wanted):
            record = snapshot.records[number]
            if isinstance(record, ModelRecord):
                return Parent(wanted, "model", record, record.name.namespace)
            if isinstance(record, VersionRecord):
                return Parent(wanted, "version", record, record.model.namespace)
    experiment = snapshot.object(API, EXPERIMENT, wanted)
    if experiment is not None:
        return Parent(wanted, EXPERIMENT, experiment, text(experiment.data, "namespace"))
    checkpoint = snapshot.object(API, CHECKPOINT, wanted)
    if checkpoint is not None:
        return Parent(wanted, CHECKPOINT, checkpoint, text(checkpoint.data, "namespace"))
    return None


def find_parent(snapshot: Snapshot, subject: Subject, wanted: str, what: str = "object") -> Parent:
    """What an id is the id of.

    Raises:
        NotFoundError: It is none, or that of something the caller may not see.
    """
    found = _find(snapshot, wanted) if len(wanted) == _DIGITS else None
    if found is None or not found.record.is_listed or not subject.sees(found.namespace):
        raise NotFoundError(f"{what} {wanted[:60]!a} not found")
    return found


def find_model(snapshot: Snapshot, subject: Subject, wanted: str) -> ModelRecord:
    """The model with an id; raises as ``find_parent``."""
    found = find_parent(snapshot, subject, wanted, "model").record
    if not isinstance(found, ModelRecord):
        raise NotFoundError(f"{wanted} is not the id of a model")
    return found


def find_experiment(snapshot: Snapshot, subject: Subject, wanted: str) -> ObjectRecord:
    """The experiment with an id; raises as ``find_parent``."""
    found = find_parent(snapshot, subject, wanted, "experiment")
    if not isinstance(found.record, ObjectRecord) or found.kind != EXPERIMENT:
        raise NotFoundError(f"{wanted} is not the id of an experiment")
    return found.record


def _namespace(record: Record) -> Hashable:
    if isinstance(record, ModelRecord):
        return record.name.namespace
    return text(record.data, "namespace") if isinstance(record, ObjectRecord) else None


def list_in(snapshot: Snapshot, kind: str, namespace: str | None) -> list[Record]:
    """The listed models, or objects of a kind, of a namespace, in the order of creation; none where it is None."""
    if namespace is None:
        return []
    ids = snapshot.indexes.find(kind, "namespace", _namespace, namespace)
    return [snapshot.records[number] for number in ids]
