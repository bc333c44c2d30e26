"""The first page: what is in production now, what changed last, and what waits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from registry_tool.api.history import recent_entries, sentence
from registry_tool.catalog.events import Event
from registry_tool.web.views.people import name_person
from registry_tool.web.views.source import PageSource
from registry_tool.web.views.summary import HolderSummary, ModelSummary

__all__ = [
    "HeldModel",
    "HomeView",
    "NamespaceLine",
    "RecentChange",
    "is_in_production",
    "list_namespaces",
    "view_home",
]

_MOST_PRODUCTION: Final = 25
_MOST_WAITING: Final = 8
_MOST_CHANGES: Final = 12


@dataclass(frozen=True)
class HeldModel:
    """A model and one of its holders.

    Attributes:
        model: The model.
        title: Its title; empty where it is shown by its name.
        holder: The alias and its version.
    """

    model: str
    title: str
    holder: HolderSummary


@dataclass(frozen=True)
class RecentChange:
    """Something that happened.

    Attributes:
        when: The time of its commit.
        by: Who did it.
        model: The model that it happened to; empty for other things.
        words: What happened, as the command line says it.
        commit: The commit.
    """

    when: str
    by: str
    model: str
    words: str
    commit: str


@dataclass(frozen=True)
class NamespaceLine:
    """A namespace.

    Attributes:
        name: Its name.
        title: Its title; empty for none.
        model_count: How many models it has.
        production_count: How many of them are in production.
    """

    name: str
    title: str
    model_count: int
    production_count: int


@dataclass(frozen=True)
class HomeView:
    """The first page."""

    name: str
    description: str
    commit: str
    time: str
    model_count: int
    version_count: int
    production_count: int
    production: tuple[HeldModel, ...]
    waiting: tuple[HeldModel, ...]
    changes: tuple[RecentChange, ...]
    missing_history: str
    namespaces: tuple[NamespaceLine, ...]


def _title(summary: ModelSummary) -> str:
    name = summary.model.partition("/")[2]
    return "" if summary.title == name else summary.title


def _list_held(summaries: Sequence[ModelSummary], rank: str) -> Iterator[HeldModel]:
    for summary in summaries:
        if summary.state != "deleted":
            for holder in summary.holders:
                if holder.rank == rank:
                    yield HeldModel(summary.model, _title(summary), holder)


def is_in_production(summary: ModelSummary) -> bool:
    """True for a model with a version in the main stage."""
    return summary.state != "deleted" and any(h.rank == "production" for h in summary.holders)


def list_namespaces(
    source: PageSource, summaries: Sequence[ModelSummary]
) -> tuple[NamespaceLine, ...]:
    """All namespaces, by name."""
    found = []
    for name in source.catalog.namespaces():
        own = [one for one in summaries if one.namespace == name and one.state != "deleted"]
        held = sum(map(is_in_production, own))
        found.append(NamespaceLine(name, source.catalog.namespace_title(name), len(own), held))
    return tuple(found)


def _read_model(event: Event) -> str:
    return str(getattr(event, "model", "") or "")


def _list_changes(
    source: PageSource, known: frozenset[str]
) -> tuple[tuple[RecentChange, ...], str]:
    found = recent_entries(source.registry, _MOST_CHANGES)
    changes = tuple(
        RecentChange(
            f"{entry.when:%Y-%m-%dT%H:%M:%SZ}", name_person(entry.by or entry.merged_by),
            model if (model := _read_model(entry.event)) in known else "",
            sentence(entry.event), entry.commit,
        )
        for entry in found.entries
    )  # fmt: skip
    return changes, found.missing


def view_home(source: PageSource, summaries: Sequence[ModelSummary]) -> HomeView:
    """The view of the first page."""
    held = sorted(
        _list_held(summaries, "production"), key=lambda one: one.holder.since, reverse=True
    )
    waiting = [one for one in _list_held(summaries, "stage") if one.holder.stage]
    waiting.sort(key=lambda one: (one.holder.gate_count - one.holder.passed, one.model))
    live = [one for one in summaries if one.state != "deleted"]
    changes, missing = _list_changes(source, frozenset(one.model for one in summaries))
    return HomeView(
        source.name, source.description, source.commit, source.moment, len(live),
        sum(one.version_count for one in live), len(held), tuple(held[:_MOST_PRODUCTION]),
        tuple(waiting[:_MOST_WAITING]), changes, missing or source.moves.missing,
        list_namespaces(source, summaries),
    )  # fmt: skip
