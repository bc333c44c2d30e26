"""Whether more is better."""

from __future__ import annotations

import pytest

from registry_tool.manifests.problems import JSON
from registry_tool.promotion.gates.metrics import find_direction


@pytest.mark.parametrize(
    ("gate", "expected"),
    [
        ({"metric": "score", "better": "higher"}, "higher"),
        ({"metric": "accuracy", "better": "lower"}, "lower"),  # what is said wins over the name
        ({"metric": "accuracy", "max": 1}, "lower"),
        ({"metric": "latency_ms", "min": 1}, "higher"),
        ({"metric": "latency_ms", "min": 1, "max": 9}, "lower"),  # both say nothing
        ({"metric": "latency_ms"}, "lower"),
        ({"metric": "p95 Latency"}, "lower"),
        ({"metric": "error_rate"}, "lower"),
        ({"metric": "eval/accuracy"}, "higher"),
        ({"metric": "F1 (macro)"}, "higher"),
        ({"metric": "score"}, None),
        ({"metric": "accuracy_loss"}, None),
        ({"metric": "items"}, None),  # ends in "ms" and is no word of milliseconds
        ({}, None),
    ],
)
def test_direction(gate: dict[str, JSON], expected: str | None) -> None:
    direction, why = find_direction(gate)
    assert direction == expected
    assert bool(why) is (expected is not None)
