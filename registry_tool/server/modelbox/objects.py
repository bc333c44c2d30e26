"""Experiments, checkpoints and events: files in ``objects/modelbox/``, named by their ids."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from registry_tool.catalog.catalog import Catalog
from registry_tool.catalog.shown_names import find_forbidden
from registry_tool.edits.changeset import ChangeSet, Edit
from registry_tool.edits.objects import ObjectName, find_object, put_object
from registry_tool.edits.shown import NewNamespace, ensure_namespace
from registry_tool.live.records import ObjectRecord
from registry_tool.manifests.data import member, records, text
from registry_tool.manifests.problems import JSON
from registry_tool.server.modelbox.entries import GivenFile, find_equal_file, track_file
from registry_tool.server.modelbox.parents import (
    API,
    CHECKPOINT,
    EVENT,
    EXPERIMENT,
    checkpoint_id,
    experiment_id,
    make_id,
)
from registry_tool.server.rpc.guard import TakenError

__all__ = [
    "GivenCheckpoint",
    "GivenEvent",
    "GivenExperiment",
    "create_checkpoint",
    "create_experiment",
    "log_event",
    "read_real",
    "write_real",
]

_NO_NUMBERS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def write_real(value: float) -> JSON:
    """A float as JSON, which has no word for some."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")


def read_real(value: JSON) -> float:
    """A float that ``write_real`` wrote."""
    if isinstance(value, str):
        return _NO_NUMBERS.get(value, math.nan)
    return float(value) if isinstance(value, int | float) else math.nan


class GivenExperiment(NamedTuple):
    """An experiment as a client describes it; ``framework`` is one of ``FRAMEWORKS``."""

    name: str
    owner: str
    framework: str
    task: str
    external_id: str
    metadata: Mapping[str, JSON]


class GivenCheckpoint(NamedTuple):
    """A checkpoint as a client describes it."""

    epoch: int
    metrics: Mapping[str, float]
    metadata: Mapping[str, JSON]
    files: Sequence[GivenFile]


class GivenEvent(NamedTuple):
    """An event as a client describes it; ``wallclock`` in nanoseconds since 1970."""

    name: str
    source: str
    wallclock: int
    metadata: Mapping[str, JSON]


def _create(kind: str, slug: str, title: str, data: Mapping[str, JSON], parent: str = "") -> Edit:
    """Add an object, unless there is an equal one.

    The edit raises TakenError: what it says of the same thing differs.
    """
    add = put_object(API, kind, title, data, parent=parent, slug=slug)

    def create(catalog: Catalog) -> ChangeSet:
        found = find_object(catalog, ObjectName(API, kind, slug))
        if found is None:
            return add(catalog)
        known = member(found.data, "data")
        for field, value in data.items():
            _check_field(kind, title, field, value, known.get(field))
        return ChangeSet(f"{kind} {title} already exists")

    return create


def _check_field(kind: str, title: str, field: str, given: JSON, known: JSON) -> None:
    """Compare a field of what exists; it may have got further metadata and files since.

    Raises:
        TakenError: They differ.
    """
    if field == "files":
        entries = records({"files": known}, "files")
        for entry in records({"files": given}, "files"):
            own = member(entry, "metadata", f"${API}")
            path = text(own, "path") or text(entry, "uri")
            file = GivenFile(path, text(own, "checksum"), text(entry, "file_type").upper())
            if find_equal_file(entries, file) is None:
                raise TakenError(f"{kind} {title!a} already exists without the file {path[:200]!a}")
    elif field == "metadata" and isinstance(given, dict) and isinstance(known, dict):
        for key, value in given.items():
            _check_field(kind, title, f"metadata {key[:60]!a}", value, known.get(key))
    elif given != known:
        raise TakenError(
            f"{kind} {title!a} already exists with another {field}",
            remedy="choose another name, or leave the field out",
        )


def create_experiment(namespace: NewNamespace, given: GivenExperiment) -> Edit:
    """Add an experiment, unless there is an equal one; its namespace comes with the first.

    The edit raises TakenError: one of this name and external id is another one.
    """
    fields: dict[str, JSON] = {"namespace": namespace.name}
    framework = given.framework.removeprefix("UNKNOWN")
    several = (("owner", given.owner), ("framework", framework), ("task", given.task))
    fields |= {key: value for key, value in several if value}
    if given.external_id:
        fields["external_id"] = given.external_id
    if given.metadata:
        fields["metadata"] = dict(given.metadata)
    slug = experiment_id(namespace.name, given.name, given.external_id)
    edit = _create(EXPERIMENT, slug, given.name, fields)
    return ensure_namespace(namespace, edit, f"Add experiment {given.name}")


def create_checkpoint(experiment: ObjectRecord, given: GivenCheckpoint) -> Edit:
    """Add a checkpoint to an experiment, unless there is an equal one.

    The edit raises TakenError: the experiment has another one for this epoch.
    """
    fields: dict[str, JSON] = {
        "namespace": text(experiment.data, "namespace"),
        "epoch": given.epoch if given.epoch < 1 << 63 else str(given.epoch),
    }
    if given.metrics:
        fields["metrics"] = {key: write_real(value) for key, value in sorted(given.metrics.items())}
    if given.metadata:
        fields["metadata"] = dict(given.metadata)
    if given.files:
        names: list[str] = []
        entries: list[JSON] = []
        for file in given.files:
            entry = track_file(file, names)
            names.append(text(entry, "name"))
            entries.append(entry)
        fields["files"] = entries
    slug = checkpoint_id(experiment.slug, given.epoch)
    parent = f"{EXPERIMENT}/{experiment.slug}"
    return _create(CHECKPOINT, slug, f"epoch {given.epoch}", fields, parent)


def log_event(about: str, namespace: str, given: GivenEvent) -> tuple[str, Edit]:
    """Add an event; the same one again is that one.

    Args:
        about: What it is about; see ``describe_parent``.
        namespace: The namespace of that.
        given: The event.

    Returns:
        The name of its file, and the edit.
    """
    fields: dict[str, JSON] = {
        "about": about,
        "namespace": namespace,
        "name": given.name,
        "source": given.source,
        "wallclock": given.wallclock,
    }
    if given.metadata:
        fields["metadata"] = dict(given.metadata)
    title = given.name.strip()
    title = title if title and len(title) <= 512 and not find_forbidden(title) else EVENT  # noqa: PLR2004 (a title)
    said = [given.name, given.source, str(given.wallclock), repr(sorted(given.metadata.items()))]
    slug = make_id(EVENT, about, *said)
    return slug, _create(EVENT, slug, title, fields)
