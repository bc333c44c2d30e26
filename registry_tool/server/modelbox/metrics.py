"""Metrics: where each point is kept, and how they are read together.

Points of a version are where every other client looks for them: in the record of a draft, in evidence of a sealed version.
Both are small files, so what does not fit there goes to series, whose first points move to files (``server.long_series``). So do
the points of models, experiments and checkpoints.
"""

from __future__ import annotations

import base64
from collections.abc import Hashable, Mapping
from typing import Final, NamedTuple

from google.protobuf.message import Message

from registry_tool.catalog.catalog import Catalog, VersionView
from registry_tool.catalog.resolve import find_draft, find_model
from registry_tool.edits.annotations import add_evidence
from registry_tool.edits.changeset import ChangeSet, Edit
from registry_tool.edits.drafts import DraftChanges, edit_draft
from registry_tool.edits.objects import ObjectName, edit_object, find_object, put_object
from registry_tool.errors import NotFoundError, UsageError
from registry_tool.live.records import ObjectRecord, Record, VersionRecord
from registry_tool.live.snapshot import Snapshot
from registry_tool.manifests.arguments import fits
from registry_tool.manifests.data import Data, get, member, records, text, whole
from registry_tool.manifests.problems import JSON
from registry_tool.names import Reference
from registry_tool.server.long_series import LongSeries, SeriesPlace, has_batches
from registry_tool.server.modelbox.objects import read_real, write_real
from registry_tool.server.modelbox.parents import API, Parent, describe_parent, make_id
from registry_tool.server.modelbox.values import (
    build,
    read_bytes,
    read_choice,
    read_number,
    read_text,
    shorten,
)

__all__ = [
    "Point",
    "has_files",
    "list_places",
    "list_points",
    "log_point",
    "read_point",
    "show_points",
]

SERIES: Final = "series"
_KIND: Final = f"{API}/{SERIES}"
_MOST_IN_RECORD: Final = 500
_MOST_EVIDENCE: Final = 100
_MOST_IN_SERIES: Final = 500  # where no remote takes the first ones
_MOST_BYTES: Final = 64 << 10  # of the points of one file, roughly
_LONGEST_VALUE: Final = 48 << 10
_SECONDS: Final = 10**11  # what is less is not milliseconds: the year 5138
_EXACT: Final = 2**53
_INTEGERS: Final = 1 << 63
_AMBIGUOUS: Final = frozenset({"NaN", "Infinity", "-Infinity"})


class Point(NamedTuple):
    """One measured value.

    Attributes:
        key: The name of the metric.
        step: The step; 0 for none.
        wallclock: The time as the client gives it, in seconds; 0 for none.
        value: The value.
    """

    key: str
    step: int
    wallclock: int
    value: float | str | bytes


def read_point(key: str, message: Message) -> Point:
    """A point as a client sends it.

    Raises:
        UsageError: It has no key or no value, or the value is too large.
    """
    choice = read_choice(message, "value")
    if not key:
        raise UsageError("the metric has no key")
    value: float | str | bytes
    if choice == "f_val":
        value = shorten(float(getattr(message, choice)))
    elif choice == "s_tensor":
        value = read_text(message, choice)
    elif choice == "b_tensor":
        value = read_bytes(message, choice)
    else:
        raise UsageError(
            f"the metric {key[:60]!a} has no value", remedy="set f_val, s_tensor or b_tensor"
        )
    if not isinstance(value, float) and len(value) > _LONGEST_VALUE:
        raise UsageError(
            f"the value of {key[:60]!a} has {len(value)} bytes; at most {_LONGEST_VALUE} are possible",
            remedy="upload it as a file",
        )
    return Point(key, read_number(message, "step"), read_number(message, "wallclock_time"), value)


def show_points(points: list[Point]) -> list[Message]:
    """Points as messages: for each key in the order of their first points, by step, then by time."""
    found: dict[str, list[Point]] = {}
    for point in sorted(points, key=lambda one: (one.step, one.wallclock)):
        found.setdefault(point.key, []).append(point)
    order = dict.fromkeys(point.key for point in points)
    return [
        build("Metrics", key=key, values=[_show_value(point) for point in found[key]])
        for key in order
    ]


