"""Metrics: which are shown first, what is better, and how a version compares with another."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from registry_tool.manifests.data import text
from registry_tool.manifests.problems import JSON
from registry_tool.promotion.gates.metrics import find_direction
from registry_tool.promotion.stages import Stage

__all__ = [
    "SHOWN_METRICS",
    "Better",
    "GateBound",
    "Measurement",
    "Verdict",
    "choose_metrics",
    "find_better",
    "finite",
    "gate_bounds",
    "judge_change",
    "measure",
]

SHOWN_METRICS: Final = 3
Better = Literal["higher", "lower", ""]
Verdict = Literal["better", "worse", "same", ""]


def finite(value: JSON) -> float | None:
    """A number that can be drawn and compared; None for text, bytes, NaN and infinities."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


@dataclass(frozen=True)
class Measurement:
    """A metric of a version.

    Attributes:
        key: Its name.
        value: Its last value; None where it was not measured.
        change: The value minus that of the version it is compared with; None where they cannot be compared.
        verdict: ``better``, ``worse`` or ``same``; empty where it is unknown whether higher is better.
    """

    key: str
    value: JSON
    change: float | None = None
    verdict: Verdict = ""


@dataclass(frozen=True)
class GateBound:
    """A bound that a gate sets for a metric.

    Attributes:
        stage: The stage.
        key: The metric.
        minimum: The lowest value that passes; None for none.
        maximum: The highest value that passes; None for none.
    """

    stage: str
    key: str
    minimum: float | None
    maximum: float | None


def gate_bounds(stages: Mapping[str, Stage]) -> tuple[GateBound, ...]:
    """The bounds that the gates of the stages set, first stage first."""
    found = []
    for stage in stages.values():
        for gate in stage.require:
            low, high = finite(gate.get("min")), finite(gate.get("max"))
            if "metric" in gate and (low is not None or high is not None):
                found.append(GateBound(stage.name, text(gate, "metric"), low, high))
    return tuple(found)


def find_better(stages: Mapping[str, Stage], key: str) -> Better:
    """Whether higher or lower is better, as gates or the metric's name say; empty where neither does."""
    gates = [gate for stage in stages.values() for gate in stage.require]
    for gate in (*(g for g in gates if text(g, "metric") == key), {"metric": key}):
        found, _ = find_direction(gate)
        if found is not None:
            return found
    return ""


def judge_change(before: JSON, after: JSON, better: Better) -> tuple[float | None, Verdict]:
    """The difference of two values, and whether it is better or worse."""
    left, right = finite(before), finite(after)
    if left is None or right is None or not math.isfinite(right - left):
        return None, ""
    if left == right:
        return 0.0, "same"
    if not better:
        return right - left, ""
    return right - left, "better" if (right > left) == (better == "higher") else "worse"


def choose_metrics(
    versions: Iterable[Mapping[str, JSON]], stages: Mapping[str, Stage]
) -> tuple[str, ...]:
    """Metrics in the order of their weight: those of gates, then those that most versions have.

    Args:
        versions: The metrics of each version of a model.
        stages: Its stages.
    """
    counts: Counter[str] = Counter()
    for metrics in versions:
        counts.update(key for key, value in metrics.items() if finite(value) is not None)
    gated = [
        text(g, "metric")
        for s in reversed(list(stages.values()))
        for g in s.require
        if "metric" in g
    ]
    first = [key for key in dict.fromkeys(gated) if key in counts]
    order = {key: number for number, key in enumerate(counts)}
    rest = sorted(counts, key=lambda key: (-counts[key], order[key]))
    return tuple(dict.fromkeys([*first, *rest]))


def measure(
    keys: Iterable[str],
    metrics: Mapping[str, JSON],
    before: Mapping[str, JSON] | None,
    better: Callable[[str], Better],
) -> tuple[Measurement, ...]:
    """The values of some metrics, compared with those of another version; ``better`` is ``ModelReading.find_better``."""
    found = []
    for key in keys:
        if key in metrics:
            other = None if before is None else before.get(key)
            change, verdict = judge_change(other, metrics[key], better(key))
            found.append(Measurement(key, metrics[key], change, verdict))
    return tuple(found)
