"""The page of one version."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from registry_tool.catalog.catalog import VersionView
from registry_tool.catalog.compare import Comparison, compare
from registry_tool.errors import InvalidManifestError
from registry_tool.manifests.data import Data, get, in_order, member, records, text
from registry_tool.manifests.problems import JSON
from registry_tool.web.views.evidence import (
    EvidenceLine,
    SignatureLine,
    list_records,
    list_signatures,
)
from registry_tool.web.views.gates import StageOutlook, find_outlook
from registry_tool.web.views.lineage import LineageEdge, list_lineage
from registry_tool.web.views.measured import Better, Verdict, finite, judge_change
from registry_tool.web.views.moves import Tenure
from registry_tool.web.views.people import name_person
from registry_tool.web.views.reading import ModelReading, find_version_problem

__all__ = [
    "ComparedMetric",
    "FileLine",
    "MetricSeries",
    "SeriesPoint",
    "VersionPageView",
    "view_version",
]

_MOST_POINTS: Final = 240
_MOST_TENURES: Final = 40


@dataclass(frozen=True)
class FileLine:
    """One artifact, or one file of a folder.

    Attributes:
        name: The artifact.
        path: Its path, or its address where it is tracked elsewhere.
        role: ``model``, ``tokenizer`` and so on.
        size: In bytes; None where it is not known.
        sha256: Hex digest; empty where it is not known.
        file_count: The number of files of a folder; None for a file.
        is_elsewhere: True for an address outside of the registry.
        is_encrypted: True for an encrypted file.
        against: ``same``, ``changed`` or ``added`` compared with the other version; empty without one.
        difference: Its size minus that of the other version; None where it did not change or is not known.
    """

    name: str
    path: str
    role: str
    size: int | None
    sha256: str
    file_count: int | None
    is_elsewhere: bool
    is_encrypted: bool
    against: str
    difference: int | None


@dataclass(frozen=True)
class ComparedMetric:
    """A metric of a version and of the one that it is compared with.

    Attributes:
        key: Its name.
        before: The other version's value; None for none.
        value: This version's; None for none.
        change: Value minus before; None where they cannot be compared.
        verdict: As in ``Measurement``.
        share: The change as a part of the other value; None where that is zero or not a number.
    """

    key: str
    before: JSON
    value: JSON
    change: float | None
    verdict: Verdict
    share: float | None


class _Side:
    """The version that another is compared with."""

    def __init__(self, view: VersionView, name: str) -> None:
        self.view = view
        self.name = name


@dataclass(frozen=True)
class ComparedRow:
    """A value that is not the same in both versions.

    Attributes:
        name: What it is called.
        change: ``changed``, ``added`` or ``removed``.
        before: The other version's value.
        value: This version's.
    """

    name: str
    change: str
    before: JSON
    value: JSON


@dataclass(frozen=True)
class ComparedGroup:
    """A group of a comparison, without metrics and artifacts.

    Attributes:
        name: As ``registry compare`` names it.
        same: How many values are the same.
        rows: Those that are not.
    """

    name: str
    same: int
    rows: tuple[ComparedRow, ...]


@dataclass(frozen=True)
class VersionComparison:
    """A version compared with another one of its model.

    Attributes:
        version: The other version.
        name: The alias that it is compared by, such as ``production``; ``previous`` for the version before.
        same_identity: True when nothing that can change outputs differs.
        metrics: The metrics of both.
        groups: The other groups.
    """

    version: str
    name: str
    same_identity: bool
    metrics: tuple[ComparedMetric, ...]
    groups: tuple[ComparedGroup, ...]


@dataclass(frozen=True)
class SeriesPoint:
    """One value of a series.

    Attributes:
        at: The step, else the time in milliseconds since 1970, else its number.
        value: The value.
    """

    at: float
    value: float


@dataclass(frozen=True)
class MetricSeries:
    """A metric that was measured several times.

    Attributes:
        key: Its name.
        unit: ``step``, ``time`` or ``number``: what the points are ordered by.
        count: How many values there are.
        points: At most 240 of them: of each part of the series its lowest and its highest value.
    """

    key: str
    unit: str
    count: int
    points: tuple[SeriesPoint, ...]


@dataclass(frozen=True)
class VersionPageView:
    """One version, or a draft."""

    model: str
    model_title: str
    version: str
    title: str
    state: str
    problem: str
    status_reason: str
    status_since: str
    replaced_by: str
    created_at: str
    author: str
    description: str
    labels: tuple[str, ...]
    aliases: tuple[str, ...]
    tags: tuple[str, ...]
    reserved: tuple[str, ...]
    previous: str
    next: str
    framework: str
    environment: dict[str, JSON]
    identity: str
    same_as: str
    external_id: str
    files: tuple[FileLine, ...]
    size: int | None
    metrics: dict[str, JSON]
    better: dict[str, Better]
    series: tuple[MetricSeries, ...]
    parameters: dict[str, JSON]
    metadata: dict[str, JSON]
    columns: tuple[tuple[str, str, str], ...]
    outlook: StageOutlook | None
    comparison: VersionComparison | None
    evidence: tuple[EvidenceLine, ...]
    signatures: tuple[SignatureLine, ...]
    lineage: tuple[LineageEdge, ...]
    tenures: tuple[Tenure, ...]
    tenure_count: int
    has_card: bool
    folder: str
    compared: dict[str, dict[str, JSON]]


def _describe_framework(record: Data) -> str:
    found = member(record, "framework")
    return " ".join(filter(None, [text(found, "type"), text(found, "version")]))


def _whole(value: JSON) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _list_files(view: VersionView, other: _Side | None) -> Iterator[FileLine]:
    before = (
        {}
        if other is None
        else {text(one, "name"): one for one in records(other.view.data, "artifacts")}
    )
    for entry in (*records(view.data, "artifacts"), *view.later_artifacts):
        old = before.get(text(entry, "name"))
        against, difference = "" if other is None else "added", None
        if old is not None:
            keys = ("sha256", "uri", "etag", "size")
            same = all(get(old, key) == get(entry, key) for key in keys)
            against = "same" if same else "changed"
            sizes = _whole(entry.get("size")), _whole(old.get("size"))
            if not same and sizes[0] is not None and sizes[1] is not None:
                difference = sizes[0] - sizes[1]
        yield FileLine(
            text(entry, "name"), text(entry, "uri") or text(entry, "path"), text(entry, "role"),
            _whole(entry.get("size")), text(entry, "sha256"), _whole(entry.get("nfiles")),
            "uri" in entry, "encryption" in entry, against, difference,
        )  # fmt: skip


def _compare_metric(row: tuple[str, JSON, JSON], better: Better) -> ComparedMetric:
    key, before, value = row
    change, verdict = judge_change(before, value, better)
    base = finite(before)
    share = None if change is None or not base else finite(change / abs(base))
    return ComparedMetric(key, before, value, change, verdict, share)


def _view_comparison(
    found: Comparison, other: _Side, better: Mapping[str, Better]
) -> VersionComparison:
    metrics = tuple(
        _compare_metric((row.name, row.left, row.right), better.get(row.name, ""))
        for row in found.groups["metrics"]
    )
    groups = []
    for name, rows in found.groups.items():
        if name in {"metrics", "artifacts"} or not rows:
            continue
        changed = tuple(
            ComparedRow(r.name, r.change, r.left, r.right) for r in rows if r.change != "same"
        )
        groups.append(ComparedGroup(name, len(rows) - len(changed), changed))
    return VersionComparison(
        other.view.version, other.name, found.same_identity, metrics, tuple(groups)
    )


def _find_other(reading: ModelReading, view: VersionView) -> _Side | None:
    """What a version is compared with: the main stage's version, else the version before."""
    main = reading.source.main_stage(reading.name.namespace)
    named = reading.alias_targets.get(main, "")
    candidates = [(named, main)] if named != view.version else []
    candidates.append((_neighbours(reading, view.version)[0], "previous"))
    for version, name in candidates:
        other = reading.model.version(version) if version else None
        if other is not None and not find_version_problem(other):
            return _Side(other, name)
    return None


