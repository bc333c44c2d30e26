"""Records of the live catalog as Kubeflow's JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from registry_tool.live.ids import BRANCH_START
from registry_tool.live.records import (
    ArtifactRecord,
    ModelRecord,
    ObjectRecord,
    Record,
    VersionRecord,
)
from registry_tool.live.snapshot import Snapshot
from registry_tool.live.times import claimed_time
from registry_tool.manifests.data import Data, member, text, texts
from registry_tool.manifests.problems import JSON
from registry_tool.names import ModelName
from registry_tool.server.bare_names import write_bare_name
from registry_tool.server.kubeflow.entries import (
    OWN,
    find_rest,
    show_entry,
    show_metric,
    show_parameter,
)
from registry_tool.server.kubeflow.properties import PROPOSAL, write_properties, write_proposal

if TYPE_CHECKING:
    from registry_tool.server.views import SubjectView

__all__ = ["API", "ARTIFACT", "MODEL_TOUCHES", "Item", "Renderer", "change_time", "wire_data"]

API: Final = "kubeflow"
ARTIFACT: Final = "artifact"
Item = Record | ArtifactRecord

# What a client calls an update of a version; its artifacts and its sealing are none.
VERSION_TOUCHES: Final = ("metadata", "status", "title")
MODEL_TOUCHES: Final = ("record", "metadata", "wire", "status", "title")
_OWN_WIRE: Final = frozenset({"updated", "defaults", "artifacts", "attached", "external_id"})
_ARCHIVED: Final = frozenset({"deprecated", "withdrawn", "erased"})
# References in the data of objects, by name in JSON: the place that they are kept as.
_STEP: Final = "step"


def wire_data(record: ModelRecord | VersionRecord) -> Data:
    """What Kubeflow's clients said about a model or version that no other field can express."""
    return member(record.file("wire.yaml"), API)


def _updated(data: Data) -> int:
    found = data.get("updated")
    return found if isinstance(found, int) else 0


def change_time(snapshot: Snapshot, item: Item) -> int:
    """When an object was last changed, as Kubeflow counts: in milliseconds."""
    if isinstance(item, ArtifactRecord):
        own = member(item.data, "metadata", OWN)
        rest = find_rest(item.owner.file("wire.yaml"), f"{item.kind}:{item.name}")
        at = _updated(own) or _updated(rest)
        if item.file.startswith("evidence/"):
            at = max(at, claimed_time(text(item.owner.file(item.file), "at")))
        return max(at, snapshot.time(item.created))
    if isinstance(item, ObjectRecord):
        return snapshot.changed(item, "record")
    if isinstance(item, VersionRecord):
        return max(snapshot.changed(item, *VERSION_TOUCHES), _updated(wire_data(item)))
    return snapshot.changed(item, *MODEL_TOUCHES)


