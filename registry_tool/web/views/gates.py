"""What stands between a version and the next stage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from registry_tool.api.promotion import GateResult, evaluate_published
from registry_tool.catalog.catalog import USABLE, VersionView
from registry_tool.errors import InvalidManifestError
from registry_tool.promotion.stages import Stage
from registry_tool.web.views.source import PageSource

__all__ = ["StageOutlook", "find_next_stage", "find_outlook"]


@dataclass(frozen=True)
class StageOutlook:
    """The gates of the next stage for a version.

    Attributes:
        stage: The stage.
        holder: The version that it points to now; None for none.
        pinned: True while automatic promotions leave the stage alone.
        passed: How many gates pass.
        gates: Each gate as ``registry.yaml`` writes it, with its result; those that need the remote are ``unknown``.
    """

    stage: str
    holder: str | None
    pinned: bool
    passed: int
    gates: tuple[GateResult, ...]


def find_next_stage(stages: Mapping[str, Stage], aliases: tuple[str, ...]) -> Stage | None:
    """The first stage with gates after the last one that a version is in; None where it is in the last, or none has gates."""
    order = list(stages.values())
    held = [number for number, stage in enumerate(order) if stage.name in aliases]
    rest = order[held[-1] + 1 :] if held else order
    return next((stage for stage in rest if stage.is_guarded), None)


def find_outlook(source: PageSource, version: VersionView) -> StageOutlook | None:
    """The gates of the next stage for a published version that can be served; None where there is no such stage."""
    stage = find_next_stage(source.stages(version.model.name.namespace), version.aliases)
    if stage is None or version.is_draft:
        return None
    try:
        if version.state not in USABLE:
            return None
        found = evaluate_published(version, stage, source.published, now=source.time)
    except InvalidManifestError:
        return None  # the page says that the record cannot be read
    passed = sum(gate.state == "held" for gate in found.gates)
    return StageOutlook(stage.name, found.holder, found.pinned, passed, found.gates)