def _neighbours(reading: ModelReading, version: str) -> tuple[str, str]:
    """The versions before and after; empty for none."""
    place = reading.place.get(version)
    if place is None:  # a draft follows all
        return (reading.rows[0].version if reading.rows else ""), ""
    older = reading.rows[place + 1].version if place + 1 < len(reading.rows) else ""
    return older, reading.rows[place - 1].version if place else ""


def _thin(points: list[SeriesPoint]) -> tuple[SeriesPoint, ...]:
    """Few points that draw the same line: of each part its lowest and its highest value."""
    if len(points) <= _MOST_POINTS:
        return tuple(points)
    parts = _MOST_POINTS // 2
    kept: list[SeriesPoint] = []
    for part in range(parts):
        bucket = points[part * len(points) // parts : (part + 1) * len(points) // parts]
        ends = {min(bucket, key=lambda p: p.value), max(bucket, key=lambda p: p.value)}
        kept += sorted(ends, key=lambda p: p.at)
    return tuple(kept)


def _list_series(view: VersionView) -> Iterator[MetricSeries]:
    by_key: dict[str, list[Data]] = {}
    for entry in in_order(view.measured):
        by_key.setdefault(text(entry, "key"), []).append(entry)
    for key, entries in by_key.items():
        if len(entries) < 2:  # noqa: PLR2004
            continue
        unit = next((u for u in ("step", "timestamp") if all(u in e for e in entries)), "number")
        points = []
        for number, entry in enumerate(entries):
            value = finite(entry.get("value"))
            at = number if unit == "number" else finite(entry.get(unit))
            if value is not None and at is not None:
                points.append(SeriesPoint(at, value))
        if len(points) > 1:
            named = "time" if unit == "timestamp" else unit
            yield MetricSeries(key, named, len(entries), _thin(points))


def _list_columns(record: Data) -> Iterator[tuple[str, str, str]]:
    for side in ("inputs", "outputs", "params"):
        for column in records(record, "signature", side):
            words = [text(column, "type"), text(column, "dtype")]
            shape = column.get("shape")
            if isinstance(shape, list):
                words.append(f"[{', '.join(map(str, shape))}]")
            yield side, text(column, "name") or "-", " ".join(filter(None, words))


def _view_unreadable(reading: ModelReading, view: VersionView, problem: str) -> VersionPageView:
    row = reading.by_version.get(view.version)
    before, after = _neighbours(reading, view.version)
    tenures, count = _list_tenures(reading, view.version)
    return VersionPageView(
        str(reading.name), reading.title, view.version, view.title,
        "unreadable" if row is None or not row.state else row.state, problem, "", "", "", "", "", "", (),
        () if row is None else row.aliases, () if row is None else row.tags, (), before, after,
        "", {}, "", "", "", (), None, {}, {}, (), {}, {}, (), None, None, (), (), (),
        tenures, count, False, view.folder, {},
    )  # fmt: skip


def _list_tenures(reading: ModelReading, version: str) -> tuple[tuple[Tenure, ...], int]:
    """The newest tenures of a version, newest first, and how many there are."""
    found = [one for one in reversed(reading.tenures) if one.version == version]
    return tuple(found[:_MOST_TENURES]), len(found)


def _try_compare(
    reading: ModelReading, view: VersionView, other: _Side | None
) -> Comparison | None:
    return None if other is None else compare(other.view, view, reading.list_values)


def view_version(reading: ModelReading, version: str) -> VersionPageView:
    """The view of a version or a draft; of one whose record cannot be read, what is known.

    Raises:
        KeyError: The model has no such version.
        GitError: Git cannot read the history.
    """
    view = reading.view(version)
    if view is None:
        raise KeyError(version)
    problem = find_version_problem(view)
    if problem:
        return _view_unreadable(reading, view, problem)
    try:
        return _view_readable(reading, view)
    except InvalidManifestError as exc:
        return _view_unreadable(reading, view, exc.message)


def _view_readable(reading: ModelReading, view: VersionView) -> VersionPageView:
    record = view.data
    status = {} if view.status is None or view.status.data is None else view.status.data
    other = _find_other(reading, view)
    row = reading.by_version.get(view.version)
    metrics = dict(view.metrics if row is None else row.metrics)
    found = _try_compare(reading, view, other)
    names = dict.fromkeys([*metrics, *([] if other is None else other.view.metrics)])
    better = {key: reading.find_better(key) for key in names}
    files = tuple(_list_files(view, other))
    sizes = [one.size for one in files]
    before, after = _neighbours(reading, view.version)
    tenures, tenure_count = _list_tenures(reading, view.version)
    return VersionPageView(
        model=str(reading.name), model_title=reading.title, version=view.version, title=view.title,
        state=view.state, problem="", status_reason=text(status, "reason"),
        status_since=text(status, "since"), replaced_by=text(status, "replaced_by"),
        created_at=text(record, "created_at"), author=name_person(text(record, "author")),
        description=view.description, labels=view.labels,
        aliases=view.aliases if row is None else row.aliases, tags=view.tags if row is None else row.tags,
        reserved=(*view.reserved_tags, *view.reserved_aliases),
        previous=before, next=after, framework=_describe_framework(record),
        environment=dict(member(record, "environment")), identity=text(record, "identity"),
        same_as=text(record, "same_as"), external_id=text(record, "external_id"), files=files,
        size=None if None in sizes or not sizes else sum(filter(None, sizes)),
        metrics=metrics, better=better, series=tuple(_list_series(view)),
        parameters=dict(member(record, "parameters")), metadata=dict(view.all_metadata),
        columns=tuple(_list_columns(record)), outlook=find_outlook(reading.source, view),
        comparison=None if found is None or other is None else _view_comparison(found, other, better),
        evidence=tuple(list_records(view)), signatures=tuple(list_signatures(reading, view)),
        lineage=tuple(list_lineage(record)), tenures=tenures, tenure_count=tenure_count,
        has_card=reading.has_card(view), folder=view.folder, compared=reading.list_values(view),
    )  # fmt: skip
