"""Gates on the stage before: the version must be there now, for long enough.

The commit graph determines when the version entered it; only the elapsed time depends on clocks. A commit is as old as
it says, but no older than any commit it follows and no newer than now: a slow clock shortens no wait, and one that is
ahead of its time makes it longer.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

from registry_tool.git.history import FirstParentHistory
from registry_tool.git.log import HistoryStep
from registry_tool.git.publication import newest_ancestor_time
from registry_tool.git.shallow import boundary, too_shallow
from registry_tool.manifests.data import Data, text
from registry_tool.promotion.context import GateAnswer, answer_failed, answer_held, answer_unknown
from registry_tool.promotion.holders import moves
from registry_tool.promotion.stages import parse_soak

if TYPE_CHECKING:
    from registry_tool.promotion.context import GateInput

__all__ = ["from_gate", "soak_gate"]

_LONGEST: Final = 10**11  # seconds: Git takes dates that no calendar has


def _since(line: FirstParentHistory, step: HistoryStep, now: int) -> int:
    """Since when a step is there: see ``entering``; no part of its past may be missing."""
    cut = boundary(line.git)
    if cut:
        raise too_shallow(line.git, min(cut))
    return max(step.when, newest_ancestor_time(line, step, now))


def _format_span(span: dt.timedelta) -> str:
    """A span in two units at most: ``2 d 3 h``."""
    seconds = int(span.total_seconds())
    parts = [(seconds // 86400, "d"), (seconds // 3600 % 24, "h"), (seconds // 60 % 60, "min")]
    told = [f"{number} {unit}" for number, unit in parts if number][:2]
    return " ".join(told) or f"{seconds} s"


def from_gate(question: GateInput, gate: Data) -> GateAnswer:
    """The version must be in the stage before this one now, as published."""
    version, before = question.version.version, text(gate, "from")
    holder = question.find_holder(before)
    if holder == version:
        return answer_held(f"{before} is version {version}")
    found = f"{before} is version {holder}" if holder else f"{before} has no version"
    remedy = f"first merge: registry promote {question.version} --to {before}"
    return answer_failed(found, remedy)


def soak_gate(question: GateInput, gate: Data) -> GateAnswer:
    """The version must have been in the stage before this one for some time, without interruption."""
    before, soak = question.stage.before, text(gate, "soak")
    if question.find_holder(before) != question.version.version:
        return answer_failed(f"it is not in {before}")
    if question.line is None:
        return answer_unknown("there is no local history to determine since when")
    path = question.base.layout.alias(question.version.model.name, before)
    move = next(moves(question.line, path), None)
    if move is None or move.version != question.version.version:
        return answer_unknown(f"the local history does not show since when it has been in {before}")
    now = int(question.now.timestamp())
    commit = f"commit {move.step.commit[:12]}"
    if move.step.when > now:
        ahead = _format_span(dt.timedelta(seconds=min(move.step.when - now, _LONGEST)))
        return answer_failed(
            f"0 of {soak}: {commit} is dated {ahead} in the future; the soak starts then",
            "if a clock was wrong, move the stage away and back with a correct one",
        )
    since = _since(question.line, move.step, now)
    span = dt.timedelta(seconds=now - since)
    day = dt.datetime.fromtimestamp(since, dt.UTC).strftime("%Y-%m-%d %H:%M UTC")
    found = f"{_format_span(span)} of {soak}, since {day} ({commit})"
    wanted = parse_soak(soak)
    if span >= wanted:
        return answer_held(found)
    return answer_failed(found, f"wait another {_format_span(wanted - span)}")
