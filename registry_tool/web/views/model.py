"""The page of one model: who holds each stage, how metrics moved, its versions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from registry_tool.catalog.search.summary import VersionRow
from registry_tool.errors import InvalidManifestError
from registry_tool.manifests.data import Data, records, text, texts
from registry_tool.manifests.problems import JSON
from registry_tool.web.views.gates import StageOutlook, find_outlook
from registry_tool.web.views.lineage import LineageEdge, list_lineage
from registry_tool.web.views.measured import (
    SHOWN_METRICS,
    GateBound,
    Measurement,
    finite,
    gate_bounds,
    measure,
)
from registry_tool.web.views.moves import AliasMove, Tenure
from registry_tool.web.views.people import name_person
from registry_tool.web.views.reading import ModelReading, find_version_problem

__all__ = [
    "PAGE_SIZE",
    "AliasHolder",
    "ComparedVersions",
    "FigurePanel",
    "FigurePoint",
    "ModelFigure",
    "ModelPageView",
    "OlderVersionsView",
    "VersionLine",
    "alias_rank",
    "list_lines",
    "view_model",
    "view_older",
]

PAGE_SIZE: Final = 50
_NEWEST: Final = 20
_MOST_POINTS: Final = 150
_MOST_TENURES: Final = 150

AliasRank = Literal["production", "stage", "alias"]


def alias_rank(alias: str, stages: Sequence[str], main: str) -> AliasRank:
    """How much an alias says: ``production`` is the main stage, ``stage`` another one, ``alias`` any other."""
    if alias == main:
        return "production"
    return "stage" if alias in stages else "alias"


@dataclass(frozen=True)
class AliasHolder:
    """The version that an alias points to now.

    Attributes:
        alias: The alias.
        title: Its shown name.
        rank: As ``alias_rank``.
        version: The version; empty for a stage without one.
        version_title: Its shown name.
        state: The version's state.
        since: When the alias was moved there; empty where the history does not reach back.
        by: Who moved it.
        reason: Why, as the alias file says now.
        before: The version that it pointed to before; empty for none.
        pinned: True while automatic promotions leave it.
        metrics: Few metrics, for other aliases than the main stage compared with it.
        size: Of all artifacts, in bytes; None where it is not known.
        file_count: The number of artifacts.
        outlook: The gates of the next stage; None where there is none.
    """

    alias: str
    title: str
    rank: AliasRank
    version: str
    version_title: str
    state: str
    since: str
    by: str
    reason: str
    before: str
    pinned: bool
    metrics: tuple[Measurement, ...]
    size: int | None
    file_count: int
    outlook: StageOutlook | None


@dataclass(frozen=True)
class VersionLine:
    """A version in a table.

    Attributes:
        version: The version.
        title: Its title; empty where it has none.
        state: Its state; ``draft`` for a draft, ``unreadable`` where the record cannot be read.
        created_at: When it was made; empty where that is not known.
        author: Who made it.
        framework: Its framework.
        aliases: The aliases that point to it.
        tags: Its tags.
        metrics: The metrics that are shown, compared with the version before.
        size: Of all artifacts, in bytes; None where it is not known.
        has_page: True where it has a separate page.
    """

    version: str
    title: str
    state: str
    created_at: str
    author: str
    framework: str
    aliases: tuple[str, ...]
    tags: tuple[str, ...]
    metrics: tuple[Measurement, ...]
    size: int | None
    has_page: bool = True


@dataclass(frozen=True)
class FigurePoint:
    """A version's value in a figure.

    Attributes:
        version: The version.
        at: When it was made, RFC 3339.
        value: Its value.
        is_current: True for the version that the main stage points to.
    """

    version: str
    at: str
    value: float
    is_current: bool


@dataclass(frozen=True)
class FigurePanel:
    """One metric over time.

    Attributes:
        key: The metric.
        better: ``higher``, ``lower`` or empty.
        bounds: The bounds that gates set.
        points: Its values, oldest first.
    """

    key: str
    better: str
    bounds: tuple[GateBound, ...]
    points: tuple[FigurePoint, ...]


@dataclass(frozen=True)
class ModelFigure:
    """Metrics of versions and holders of stages over one axis of time.

    Attributes:
        start: The left end of the axis, RFC 3339.
        end: The right end.
        panels: At most three metrics.
        lanes: The tenures of each stage that has some, main stage first.
        omitted: How many older versions are left out.
    """

    start: str
    end: str
    panels: tuple[FigurePanel, ...]
    lanes: tuple[tuple[str, tuple[Tenure, ...]], ...]
    omitted: int


@dataclass(frozen=True)
class ModelPageView:
    """A model."""

    model: str
    namespace: str
    name: str
    title: str
    state: str
    problem: str
    reason: str
    task: str
    owner: str
    license: str
    description: str
    labels: tuple[str, ...]
    external_id: str
    continues: str
    moved_to: str
    links: tuple[tuple[str, str], ...]
    latest: str
    version_count: int
    draft_count: int
    main_stage: str
    move_count: int
    missing_history: str
    holders: tuple[AliasHolder, ...]
    figure: ModelFigure | None
    shown_metrics: tuple[str, ...]
    versions: tuple[VersionLine, ...]
    pages: tuple[tuple[str, ...], ...]
    names: tuple[tuple[str, str], ...]
    framework: str
    evidence_count: int
    signed_count: int
    lineage: tuple[LineageEdge, ...]
    lineage_version: str
    has_card: bool
    folder: str


@dataclass(frozen=True)
class ComparedVersions:
    """What comparisons need of several versions.

    Attributes:
        shapes: What versions have: groups and names of values. Most versions of a model have the same.
        values: By version: the number of its shape, then the values in that order.
    """

    shapes: tuple[tuple[tuple[str, str], ...], ...]
    values: dict[str, tuple[JSON, ...]]


@dataclass(frozen=True)
class OlderVersionsView:
    """Fifty versions of a model.

    Attributes:
        model: The model.
        title: Its shown name.
        page: The number of the page, from 1: the newest versions.
        page_count: The number of pages.
        version_count: The number of versions.
        shown_metrics: The metrics of the table.
        versions: The versions, newest first.
        compared: What a comparison needs of the versions that have no separate page.
    """

    model: str
    title: str
    page: int
    page_count: int
    version_count: int
    shown_metrics: tuple[str, ...]
    versions: tuple[VersionLine, ...]
    compared: ComparedVersions


def _measure_size(reading: ModelReading, version: str) -> tuple[int | None, int]:
    view = reading.view(version)
    document = None if view is None else view.document
    entries = [] if document is None else records(document.data, "artifacts")
    sizes = [entry.get("size") for entry in entries]
    known = [size for size in sizes if isinstance(size, int)]
    return (sum(known) if known and len(known) == len(sizes) else None), len(entries)


def _read_author(reading: ModelReading, version: str) -> str:
    view = reading.view(version)
    document = None if view is None else view.document
    return "" if document is None else name_person(text(document.data, "author"))


def _line(
    reading: ModelReading,
    row: VersionRow,
    older: VersionRow | None,
    keys: Sequence[str],
    *,
    has_page: bool,
) -> VersionLine:
    before = None if older is None else older.metrics
    return VersionLine(
        row.version, row.get("title"), "unreadable" if row.unreadable else row.state,
        row.created_at, _read_author(reading, row.version), row.get("framework.type"),
        row.aliases, row.tags, measure(keys, row.metrics, before, reading.find_better),
        _measure_size(reading, row.version)[0], has_page,
    )  # fmt: skip


def list_lines(
    reading: ModelReading, start: int, end: int, keys: Sequence[str], pages: frozenset[str]
) -> tuple[VersionLine, ...]:
    """A part of the versions of a model, newest first; ``pages`` are those that have a page of their own."""
    rows = reading.rows
    return tuple(
        _line(
            reading, rows[n], rows[n + 1] if n + 1 < len(rows) else None, keys,
            has_page=rows[n].version in pages,
        )
        for n in range(start, min(end, len(rows)))
    )  # fmt: skip


def _draft_line(reading: ModelReading, draft: str) -> VersionLine:
    view = reading.model.draft(draft)
    data: Data = {} if view is None or view.document is None else view.document.data or {}
    return VersionLine(
        draft, "" if view is None else view.title, "draft", text(data, "created_at"),
        name_person(text(data, "author")), text(data, "framework", "type"), (), (), (),
        _measure_size(reading, draft)[0],
    )  # fmt: skip


def _holder(
    reading: ModelReading, alias: str, keys: Sequence[str], stages: Sequence[str], main: str
) -> AliasHolder:
    document = reading.model.alias(alias)
    data: Data = {} if document is None else document.data or {}
    version = reading.alias_targets.get(alias, "")
    row = reading.by_version.get(version)
    moves = [move for move in reading.moves if move.alias == alias]
    move: AliasMove | None = moves[-1] if moves and moves[-1].version == version else None
    current = reading.by_version.get(reading.alias_targets.get(main, ""))
    before = current.metrics if current is not None and alias != main else None
    size, count = _measure_size(reading, version)
    view = reading.model.version(version) if version else None
    return AliasHolder(
        alias, reading.model.find_title(alias), alias_rank(alias, stages, main), version,
        "" if row is None else row.get("title"),
        "" if row is None else ("unreadable" if row.unreadable else row.state),
        "" if move is None else move.when, "" if move is None else move.by, text(data, "reason"),
        (move.before or "") if move else "", data.get("pinned") is True,
        () if row is None else measure(
            keys[:SHOWN_METRICS], row.metrics, before, reading.find_better
        ),
        size, count,
        None if view is None or alias not in stages or find_version_problem(view) else find_outlook(reading.source, view),
    )  # fmt: skip


def _list_holders(reading: ModelReading, keys: Sequence[str]) -> tuple[AliasHolder, ...]:
    """The main stage first, then the other stages, the last one first, then other aliases."""
    stages = list(reading.source.stages(reading.name.namespace))
    main = reading.source.main_stage(reading.name.namespace)
    named = list(reading.alias_targets)
    order = [main, *(s for s in reversed(stages) if s != main and s in named)]
    order += [alias for alias in named if alias not in order]
    if not named and not reading.rows:
        return ()
    return tuple(_holder(reading, alias, keys, stages, main) for alias in order)


def _figure(reading: ModelReading, keys: Sequence[str]) -> ModelFigure | None:
    rows = [row for row in reversed(reading.rows) if row.created_at][-_MOST_POINTS:]
    source, namespace = reading.source, reading.name.namespace
    stages, main = source.stages(namespace), source.main_stage(namespace)
    current = reading.alias_targets.get(main, "")
    panels: list[FigurePanel] = []
    for key in keys:
        points = tuple(
            FigurePoint(row.version, row.created_at, number, row.version == current)
            for row in sorted(rows, key=lambda one: one.created_at)
            if (number := finite(row.metrics.get(key))) is not None
        )
        if points and len(panels) < SHOWN_METRICS:
            bounds = tuple(b for b in gate_bounds(stages) if b.key == key)
            panels.append(FigurePanel(key, reading.find_better(key), bounds, points))
    order = [main, *(stage for stage in reversed(list(stages)) if stage != main)]
    found = ((alias, tuple(t for t in reading.tenures if t.alias == alias)) for alias in order)
    lanes = tuple((alias, held[-_MOST_TENURES:]) for alias, held in found if held)
    times = [point.at for panel in panels for point in panel.points]
    times += [time for _, held in lanes for one in held for time in (one.start, one.end or "")]
    times = sorted(filter(None, times))
    if not panels and not lanes:
        return None
    return ModelFigure(
        times[0], times[-1], tuple(panels), lanes, max(0, len(reading.rows) - len(rows))
    )


def _read_lineage(reading: ModelReading) -> tuple[tuple[LineageEdge, ...], str]:
    """What the main stage's version was made from, else the latest one."""
    main = reading.source.main_stage(reading.name.namespace)
    version = reading.alias_targets.get(main, "") or reading.latest
    view = reading.model.version(version) if version else None
    document = None if view is None else view.document
    if document is None or document.data is None:
        return (), ""
    return tuple(list_lineage(document.data)), version


