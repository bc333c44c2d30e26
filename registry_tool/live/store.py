"""The snapshot at the tip, kept between runs: a start reads one file and what has changed since.

The file is JSON and bytes under a digest, of this program and of its own content; one that is damaged, of another
program or of another user is ignored. It is derived: deleting it costs time, never truth.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import os
from array import array
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

import orjson

from registry_tool.catalog.search.result_cache import program_digest
from registry_tool.live.ids import Birth, IdTable, Run
from registry_tool.live.indexes import Indexes, record_kind
from registry_tool.live.layers import Layers, without_collection
from registry_tool.live.places import object_key
from registry_tool.live.records import (
    NO_FILES,
    ModelRecord,
    NamespaceRecord,
    ObjectRecord,
    Record,
    Touched,
    VersionRecord,
)
from registry_tool.live.snapshot import Snapshot
from registry_tool.live.times import restored_line
from registry_tool.manifests.layout import Layout
from registry_tool.names import ModelName
from registry_tool.paths import is_ours

__all__ = ["SnapshotStore"]

_FORMAT: Final = b"registry-tool live catalog 1"
_PROGRAM: Final = ("live", "manifests", "names.py")
_LARGEST: Final = 1 << 32
_LENGTH: Final = 8
_ROWS: Final = 500


class _Writer:
    """Rows of plain values, and one run of bytes that they refer to by length."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def put(self, piece: bytes) -> int:
        self._pieces.append(piece)
        return len(piece)

    def files(self, files: Mapping[str, bytes]) -> list[list[str | int]]:
        return [[name, self.put(piece)] for name, piece in files.items()]

    def body(self, head: dict[str, object]) -> list[bytes]:
        encoded = orjson.dumps(head)
        return [len(encoded).to_bytes(_LENGTH, "big"), encoded, *self._pieces]


class _Reader:
    """What a ``_Writer`` has written, in the same order."""

    def __init__(self, body: bytes) -> None:
        start = _LENGTH + int.from_bytes(body[:_LENGTH], "big")
        self.head: dict[str, Any] = orjson.loads(body[_LENGTH:start])
        self._bytes = body
        self._at = start

    def take(self, length: int) -> bytes:
        start = self._at
        self._at = start + length
        return self._bytes[start : self._at]

    def rest(self) -> tuple[bytes, int]:
        """All the bytes, and where the next piece begins: for a loop that takes many; see ``go_on``."""
        return self._bytes, self._at

    def go_on(self, at: int) -> None:
        """Take the next piece from here."""
        self._at = at

    def files(self, rows: list[list[Any]]) -> Mapping[str, bytes]:
        return {name: self.take(length) for name, length in rows} if rows else NO_FILES


def _dump(rows: Iterator[list[object]]) -> orjson.Fragment:
    """Rows as JSON, some at a time: all of them as objects would take several times the memory of the snapshot."""
    pieces: list[bytes] = []
    while some := list(islice(rows, _ROWS)):
        pieces.append(orjson.dumps(some)[1:-1])
    return orjson.Fragment(b"[" + b",".join(pieces) + b"]")


def _save(snapshot: Snapshot) -> list[bytes]:
    """A snapshot as pieces of a file."""
    writer = _Writer()
    line = snapshot.line
    head: dict[str, object] = {
        "shard": snapshot.layout.shard,
        "line": [line.newest, line.is_unsure, *(writer.put(piece) for piece in line.pieces())],
        "settings": [writer.put(snapshot.settings), writer.put(snapshot.serve)],
        "namespaces": [
            [name, found.title, writer.put(found.record)]
            for name, found in snapshot.namespaces.items()
        ],
        "problems": dict(snapshot.problems),
    }
    numbers = {name: number for number, name in enumerate(snapshot.models)}
    head["models"] = _dump(_model_row(writer, model) for model in snapshot.models.values())
    kinds = snapshot.indexes.ids
    versions = [snapshot.records[number] for number in kinds.get("version", ())]
    versions += snapshot.orphans.values()
    head["versions"] = _dump(
        _version_row(writer, v, numbers.get(v.model, list(v.model)))
        for v in versions if isinstance(v, VersionRecord)
    )  # fmt: skip
    every = (*snapshot.records.values(), *snapshot.artifact_objects.values())
    objects = [record for record in every if isinstance(record, ObjectRecord)]
    head["objects"] = _dump([*r[:9], list(r.touched), writer.put(r.record)] for r in objects)
    head |= _id_rows(snapshot)
    return writer.body(head)


