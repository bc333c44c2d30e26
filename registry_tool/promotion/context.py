"""The input and results of gates: the published state, the version and stage, and the result of each gate."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

from registry_tool.catalog.catalog import Catalog, VersionView
from registry_tool.git.history import FirstParentHistory
from registry_tool.manifests.data import text
from registry_tool.promotion.stages import Stage

__all__ = [
    "GateAnswer",
    "GateInput",
    "GateResult",
    "Present",
    "Published",
    "State",
    "answer_failed",
    "answer_held",
    "answer_unknown",
]

# From a version to the objects its remote lacks, each in a few words; it may raise RemoteTrouble.
Present = Callable[[VersionView], list[str]]


@dataclass(frozen=True)
class GateInput:
    """The version, stage and published state that gates are evaluated for.

    Attributes:
        base: The published state: the current version of each stage, and known keys.
        version: The version, with the evidence that the change under check has for it.
        stage: The stage, as published.
        line: The history that ends at the base; None where there is none.
        now: The time, in UTC.
        present: Queries the DVC remote; None does not.
    """

    base: Catalog
    version: VersionView
    stage: Stage
    line: FirstParentHistory | None
    now: dt.datetime
    present: Present | None = None

    def find_holder(self, alias: str) -> str:
        """The current version of an alias of the model; empty for none."""
        model = self.base.model(self.version.model.name)
        document = None if model is None else model.alias(alias)
        return "" if document is None else text(document.data, "version")

    @cached_property
    def current(self) -> VersionView | None:
        """The current version of the stage, as published."""
        model = self.base.model(self.version.model.name)
        holder = self.find_holder(self.stage.name)
        return None if model is None or not holder else model.version(holder)


class Published(NamedTuple):
    """The published state; ``checks.comparison`` finds it.

    Attributes:
        base: The registry, as published.
        line: The history that ends there; None before the first commit.
    """

    base: Catalog
    line: FirstParentHistory | None


State = Literal["held", "failed", "unknown"]


class GateAnswer(NamedTuple):
    """The result of one gate.

    Attributes:
        state: ``held``: it passes; ``failed``; or ``unknown``: it cannot be evaluated here.
        explanation: The value found, with the numbers.
        remedy: How to fix it; empty where it passes.
    """

    state: State
    explanation: str
    remedy: str = ""


class GateResult(NamedTuple):
    """A gate and its result.

    Attributes:
        gate: The gate, as ``registry.yaml`` writes it: ``metric: accuracy, min: 0.9``.
        state: As in ``GateAnswer``.
        explanation: As in ``GateAnswer``.
        remedy: As in ``GateAnswer``.
    """

    gate: str
    state: State
    explanation: str
    remedy: str


def answer_held(explanation: str) -> GateAnswer:
    """The gate passes."""
    return GateAnswer("held", explanation)


def answer_failed(explanation: str, remedy: str = "") -> GateAnswer:
    """The gate fails."""
    return GateAnswer("failed", explanation, remedy)


def answer_unknown(explanation: str, remedy: str = "") -> GateAnswer:
    """The gate cannot be evaluated."""
    return GateAnswer("unknown", explanation, remedy)
