"""The files of models, versions, experiments and checkpoints: listed, found by id, and tracked where they are elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterator, Mapping
from typing import Final, NamedTuple

from google.protobuf.message import Message

from registry_tool.access.subjects import Subject
from registry_tool.catalog.catalog import Catalog
from registry_tool.catalog.resolve import find_draft, find_model
from registry_tool.edits.annotations import add_evidence
from registry_tool.edits.changeset import ChangeSet, Edit, combine
from registry_tool.edits.drafts import DraftChanges, edit_draft
from registry_tool.edits.models import extend_model
from registry_tool.edits.objects import ObjectName, change_object
from registry_tool.errors import NotFoundError, RefusedError, UsageError
from registry_tool.live.records import ModelRecord, ObjectRecord, Record, VersionRecord
from registry_tool.live.snapshot import Snapshot
from registry_tool.manifests.data import Data, records, text
from registry_tool.manifests.problems import JSON
from registry_tool.names import Reference
from registry_tool.server.modelbox.descriptors import FILE_TYPES
from registry_tool.server.modelbox.entries import (
    GivenFile,
    ShownFile,
    find_equal_file,
    list_model_entries,
    list_version_entries,
    show_entry,
    track_file,
)
from registry_tool.server.modelbox.parents import (
    API,
    CHECKPOINT,
    EXPERIMENT,
    Parent,
    find_parent,
    make_id,
    model_id,
    version_id,
)
from registry_tool.server.modelbox.values import build, build_time

__all__ = [
    "ListedFile",
    "NewEntry",
    "add_entry",
    "find_file",
    "find_listed",
    "list_files",
    "list_names",
    "show_file",
    "track_files",
]

_OUTPUTS: Final = frozenset({"model", "checkpoint"})
"""Roles of files that can change what a version puts out."""
_INDEX: Final = "modelbox files"
_KINDS: Final = ("version", "model", f"{API}/{EXPERIMENT}", f"{API}/{CHECKPOINT}")

# An entry for a file, from the names and paths that are taken, and the bytes of its pointer by path.
NewEntry = Callable[[Collection[str]], tuple[dict[str, JSON], Mapping[str, bytes]]]


class ListedFile(NamedTuple):
    """A file of a parent.

    Attributes:
        id: Its id.
        parent: The id of its parent.
        entry: Its entry, or that of the folder which it is in.
        inner: The file in a folder; None where the entry is the file.
        shown: What clients see.
        created: When it appeared, in milliseconds.
        changed: When it was last changed, in milliseconds.
    """

    id: str
    parent: str
    entry: Data
    inner: Data | None
    shown: ShownFile
    created: int
    changed: int


def _file_ids(parent: str, entry: Data) -> Iterator[tuple[str, Data | None]]:
    """The id of a file; of a folder those of its files."""
    name = text(entry, "name")
    inside = records(entry, "files")
    if not inside:
        yield make_id("file", parent, name), None
    for one in inside:
        yield make_id("file", parent, name, text(one, "path")), one


def _list_entry(parent: str, entry: Data, created: int, changed: int) -> Iterator[ListedFile]:
    for number, inner in _file_ids(parent, entry):
        yield ListedFile(number, parent, entry, inner, show_entry(entry, inner), created, changed)


def list_files(snapshot: Snapshot, record: Record) -> list[ListedFile]:
    """The files of a record, in the order in which they appeared."""
    if isinstance(record, ObjectRecord):
        created, changed = snapshot.created(record), snapshot.changed(record)
        return [
            file
            for entry in records(record.data, "files")
            for file in _list_entry(record.slug, entry, created, changed)
        ]
    found: list[ListedFile] = []
    if isinstance(record, VersionRecord):
        own = version_id(record.model, record.version)
        model = snapshot.model_with(record)
        later = [a for a in snapshot.artifacts(model) if _is_of(a.data, record.version)]
        artifacts = [*snapshot.artifacts(record), *later]
    else:
        own = model_id(record.name)
        artifacts = [a for a in snapshot.artifacts(record) if "version" not in a.data]
    for one in artifacts:
        if one.kind == "artifact":
            times = snapshot.time(one.created), snapshot.time(one.changed)
            found += _list_entry(own, one.data, *times)
    return found


def _is_of(entry: Data, version: str) -> bool:
    return text(entry, "version") == version


def _all_ids(record: Record) -> Hashable:
    """The ids of all files of a record, for the index; those of versions that its model lists too."""
    if isinstance(record, ObjectRecord):
        entries = records(record.data, "files")
        return tuple(i for entry in entries for i, _ in _file_ids(record.slug, entry))
    found: list[str] = []
    for entry in records(record.data, "artifacts"):
        if isinstance(record, VersionRecord):
            own = version_id(record.model, record.version)
        elif version := text(entry, "version"):
            own = version_id(record.name, version)
        else:
            own = model_id(record.name)
        found += (i for i, _ in _file_ids(own, entry))
    if isinstance(record, VersionRecord):
        for data in record.evidence().values():
            entries = records(data, "artifacts")
            own = version_id(record.model, record.version)
            found += (i for entry in entries for i, _ in _file_ids(own, entry))
    return tuple(found)


def find_file(snapshot: Snapshot, subject: Subject, wanted: str) -> tuple[ListedFile, Record]:
    """The file with an id, and what has it. The first call of a server reads the artifacts of all versions.

    Raises:
        NotFoundError: There is none, or the caller may not see it.
    """
    for kind in _KINDS:
        for number in snapshot.indexes.find(kind, _INDEX, _all_ids, wanted):
            found = _find_in(snapshot, subject, snapshot.records[number], wanted)
            if found is not None:
                return found
    raise NotFoundError(f"file {wanted[:60]!a} not found")


def _find_in(
    snapshot: Snapshot, subject: Subject, record: Record, wanted: str
) -> tuple[ListedFile, Record] | None:
    owners: list[Record] = [record]
    if isinstance(record, ModelRecord):
        owners += snapshot.versions(record)
    for owner in owners:
        for file in list_files(snapshot, owner):
            if file.id == wanted:
                find_parent(snapshot, subject, file.parent, "file")
                return file, owner
    return None


def find_listed(snapshot: Snapshot, record: Record, path: str) -> ListedFile:
    """The file of a record at a path, which was just written.

    Raises:
        NotFoundError: It was removed meanwhile.
    """
    for file in list_files(snapshot, record):
        if file.shown.path == path:
            return file
    raise NotFoundError(f"file {path[:60]!a} not found: it was removed meanwhile")


def show_file(file: ListedFile) -> Message:
    """A file as a message."""
    return build(
        "FileMetadata",
        id=file.id,
        parent_id=file.parent,
        file_type=FILE_TYPES.index(file.shown.file_type),
        checksum=file.shown.checksum,
        path=file.shown.path,
        created_at=build_time(file.created),
        updated_at=build_time(file.changed),
    )


def list_names(entries: Collection[Data]) -> set[str]:
    """The names and paths that entries take."""
    return {text(entry, "name") for entry in entries} | {
        path for entry in entries if (path := text(entry, "path"))
    }


def add_entry(parent: Parent, given: GivenFile, new: NewEntry, *, by: str) -> Edit:
    """Add a file to a parent, unless it has an equal one.

    Args:
        parent: The parent.
        given: What the client says of the file.
        new: Makes the entry.
        by: Who adds it.

    The edit raises TakenError (the path has other content) or RefusedError (a version is sealed, and the file could change
    what it puts out).
    """
    record = parent.record
    if isinstance(record, ModelRecord):
        return _add_to_model(record, given, new)
    if isinstance(record, VersionRecord):
        return _add_to_version(Reference(record.model, record.version), given, new, by)

    def change(data: Data) -> dict[str, JSON]:
        entries = records(data, "files")
        if find_equal_file(entries, given) is not None:
            return dict(data)
        entry, _ = new(list_names(entries))
        return {**data, "files": [*(dict(one) for one in entries), entry]}

    return change_object(ObjectName(record.api, record.kind, record.slug), change)


def _add_to_model(record: ModelRecord, given: GivenFile, new: NewEntry) -> Edit:
    def add(catalog: Catalog) -> ChangeSet:
        view = find_model(catalog, record.name)
        if find_equal_file(list(list_model_entries(view)), given) is not None:
            return ChangeSet(f"{record.name} already has {given.path}")
        entry, pointers = new(list_names(records(view.data, "artifacts")))
        return extend_model(record.name, artifacts=[entry], files=pointers)(catalog)

    return add


def _add_to_version(reference: Reference, given: GivenFile, new: NewEntry, by: str) -> Edit:
    def add(catalog: Catalog) -> ChangeSet:
        draft = find_draft(catalog, reference)
        view = find_model(catalog, reference.model)
        version = draft or view.version(str(reference.selector))
        if version is None:
            raise NotFoundError(f"version not found: {reference}")
        entries = list_version_entries(version)
        if find_equal_file(entries, given) is not None:
            return ChangeSet(f"{version} already has {given.path}")
        taken = list_names([*entries, *records(view.data, "artifacts")])
        entry, pointers = new(taken)
        if draft is not None:
            changes = DraftChanges(artifacts=[entry], pointers=pointers)
            return edit_draft(reference, changes)(catalog)
        if entry["role"] in _OUTPUTS:
            raise RefusedError(
                f"{version} is sealed: another file with the role {entry['role']} would change what it puts out",
                remedy="create a new version",
            )
        if "uri" in entry:
            return add_evidence(reference, "artifacts", {"artifacts": [entry]}, by=by)(catalog)
        stored = {"name": entry["name"], "role": entry["role"], "version": version.version, **entry}
        return extend_model(view.name, artifacts=[stored], files=pointers)(catalog)

    return add


def track_files(
    parents: Mapping[str, Parent], files: Mapping[str, list[GivenFile]], by: str
) -> Edit:
    """Track files that are elsewhere, as one change.

    Args:
        parents: By id.
        files: By the id of their parent.
        by: Who tracks them.

    Raises:
        UsageError: There are none.
    """
    edits = [
        add_entry(parents[parent], given, _tracker(given), by=by)
        for parent, several in files.items()
        for given in several
    ]
    if not edits:
        raise UsageError("the request names no files", remedy="send at least one")
    return combine(edits, f"Track {len(edits)} files" if len(edits) > 1 else "Track a file")


def _tracker(given: GivenFile) -> NewEntry:
    def new(taken: Collection[str]) -> tuple[dict[str, JSON], Mapping[str, bytes]]:
        return track_file(given, taken), {}

    return new