def _id_rows(snapshot: Snapshot) -> dict[str, object]:
    """What the records do not say: births of what was removed, and the artifacts of all owners."""
    ids = snapshot.ids
    labels: dict[tuple[str, ...], int] = {}
    runs = []
    for key, found in ids.runs.items():
        birth = ids.births.get(key)
        owner = key if birth is None else birth.id
        for first, position, some in found:
            runs.append([owner, first, position, labels.setdefault(some, len(labels))])
    removed = [
        [key, *birth] for key, birth in ids.births.items() if birth.id not in snapshot.records
    ]
    next_ids = [ids.next_id, ids.next_artifact]
    return {"removed": removed, "runs": runs, "labels": list(labels), "next": next_ids}


def _model_row(writer: _Writer, model: ModelRecord) -> list[object]:
    lost = set(model.all_ids).difference(model.version_ids)
    return [
        model.id, *model.name, model.state, model.title, model.external_id, list(model.touched),
        writer.put(model.record), writer.files(model.files), writer.put(model.free), model.aliases,
        model.tags, model.reserved, model.titles, sorted(lost),
    ]  # fmt: skip


def _version_row(writer: _Writer, v: VersionRecord, model: int | list[str]) -> list[object]:
    return [
        v.id, model, v.version, v.is_draft, v.state, v.title, v.external_id, list(v.touched),
        writer.put(v.record), writer.files(v.files), writer.put(v.free), v.aliases, v.tags,
    ]  # fmt: skip


class _Loaded:
    """A snapshot in the making, from what a file holds."""

    def __init__(self, reader: _Reader) -> None:
        self._reader = reader
        head = self._head = reader.head
        newest, is_unsure, *lengths = head["line"]
        pieces = [reader.take(length) for length in lengths]
        self._line = restored_line(pieces, newest, is_unsure=is_unsure)
        self._layout = Layout(head["shard"])
        self._settings, self._serve = (reader.take(length) for length in head["settings"])
        self._namespaces = {
            name: NamespaceRecord(name, title, reader.take(n))
            for name, title, n in head["namespaces"]
        }
        self._records: dict[int, Record] = {}
        self._births: dict[str, Birth] = {}
        self._ids: dict[str, array[int]] = {}

    def _add(self, key: str, record: Record) -> None:
        self._records[record.id] = record
        self._births[key] = Birth(record.id, record.touched.created)
        self._ids.setdefault(record_kind(record), array("q")).append(record.id)

    def snapshot(self) -> Snapshot:
        """The snapshot."""
        models = list(self._models())
        orphans = dict(self._versions(models))
        artifacts: dict[int, Record] = {r.id: r for r in self._objects()}
        for key, number, position in self._head["removed"]:
            self._births[key] = Birth(number, position)
        by_name = {model.name: model for model in models}
        ids = {kind: array("q", sorted(some)) for kind, some in self._ids.items()}
        records, objects = Layers(self._records), Layers(artifacts)
        artifact_ids: dict[str, array[int]] = {}
        for number in sorted(artifacts):
            artifact_ids.setdefault(record_kind(artifacts[number]), array("q")).append(number)
        return Snapshot(
            self._line, self._table(), self._layout, self._settings, self._serve,
            Layers(self._namespaces), Layers(by_name), records, objects, Layers(orphans),
            Layers(self._head["problems"]), Indexes(ids, records), Indexes(artifact_ids, objects),
        )  # fmt: skip

    def _models(self) -> Iterator[ModelRecord]:
        take, files = self._reader.take, self._reader.files
        for row in self._head["models"]:
            number, namespace, name, state, title, external_id, touched, size, others = row[:9]
            free, aliases, tags, reserved, titles, lost = row[9:]
            model = ModelName(namespace, name)
            record = ModelRecord(
                number, model, state, title, external_id, Touched(*touched), take(size),
                files(others), take(free), aliases, tags, reserved, titles, array("q"),
                array("q", lost),
            )  # fmt: skip
            if number:
                self._add(self._layout.model(model), record)
            yield record

    def _versions(self, models: list[ModelRecord]) -> Iterator[tuple[str, VersionRecord]]:
        homes = [self._layout.model(model.name) for model in models]
        for record, model in self._version_records([model.name for model in models]):
            home = self._layout.model(record.model) if model is None else homes[model]
            key = f"{home}/versions/{record.version}"
            if model is None or not record.id:
                yield key, record
                continue
            self._records[record.id] = record
            self._births[key] = Birth(record.id, record.touched.created)
            models[model].version_ids.append(record.id)
        ids = sorted(
            record.id for record in self._records.values() if type(record) is VersionRecord
        )
        self._ids["version"] = array("q", ids)
        for found in models:
            lost = found.all_ids[:]
            found.all_ids[:] = array("q", sorted([*found.version_ids, *lost]))

    def _version_records(
        self, names: Sequence[ModelName]
    ) -> Iterator[tuple[VersionRecord, int | None]]:
        """The records, each with the place of its model; in one loop, which is most of a start."""
        body, at = self._reader.rest()
        shared: dict[str, str] = {}
        share, new = shared.setdefault, tuple.__new__
        for row in self._head["versions"]:
            number, model, version, draft, state, title, external_id, touched, *sizes = row
            size, others, free, aliases, tags = sizes
            name = names[model] if model.__class__ is int else ModelName(*model)
            record, at = body[at : at + size], at + size
            files = NO_FILES
            if others:
                files = {}
                for file, length in others:
                    files[share(file, file)], at = body[at : at + length], at + length
            kept, at = body[at : at + free], at + free
            found = new(VersionRecord, (
                number, name, share(version, version), draft, share(state, state), title, external_id,
                new(Touched, touched), record, files, kept, tuple(aliases), tuple(tags),
            ))  # fmt: skip
            yield found, model if model.__class__ is int else None
        self._reader.go_on(at)

    def _objects(self) -> Iterator[ObjectRecord]:
        for row in self._head["objects"]:
            number, api, kind, slug, path, title, parent, state, external_id, touched, size = row
            record = ObjectRecord(
                number, api, kind, slug, path, title, parent, state, external_id, Touched(*touched),
                self._reader.take(size),
            )  # fmt: skip
            if record.kind == "artifact":
                yield record
            else:
                self._add(object_key(record.api, record.kind, record.slug), record)

    def _table(self) -> IdTable:
        labels = [tuple(some) for some in self._head["labels"]]
        keys = {birth.id: key for key, birth in self._births.items()}
        runs: dict[str, tuple[Run, ...]] = {}
        firsts, owners = array("q"), array("q")
        for owner, first, position, number in sorted(self._head["runs"], key=_first):
            key = owner if isinstance(owner, str) else keys[owner]
            runs[key] = (*runs.get(key, ()), Run(first, position, labels[number]))
            firsts.append(first)
            owners.append(0 if isinstance(owner, str) else owner)
        next_id, next_artifact = self._head["next"]
        return IdTable(Layers(self._births), Layers(runs), next_id, next_artifact, firsts, owners)