class Renderer:
    """Shows records of one snapshot.

    Args:
        snapshot: Where they are from.
        home: The namespace whose models have bare names.
        is_alpha: True for v1alpha3: metrics have whole numbers as steps, artifacts name their runs.
        view: Says what is proposed; None shows objects without that.
    """

    def __init__(
        self, snapshot: Snapshot, home: str, *, is_alpha: bool, view: SubjectView | None = None
    ) -> None:
        self.snapshot = snapshot
        self._view = view
        self._home = home
        self._is_alpha = is_alpha

    def show(self, item: Item) -> dict[str, JSON]:
        """The JSON of a record."""
        if isinstance(item, ModelRecord):
            found = self._model(item)
        elif isinstance(item, VersionRecord):
            found = self._version(item)
        elif isinstance(item, ArtifactRecord):
            found = self._artifact(item)
        else:
            found = self._object(item)
        created = item.created if isinstance(item, ArtifactRecord) else item.touched.created
        found["id"] = str(item.id)
        found["createTimeSinceEpoch"] = str(self.snapshot.time(created))
        found["lastUpdateTimeSinceEpoch"] = str(change_time(self.snapshot, item))
        if branch := self._proposal(item):
            properties = member(found, "customProperties")
            found["customProperties"] = {**properties, PROPOSAL: write_proposal(branch)}
        return found

    def _proposal(self, item: Item) -> str:
        """The branch that proposes an object, or a change of it; empty for none."""
        if self._view is None:
            return ""
        if not isinstance(item, ArtifactRecord):
            return self._view.branch(item)
        return self._view.branch(item.owner) if item.id >= BRANCH_START else ""

    def _common(
        self, record: ModelRecord | VersionRecord, labels: Iterator[str]
    ) -> dict[str, JSON]:
        found: dict[str, JSON] = {}
        if record.external_id:
            found["externalId"] = record.external_id
        properties = write_properties(record.metadata, labels)
        if properties:
            found["customProperties"] = properties
        return found

    def _model(self, record: ModelRecord) -> dict[str, JSON]:
        data, wire = record.data, wire_data(record)
        found: dict[str, JSON] = {"name": write_bare_name(record, self._home)}
        found |= self._common(record, iter(texts(data, "labels")))
        defaults = member(wire, "defaults")
        for key in ("owner", "description"):
            if key in data and defaults.get(key) != data[key]:
                found[key] = data[key]
        found["state"] = "ARCHIVED" if record.state == "archived" else "LIVE"
        if "tasks" not in wire and text(data, "task"):
            found["tasks"] = [text(data, "task")]
        if "license" not in wire and text(data, "license"):
            found["license"] = text(data, "license")
        return found | {key: value for key, value in wire.items() if key not in _OWN_WIRE}

    def _version(self, record: VersionRecord) -> dict[str, JSON]:
        data, wire, added = record.data, wire_data(record), record.file("metadata.yaml")
        model = self.snapshot.models[record.model]
        found: dict[str, JSON] = {"name": record.shown, "registeredModelId": str(model.id)}
        found |= self._common(record, iter(texts(added, "labels")))
        if text(data, "author"):
            found["author"] = text(data, "author")
        if description := text(added, "description") or text(data, "description"):
            found["description"] = description
        found |= {key: value for key, value in wire.items() if key not in _OWN_WIRE}
        if record.state in _ARCHIVED:
            found["state"] = "ARCHIVED"
        found.setdefault("state", "LIVE")
        return found

    def _artifact(self, record: ArtifactRecord) -> dict[str, JSON]:
        wire = record.owner.file("wire.yaml")
        if record.kind == "metric":
            found = show_metric(record.name, record.data, find_rest(wire, f"metric:{record.name}"))
        elif record.kind == "parameter":
            rest = find_rest(wire, f"parameter:{record.name}")
            found = show_parameter(record.name, record.data, rest)
        else:
            owner = record.owner
            where = str(
                owner.name if isinstance(owner, ModelRecord) else f"{owner.model}@{owner.version}"
            )
            found = show_entry(record.data, where)
        return self._finished(found)

    def _finished(self, found: dict[str, JSON]) -> dict[str, JSON]:
        found.setdefault("state", "UNKNOWN")
        if found["artifactType"] == "metric":
            found[_STEP] = found.get(_STEP, 0) if self._is_alpha else str(found.get(_STEP, 0))
        return found

    def _object(self, record: ObjectRecord) -> dict[str, JSON]:
        found: dict[str, JSON] = {
            k: v
            for k, v in record.data.items()
            if k not in {"external_id", "history", "history_batches", "about", "touched"}
        }
        found["name"] = record.title
        if record.external_id:
            found["externalId"] = record.external_id
        found |= self._references(member(record.data, "about"))
        parent = self._parent(record)
        if record.kind == ARTIFACT:
            if parent is not None and self._is_alpha:
                found["experimentRunId"] = str(parent.id)
                if (above := self._parent(parent)) is not None:
                    found["experimentId"] = str(above.id)
            return self._finished(found)
        if parent is not None and record.kind in PARENT_FIELDS:
            found[PARENT_FIELDS[record.kind]] = str(parent.id)
        if record.kind in {"experiment", "run"}:
            found.setdefault("state", "LIVE")
        return found

    def _parent(self, record: ObjectRecord) -> ObjectRecord | None:
        kind, _, slug = record.parent.partition("/")
        return self.snapshot.object(API, kind, slug) if slug else None

    def _references(self, about: Mapping[str, JSON]) -> Iterator[tuple[str, JSON]]:
        """The ids of the model and version that an object is about, which are kept by path."""
        model, version = about.get("model"), about.get("version")
        if isinstance(model, str):
            found = self.snapshot.model(ModelName.parse(model))
            if found is not None:
                yield "registeredModelId", str(found.id)
        if isinstance(version, str):
            name, _, selector = version.partition("@")
            record = self.snapshot.version(ModelName.parse(name), selector)
            if record is not None:
                yield "modelVersionId", str(record.id)


PARENT_FIELDS: Final = {
    "inference-service": "servingEnvironmentId", "run": "experimentId",
}  # fmt: skip
"""The field that names the parent of an object, by kind."""
