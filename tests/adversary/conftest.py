"""Settings of the players in a run of the tests: a minute each, games of their own each time, the same ones in CI."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import cast

import pytest
from adversary.games import Journal, Table
from adversary.machines import Player, play_round
from support.programs import IN_CI


@pytest.fixture
def play() -> Callable[..., Journal]:
    """Plays some games of a player; what breaks fails the test with the shortest case found."""

    def played(player: type[Player], dealt: Callable[[], Table], *, rounds: int, seconds: float) -> Journal:  # fmt: skip
        # Bounded by both: on a busy machine the last games make no moves.
        own = {
            "dealt": staticmethod(dealt),
            "journal": Journal(),
            "until": time.monotonic() + seconds,
        }
        machine = cast("type[Player]", type(player.__name__, (player,), own))
        first = 0 if IN_CI else random.randrange(1 << 32)
        for number in range(first, first + rounds):
            print(f"seed {number}")
            play_round(machine, number)
        return machine.journal

    return played
