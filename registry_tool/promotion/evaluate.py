"""Evaluate the gates of a stage for a version, and of every stage for the versions of a change under review."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from registry_tool.catalog.catalog import USABLE, Catalog, VersionView
from registry_tool.catalog.resolve import resolve
from registry_tool.errors import (
    InvalidManifestError,
    NotFoundError,
    RefusedError,
    ShallowHistoryError,
)
from registry_tool.manifests.data import Data, text
from registry_tool.names import Reference, check_pointer
from registry_tool.promotion.context import (
    GateAnswer,
    GateInput,
    GateResult,
    Present,
    Published,
    answer_unknown,
)
from registry_tool.promotion.gates.approvals import approvals_gate
from registry_tool.promotion.gates.artifacts import available_gate
from registry_tool.promotion.gates.evidence import evidence_gate
from registry_tool.promotion.gates.metrics import metric_gate
from registry_tool.promotion.gates.signatures import endorsed_gate, signed_gate
from registry_tool.promotion.gates.soak import from_gate, soak_gate
from registry_tool.promotion.stages import Stage, list_stages

__all__ = [
    "Candidate",
    "describe_gates",
    "evaluate_candidate",
    "evaluate_gates",
    "list_gates",
]


def _evidence(question: GateInput, gate: Data) -> GateAnswer:
    """A signature counts by what it is worth; any other evidence by what it says."""
    ask = endorsed_gate if text(gate, "evidence") == "signature" else evidence_gate
    return ask(question, gate)


# By the word a gate begins with.
_GATES: Final[Mapping[str, Callable[[GateInput, Data], GateAnswer]]] = MappingProxyType(
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


def list_gates(stage: Stage) -> Iterator[Data]:
    """The gates of a stage, in the order in which they are evaluated."""
    if stage.before:
        yield {"from": stage.before}
        if stage.soak:
            yield {"soak": stage.soak}
    yield from stage.require


def _evaluate_gate(question: GateInput, gate: Data) -> GateAnswer:
    for word, ask in _GATES.items():
        if word in gate:
            try:
                return ask(question, gate)
            except ShallowHistoryError as exc:
                return answer_unknown(exc.message, exc.remedy)
    return answer_unknown(
        "this version of registry-tool does not support this gate", "upgrade registry-tool"
    )


def evaluate_gates(question: GateInput) -> tuple[GateResult, ...]:
    """The result of each gate of the stage, in the order in which they are defined.

    A gate that needs history beyond the boundary of a shallow clone is ``unknown``, with the reason.

    Raises:
        InvalidManifestError: The version's record cannot be read.
        GitError: Git cannot read the history.
    """
    return tuple(
        GateResult(", ".join(f"{k}: {v}" for k, v in gate.items()), *_evaluate_gate(question, gate))
        for gate in list_gates(question.stage)
    )


class Candidate(NamedTuple):
    """A version to promote to a stage.

    Attributes:
        version: The version.
        stage: The stage.
        alias: The data of the stage's file now; empty where it has no version.
        results: The result of each gate.
    """

    version: VersionView
    stage: Stage
    alias: Data
    results: tuple[GateResult, ...]

    @property
    def holder(self) -> str:
        """The current version of the stage; empty for none."""
        return text(self.alias, "version")

    @property
    def pinned(self) -> bool:
        """True when automatic promotion must leave the stage alone."""
        return self.alias.get("pinned") is True


def _stage(base: Catalog, version: VersionView, name: str) -> Stage:
    stages = list_stages(base, version.model.name.namespace)
    if name not in stages:
        known = ", ".join(stages) or "none"
        raise NotFoundError(
            f"{name} is not a stage of {version.model.name}",
            remedy=f"its stages: {known}; to set a plain alias: registry alias set {version} {name}",
        )
    return stages[name]


def evaluate_candidate(
    head: Catalog,
    published: Published,
    reference: Reference,
    stage: str,
    *,
    now: dt.datetime,
    present: Present | None = None,
) -> Candidate:
    """Evaluate the gates of a stage for a version.

    Args:
        head: The registry with the version and its evidence.
        published: The published state: stages, current versions and keys come from there.
        reference: The version.
        stage: The stage.
        now: The time, in UTC.
        present: Queries the DVC remote; None does not.

    Raises:
        NotFoundError: The model, version or stage does not exist.
        InvalidNameError: The stage is not a valid alias.
        RefusedError: The version is withdrawn or erased.
        InvalidManifestError: A manifest cannot be read.
    """
    check_pointer(stage, "stage")
    found = resolve(head, reference, allow_withdrawn=True)
    version = found.version
    wanted = _stage(published.base, version, stage)
    if found.state not in USABLE:
        raise RefusedError(f"{version} is {found.state} and cannot be promoted")
    document = version.model.alias(stage)
    alias = {} if document is None or document.data is None else document.data
    question = GateInput(published.base, version, wanted, published.line, now, present)
    return Candidate(version, wanted, alias, evaluate_gates(question))


_MARKS: Final = {"held": "✓", "failed": "✗", "unknown": "?"}


def describe_gates(
    versions: Iterable[VersionView], published: Published, *, now: dt.datetime
) -> Iterator[str]:
    """The result of each gate of each stage with gates for each version, one line per gate.

    Args:
        versions: The versions, as the change under review has them.
        published: The published state: stages, current versions and keys come from there.
        now: The time, in UTC.

    Raises:
        GitError: Git cannot read the history.
    """
    for version in versions:
        for stage in list_stages(published.base, version.model.name.namespace).values():
            if not stage.is_guarded:
                continue
            question = GateInput(published.base, version, stage, published.line, now)
            try:
                answers = evaluate_gates(question)
            except InvalidManifestError:
                continue  # the check reports it
            for answer in answers:
                words = f"{version} to {stage.name}: {answer.gate}: {answer.explanation}"
                yield f"{_MARKS[answer.state]} {words}"
