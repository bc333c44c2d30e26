"""The question that gates answer: may this version hold this stage?

What the gates of a promotion are asked of: what is published, and its history.

What a gate says.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

from registry_tool.catalog.catalog import Catalog, VersionView
from registry_tool.git.history import FirstParentHistory
from registry_tool.git.refs import main_branch, merge_base
from registry_tool.git.repository import Repository
from registry_tool.git.tree import DictTree
from registry_tool.manifests.data import text
from registry_tool.promotion.stages import Stage

__all__ = [
    "GateAnswer",
    "GateInput",
    "GateResult",
    "Present",
    "Published",
    "State",
    "failed",
    "ground_of",
    "held",
    "unknown",
]

# From a version to the objects its remote lacks, each in a few words; it may raise RemoteTrouble.
Present = Callable[[VersionView], list[str]]


@dataclass(frozen=True)
class GateInput:
    """May a version hold a stage?

    Attributes:
        base: What is published: who holds each stage now, and whose keys are known.
        version: The version, with the evidence that the change under check has for it.
        stage: The stage, as what is published defines it.
        line: The history that ends at the base; None where there is none.
        now: The time, in UTC.
        present: Asks the artifact remote; None leaves it alone.
    """

    base: Catalog
    version: VersionView
    stage: Stage
    line: FirstParentHistory | None
    now: dt.datetime
    present: Present | None = None

    def holder_of(self, alias: str) -> str:
        """The version that holds an alias of the model now; empty for none."""
        model = self.base.model(self.version.model.name)
        document = None if model is None else model.alias(alias)
        return "" if document is None else text(document.data, "version")

    @cached_property
    def current(self) -> VersionView | None:
        """The version that holds the stage now, as it is published."""
        model = self.base.model(self.version.model.name)
        holder = self.holder_of(self.stage.name)
        return None if model is None or not holder else model.version(holder)


class Published(NamedTuple):
    """What is published.

    Attributes:
        base: The registry, as it is published.
        line: The history that ends there; None before the first commit.
    """

    base: Catalog
    line: FirstParentHistory | None


def ground_of(repository: Repository, tip: str | None) -> Published:
    """The published state that a commit builds on; the commit itself where no main branch is known.

    Args:
        repository: The registry.
        tip: The full id of the commit a change is made on; None before the first.

    Raises:
        ShallowHistoryError: A shallow clone does not reach back to it.
        NotFoundError: Git's setting for the main branch names what is not there.
    """
    if tip is None:
        return Published(Catalog(DictTree({})), None)
    main = main_branch(repository.git)
    commit = tip if main is None else merge_base(repository.git, main.tip, tip)
    return Published(Catalog(repository.tree(commit)), FirstParentHistory(repository.git, commit))


State = Literal["held", "failed", "unknown"]


class GateAnswer(NamedTuple):
    """What one gate answers.

    Attributes:
        state: ``held``; ``failed``; or ``unknown`` where nobody asked, or what is here cannot answer.
        explanation: What was found, with the numbers.
        remedy: What can be done about it; empty where it holds.
    """

    state: State
    explanation: str
    remedy: str = ""


class GateResult(NamedTuple):
    """A gate and its answer.

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


def held(explanation: str) -> GateAnswer:
    """The gate holds."""
    return GateAnswer("held", explanation)


def failed(explanation: str, remedy: str = "") -> GateAnswer:
    """The gate does not hold."""
    return GateAnswer("failed", explanation, remedy)


def unknown(explanation: str, remedy: str = "") -> GateAnswer:
    """Nobody could ask."""
    return GateAnswer("unknown", explanation, remedy)