def _first(row: list[Any]) -> int:
    first: int = row[1]
    return first


class SnapshotStore:
    """One snapshot in a file.

    Args:
        folder: Where it is kept; made when the first is saved.
        name: What it is of: a repository and a branch.
    """

    def __init__(self, folder: Path, name: str) -> None:
        digest = hashlib.sha256(name.encode(errors="surrogateescape")).hexdigest()
        self._place = folder / f"{digest[:32]}.live"

    def load(self) -> Snapshot | None:
        """The snapshot; None where there is none, or it is not one that this program of this user wrote."""
        try:
            with self._place.open("rb") as stream:
                info = os.fstat(stream.fileno())
                if not is_ours(info) or info.st_size > _LARGEST:
                    return None
                first, body = stream.readline(256), stream.read()
        except OSError:
            return None
        if first != _first_line([body]):
            return None
        try:
            with without_collection():
                found = _Loaded(_Reader(body)).snapshot()
                gc.freeze()  # looking through all that takes 0.4 s at 100,000 versions
                return found
        except (LookupError, TypeError, ValueError):
            return None

    def save(self, snapshot: Snapshot) -> None:
        """Keep a snapshot instead of the former one; where nothing can be written, nothing is kept."""
        import tempfile  # a start does without

        pieces = _save(snapshot)
        with contextlib.suppress(OSError):
            self._place.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix=".", suffix=".live", dir=self._place.parent)
            try:
                with os.fdopen(handle, "wb") as stream:
                    stream.write(_first_line(pieces))
                    stream.writelines(pieces)
                Path(name).replace(self._place)
            except OSError:
                Path(name).unlink(missing_ok=True)


def _first_line(pieces: list[bytes]) -> bytes:
    """The line a file begins with: its format, and digests of this program and of the rest."""
    found = hashlib.blake2b(digest_size=32)
    for piece in pieces:
        found.update(piece)
    return b"%s %s %s\n" % (
        _FORMAT, program_digest(_PROGRAM).encode(), found.hexdigest().encode(),
    )  # fmt: skip
