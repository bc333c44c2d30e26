"""Moves of aliases, and who held an alias from when to when."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from registry_tool.api.history import HistoryEntry, list_moves
from registry_tool.api.registry import Registry
from registry_tool.manifests.problems import JSON
from registry_tool.web.views.people import name_person
from registry_tool.web.views.plain import plain_view

__all__ = ["AliasMove", "AliasMoves", "Tenure", "find_tenures"]


@dataclass(frozen=True)
class AliasMove:
    """One move of an alias.

    Attributes:
        alias: The alias.
        version: The version that it points to since; None where it was removed, empty where its file is unreadable.
        before: The version that it pointed to before; None for none.
        commit: The commit on the first-parent line.
        when: The committer's time, RFC 3339 in UTC.
        by: The author, without the address.
        merged_by: Who merged it, likewise; empty for the author.
        reason: Why, as the file says.
        pinned: True where automatic promotions leave it since.
    """

    alias: str
    version: str | None
    before: str | None
    commit: str
    when: str
    by: str
    merged_by: str
    reason: str
    pinned: bool

    @property
    def is_rollback(self) -> bool:
        """True for a move that pinned the alias to an earlier holder, as ``registry rollback`` does."""
        return self.pinned and self.before is not None and self.version is not None


def _read_move(entry: HistoryEntry) -> AliasMove:
    by, merged_by = name_person(entry.by), name_person(entry.merged_by)
    return AliasMove(
        entry.alias, entry.version, entry.before, entry.commit, f"{entry.when:%Y-%m-%dT%H:%M:%SZ}",
        by, "" if by == merged_by else merged_by, entry.reason, entry.pinned,
    )  # fmt: skip


@dataclass(frozen=True)
class AliasMoves:
    """The moves of all aliases up to one commit.

    Attributes:
        commit: The commit.
        by_model: The moves of each model that has some, oldest first.
        missing: Why earlier moves are missing; empty where none are.
    """

    commit: str
    by_model: Mapping[str, tuple[AliasMove, ...]] = field(default_factory=dict)
    missing: str = ""

    @classmethod
    def read(cls, registry: Registry, known: AliasMoves | None = None) -> AliasMoves:
        """Read the moves up to a registry's commit.

        Args:
            registry: The registry, at a commit.
            known: Those up to an earlier commit of the first-parent line; only what came after it is read.
        """
        tip = registry.commit or registry.repository.commit("HEAD")
        if known is not None and known.commit == tip:
            return known
        found = list_moves(registry, since="" if known is None else known.commit)
        models = {} if known is None else dict(known.by_model)
        for entry in reversed(found.entries):
            model = str(getattr(entry.event, "model", ""))
            models[model] = (*models.get(model, ()), _read_move(entry))
        missing = found.missing or ("" if known is None else known.missing)
        return cls(tip, models, missing)

    def to_json(self) -> JSON:
        """As plain data, for a file that the next build reads."""
        return plain_view(self)

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> AliasMoves:
        """What ``to_json`` wrote.

        Raises:
            TypeError: It is something else.
            KeyError: It is something else.
        """
        models = data["by_model"]
        if not isinstance(models, dict):
            raise TypeError("by_model is not a mapping")
        found = {str(m): tuple(AliasMove(**one) for one in moves) for m, moves in models.items()}
        return cls(str(data["commit"]), found, str(data["missing"]))


@dataclass(frozen=True)
class Tenure:
    """One version that an alias pointed to, from one move to the next.

    Attributes:
        alias: The alias.
        version: The version; empty where its file is unreadable.
        start: When it began, RFC 3339 in UTC.
        end: When it ended; None while it lasts.
        by: Who moved it.
        reason: Why.
        commit: The commit that moved it.
        end_commit: The commit that ended it; empty while it lasts.
        was_rolled_back: True where a rollback ended it.
    """

    alias: str
    version: str
    start: str
    end: str | None
    by: str
    reason: str
    commit: str
    end_commit: str
    was_rolled_back: bool


def _pair(moves: Iterable[AliasMove]) -> Iterator[tuple[AliasMove, AliasMove | None]]:
    last: dict[str, AliasMove] = {}
    for move in moves:
        before = last.get(move.alias)
        if before is not None:
            yield before, move
        last[move.alias] = move
    for move in last.values():
        yield move, None


def find_tenures(moves: Iterable[AliasMove], alias: str = "") -> tuple[Tenure, ...]:
    """Who held the aliases of a model, or one of them, by start.

    Args:
        moves: The moves of one model, oldest first.
        alias: Only this alias.
    """
    wanted = [move for move in moves if not alias or move.alias == alias]
    found = [
        Tenure(
            start.alias, start.version, start.when, None if end is None else end.when, start.by,
            start.reason, start.commit, "" if end is None else end.commit,
            end is not None and end.is_rollback,
        )
        for start, end in _pair(wanted)
        if start.version is not None
    ]  # fmt: skip
    order = {id(move): number for number, move in enumerate(wanted)}
    starts = {move.commit + move.alias: order[id(move)] for move in wanted}
    return tuple(sorted(found, key=lambda one: starts[one.commit + one.alias]))
