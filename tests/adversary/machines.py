"""Hypothesis draws the moves: one state machine for each player."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from adversary import registry_moves as registry
from adversary.edits import Move
from adversary.games import Broken, Game, Journal, Table

__all__ = ["OutOfTime", "Player", "RegistryPlayer", "Stop"]


class OutOfTime(BaseException):
    """The time is over: not an Exception, so that Hypothesis lets it pass."""


# Called before each move; it raises OutOfTime, or what else is to end the run.
Stop = Callable[[], None]


def _go_on() -> None:
    """No end but that of Hypothesis."""


class Player(RuleBasedStateMachine):
    """One game. ``dealt`` makes its world, and ``broke`` hears of what is broken; by default that fails the test.

    Attributes:
        dealt: Makes a world to play in.
        journal: Counts.
        stop: Ends a run.
        shrink_seconds: How long a game that broke something is shortened; None leaves that to Hypothesis and fails.
    """

    dealt: Callable[[], Table]
    journal = Journal()
    stop: Stop = staticmethod(_go_on)
    shrink_seconds: float | None = None

    def __init__(self) -> None:
        super().__init__()
        self.game = Game()
        self.said: list[str] = []
        self.over = False
        self._table = type(self).dealt()

    def go(self, *moves: Move) -> None:
        """Make moves until something breaks."""
        for move in moves:
            if self.over:
                return
            type(self).stop()
            self.game.append(move)
            result = self._table.play(move)
            self.said.append(result.said)
            self.journal.saw(move, result)
            if result.violations:
                self.over = True
                self._broke(result.violations)

    def _broke(self, found: Sequence[Broken]) -> None:
        if self.shrink_seconds is None:
            lines = "\n".join(f"{one.promise}: {one.path}: {one.words}" for one in found)
            raise AssertionError(f"{lines}\nas a case:\n{self.game.text()}")
        self.journal.broke(self.game, found, type(self).dealt, seconds=self.shrink_seconds)

    def teardown(self) -> None:
        """The game is over."""
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

    @rule(moves=registry.ATTACKS)
    def attack(self, moves: list[Move]) -> None:
        """The attacker pushes commits on top of what is published."""
        self.go(*moves)

    @rule(move=registry.REFS)
    def name(self, move: Move) -> None:
        """Somebody makes a misleading ref."""
        self.go(move)

    @rule(move=registry.PUSHES)
    def push(self, move: Move) -> None:
        """Somebody pushes."""
        self.go(move)

    @precondition(lambda self: self.game)
    @rule(move=registry.PUSHES)
    def push_again(self, move: Move) -> None:
        """Somebody pushes, and once more."""
        self.go(move, move)
