"""What was logged to a run: parameters, tags and metrics, from the files that have them.

What is logged at once is an object below the run, so that a short run is never rewritten. From the fiftieth on, metrics go to
series instead, whose first points move to files (``server.long_series``). A series keeps the last value of each metric, so that
a run is shown without its files.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from registry_tool.catalog.catalog import Catalog
from registry_tool.edits.changeset import ChangeSet, Edit, combine
from registry_tool.edits.objects import ObjectName, edit_object, find_object, put_object
from registry_tool.live.records import ObjectRecord, VersionRecord
from registry_tool.manifests.data import Data, get, member, records, text, whole
from registry_tool.manifests.problems import JSON
from registry_tool.server.long_series import SeriesPlace, measure_points
from registry_tool.server.truefoundry.lookup import BATCH_KIND, RUN_KIND, SERIES_KIND, Lookup
from registry_tool.server.truefoundry.manifest import API

if TYPE_CHECKING:
    from registry_tool.server.long_series import LongSeries

__all__ = ["LoggedValues", "list_metrics_of_version", "list_places", "log_values", "metric_order", "read_history", "read_values"]  # fmt: skip

_MOST_BATCHES: Final = 50
_MOST_POINTS: Final = 1000
_MOST_BYTES: Final = 64 << 10


@dataclass
class LoggedValues:
    """What was logged to a run; of metrics in series only the last value of each."""

    metrics: list[Data] = field(default_factory=list)
    params: dict[str, JSON] = field(default_factory=dict)
    tags: dict[str, JSON] = field(default_factory=dict)

    def latest(self) -> list[Data]:
        """The last value of each metric: of the highest step, and there the newest."""
        found: dict[str, Data] = {}
        for metric in self.metrics:
            before = found.get(text(metric, "key"))
            if before is None or metric_order(metric) >= metric_order(before):
                found[text(metric, "key")] = metric
        return [found[key] for key in sorted(found)]


def metric_order(metric: Data) -> tuple[int, int]:
    """What the values of a metric are ordered by."""
    return whole(metric, "step"), whole(metric, "timestamp")


def read_values(lookup: Lookup, run: ObjectRecord) -> LoggedValues:
    """What was logged to a run; no file is read."""
    found = LoggedValues(tags=dict(member(run.data, "tags")))
    for batch in lookup.batches(run):
        found.metrics += records(batch.data, "metrics")
        found.params |= member(batch.data, "params")
        found.tags |= member(batch.data, "tags")
        removed = batch.data.get("removed_tags")
        for key in removed if isinstance(removed, list) else ():
            found.tags.pop(str(key), None)
    for series in lookup.series_of_run(run):
        latest = member(series.data, "latest")
        found.metrics += (
            one for key in latest if (one := _read_point([key, *_items(latest[key])]))
        )
    return found


def _items(value: JSON) -> list[JSON]:
    return value if isinstance(value, list) else []


def _read_point(point: JSON) -> Data | None:
    if not isinstance(point, list) or len(point) != 4:  # noqa: PLR2004 (key, step, time, value)
        return None
    key, step, timestamp, value = point
    return {"key": key, "step": step, "timestamp": timestamp, "value": value}


def _write_point(metric: Data) -> list[JSON]:
    return [text(metric, "key"), *map(metric.get, ("step", "timestamp", "value"))]


def read_history(lookup: Lookup, run: ObjectRecord, series: LongSeries) -> Iterator[Data]:
    """All values of all metrics of a run, in the order in which they were logged; may read files.

    Raises:
        RemoteError: A file has to be fetched, and cannot be.
        CorruptObjectError: A file is not what the registry says.
    """
    for batch in lookup.batches(run):
        yield from records(batch.data, "metrics")
    for one in lookup.series_of_run(run):
        points = series.read(one.data, SeriesPlace(ObjectName(one.api, one.kind, one.slug)))
        yield from filter(None, map(_read_point, points))


def list_metrics_of_version(lookup: Lookup, version: VersionRecord) -> list[Data]:
    """What the run of a version measured at the version's step; may read files, as ``read_history``."""
    run = lookup.find_run(text(version.data, "source", "run_id"))
    if run is None:
        return []
    step = whole(version.data, "source", "step")
    return [one for one in read_history(lookup, run, lookup.series) if whole(one, "step") == step]


