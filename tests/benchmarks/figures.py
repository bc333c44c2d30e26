"""What was measured: costs by round, of ours and of the peer, and what their ratio is."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

__all__ = ["Candidate", "Effort", "Measured", "Spread", "interleaved", "repeated", "spread"]

# Does the work once and tells what it cost: seconds, or bytes.
Candidate = Callable[[], float]
# A call that takes microseconds is repeated until the clock can tell.
_SHORTEST = 0.02


class Spread(NamedTuple):
    """The middle of some values, and how far they reach."""

    median: float
    lowest: float
    highest: float


def spread(values: Sequence[float]) -> Spread:
    """Of at least one value."""
    return Spread(statistics.median(values), min(values), max(values))


class Effort(NamedTuple):
    """How long to measure.

    Attributes:
        rounds: How often each candidate runs.
        patience: Seconds after which no further round is begun; one round is always run.
    """

    rounds: int
    patience: float = 60.0


class Measured(NamedTuple):
    """One row at one size.

    Attributes:
        ours: What it cost us in each round.
        peer: What it cost the peer in the same rounds; empty where the peer was not run.
        note: What a reader of the figures has to know.
        load: How busy the machine was when the measurement began.
    """

    ours: tuple[float, ...]
    peer: tuple[float, ...] = ()
    note: str = ""
    load: float = 0.0

    @property
    def ratio(self) -> Spread | None:
        """Ours by the peer's, taken within each round; None without a peer."""
        if not self.peer or not all(self.peer):
            return None
        return spread([own / other for own, other in zip(self.ours, self.peer, strict=True)])


def interleaved(candidates: Mapping[str, Candidate], effort: Effort) -> dict[str, list[float]]:
    """Costs by name and round: each round runs every candidate once, each time another one first.

    The machine is shared, and slow for a while and fast for a while: what is compared runs side by side.
    """
    gc.collect()  # what other rows have left
    names = list(candidates)
    costs: dict[str, list[float]] = {name: [] for name in names}
    start = time.monotonic()
    longest = 0.0
    for number in range(effort.rounds):
        began = time.monotonic()
        if number and began - start + longest > effort.patience:
            break
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            costs[name].append(candidates[name]())
        longest = max(longest, time.monotonic() - began)
    return costs


def repeated(call: Callable[[int], object]) -> Candidate:
    """A candidate for a call in this process: seconds for one, over as many as the clock needs.

    Args:
        call: Does the work once; it is told how often it was called before, so that it can do another each time.
    """
    done = 0

    def candidate() -> float:
        nonlocal done
        times, start = 0, time.perf_counter()
        while True:
            call(done)
            done += 1
            times += 1
            taken = time.perf_counter() - start
            if taken >= _SHORTEST:
                return taken / times

    return candidate
