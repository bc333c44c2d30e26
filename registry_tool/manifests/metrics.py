"""The order of measured values, which says what "the last value" of a metric is."""

from __future__ import annotations

from collections.abc import Iterable

from registry_tool.manifests.data import Data, text
from registry_tool.manifests.problems import JSON

__all__ = ["in_order", "last_values"]


def _number(value: JSON) -> float:
    return value if isinstance(value, int | float) else -1  # `10.0` is a whole number in JSON


def _key(metric: Data) -> tuple[float, float]:
    return _number(metric.get("step")), _number(metric.get("timestamp"))


def in_order(metrics: Iterable[Data]) -> list[Data]:
    """Metrics by step; those without a step first, by timestamp. Equal ones keep their order."""
    return sorted(metrics, key=_key)


def last_values(metrics: Iterable[Data]) -> dict[str, JSON]:
    """The last value of each metric, in the order in which they are named first."""
    found = list(metrics)
    first = {text(metric, "key"): metric.get("value") for metric in found}
    if len(first) == len(found):  # each was measured once, as nearly everywhere
        return first
    last = {text(metric, "key"): metric.get("value") for metric in in_order(found)}
    return {key: last[key] for key in first}
