"""Gates in words, as pages show them."""

from __future__ import annotations

import pytest

from registry_tool.manifests.problems import JSON
from registry_tool.web.views.gates import title_gate


@pytest.mark.parametrize(
    ("gate", "title"),
    [
        ({"from": "staging"}, "in staging"),
        ({"soak": "7d"}, "7d in staging"),
        ({"metric": "accuracy", "min": 0.9}, "accuracy at least 0.9"),
        ({"metric": "f1", "min": 0, "max": 1}, "f1 at least 0, at most 1"),
        ({"metric": "ms", "not_worse_than": "current"}, "ms no worse than the current version"),
        (
            {"metric": "ms", "max": 5, "not_worse_than": "current", "tolerance": 0.05},
            "ms at most 5, no worse than the current version, 5 % tolerated",
        ),
        ({"evidence": "evaluation", "suite": "2026", "verdict": "pass"}, "evaluation 2026: pass"),
        ({"evidence": "scan", "tool": "scanner"}, "scan scanner"),
        ({"evidence": "signature"}, "signature"),
        ({"approvals": 1}, "1 approval"),
        (
            {"approvals": 2, "not": "author", "by": "signers"},
            "2 approvals by signers, not by the author",
        ),
        ({"artifacts": "available"}, "every artifact is in its remote"),
        ({"signed": "commit"}, "signed commit"),
        ({"weather": "fair", "wind": 3}, "weather: fair, wind: 3"),
    ],
)
def test_a_gate_is_shown_in_words(gate: dict[str, JSON], title: str) -> None:
    assert title_gate(gate, "staging") == title
