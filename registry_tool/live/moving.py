"""Moving a snapshot along the line, commit by commit: a step costs what it changed.

The same code builds a snapshot from the whole history and moves it by one commit, so both come to one result. What a
commit changed is applied to working copies of the objects concerned; records and indexes are made from them at the end.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Final, NamedTuple, TypeVar

from registry_tool.live.ids import Birth, Numbering, artifact_labels
from registry_tool.live.indexes import RecordChange, record_kind
from registry_tool.live.layers import Layers, without_collection
from registry_tool.live.parts import ReadPart, decode, read_part
from registry_tool.live.places import Spot, is_read, locate_spot
from registry_tool.live.records import (
    ModelRecord,
    NamespaceRecord,
    ObjectRecord,
    Record,
    VersionRecord,
)
from registry_tool.live.snapshot import Snapshot
from registry_tool.live.times import Stamp
from registry_tool.live.working import Edit, WorkingModel, WorkingVersion, object_record
from registry_tool.manifests.data import text, whole
from registry_tool.manifests.layout import Layout
from registry_tool.names import ModelName

__all__ = ["Step", "move"]

_ARTIFACT: Final = "artifact"
_K = TypeVar("_K")
_V = TypeVar("_V")
_DEFINING: Final = {"model": "model.yaml", "version": "version.yaml"}
# Tuples of labels that repeat in nearly all versions; forgotten when there are too many that do not.
_MOST_SHARED: Final = 10_000
_SHARED: Final[dict[tuple[str, ...], tuple[str, ...]]] = {}


class Step(NamedTuple):
    """One commit on the line and what it changed against its first parent.

    Attributes:
        commit: Its full id.
        when: The committer's time, in seconds since 1970 UTC.
        committer: As ``Name <email>``.
        claimed: The milliseconds of ``Registry-Time``; 0 where it has none. See ``times.claimed_time``.
        files: By path the new content; None for a file that it removes. Files outside the layout may be left out.
    """

    commit: str
    when: int
    committer: str
    claimed: int
    files: Mapping[str, bytes | None]


class _Objects:
    """Objects in the making."""

    def __init__(self, base: Snapshot) -> None:
        self._base = base
        self._now: dict[str, ObjectRecord | None] = {}

    def put(self, key: str, record: ObjectRecord | None) -> None:
        self._now[key] = record

    def _former(self, key: str) -> ObjectRecord | None:
        runs = self._base.ids.runs.get(key)
        if runs:
            artifact = self._base.artifact_objects.get(runs[0].first)
            return artifact if isinstance(artifact, ObjectRecord) else None
        birth = self._base.ids.births.get(key)
        found = None if birth is None else self._base.records.get(birth.id)
        return found if isinstance(found, ObjectRecord) else None

    def changes(self) -> Iterator[RecordChange]:
        for key, new in self._now.items():
            old = self._former(key)
            if new is not None or old is not None:
                yield RecordChange(old, new)


class _Move:
    """Working copies above a snapshot."""

    def __init__(self, base: Snapshot) -> None:
        self.base = base
        self.layout = base.layout
        self.settings, self.serve = base.settings, base.serve
        self.committer = base.server_committer
        self.position = len(base.line)
        if len(_SHARED) > _MOST_SHARED:
            _SHARED.clear()
        self.numbering = Numbering(base.ids, _SHARED)
        self.stamps: list[Stamp] = []
        self.models: dict[ModelName, WorkingModel] = {}
        self.versions: dict[str, WorkingVersion] = {}
        self.objects = _Objects(base)
        self.namespaces: dict[str, NamespaceRecord] = {}
        self.problems: dict[str, str] = {}
        self.solved: set[str] = set()

    # --- one commit

    def apply(self, step: Step) -> None:
        """Apply one commit."""
        self.position += 1
        by_server = step.committer == self.committer
        self.stamps.append(Stamp(step.commit, step.when, step.claimed, by_server))
        edits = self._edits(step)
        defining = (e.spot.key for e in edits if e.content is not None and _is_context(e.spot))
        self.numbering.number(defining, self.position)
        groups: dict[str, list[Edit]] = {}
        for edit in edits:
            groups.setdefault(edit.spot.key, []).append(edit)
        # Models last: an alias concerns versions that the same commit adds.
        for group in sorted(groups.values(), key=lambda group: group[0].spot.owner == "model"):
            self._apply_group(group)
        self._name_artifacts(edits)

    def _edits(self, step: Step) -> list[Edit]:
        found = []
        for path, content in step.files.items():
            spot = locate_spot(self.layout, path)
            if spot is not None:
                found.append(Edit(spot, path, content, self._part(spot, path, content)))
        return sorted(found, key=lambda edit: (edit.spot.key.split("/"), edit.spot.file))

    def _part(self, spot: Spot, path: str, content: bytes | None) -> ReadPart | None:
        self.problems.pop(path, None)
        self.solved.add(path)
        if content is None or not is_read(spot):
            return None
        part = read_part(path, spot.file, content)
        if part.problem:
            self.problems[path] = part.problem
        return part

    def _apply_group(self, group: list[Edit]) -> None:
        match group[0].spot.owner:
            case "version":
                self._apply_version(group)
            case "model":
                self._apply_model(group)
            case "object":
                self._apply_object(group[-1])
            case _:
                for edit in group:
                    self._apply_other(edit)

    def _apply_other(self, edit: Edit) -> None:
        if edit.path == "registry.yaml":
            self.settings = edit.json
            self.layout = Layout(whole(decode(edit.json), "shard"))
        elif edit.path == "serve.yaml":
            if edit.part is not None and edit.part.problem:
                return  # the last valid one counts, and the problem is told
            # Policy comes from the base: it names the server's commits from the next one on.
            self.serve = edit.json
            self.committer = replace(self.base, serve=edit.json).server_committer
        else:
            name = edit.spot.name
            record = (
                self.namespaces.get(name) or self.base.namespaces.get(name) or NamespaceRecord(name)
            )
            is_title = edit.spot.file == "title.yaml"
            title = text(decode(edit.json), "title") if is_title else record.title
            own = record.record if is_title else edit.json
            self.namespaces[name] = NamespaceRecord(name, title, own)

    def _apply_version(self, group: list[Edit]) -> None:
        spot = group[0].spot
        if spot.model is None:
            return
        working, model = self._version(spot.key, spot.model, spot.name), self._model(spot.model)
        stage, reserved, was_broken = working.stage, working.reserved, working.is_broken
        standing = working.apply(group, self.position)
        if working.is_broken != was_broken:
            model.refresh()  # it lists this version, or does not
        birth = self.numbering.birth(spot.key)
        if birth is not None:
            working.born(birth)
            model.has_version(birth.id, exists=working.exists)
        model.version_changed(self.position, standing=standing, stage=working.stage != stage)
        if working.reserved != reserved:
            model.reserve(working.version, working.reserved)

    def _apply_model(self, group: list[Edit]) -> None:
        spot = group[0].spot
        if spot.model is None:
            return
        working = self._model(spot.model)
        birth = self.numbering.birth(spot.key)
        if birth is not None:
            working.born(birth)
        for kind, version in working.apply(group, self.position):
            found = self._known_version(spot.key, spot.model, version)
            if found is not None:
                found.touch(kind, self.position)

    def _apply_object(self, edit: Edit) -> None:
        key = edit.spot.key
        if edit.content is None:
            self.objects.put(key, None)
            return
        if _is_context(edit.spot):
            birth = self.numbering.birth(key)
        else:
            self.numbering.name(key, 0, [""], self.position)
            run = self.numbering.runs(key)[0]
            birth = Birth(run.first, run.position)
        if birth is not None:
            self.objects.put(key, object_record(edit, birth, self.position))

    def _name_artifacts(self, edits: Iterable[Edit]) -> None:
        for edit in edits:
            file, owner = edit.spot.file, edit.spot.owner
            names = file == _DEFINING.get(owner) or file.startswith("evidence/")
            birth = self.numbering.birth(edit.spot.key) if names and edit.part else None
            if birth is not None and edit.part is not None:
                labels = artifact_labels(edit.part.loose)
                self.numbering.name(edit.spot.key, birth.id, labels, self.position)

    # --- working copies

    def _model(self, name: ModelName) -> WorkingModel:
        found = self.models.get(name)
        if found is None:
            found = self.models[name] = WorkingModel(name, self.base.models.get(name))
        return found

    def _version(self, key: str, model: ModelName, version: str) -> WorkingVersion:
        found = self.versions.get(key)
        if found is None:
            found = self.versions[key] = WorkingVersion(model, version, self._former(key))
        return found

    def _former(self, key: str) -> VersionRecord | None:
        birth = self.base.ids.births.get(key)
        found = self.base.orphans.get(key) if birth is None else self.base.records.get(birth.id)
        return found if isinstance(found, VersionRecord) else None

    def _known_version(self, home: str, model: ModelName, version: str) -> WorkingVersion | None:
        key = f"{home}/versions/{version}"
        if key in self.versions or self._former(key) is not None:
            return self._version(key, model, version)
        return None

    # --- the next snapshot

    def finish(self, now: int) -> Snapshot:
        """The snapshot after all applied commits."""
        base = self.base
        models = {name: working.record() for name, working in self.models.items()}
        versions = {key: self._finished(v, models) for key, v in self.versions.items()}
        objects = list(self.objects.changes())
        changes = [RecordChange(self.models[name].former, new) for name, new in models.items()]
        changes += [RecordChange(self.versions[key].former, new) for key, new in versions.items()]
        changes += [change for change in objects if not _is_artifact(change)]
        changes = [c for c in map(_numbered, changes) if c.old is not c.new]
        ids = _ids_after(base.indexes.ids, changes)
        records = _records_after(base.records, changes)
        artifacts = [c for c in objects if _is_artifact(c)]
        artifact_ids = _ids_after(base.artifact_indexes.ids, artifacts)
        artifact_objects = _records_after(base.artifact_objects, artifacts)
        kept, gone = _split(models)
        orphans, found = _split({k: v if v and not v.id else None for k, v in versions.items()})
        return replace(
            base,
            line=base.line.after(self.stamps, now),
            ids=self.numbering.table(),
            layout=self.layout,
            settings=self.settings,
            serve=self.serve,
            namespaces=base.namespaces.after(self.namespaces),
            models=base.models.after(kept, gone),
            records=records,
            artifact_objects=artifact_objects,
            orphans=base.orphans.after(orphans, found),
            problems=base.problems.after(self.problems, self.solved),
            indexes=base.indexes.after(ids, records, changes),
            artifact_indexes=base.artifact_indexes.after(artifact_ids, artifact_objects, artifacts),
            naming=base.naming if self._keeps_naming(models) else object(),
            marks=base.marks.after(dict.fromkeys(models, object())),
        )

    def _keeps_naming(self, models: Mapping[ModelName, ModelRecord | None]) -> bool:
        """True where every name still leads to the same model; see ``Snapshot.naming``."""
        base = self.base
        if self.namespaces or (self.settings, self.serve) != (base.settings, base.serve):
            return False
        pairs = ((self.models[name].former, new) for name, new in models.items())
        return all(
            old is new or (old and new and (old.shown, old.is_listed) == (new.shown, new.is_listed))
            for old, new in pairs
        )

    def _finished(
        self, working: WorkingVersion, models: Mapping[ModelName, ModelRecord | None]
    ) -> VersionRecord | None:
        name = working.model
        model = models[name] if name in models else self.base.models.get(name)
        return working.record(model)


def _split(
    records: Mapping[_K, _V | None],
) -> tuple[dict[_K, _V], list[_K]]:
    """What there is, and the keys of what there is not."""
    kept = {key: record for key, record in records.items() if record is not None}
    return kept, [key for key in records if key not in kept]


def _numbered(change: RecordChange) -> RecordChange:
    """Without records that have no id."""
    old, new = change
    return RecordChange(
        old if old is not None and old.id else None, new if new and new.id else None
    )


def _is_artifact(change: RecordChange) -> bool:
    record = change.new or change.old
    return isinstance(record, ObjectRecord) and record.kind == _ARTIFACT


def _is_context(spot: Spot) -> bool:
    """True for a file that defines a model, a version or an object with an id of their pool."""
    if spot.owner == "object":
        return spot.name.split("/")[1] != _ARTIFACT
    return _DEFINING.get(spot.owner) == spot.file


def _records_after(
    records: Layers[int, Record], changes: Sequence[RecordChange]
) -> Layers[int, Record]:
    puts: dict[int, Record] = {c.new.id: c.new for c in changes if c.new is not None}
    return records.after(puts, [c.old.id for c in changes if c.new is None and c.old is not None])


def _ids_after(
    ids: Mapping[str, array[int]], changes: Iterable[RecordChange]
) -> Mapping[str, array[int]]:
    """For each kind the ids of all its records, after some changes."""
    added: dict[str, list[int]] = {}
    removed: dict[str, set[int]] = {}
    for old, new in changes:
        if old is None and new is not None:
            added.setdefault(record_kind(new), []).append(new.id)
        elif new is None and old is not None:
            removed.setdefault(record_kind(old), set()).add(old.id)
    found = dict(ids)
    for kind, lost in removed.items():
        found[kind] = array("q", (number for number in found[kind] if number not in lost))
    for kind, numbers in added.items():
        found[kind] = _merged(found.get(kind, array("q")), sorted(numbers))
    return found


def _merged(ids: array[int], numbers: Sequence[int]) -> array[int]:
    if not ids or ids[-1] < numbers[0]:
        return ids + array("q", numbers)
    found = ids[:]
    for number in numbers:
        found.insert(bisect_left(found, number), number)
    return found


# The number of commits that are applied before records are made of them: working copies take several times the memory.
_AT_ONCE: Final = 2000


def move(snapshot: Snapshot, steps: Iterable[Step], now: int) -> Snapshot:
    """The snapshot after more commits; the given one stays as it is.

    Args:
        snapshot: Where to start.
        steps: The next commits of the line, oldest first.
        now: The present, in milliseconds since 1970 UTC: a commit a day ahead of it does not count for its time.
    """
    waiting = iter(steps)
    with without_collection():
        while batch := list(islice(waiting, _AT_ONCE)):
            moving = _Move(snapshot)
            for step in batch:
                moving.apply(step)
            snapshot = moving.finish(now)
    return snapshot
