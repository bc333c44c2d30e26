"""The artifacts of a version or a model as protocols list them: entries of its record and of its evidence, with ids."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from registry_tool.live.ids import Run
from registry_tool.live.parts import NOTHING, decode
from registry_tool.live.records import (
    ArtifactRecord,
    ModelRecord,
    ObjectRecord,
    Record,
    VersionRecord,
)
from registry_tool.manifests.data import Data, in_order, member, records, text
from registry_tool.manifests.problems import JSON

__all__ = ["artifact_external_ids", "list_artifacts", "wire_external_ids"]

# The id of an object of some protocol, by ``kind/slug``.
FindObject = Callable[[str, str], int | None]


def _entries(data: Data) -> Iterator[tuple[str, Data]]:
    """What one manifest names, by label; of a metric its last value."""
    for entry in records(data, "artifacts"):
        yield f"artifact:{text(entry, 'name')}", entry
    for entry in in_order(records(data, "metrics")):
        yield f"metric:{text(entry, 'key')}", entry
    for name, value in member(data, "parameters").items():
        yield f"parameter:{name}", {"value": value}


def _manifests(owner: VersionRecord | ModelRecord) -> Iterator[tuple[str, Data]]:
    """The manifests that name artifacts, the oldest first: the record, then evidence by its time."""
    yield ("version.yaml" if isinstance(owner, VersionRecord) else "model.yaml"), owner.data
    added = [
        (name, decode(owner.files[name])) for name in owner.files if name.startswith("evidence/")
    ]
    yield from sorted(added, key=lambda one: (text(one[1], "at"), one[0]))


def _newest(owner: VersionRecord | ModelRecord) -> dict[str, tuple[str, Data]]:
    """By label the newest entry, and the manifest that has it."""
    return {
        label: (file, entry) for file, data in _manifests(owner) for label, entry in _entries(data)
    }


def _wire(owner: VersionRecord | ModelRecord) -> dict[str, dict[str, JSON]]:
    """What each protocol keeps about artifacts, by artifact name: ``{protocol: {artifacts: {name: {…}}}}``."""
    found: dict[str, dict[str, JSON]] = {}
    for api in (wire := owner.file("wire.yaml")):
        for name, data in member(wire, api, "artifacts").items():
            if isinstance(data, dict):
                found.setdefault(name, {})[api] = data
    return found


def wire_external_ids(wire: Data) -> tuple[str, ...]:
    """The external ids that protocols keep about one artifact."""
    ids = (text(data, "external_id") for data in wire.values())
    return tuple(found for found in ids if found)


def artifact_external_ids(owner: Record) -> tuple[str, ...]:
    """The external ids of all artifacts of a version or a model."""
    if isinstance(owner, ObjectRecord) or b'"external_id"' not in owner.files.get("wire.yaml", b""):
        return ()
    return tuple(found for wire in _wire(owner).values() for found in wire_external_ids(wire))


def list_artifacts(
    owner: VersionRecord | ModelRecord, runs: Sequence[Run], find_object: FindObject
) -> list[ArtifactRecord]:
    """The artifacts, metrics and parameters of a version or a model, by id.

    Args:
        owner: The version or the model.
        runs: What it has named, with ids.
        find_object: The id of a standalone artifact that wire data names as ``object``: an attached one keeps its id.
    """
    newest, wire = _newest(owner), _wire(owner)
    touched = owner.touched
    found = []
    for run in runs:
        for number, label in enumerate(run.labels, run.first):
            if label not in newest:
                continue
            file, data = newest[label]
            kind, _, name = label.partition(":")
            mine = wire.get(name, {})
            changed = max(
                run.position,
                touched.evidence if file.startswith("evidence/") else touched.record,
                touched.wire if mine else 0,
            )
            attached = (
                find_object(api, text(d, "object"))
                for api, d in mine.items()
                if isinstance(d, dict) and "object" in d
            )
            own = next((one for one in attached if one is not None), number)
            found.append(
                ArtifactRecord(
                    own, owner, kind, name, file, data, mine or NOTHING, run.position, changed
                )
            )
    return sorted(found, key=lambda artifact: artifact.id)
