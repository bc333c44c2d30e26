"""Hypothesis draws the moves: one state machine for each player."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

from adversary import registry_moves as registry
from adversary.edits import Move
from adversary.games import Broken, Game, Journal, Table
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

__all__ = ["GAMES_A_ROUND", "OutOfTime", "Player", "RegistryPlayer", "play_round"]

GAMES_A_ROUND: Final = 9
"""Hypothesis (6.170) keeps the first tenth of its examples small, and from the tenth example on makes five of six by
copying parts of earlier ones. That finds small failures, and plays the same game again and again: rounds are short."""
_MOVES: Final = 25


class OutOfTime(BaseException):
    """The time is over: not an Exception, so that Hypothesis lets it pass."""


class Player(RuleBasedStateMachine):
    """One game.

    Attributes:
        dealt: Makes a world to play in.
        journal: Counts, and what broke.
        until: When the time is over, by ``time.monotonic``; no moves are made any more.
        endless: True where games follow one another until the time is over: then what breaks is written down, and
            ``OutOfTime`` ends it all. Otherwise what breaks fails the test.
        shrink_seconds: How long a game that broke something is shortened.
    """

    dealt: Callable[[], Table]
    journal = Journal()
    until = float("inf")
    endless = False
    shrink_seconds = 60.0

    def __init__(self) -> None:
        super().__init__()
        self.game = Game()
        self.said: list[str] = []
        self.over = False
        self._table: Table | None = None

    def go(self, *moves: Move) -> None:
        """Make moves until something breaks, or the time is over."""
        for move in moves:
            if time.monotonic() >= self.until:
                if self.endless:
                    raise OutOfTime
                self.over = True
            if self.over:
                return
            if self._table is None:
                self._table = type(self).dealt()
            self.game.append(move)
            result = self._table.play(move)
            self.said.append(result.said)
            self.journal.saw(move, result)
            if result.violations:
                self.over = True
                self._broke(result.violations)

    def _broke(self, found: Sequence[Broken]) -> None:
        short = self.journal.broke(self.game, found, type(self).dealt, seconds=self.shrink_seconds)
        if not self.endless:
            lines = "\n".join(f"{one.promise}: {one.path}: {one.words}" for one in found)
            raise AssertionError(f"{lines}\nthe case:\n{short.text()}")

    def teardown(self) -> None:
        """The game is over."""
        if self._table is not None:
            self.journal.ended(self.game, self.said)
            self._table.close()


class RegistryPlayer(Player):
    """Honest people and an attacker at one guarded server."""

    @rule(move=registry.COMMANDS)
    def command(self, move: Move) -> None:
        """An honest person does something, and keeps it."""
        self.go(move)

    @rule(move=registry.COMMANDS)
    def propose(self, move: Move) -> None:
        """An honest person does something on top of what is published, and publishes it."""
        who = move["who"]
        self.go({"do": "fetch", "who": who}, move, {"do": "push", "who": who})

    @rule(move=registry.FETCHES)
    def fetch(self, move: Move) -> None:
        """Somebody fetches."""
        self.go(move)

    @rule(move=registry.COMMITS)
    def commit(self, move: Move) -> None:
        """Somebody commits by hand."""
        self.go(move)

    @rule(moves=st.lists(registry.PROBES, min_size=1, max_size=4))
    def probe(self, moves: list[Move]) -> None:
        """The attacker tries one thing after another."""
        for move in moves:
            self.go({"do": "fetch", "who": 2}, move, {"do": "push", "who": 2})

    @rule(kept=registry.PROBES, tree=st.sampled_from(["merged", "server", "tip"]))
    def aside(self, kept: Move, tree: str) -> None:
        """The attacker merges the wrong way round, so that what is published would lie on a side line."""
        harmless = [{"edit": "metadata", "version": "1"}], [{"edit": "metadata", "version": "2"}]
        self.go(
            {"do": "fetch", "who": 2},
            {**kept, "edits": harmless[0]},
            {"do": "fetch", "who": 1},
            {"do": "commit", "who": 1, "edits": harmless[1]},
            {"do": "push", "who": 1},
            {"do": "commit", "who": 2, "parents": ["tip", "server"], "tree": tree},
            {"do": "push", "who": 2},
        )

    @rule(moves=registry.ATTACKS)
    def attack(self, moves: list[Move]) -> None:
        """The attacker pushes commits on top of what is published."""
        self.go(*moves)

    @rule(moves=st.lists(registry.STEPS, min_size=2, max_size=3))
    def race(self, moves: list[Move]) -> None:
        """Several people push at the same moment."""
        for who, move in enumerate(moves):
            self.go({"do": "fetch", "who": who}, {**move, "who": who})
        self.go({"do": "race"})

    @rule(move=registry.REFS)
    def name(self, move: Move) -> None:
        """Somebody makes a misleading ref."""
        self.go(move)

    @rule(move=registry.PUSHES)
    def push(self, move: Move) -> None:
        """Somebody pushes."""
        self.go(move)

    @rule(move=registry.PUSHES)
    def push_again(self, move: Move) -> None:
        """Somebody pushes, and once more."""
        self.go(move, move)


def play_round(machine: type[Player], number: int) -> None:
    """Play the games of one seed.

    Raises:
        OutOfTime: The time of an endless player is over.
        AssertionError: Something broke, with another player.
    """
    house = settings(
        max_examples=GAMES_A_ROUND, stateful_step_count=_MOVES, deadline=None, database=None,
        phases=[Phase.generate], suppress_health_check=list(HealthCheck), print_blob=False,
        derandomize=False,
    )  # fmt: skip
    run_state_machine_as_test(seed(number)(machine), settings=house)
