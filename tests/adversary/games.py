"""Games: lists of moves that are played, written down, shortened, and played again."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from adversary.edits import Move, as_list

__all__ = ["Broken", "Game", "Journal", "Result", "Table", "replay", "shortened", "signature"]


class Broken(Protocol):
    """A broken promise, as either oracle tells of it."""

    @property
    def promise(self) -> str:
        """Which."""

    @property
    def path(self) -> str:
        """What it is about."""

    @property
    def words(self) -> str:
        """What was found."""


class Result(Protocol):
    """How a move ended, in either game."""

    @property
    def said(self) -> str:
        """In one word."""

    @property
    def words(self) -> str:
        """What the program said."""

    @property
    def violations(self) -> Sequence[Broken]:
        """What is broken since."""


class Table(Protocol):
    """Where moves are made: the world of one of the players."""

    def play(self, move: Move) -> Result:
        """Make a move."""

    def close(self) -> None:
        """Throw it away."""


Deal = Callable[[], Table]


def signature(found: Iterable[Broken]) -> str:
    """What two games that break the same thing have in common: promises and words, without names and numbers."""
    kinds = {(one.promise, re.sub(r"[0-9a-f]{7,}|\d+", "N", one.words[:100])) for one in found}
    return "; ".join(f"{promise}: {words}" for promise, words in sorted(kinds)[:1])


class Game(list[Move]):
    """The moves so far."""

    def text(self) -> str:
        """As JSON, a line for each move."""
        return "[\n" + ",\n".join(json.dumps(move) for move in self) + "\n]\n"


def replay(deal: Deal, moves: Sequence[Move]) -> tuple[list[str], list[Broken]]:
    """Play moves until something breaks: how each ended, and what is broken."""
    table = deal()
    said: list[str] = []
    try:
        for move in moves:
            result = table.play(move)
            said.append(result.said)
            if result.violations:
                return said, list(result.violations)
    finally:
        table.close()
    return said, []


def _promises(found: Iterable[Broken]) -> frozenset[str]:
    return frozenset(one.promise for one in found)


def _less(move: Move) -> Iterator[Move]:
    """A move with less in it."""
    for key in ("edits", "refs", "date", "author", "tree", "parents", "force", "how", "branch"):
        if key not in move:
            continue
        value = move[key]
        if key not in {"refs", "parents"} or len(as_list(value)) == 1:
            yield {k: v for k, v in move.items() if k != key}
        if len(as_list(value)) > 1:
            for at in range(len(as_list(value))):
                yield {**move, key: [*as_list(value)[:at], *as_list(value)[at + 1 :]]}


def shortened(deal: Deal, moves: Sequence[Move], found: Iterable[Broken], *, seconds: float) -> Game:  # fmt: skip
    """The fewest moves found in some time that break the same promise."""
    until, wanted = time.monotonic() + seconds, _promises(found)

    def breaks(candidate: Sequence[Move]) -> bool:
        if time.monotonic() >= until or not candidate:
            return False
        return bool(wanted & _promises(replay(deal, candidate)[1]))

    best = list(moves)
    size = len(best) // 2
    while size and time.monotonic() < until:
        start, before = 0, len(best)
        while start < len(best):
            candidate = [*best[:start], *best[start + size :]]
            if breaks(candidate):
                best = candidate
            else:
                start += size
        size = size // 2 if size > 1 else int(len(best) < before)
    number = 0
    while number < len(best):
        for less in _less(best[number]):
            candidate = [*best[:number], less, *best[number + 1 :]]
            if breaks(candidate):
                best = candidate
                break
        else:
            number += 1
    return Game(best)


@dataclass
class Journal:
    """What was played: counts, and what broke.

    Attributes:
        kinds: How often each kind of move was made, and how each ended.
        rules: How often each rule was named in what the program said.
        broken: Games that broke something, by signature.
        games: How many were played to their end.
    """

    out: Path | None = None
    kinds: Counter[str] = field(default_factory=Counter)
    rules: Counter[str] = field(default_factory=Counter)
    broken: dict[str, Game] = field(default_factory=dict)
    repeated: Counter[str] = field(default_factory=Counter)
    games: int = 0
    moves: int = 0

    def saw(self, move: Move, result: Result) -> None:
        """A move was made."""
        self.moves += 1
        self.kinds[f"{move['do']} {result.said}"] += 1
        self.rules.update(set(re.findall(r"refuse ([A-Z]\d{3})", result.words)))

    def ended(self, game: Game, said: Sequence[str]) -> None:
        """A game came to its end."""
        self.games += 1
        if self.out is not None:
            with (self.out / "played.jsonl").open("a", encoding="utf-8") as log:
                log.write(
                    json.dumps({"game": self.games, "said": said, "moves": list(game)}) + "\n"
                )

    def broke(self, game: Game, found: Sequence[Broken], deal: Deal, *, seconds: float) -> Game:
        """A game broke something: shorten it the first time that it is seen; the shortest one that is known."""
        key = signature(found)
        self.repeated[key] += 1
        if key in self.broken:
            return self.broken[key]
        short = shortened(deal, game, found, seconds=seconds)
        self.broken[key] = short
        if self.out is None:
            return short
        name = f"violation-{len(self.broken)}.json"
        case = {"found": [f"{one.promise}: {one.path}: {one.words}" for one in found], "moves": list(short)}  # fmt: skip
        (self.out / name).write_text(json.dumps(case, indent=1) + "\n", encoding="utf-8")
        print(f"violation {len(self.broken)}: {key}\n  {name}, {len(short)} moves", flush=True)
        return short

    def report(self, seconds: float) -> Mapping[str, object]:
        """All of it, as JSON."""
        pushes = {w: sum(n for k, n in self.kinds.items() if k.endswith(w)) for w in ("accepted", "refused")}  # fmt: skip
        return {
            "seconds": round(seconds),
            "games": self.games,
            "moves": self.moves,
            "pushes": pushes,
            "kinds": dict(sorted(self.kinds.items())),
            "rules": dict(sorted(self.rules.items())),
            "violations": [{"signature": key, "seen": self.repeated[key], "moves": list(game)} for key, game in self.broken.items()],
        }  # fmt: skip
