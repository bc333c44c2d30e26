"""The lineage of models: what each is made from, and which others use it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from registry_tool.web.views.lineage import LineageEdge
from registry_tool.web.views.summary import ModelSummary

__all__ = ["LineageView", "ModelLineageView", "ModelUse", "view_lineage", "view_lineages"]


@dataclass(frozen=True)
class ModelUse:
    """A model that uses another one.

    Attributes:
        model: The model that uses.
        version: Its version.
        kind: ``base model`` or ``dataset`` and so on.
        used: The version of the other model; empty where none is named.
    """

    model: str
    version: str
    kind: str
    used: str


@dataclass(frozen=True)
class ModelLineageView:
    """What one model is made from, and what uses it."""

    model: str
    title: str
    version: str
    edges: tuple[LineageEdge, ...]
    uses: tuple[ModelUse, ...]


@dataclass(frozen=True)
class LineageView:
    """All models with lineage.

    Attributes:
        models: Those that are made from something, or that others use.
        without: How many models record nothing.
    """

    models: tuple[ModelLineageView, ...]
    without: int


def view_lineages(summaries: Sequence[ModelSummary]) -> tuple[ModelLineageView, ...]:
    """The lineage of each model that has some, by name."""
    uses: dict[str, list[ModelUse]] = {}
    known = {summary.model for summary in summaries}
    for summary in summaries:
        for edge in summary.lineage:
            if edge.model in known and summary.state != "deleted":
                use = ModelUse(summary.model, summary.lineage_version, edge.kind, edge.version)
                uses.setdefault(edge.model, []).append(use)
    return tuple(
        ModelLineageView(
            one.model, one.title, one.lineage_version, one.lineage, tuple(uses.get(one.model, ()))
        )
        for one in summaries
        if (one.lineage or one.model in uses) and one.state != "deleted"
    )


def view_lineage(
    summaries: Sequence[ModelSummary], lineages: tuple[ModelLineageView, ...]
) -> LineageView:
    """The page of all of them."""
    live = sum(one.state != "deleted" for one in summaries)
    return LineageView(lineages, live - len(lineages))
