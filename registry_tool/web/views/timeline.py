"""Who held a stage, over all models."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from registry_tool.api.interface.csv_text import write_csv
from registry_tool.manifests.problems import JSON
from registry_tool.web.views.moves import Tenure
from registry_tool.web.views.source import PageSource
from registry_tool.web.views.summary import ModelSummary

__all__ = [
    "MoveLine",
    "TimelineLane",
    "TimelineView",
    "list_timeline_stages",
    "view_timeline",
    "write_moves_csv",
]

PAGE_SIZE: Final = 50
_MOST_MOVES: Final = 100
_MOST_TENURES: Final = 60
_DAYS: Final = 365
_KEYS: Final = (
    "model", "alias", "version", "from_commit", "from_time", "to_commit", "to_time", "by", "reason",
)  # fmt: skip


@dataclass(frozen=True)
class TimelineLane:
    """The versions of one model in a stage.

    Attributes:
        model: The model.
        title: Its title; empty where it is shown by its name.
        note: How many versions the stage had.
        tenures: Those that overlap the time that is shown, by start.
    """

    model: str
    title: str
    note: str
    tenures: tuple[Tenure, ...]


@dataclass(frozen=True)
class MoveLine:
    """One move of a stage.

    Attributes:
        model: The model.
        before: The version before; empty for none.
        version: The version since; empty where the alias was removed.
        when: When.
        by: Who moved it.
        reason: Why.
        is_rollback: True for a rollback.
        commit: The commit.
    """

    model: str
    before: str
    version: str
    when: str
    by: str
    reason: str
    is_rollback: bool
    commit: str


@dataclass(frozen=True)
class TimelineView:
    """A page of the timeline of one stage."""

    stage: str
    main_stage: str
    stages: tuple[str, ...]
    page: int
    page_count: int
    start: str
    end: str
    lanes: tuple[TimelineLane, ...]
    model_count: int
    current_count: int
    moves: tuple[MoveLine, ...]
    move_count: int
    missing_history: str


def list_timeline_stages(source: PageSource, summaries: Sequence[ModelSummary]) -> tuple[str, ...]:
    """The stages that have a timeline, main stage first: those of the registry, then other aliases, by name."""
    namespaces = source.catalog.namespaces()
    stages = dict.fromkeys(
        stage for name in (*namespaces, "") for stage in reversed(list(source.stages(name)))
    )
    main = source.main_stage("")
    others = sorted({one.alias for summary in summaries for one in summary.tenures} - set(stages))
    return tuple(dict.fromkeys([main, *stages, *others]))


def _title(summary: ModelSummary) -> str:
    name = summary.model.partition("/")[2]
    return "" if summary.title == name else summary.title


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _list_moves(model: str, tenures: Sequence[Tenure]) -> Iterator[MoveLine]:
    """The moves of one stage of a model, oldest first; a removal is one, too."""
    for before, one in pairwise((None, *tenures, None)):
        is_next = before is not None and one is not None and before.end_commit == one.commit
        if before is not None and before.end is not None and not is_next:
            yield MoveLine(model, before.version, "", before.end, "", "", False, before.end_commit)
        if one is not None:
            previous = before if is_next else None
            yield MoveLine(
                model, "" if previous is None else previous.version, one.version, one.start, one.by,
                one.reason, previous is not None and previous.was_rolled_back, one.commit,
            )  # fmt: skip


def _start(end: str, tenures: Sequence[Tenure]) -> str:
    """The left end of the axis: a year before its right end, or the first move after that."""
    moment = dt.datetime.fromisoformat(end)
    earliest = f"{moment - dt.timedelta(days=_DAYS):%Y-%m-%dT%H:%M:%SZ}"
    return max(earliest, min((one.start for one in tenures), default=earliest))


def view_timeline(
    source: PageSource, summaries: Sequence[ModelSummary], stages: tuple[str, ...], stage: str
) -> list[TimelineView]:
    """The pages of the timeline of a stage, fifty models each; one at least. The moves are on the first."""
    own = [
        (summary, found)
        for summary in summaries
        if (found := tuple(one for one in summary.tenures if one.alias == stage))
    ]
    start = _start(source.moment, [one for _, found in own for one in found])
    moves = [move for summary, found in own for move in _list_moves(summary.model, found)]
    moves.reverse()  # of one model the newest first, whatever clocks say
    moves.sort(key=lambda move: move.when, reverse=True)
    lanes = [
        TimelineLane(
            summary.model, _title(summary), _count(len(found), "version"),
            tuple(one for one in found if one.end is None or one.end >= start)[-_MOST_TENURES:],
        )
        for summary, found in own
    ]  # fmt: skip
    lanes.sort(key=lambda lane: not any(one.end is None for one in lane.tenures))
    current = sum(any(one.end is None for one in lane.tenures) for lane in lanes)
    count = max(1, -(-len(lanes) // PAGE_SIZE))
    return [
        TimelineView(
            stage, stages[0], stages, page + 1, count, start, source.moment,
            tuple(lanes[page * PAGE_SIZE : (page + 1) * PAGE_SIZE]), len(lanes), current,
            tuple(moves[:_MOST_MOVES]) if page == 0 else (), len(moves), source.moves.missing,
        )
        for page in range(count)
    ]  # fmt: skip


def write_moves_csv(summaries: Sequence[ModelSummary]) -> str:
    """Who held every alias from when to when, as CSV, in the order of ``registry audit``."""
    rows: list[dict[str, JSON]] = []
    for summary in summaries:
        for one in sorted(summary.tenures, key=lambda tenure: tenure.alias):
            values: tuple[JSON, ...] = (
                summary.model, one.alias, one.version, one.commit, one.start, one.end_commit or None,
                one.end, one.by, one.reason,
            )  # fmt: skip
            rows.append(dict(zip(_KEYS, values, strict=True)))
    return write_csv(_KEYS, rows)
