"""The gates ahead of versions, for whoever reviews the change that brings them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from typing import Final

from registry_tool.catalog.index import VersionView
from registry_tool.errors import InvalidManifest
from registry_tool.promotion.gates import outcomes
from registry_tool.promotion.ground import Ground
from registry_tool.promotion.question import Question
from registry_tool.promotion.stages import stages_of

__all__ = ["gates_ahead"]

_MARKS: Final = {"held": "✓", "failed": "✗", "unknown": "?"}


def gates_ahead(
    versions: Iterable[VersionView], ground: Ground, *, now: dt.datetime
) -> Iterator[str]:
    """What each gate of each guarded stage says of each version now, a line a gate.

    Args:
        versions: The versions, as the change under review has them.
        ground: What is published: stages, holders and keys come from there.
        now: The time, in UTC.

    Raises:
        GitTrouble: Git cannot read the history.
    """
    for version in versions:
        for stage in stages_of(ground.base, version.model.name.namespace).values():
            if not stage.is_guarded:
                continue
            question = Question(ground.base, version, stage, ground.line, now)
            try:
                answers = outcomes(question)
            except InvalidManifest:
                continue  # the check says what is wrong with it
            for answer in answers:
                words = f"{version} to {stage.name}: {answer.gate}: {answer.explanation}"
                yield f"{_MARKS[answer.state]} {words}"