def _count_evidence(reading: ModelReading) -> tuple[int, int]:
    """How many files of evidence there are, and how many versions have a signature among them."""
    count = signed = 0
    for row in reading.rows:
        view = reading.model.version(row.version)
        kinds = [text(one.data, "kind") for one in view.evidence()] if view is not None else []
        count += len(kinds)
        signed += "signature" in kinds
    return count, signed


def _read_reason(reading: ModelReading) -> str:
    deletion = reading.model.deletion
    return "" if deletion is None else text(deletion.data, "reason")


def view_model(reading: ModelReading, pages: frozenset[str]) -> ModelPageView:
    """The view of a model.

    Args:
        reading: The model.
        pages: The versions that have a page of their own.

    Raises:
        GitError: Git cannot read the history.
    """
    data, source = reading.data, reading.source
    keys = reading.metric_keys
    shown = keys[:SHOWN_METRICS]
    main = source.main_stage(reading.name.namespace)
    lineage, lineage_version = _read_lineage(reading)
    evidence, signed = _count_evidence(reading)
    drafts = [_draft_line(reading, draft) for draft in reading.model.drafts]
    framework = next((row.get("framework.type") for row in reading.rows if not row.unreadable), "")
    names = [row.version for row in reading.rows]
    return ModelPageView(
        model=str(reading.name), namespace=reading.name.namespace, name=reading.name.name,
        title=reading.title, state="unreadable" if reading.problem else reading.row.state,
        problem=reading.problem, reason=_read_reason(reading), task=text(data, "task"),
        owner=text(data, "owner"), license=text(data, "license"),
        description=text(data, "description"), labels=tuple(sorted(texts(data, "labels"))),
        external_id=text(data, "external_id"), continues=text(data, "continues"),
        moved_to=text(data, "moved_to"),
        links=tuple((text(one, "title"), text(one, "url")) for one in records(data, "links")),
        latest=reading.latest, version_count=len(reading.rows), draft_count=len(drafts),
        main_stage=main, move_count=sum(move.alias == main for move in reading.moves),
        missing_history=source.moves.missing, holders=_list_holders(reading, keys),
        figure=_figure(reading, keys), shown_metrics=shown,
        versions=(*drafts, *list_lines(reading, 0, _NEWEST, shown[:2], pages)),
        pages=tuple(tuple(names[n : n + PAGE_SIZE]) for n in range(0, len(names), PAGE_SIZE)),
        names=tuple(sorted(reading.model.tag_targets().items())),
        framework=framework, evidence_count=evidence, signed_count=signed, lineage=lineage,
        lineage_version=lineage_version, has_card=reading.has_card(), folder=reading.model.folder,
    )  # fmt: skip


