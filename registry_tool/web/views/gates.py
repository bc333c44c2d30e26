"""What stands between a version and the next stage."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from registry_tool.api.promotion import GateResult, GateResults, evaluate_published
from registry_tool.catalog.catalog import USABLE, VersionView
from registry_tool.catalog.describe import value_words
from registry_tool.errors import InvalidManifestError
from registry_tool.manifests.data import Data, text
from registry_tool.promotion.evaluate import list_gates
from registry_tool.promotion.stages import Stage
from registry_tool.web.views.measured import finite
from registry_tool.web.views.source import PageSource

__all__ = ["StageOutlook", "describe_gates", "find_next_stage", "find_outlook", "title_gate"]


@dataclass(frozen=True)
class StageOutlook:
    """The gates of the next stage for a version.

    Attributes:
        stage: The stage.
        holder: The version that it points to now; None for none.
        pinned: True while automatic promotions leave the stage alone.
        passed: How many gates pass.
        gates: Each gate as ``registry.yaml`` writes it, with its result; those that need the remote are ``unknown``.
        titles: Each gate in words, in the same order.
    """

    stage: str
    holder: str | None
    pinned: bool
    passed: int
    gates: tuple[GateResult, ...]
    titles: tuple[str, ...]


def title_gate(gate: Data, before: str) -> str:
    """A gate in words: ``accuracy at least 0.9``.

    Args:
        gate: The gate, as ``registry.yaml`` writes it.
        before: The stage that a version must have been in.
    """
    for word, title in _TITLES.items():
        if word in gate:
            return title(gate, before)
    return ", ".join(f"{key}: {value}" for key, value in gate.items())


def _list_limits(gate: Data) -> Iterator[str]:
    if "min" in gate:
        yield f"at least {value_words(gate['min'])}"
    if "max" in gate:
        yield f"at most {value_words(gate['max'])}"
    if "not_worse_than" in gate:
        tolerance = finite(gate.get("tolerance"))
        less = f", {100 * tolerance:.4g} % tolerated" if tolerance else ""
        yield f"no worse than the {text(gate, 'not_worse_than')} version{less}"


def _title_metric(gate: Data, _before: str) -> str:
    return f"{text(gate, 'metric')} {', '.join(_list_limits(gate))}"


def _title_evidence(gate: Data, _before: str) -> str:
    about = " ".join(filter(None, (text(gate, key) for key in ("evidence", "suite", "tool"))))
    return ": ".join(filter(None, (about, text(gate, "verdict"))))


def _title_approvals(gate: Data, _before: str) -> str:
    count = gate["approvals"]
    by = " by signers" if gate.get("by") == "signers" else ""
    others = ", not by the author" if "not" in gate else ""
    return f"{count} approval{'' if count == 1 else 's'}{by}{others}"


# By the word a gate begins with.
_TITLES: Final[Mapping[str, Callable[[Data, str], str]]] = MappingProxyType(
    {
        "from": lambda gate, _: f"in {text(gate, 'from')}",
        "soak": lambda gate, before: f"{text(gate, 'soak')} in {before}",
        "metric": _title_metric,
        "evidence": _title_evidence,
        "approvals": _title_approvals,
        "artifacts": lambda _gate, _before: "every artifact is in its remote",
        "signed": lambda gate, _: f"signed {text(gate, 'signed')}",
    }
)


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
    return describe_gates(stage, found)


def describe_gates(stage: Stage, found: GateResults) -> StageOutlook:
    """What the gates of a stage say, with each in words."""
    titles = tuple(title_gate(gate, stage.before) for gate in list_gates(stage))
    passed = sum(gate.state == "held" for gate in found.gates)
    return StageOutlook(stage.name, found.holder, found.pinned, passed, found.gates, titles)