def list_places(lookup: Lookup, run: ObjectRecord) -> list[SeriesPlace]:
    """The series of a run."""
    found = lookup.series_of_run(run)
    return [SeriesPlace(ObjectName(one.api, one.kind, one.slug)) for one in found]


# --- writing


def log_values(lookup: Lookup, run: ObjectRecord, given: Mapping[str, JSON]) -> Edit:
    """Add values to a run.

    Args:
        lookup: The state, which says where the run's metrics go.
        run: The run.
        given: ``metrics``, ``params``, ``tags`` and ``removed_tags``.
    """
    number = sum(1 for _ in lookup.batches(run)) + 1
    series = [*lookup.series_of_run(run)]
    metrics = records(given, "metrics")
    if not metrics or not (series or number > _MOST_BATCHES):
        return _add_batch(run, number, given)
    last = max((whole(one.data, "number") for one in series), default=0)
    append = _append(run, metrics, last)
    rest = {key: value for key, value in given.items() if key != "metrics"}
    if not rest:
        return append
    return combine([append, _add_batch(run, number, rest)], f"Log to {run.shown}")


def _parent(run: ObjectRecord) -> str:
    return f"{RUN_KIND}/{run.slug}"


def _add_batch(run: ObjectRecord, number: int, given: Mapping[str, JSON]) -> Edit:
    data: dict[str, JSON] = {"namespace": text(run.data, "namespace"), **given}
    return put_object(API, BATCH_KIND, f"{run.slug} {number}", data, parent=_parent(run))


def _series_name(run: ObjectRecord, number: int) -> ObjectName:
    slug = hashlib.sha256(f"{run.slug} {number}".encode()).hexdigest()[:40]
    return ObjectName(API, SERIES_KIND, slug)


def _append(run: ObjectRecord, metrics: Sequence[Data], first: int) -> Edit:
    """Add points to the last series of a run, or to a new one where that is full.

    Args:
        run: The run.
        metrics: The points.
        first: A series that exists already, or 0, to begin the search for the last one.
    """
    written: list[JSON] = [_write_point(metric) for metric in metrics]

    def append(catalog: Catalog) -> ChangeSet:
        number = first
        while find_object(catalog, _series_name(run, number + 1)) is not None:
            number += 1
        name = _series_name(run, max(number, 1))
        found = find_object(catalog, name)
        before = member(None if found is None else found.data, "data")
        points = [*_items(get(before, "points")), *written]
        latest = _merge_latest(member(before, "latest"), metrics)
        is_small = measure_points([points, latest]) <= _MOST_BYTES and len(points) <= _MOST_POINTS
        if found is not None and (is_small or not _items(get(before, "points"))):
            return edit_object(name, data={**before, "points": points, "latest": latest})(catalog)
        number += 1
        data: dict[str, JSON] = {
            "namespace": text(run.data, "namespace"),
            "number": number,
            "points": written,
            "latest": _merge_latest({}, metrics),
        }
        title, slug = f"series {number} of {run.slug}", _series_name(run, number).slug
        return put_object(API, SERIES_KIND, title, data, parent=_parent(run), slug=slug)(catalog)

    return append


def _merge_latest(before: Data, metrics: Sequence[Data]) -> dict[str, JSON]:
    """The last value of each metric of a series: ``[step, timestamp, value]`` by key."""
    found = dict(before)
    for metric in metrics:
        key, point = text(metric, "key"), _write_point(metric)[1:]
        known = _read_point([key, *_items(found.get(key))])
        if known is None or metric_order(metric) >= metric_order(known):
            found[key] = point
    return found
