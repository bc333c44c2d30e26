"""A snapshot: the registry at one commit, ready to be asked. It never changes; ``moving.move`` makes the next one.

A request takes one snapshot and answers from it alone, so it never sees a half-made state. No look-up parses YAML or
starts Git.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Final

from registry_tool.live.artifacts import (
    artifact_external_ids,
    list_artifacts,
    wire_external_ids,
)
from registry_tool.live.ids import BRANCH_START, IdTable, make_uuid
from registry_tool.live.indexes import Indexes
from registry_tool.live.layers import Layers
from registry_tool.live.parts import decode
from registry_tool.live.places import object_key
from registry_tool.live.records import (
    ArtifactRecord,
    ModelRecord,
    NamespaceRecord,
    ObjectRecord,
    Record,
    VersionRecord,
)
from registry_tool.live.times import DEFAULT_COMMITTER, Line
from registry_tool.manifests.data import Data, text
from registry_tool.manifests.layout import Layout
from registry_tool.names import ModelName

__all__ = ["Snapshot", "free_value"]

_EXTERNAL: Final = "external_id"


def _shown(record: Record) -> Hashable:
    return record.shown


def _external_id(record: Record) -> Hashable:
    return record.external_id or None


def _parent(record: Record) -> Hashable:
    return record.parent or None if isinstance(record, ObjectRecord) else None


def free_value(record: Record, key: str) -> Hashable:
    """The text of a free metadata value; None where the record has none. Other scalars are what they are."""
    if isinstance(record, ObjectRecord):
        return None
    value = record.metadata.get(key)
    return value if isinstance(value, str | int | float) else None


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The registry at one commit.

    Attributes:
        line: The commits up to it, with their times.
        ids: The ids of everything that was ever named.
        layout: Where files are.
        settings: ``registry.yaml`` as JSON.
        serve: ``serve.yaml`` as JSON.
        namespaces: By name.
        models: By name; one without a readable ``model.yaml`` is ``broken``.
        records: Models, versions and objects by id.
        artifact_objects: Standalone artifacts by id.
        orphans: Files of versions that never had a record, by key: see ``Spot``.
        problems: By path, why a file on the branch is not served.
        indexes: See ``Indexes``.
        artifact_indexes: Those of the standalone artifacts.
        naming: Another object after a change of what names lead to: a model was added, removed, renamed, deleted or restored,
            or a namespace, ``registry.yaml`` or ``serve.yaml`` changed.
        marks: By model another object after each change of its files and those of its versions; none where nothing changed
            since the snapshot was read. With the same ``naming`` and mark, what a name leads to in a model is the same.
    """

    line: Line = field(default_factory=Line)
    ids: IdTable = field(default_factory=IdTable)
    layout: Layout = field(default_factory=Layout)
    settings: bytes = b""
    serve: bytes = b""
    namespaces: Layers[str, NamespaceRecord] = field(default_factory=Layers)
    models: Layers[ModelName, ModelRecord] = field(default_factory=Layers)
    records: Layers[int, Record] = field(default_factory=Layers)
    artifact_objects: Layers[int, Record] = field(default_factory=Layers)
    orphans: Layers[str, VersionRecord] = field(default_factory=Layers)
    problems: Layers[str, str] = field(default_factory=Layers)
    indexes: Indexes = field(default_factory=lambda: Indexes({}, Layers()))
    artifact_indexes: Indexes = field(default_factory=lambda: Indexes({}, Layers()))
    naming: object = field(default_factory=object)
    marks: Layers[ModelName, object] = field(default_factory=Layers)

    def __repr__(self) -> str:
        return f"Snapshot({self.commit[:12]})"

    @property
    def commit(self) -> str:
        """The full id of the commit; empty before the first."""
        return self.line.tip

    def on_branch(self, start: int = BRANCH_START) -> Snapshot:
        """The same state as the start of a branch that is not published: what it adds has ids from ``BRANCH_START``.

        They are for as long as the branch is not merged; after that, the objects have ids of the published line.

        Args:
            start: The first id, where earlier ones were given before.
        """
        return replace(self, ids=self.ids.on_branch(start))

    @cached_property
    def policy(self) -> Data:
        """The fields of ``serve.yaml``."""
        return decode(self.serve)

    @cached_property
    def server_committer(self) -> str:
        """The committer of the server's commits, as ``Name <email>``."""
        return text(self.policy, "committer") or DEFAULT_COMMITTER

    @cached_property
    def default_scheme(self) -> str:
        """The registry's version scheme."""
        return text(decode(self.settings), "version_scheme") or "integer"

    # --- times

    def time(self, position: int) -> int:
        """The milliseconds since 1970 UTC of the commit at a position; 0 for position 0."""
        return self.line.time(position)

    def created(self, record: Record) -> int:
        """When a record first appeared, in milliseconds."""
        return self.line.time(record.touched.created)

    def changed(self, record: Record, *kinds: str) -> int:
        """When one of some kinds of its files was last touched, in milliseconds; see ``Touched.last``."""
        return self.line.time(record.touched.last(*kinds))

    # --- by name

    def model(self, name: ModelName) -> ModelRecord | None:
        """The model at a path, in any state; None where there is none."""
        return self.models.get(name)

    def model_shown(self, namespace: str, shown: str) -> ModelRecord | None:
        """The listed model of a namespace with a shown name, exactly as written."""
        found = self.models_shown(shown)
        return next((model for model in found if model.name.namespace == namespace), None)

    def models_shown(self, shown: str) -> list[ModelRecord]:
        """The listed models of all namespaces with a shown name, exactly as written."""
        ids = self.indexes.find("model", "shown", _shown, shown)
        return [r for r in map(self.records.__getitem__, ids) if isinstance(r, ModelRecord)]

    def model_with(self, version: VersionRecord) -> ModelRecord:
        """The model of a version."""
        return self.models[version.model]

    def version(self, model: ModelName, version: str) -> VersionRecord | None:
        """The version or draft at a path, in any state; None where there is none."""
        birth = self.ids.births.get(f"{self.layout.model(model)}/versions/{version}")
        found = None if birth is None else self.records.get(birth.id)
        return found if isinstance(found, VersionRecord) else None

    def version_shown(self, model: ModelName, shown: str) -> VersionRecord | None:
        """The listed version of a model with a shown name, exactly as written."""
        found = self.version(model, shown)
        if found is not None and found.is_listed and found.shown == shown:
            return found
        ids = self.indexes.find("version", "title", _title, shown)
        titled = (self.records[number] for number in ids)
        return next((r for r in titled if isinstance(r, VersionRecord) and r.model == model), None)

    def version_numbered(self, model: ModelName, number: int) -> VersionRecord | None:
        """The version with a number (see ``number``), in any state; None where there is none."""
        record = self.models.get(model)
        if record is None or number < 1:
            return None
        if self.scheme(record) == "integer":
            return self.version(model, str(number))
        if number > len(record.all_ids):
            return None
        found = self.records.get(record.all_ids[number - 1])
        return found if isinstance(found, VersionRecord) else None

    def number(self, version: VersionRecord) -> int:
        """A version as a number: its name in an integer scheme, else its place in the order of creation, from 1.

        Deleted and removed versions count, so the number of a version never changes.
        """
        model = self.models[version.model]
        name = version.version
        if self.scheme(model) == "integer" and name.isascii() and name.isdecimal():
            return int(name)
        return bisect_left(model.all_ids, version.id) + 1

    def scheme(self, model: ModelRecord) -> str:
        """The version scheme of a model."""
        own = _read_scheme(model.record) if b"version_scheme" in model.record else ""
        return own or self.default_scheme

    def alias(self, model: ModelRecord, alias: str) -> VersionRecord | None:
        """The version that an alias points to, or the draft that has reserved it; None where there is none."""
        found = self._named(model, alias, model.aliases)
        return found if found is not None and alias in found.aliases else None

    def tag(self, model: ModelRecord, tag: str) -> VersionRecord | None:
        """The version that a tag names, or the draft that has reserved it; None where there is none."""
        found = self._named(model, tag, model.tags)
        return found if found is not None and tag in found.tags else None

    def _named(
        self, model: ModelRecord, name: str, targets: Mapping[str, str]
    ) -> VersionRecord | None:
        wanted = targets.get(name) or model.reserved.get(name)
        found = None if wanted is None else self.version(model.name, wanted)
        return found if found is not None and found.is_listed else None

    def name_titled(self, model: ModelRecord, shown: str) -> str | None:
        """The version, tag or alias of a model that has a title, exactly as written; None for none."""
        return next((name for name, title in model.titles.items() if title == shown), None)

    def object(self, api: str, kind: str, slug: str) -> ObjectRecord | None:
        """The object at a path, in any state; None where there is none."""
        key = object_key(api, kind, slug)
        if (run := self.ids.artifact_id(key, "")) is not None:
            artifact = self.artifact_objects.get(run.id)
            return artifact if isinstance(artifact, ObjectRecord) else None
        birth = self.ids.births.get(key)
        found = None if birth is None else self.records.get(birth.id)
        return found if isinstance(found, ObjectRecord) else None

    # --- by id and by value

    def record(self, number: int) -> Record | None:
        """The model, version or object with an id, if it is listed."""
        found = self.records.get(number)
        return found if found is not None and found.is_listed else None

    def find(self, kind: str, field_name: str, value: str) -> list[Record]:
        """The listed records of a kind that have a value, by id.

        Args:
            kind: ``model``, ``version`` or ``api/kind``.
            field_name: ``shown``, ``external_id``, or of an object ``parent``.
            value: The value, exactly.
        """
        extract = {"shown": _shown, _EXTERNAL: _external_id, "parent": _parent}[field_name]
        ids = self.indexes.find(kind, field_name, extract, value)
        return [self.records[number] for number in ids]

    def with_external_id(self, external_id: str) -> list[Record]:
        """The listed models, versions and objects with an external id."""
        kinds = list(self.indexes.ids)
        return [r for kind in kinds for r in self.find(kind, _EXTERNAL, external_id)]

    def listed(self, kind: str) -> Iterator[Record]:
        """The listed records of a kind, by id, which is the order of creation."""
        for number in self.indexes.all_ids(kind):
            record = self.records[number]
            if record.is_listed:
                yield record

    def versions(self, model: ModelRecord) -> Iterator[VersionRecord]:
        """The listed versions and drafts of a model, in the order of creation."""
        for number in model.version_ids:
            record = self.records[number]
            if isinstance(record, VersionRecord) and record.is_listed:
                yield record

    def uuid(self, record: Record) -> str:
        """The UUID of a model, version or object; see ``ids.make_uuid``. A draft keeps it when it is sealed."""
        if isinstance(record, VersionRecord):
            key = self.key(record)
        elif isinstance(record, ModelRecord):
            key = self.layout.model(record.name)
        else:
            key = object_key(record.api, record.kind, record.slug)
        return make_uuid(key, self.line.commit(record.touched.created))

    # --- artifacts

    def artifacts(self, owner: VersionRecord | ModelRecord) -> list[ArtifactRecord]:
        """The artifacts, metrics and parameters of a version or a model, by id."""
        key = self.layout.model(owner.name) if isinstance(owner, ModelRecord) else self.key(owner)
        return list_artifacts(owner, self.ids.runs.get(key, ()), self._attached_id)

    def _attached_id(self, api: str, name: str) -> int | None:
        kind, _, slug = name.partition("/")
        found = self.object(api, kind, slug)
        return None if found is None else found.id

    def key(self, version: VersionRecord) -> str:
        """The folder of a version; of a draft the one that it is sealed into."""
        return f"{self.layout.model(version.model)}/versions/{version.version}"

    def artifact(self, number: int) -> ArtifactRecord | ObjectRecord | None:
        """The artifact with an id, if it is listed: one of a version or model, or a standalone object."""
        owner = self.ids.artifact_owner(number)
        if owner is None:
            return None
        if not owner:
            found = self.artifact_objects.get(number)
            return found if isinstance(found, ObjectRecord) and found.is_listed else None
        record = self.record(owner)
        if record is None or isinstance(record, ObjectRecord):
            return None
        return next((a for a in self.artifacts(record) if a.id == number), None)

    def standalone_artifacts(self, parent: str = "") -> list[ObjectRecord]:
        """The listed standalone artifacts, by id.

        Args:
            parent: ``kind/slug`` of the object that they belong to; empty for all.
        """
        indexes = self.artifact_indexes
        if parent:
            kinds = list(indexes.ids)
            ids = [n for kind in kinds for n in indexes.find(kind, "parent", _parent, parent)]
        else:
            ids = sorted(self.artifact_objects)
        found = (self.artifact_objects[number] for number in sorted(ids))
        return [r for r in found if isinstance(r, ObjectRecord) and r.is_listed]

    def artifacts_with_external_id(self, external_id: str) -> list[ArtifactRecord | ObjectRecord]:
        """The listed artifacts with an external id, by id: their pool is not that of ``with_external_id``.

        Of a version's or model's artifact it is in the wire data: ``{protocol: {artifacts: {name: {external_id: …}}}}``.
        """
        found: list[ArtifactRecord | ObjectRecord] = []
        for kind in ("model", "version"):
            ids = self.indexes.find(
                kind, "artifact external ids", artifact_external_ids, external_id
            )
            for owner in map(self.records.__getitem__, ids):
                if not isinstance(owner, ObjectRecord):
                    every = self.artifacts(owner)
                    found += [a for a in every if external_id in wire_external_ids(a.wire)]
        for kind in list(self.artifact_indexes.ids):
            ids = self.artifact_indexes.find(kind, _EXTERNAL, _external_id, external_id)
            objects = map(self.artifact_objects.__getitem__, ids)
            found += [record for record in objects if isinstance(record, ObjectRecord)]
        return sorted(found, key=lambda artifact: artifact.id)

    def every_artifact(self) -> Iterator[ArtifactRecord | ObjectRecord]:
        """All listed artifacts of versions and models, then standalone ones; each owner's by id."""
        for kind in ("model", "version"):
            for owner in self.listed(kind):
                if not isinstance(owner, ObjectRecord):
                    yield from self.artifacts(owner)
        yield from self.standalone_artifacts()

    def attached(self, owner: VersionRecord | ModelRecord) -> list[ObjectRecord]:
        """The standalone artifacts that a version's wire data names: ``{protocol: {attached: [kind/slug, …]}}``."""
        found = []
        for api, data in owner.file("wire.yaml").items():
            names = data.get("attached") if isinstance(data, dict) else None
            for name in names if isinstance(names, list) else ():
                kind, _, slug = str(name).partition("/")
                record = self.object(api, kind, slug)
                if record is not None and record.is_listed:
                    found.append(record)
        return found

    # --- for answers

    def etag(self, record: Record) -> str:
        """A digest of all that a record says, its times and names included; equal on every replica."""
        import hashlib

        found = hashlib.blake2b(digest_size=12)
        for value in record:
            found.update(b"%d\0" % len(raw := _bytes(value)))
            found.update(raw)
        return found.hexdigest()


@lru_cache(maxsize=10_000)
def _read_scheme(record: bytes) -> str:
    """The version scheme of a ``model.yaml``; asked for with each number of a version."""
    return text(decode(record), "version_scheme")


def _title(record: Record) -> Hashable:
    return record.title or None


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else repr(value).encode(errors="surrogateescape")
