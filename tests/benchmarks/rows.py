"""A row of the table: a piece of work, whom it is compared with, and what it may cost.

A goal is judged at the largest size that was measured. It is held, not held, or, where the peer is missing or only one
size was measured, not told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.figures import Measured, spread

if TYPE_CHECKING:
    from benchmarks.scene import Scene

__all__ = [
    "NO_GOAL",
    "Goal",
    "Results",
    "Row",
    "Test",
    "cost_at_most",
    "either",
    "every",
    "flat",
    "in_proportion",
    "ratio_at_most",
]

# By size, in versions.
Results = Mapping[int, Measured]
Test = Callable[[Results], bool | None]


class Goal(NamedTuple):
    """What a row may cost.

    Attributes:
        words: As the project's owner put it.
        holds: Told the results at each size; None where they do not tell.
    """

    words: str
    holds: Test


class Row(NamedTuple):
    """One piece of work.

    Attributes:
        name: What ``--only`` calls it.
        work: What is done, in words.
        against: The peer, or the floor, and what it does.
        goal: What it may cost.
        measure: Does it at one size.
        unit: ``s`` or ``B``.
        largest: The largest size at which the peer ends in good time; None for any.
    """

    name: str
    work: str
    against: str
    goal: Goal
    measure: Callable[[Scene], Measured]
    unit: str = "s"
    largest: int | None = None


def ratio_at_most(limit: float) -> Test:
    """The median ratio to the peer."""

    def holds(results: Results) -> bool | None:
        ratio = results[max(results)].ratio
        return None if ratio is None else ratio.median <= limit

    return holds


def cost_at_most(limit: float) -> Test:
    """The median cost itself, in seconds or bytes."""
    return lambda results: spread(results[max(results)].ours).median <= limit


def flat(share: float) -> Test:
    """The ratio at the largest size is, give or take a share, the one at the smallest, or below it."""

    def holds(results: Results) -> bool | None:
        small, large = results[min(results)].ratio, results[max(results)].ratio
        if len(results) == 1 or small is None or large is None:
            return None
        return large.median <= (1 + share) * small.median

    return holds


def in_proportion() -> Test:
    """The cost grows no faster than the peer's, which is the size of what was asked for."""
    return flat(0.1)


def every(*tests: Test) -> Test:
    """All of them hold."""

    def holds(results: Results) -> bool | None:
        said = [test(results) for test in tests]
        if False in said:
            return False
        return None if None in said else True

    return holds


def either(*tests: Test) -> Test:
    """One of them holds."""

    def holds(results: Results) -> bool | None:
        said = [test(results) for test in tests]
        if True in said:
            return True
        return None if None in said else False

    return holds


NO_GOAL = Goal("", lambda _: None)
