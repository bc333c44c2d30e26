"""All gates of a stage, asked one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from registry_tool.errors import ShallowHistory
from registry_tool.manifests.data import Data, text
from registry_tool.promotion.approvals import approvals_gate
from registry_tool.promotion.availability import available_gate
from registry_tool.promotion.endorsed import endorsed_gate
from registry_tool.promotion.evidence import evidence_gate
from registry_tool.promotion.metrics import metric_gate
from registry_tool.promotion.outcome import Answer, Outcome, unknown
from registry_tool.promotion.question import Question
from registry_tool.promotion.signed import signed_gate
from registry_tool.promotion.soak import from_gate, soak_gate
from registry_tool.promotion.stages import Stage

__all__ = ["outcomes"]


def _evidence(question: Question, gate: Data) -> Answer:
    """A signature counts by what it is worth; any other evidence by what it says."""
    ask = endorsed_gate if text(gate, "evidence") == "signature" else evidence_gate
    return ask(question, gate)


# By the word a gate begins with.
_GATES: Final[Mapping[str, Callable[[Question, Data], Answer]]] = MappingProxyType(
    {
        "from": from_gate,
        "soak": soak_gate,
        "metric": metric_gate,
        "evidence": _evidence,
        "approvals": approvals_gate,
        "artifacts": available_gate,
        "signed": signed_gate,
    }
)


def _gates(stage: Stage) -> Iterator[Data]:
    if stage.before:
        yield {"from": stage.before}
        if stage.soak:
            yield {"soak": stage.soak}
    yield from stage.require


def _asked(question: Question, gate: Data) -> Answer:
    for word, ask in _GATES.items():
        if word in gate:
            try:
                return ask(question, gate)
            except ShallowHistory as exc:
                return unknown(exc.message, exc.remedy)
    return unknown("this registry-tool does not know such a gate", "upgrade it")


def outcomes(question: Question) -> tuple[Outcome, ...]:
    """What each gate of the stage says, in the order in which they are written.

    A gate that would need history beyond the boundary of a shallow clone is ``unknown``, and says so.

    Raises:
        InvalidManifest: The version's record cannot be read.
        GitTrouble: Git cannot read the history.
    """
    return tuple(
        Outcome(", ".join(f"{k}: {v}" for k, v in gate.items()), *_asked(question, gate))
        for gate in _gates(question.stage)
    )