def _show_value(point: Point) -> Message:
    value = point.value
    kind = (
        "f_val"
        if isinstance(value, float)
        else "s_tensor"
        if isinstance(value, str)
        else "b_tensor"
    )
    return build("MetricsValue", step=point.step, wallclock_time=point.wallclock, **{kind: value})


# --- entries of manifests


def _write_entry(point: Point) -> dict[str, JSON] | None:
    """A point as an entry of a manifest; None where that would not read back as the same."""
    value: JSON
    if isinstance(point.value, bytes):
        value = {"bytes": base64.b64encode(point.value).decode()}
    elif isinstance(point.value, str):
        value = point.value
    else:
        value = write_real(point.value)
    entry: dict[str, JSON] = {"key": point.key, "value": value}
    if point.step:
        entry["step"] = point.step
    if point.wallclock:
        entry["timestamp"] = point.wallclock * 1000
    is_same = point.step < _EXACT and point.wallclock < _SECONDS and point.value not in _AMBIGUOUS
    return entry if is_same and fits("version/v1", "metrics", [entry]) else None


def _read_entry(entry: Data) -> Point:
    found = entry.get("value")
    value: float | str | bytes
    if isinstance(found, dict):
        value = base64.b64decode(text(found, "bytes"))
    elif isinstance(found, str) and found not in _AMBIGUOUS:
        value = found
    else:
        value = read_real(found)
    return Point(text(entry, "key"), whole(entry, "step"), whole(entry, "timestamp") // 1000, value)


# --- series


def _write_number(number: int) -> JSON:
    return number if number < _INTEGERS else str(number)


def _read_number(value: JSON) -> int:
    return int(value) if isinstance(value, int | str) else 0


def _write_series_point(point: Point) -> list[JSON]:
    value: JSON
    if isinstance(point.value, bytes):
        value = {"bytes": base64.b64encode(point.value).decode()}
    elif isinstance(point.value, str):
        value = {"text": point.value}
    else:
        value = write_real(point.value)
    return [_write_number(point.step), _write_number(point.wallclock), value]


def _read_series_point(key: str, written: JSON) -> Point | None:
    if not isinstance(written, list) or len(written) != 3:  # noqa: PLR2004 (step, time, value)
        return None
    step, wallclock, found = written
    value: float | str | bytes
    if isinstance(found, dict):
        value = base64.b64decode(text(found, "bytes")) if "bytes" in found else text(found, "text")
    else:
        value = read_real(found)
    return Point(key, _read_number(step), _read_number(wallclock), value)


def _about(record: Record) -> Hashable:
    return text(record.data, "about") or None if isinstance(record, ObjectRecord) else None


def _list_series(snapshot: Snapshot, about: str) -> list[ObjectRecord]:
    ids = snapshot.indexes.find(_KIND, "about", _about, about)
    found = (snapshot.records[number] for number in ids)
    return [record for record in found if isinstance(record, ObjectRecord)]


def _series_name(about: str, key: str, number: int) -> ObjectName:
    return ObjectName(API, SERIES, make_id(SERIES, about, key, str(number)))


def _size(point: list[JSON]) -> int:
    value = point[-1]
    content = next(iter(value.values())) if isinstance(value, dict) else ""
    return 32 + (len(content.encode()) if isinstance(content, str) else 0)


def _append(about: str, namespace: str, point: Point, first: int) -> Edit:
    """Add a point to the last series of its key.

    Args:
        about: What it is about.
        namespace: The namespace of that.
        point: The point.
        first: A series that exists already, or 0, to begin the search for the last one.
    """
    written = _write_series_point(point)

    def append(catalog: Catalog) -> ChangeSet:
        number = first
        while find_object(catalog, _series_name(about, point.key, number + 1)) is not None:
            number += 1
        name = _series_name(about, point.key, max(number, 1))
        found = find_object(catalog, name)
        before = member(None if found is None else found.data, "data")
        listed = get(before, "points")
        points = listed if isinstance(listed, list) else []
        size = sum(_size(one) for one in points if isinstance(one, list)) + _size(written)
        if found is not None and len(points) < _MOST_IN_SERIES and size <= _MOST_BYTES:
            return edit_object(name, data={**before, "points": [*points, written]})(catalog)
        number += 1
        data: dict[str, JSON] = {"about": about, "namespace": namespace, "key": point.key}
        data |= {"number": number, "points": [written]}
        slug = _series_name(about, point.key, number).slug
        return put_object(API, SERIES, f"series {number}", data, slug=slug)(catalog)

    return append


# --- both


def log_point(snapshot: Snapshot, parent: Parent, point: Point, *, by: str) -> Edit:
    """Add a point to a parent.

    Args:
        snapshot: The state, from which the search for the last series begins.
        parent: The parent.
        point: The point.
        by: Who adds it.
    """
    about = describe_parent(parent.record)
    series = [one for one in _list_series(snapshot, about) if text(one.data, "key") == point.key]
    last = max((whole(one.data, "number") for one in series), default=0)
    append = _append(about, parent.namespace, point, last)
    record = parent.record
    entry = _write_entry(point) if isinstance(record, VersionRecord) and not last else None
    if not isinstance(record, VersionRecord) or entry is None:
        return append
    return _log_entry(Reference(record.model, record.version), entry, append, by)


def _log_entry(reference: Reference, entry: Mapping[str, JSON], append: Edit, by: str) -> Edit:
    def add(catalog: Catalog) -> ChangeSet:
        draft = find_draft(catalog, reference)
        if draft is not None:
            if len(records(draft.data, "metrics")) >= _MOST_IN_RECORD or _is_large(draft):
                return append(catalog)
            return edit_draft(reference, DraftChanges(metrics=[entry]))(catalog)
        version = find_model(catalog, reference.model).version(str(reference.selector))
        if version is None:
            raise NotFoundError(f"version not found: {reference}")
        if sum(1 for _ in version.evidence()) >= _MOST_EVIDENCE:
            return append(catalog)
        return add_evidence(reference, "metrics", {"metrics": [entry]}, by=by)(catalog)

    return add


def _is_large(draft: VersionView) -> bool:
    return draft.document is not None and len(draft.document.source) > 2 * _MOST_BYTES


def list_points(snapshot: Snapshot, record: Record, series: LongSeries) -> list[Point]:
    """All points of a record, in the order in which they came; may read files, see ``has_files``.

    Raises:
        RemoteError: A file has to be fetched, and cannot be.
        CorruptObjectError: A file is not what the registry says.
    """
    found: list[Point] = []
    if isinstance(record, VersionRecord):
        found += map(_read_entry, records(record.data, "metrics"))
        later = sorted(record.evidence().values(), key=lambda one: text(one, "at"))
        found += (_read_entry(entry) for data in later for entry in records(data, "metrics"))
    elif isinstance(record, ObjectRecord):
        found += (
            Point(key, whole(record.data, "epoch"), 0, read_real(value))
            for key, value in member(record.data, "metrics").items()
        )
    for one in _list_series(snapshot, describe_parent(record)):
        key = text(one.data, "key")
        read = (_read_series_point(key, point) for point in series.read(one.data, _place(one)))
        found += filter(None, read)
    return found


def has_files(snapshot: Snapshot, record: Record) -> bool:
    """True for a record some points of which are in files."""
    return any(has_batches(one.data) for one in _list_series(snapshot, describe_parent(record)))


def _place(record: ObjectRecord) -> SeriesPlace:
    return SeriesPlace(ObjectName(record.api, record.kind, record.slug))


def list_places(snapshot: Snapshot, record: Record, key: str) -> list[SeriesPlace]:
    """Where the points of a metric are that are neither in the record nor in evidence."""
    found = _list_series(snapshot, describe_parent(record))
    return [_place(one) for one in found if text(one.data, "key") == key]
