"""One version that would hold a stage, and what stands in its way."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

from registry_tool.catalog.index import USABLE, Catalog, VersionView
from registry_tool.catalog.resolve import resolve
from registry_tool.errors import NotFound, Refused
from registry_tool.manifests.data import Data, text
from registry_tool.names import Reference, check_pointer
from registry_tool.promotion.gates import outcomes
from registry_tool.promotion.ground import Ground
from registry_tool.promotion.outcome import Outcome
from registry_tool.promotion.question import Present, Question
from registry_tool.promotion.stages import Stage, stages_of

__all__ = ["Candidate", "candidate_of"]


class Candidate(NamedTuple):
    """A version that would hold a stage.

    Attributes:
        version: The version.
        stage: The stage.
        alias: The stage's file as it is now; empty where no version holds it.
        outcomes: What each gate says.
    """

    version: VersionView
    stage: Stage
    alias: Data
    outcomes: tuple[Outcome, ...]

    @property
    def holder(self) -> str:
        """The version that holds the stage now; empty for none."""
        return text(self.alias, "version")

    @property
    def pinned(self) -> bool:
        """True when the stage stays where it is until somebody takes the pin off."""
        return self.alias.get("pinned") is True


def _stage(base: Catalog, version: VersionView, name: str) -> Stage:
    stages = stages_of(base, version.model.name.namespace)
    if name not in stages:
        known = ", ".join(stages) or "none"
        raise NotFound(
            f"{name} is no stage of {version.model.name}",
            remedy=f"its stages: {known}; a plain alias is set with: registry alias set {version} {name}",
        )
    return stages[name]


def candidate_of(
    head: Catalog,
    ground: Ground,
    reference: Reference,
    stage: str,
    *,
    now: dt.datetime,
    present: Present | None = None,
) -> Candidate:
    """Ask whether a version may hold a stage.

    Args:
        head: The registry with the version and its evidence.
        ground: What is published: stages, holders and keys come from there.
        reference: The version.
        stage: The stage.
        now: The time, in UTC.
        present: Asks the artifact remote; None leaves it alone.

    Raises:
        NotFound: There is no such model, version or stage.
        InvalidName: The stage can be no alias.
        Refused: The version is withdrawn or erased.
        InvalidManifest: A file on the way cannot be read.
    """
    check_pointer(stage, "stage")
    found = resolve(head, reference, allow_withdrawn=True)
    version = found.version
    wanted = _stage(ground.base, version, stage)
    if found.state not in USABLE:
        raise Refused(f"{version} is {found.state}; it may hold no stage")
    document = version.model.alias(stage)
    alias = {} if document is None or document.data is None else document.data
    question = Question(ground.base, version, wanted, ground.line, now, present)
    return Candidate(version, wanted, alias, outcomes(question))
