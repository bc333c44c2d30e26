"""What a gate says."""

from __future__ import annotations

from typing import Literal, NamedTuple

__all__ = ["Answer", "Outcome", "State", "failed", "held", "unknown"]

State = Literal["held", "failed", "unknown"]


class Answer(NamedTuple):
    """What one gate answers.

    Attributes:
        state: ``held``; ``failed``; or ``unknown`` where nobody asked, or what is here cannot answer.
        explanation: What was found, with the numbers.
        remedy: What can be done about it; empty where it holds.
    """

    state: State
    explanation: str
    remedy: str = ""


class Outcome(NamedTuple):
    """A gate and its answer.

    Attributes:
        gate: The gate, as ``registry.yaml`` writes it: ``metric: accuracy, min: 0.9``.
        state: As in ``Answer``.
        explanation: As in ``Answer``.
        remedy: As in ``Answer``.
    """

    gate: str
    state: State
    explanation: str
    remedy: str


def held(explanation: str) -> Answer:
    """The gate holds."""
    return Answer("held", explanation)


def failed(explanation: str, remedy: str = "") -> Answer:
    """The gate does not hold."""
    return Answer("failed", explanation, remedy)


def unknown(explanation: str, remedy: str = "") -> Answer:
    """Nobody could ask."""
    return Answer("unknown", explanation, remedy)
