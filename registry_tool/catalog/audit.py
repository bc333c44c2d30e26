"""Who held which name, from when to when: the audit of all aliases, out of one walk over the history."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from registry_tool.catalog.events import AliasEvent
from registry_tool.catalog.index import Catalog
from registry_tool.catalog.past import HistoryEntry, entries_of
from registry_tool.git.line import Line, Touch
from registry_tool.git.repository import Repository
from registry_tool.manifests.layout import MODELS, Layout
from registry_tool.names import ModelName

__all__ = ["Holding", "holdings"]


class Holding(NamedTuple):
    """One alias naming one version, from one commit to another.

    Attributes:
        model: As ``namespace/name``.
        alias: The alias.
        version: What it named; empty where its file could not be read.
        start: The move that gave the version the name: when, by whom, why, in which commit.
        end: The move or the removal that took it; None while it holds.
    """

    model: str
    alias: str
    version: str
    start: HistoryEntry
    end: HistoryEntry | None


def _touches(line: Line, layout: Layout, model: ModelName | None) -> Iterator[Touch]:
    folder = MODELS if model is None else f"{layout.model(model)}/aliases"
    for touch in line.touches(folder):
        if "/aliases/" not in touch.path:  # of most files this is all there is to know
            continue
        place = layout.locate(touch.path)
        if place is not None and place.kind == "alias":
            yield touch


def _all(moves: Iterator[HistoryEntry]) -> Iterator[Holding]:
    """Holdings out of moves, both newest first."""
    ends: dict[str, HistoryEntry] = {}
    for entry in moves:
        event = entry.event
        if not isinstance(event, AliasEvent) or event.version == event.before:
            continue  # a new reason or pin: the holder stays
        if event.version is not None:
            end = ends.get(event.path)
            yield Holding(event.model, event.alias, event.version, entry, end)
        ends[event.path] = entry


def _later(line: Line, commit: str | None) -> frozenset[str]:
    """The commits of a line that came after one of its commits."""
    if commit is None:
        return frozenset()
    return frozenset(step.commit for step in line.steps(since=commit))


def holdings(
    repository: Repository,
    tip: str,
    *,
    model: ModelName | None = None,
    since: str | None = None,
    until: str | None = None,
) -> list[Holding]:
    """Who held which alias, by model and alias, oldest first.

    Args:
        repository: Where the registry lies.
        tip: The full id of the commit to look back from.
        model: Only this model's aliases.
        since: A commit on the line; what ended before it is left out.
        until: A commit on the line; what began after it is left out.

    Raises:
        ShallowHistory: The clone is shallow: nobody can say who held what before its boundary.
        GitTrouble: Git cannot read the history.
    """
    line = Line(repository.git, tip)
    layout = Catalog(repository.tree(tip)).layout
    steps = entries_of(repository, layout, _touches(line, layout, model))
    found = _all(entry for step in steps for entry in reversed(step))
    after_since, after_until = _later(line, since), _later(line, until)

    def counts(holding: Holding) -> bool:
        ended = holding.end.commit if holding.end is not None else None
        lasted = since is None or ended is None or ended in after_since
        return lasted and holding.start.commit not in after_until

    kept = [holding for holding in found if counts(holding)]
    kept.reverse()
    # The sort is stable: what came first on the line stays first, whatever the clocks said.
    return sorted(kept, key=lambda holding: (holding.model, holding.alias))