def view_older(reading: ModelReading, page: int, pages: frozenset[str]) -> OlderVersionsView:
    """A page of fifty versions; the first page has the newest.

    Args:
        reading: The model.
        page: Its number, from 1.
        pages: The versions that have a page of their own.
    """
    keys = reading.metric_keys[:SHOWN_METRICS]
    start = (page - 1) * PAGE_SIZE
    lines = list_lines(reading, start, start + PAGE_SIZE, keys, pages)
    others = [line.version for line in lines if not line.has_page]
    count = -(-len(reading.rows) // PAGE_SIZE)
    return OlderVersionsView(
        str(reading.name), reading.title, page, count, len(reading.rows), keys, lines,
        _list_compared(reading, others),
    )  # fmt: skip


def _list_compared(reading: ModelReading, versions: Iterable[str]) -> ComparedVersions:
    shapes: dict[tuple[tuple[str, str], ...], int] = {}
    found: dict[str, tuple[JSON, ...]] = {}
    for version in versions:
        view = reading.model.version(version)
        if view is None or find_version_problem(view):
            continue
        try:
            groups = reading.list_values(view)
        except InvalidManifestError:
            continue
        shape = tuple((group, name) for group, values in groups.items() for name in values)
        number = shapes.setdefault(shape, len(shapes))
        found[version] = (number, *(value for part in groups.values() for value in part.values()))
    return ComparedVersions(tuple(shapes), found)
