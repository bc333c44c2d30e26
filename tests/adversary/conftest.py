"""Settings of the players in a run of the tests: a minute each, games of their own each time, the same ones in CI."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import pytest
from adversary.games import Journal, Table
from adversary.machines import Player
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test


@pytest.fixture
def play() -> Callable[..., Journal]:
    """Plays some games of a player; what breaks fails the test with the shortest case found."""

    def played(player: type[Player], dealt: Callable[[], Table], *, games: int, seconds: float = 60.0) -> Journal:  # fmt: skip
        # Bounded by both: on a busy machine the last games make no moves.
        machine = type(player.__name__, (player,), {
            "dealt": staticmethod(dealt), "journal": Journal(), "until": time.monotonic() + seconds,
        })  # fmt: skip
        house = settings(
            max_examples=games, stateful_step_count=20, deadline=None, database=None,
            phases=[Phase.generate], suppress_health_check=list(HealthCheck),
            derandomize=bool(os.environ.get("CI")),
        )  # fmt: skip
        run_state_machine_as_test(machine, settings=house)
        return machine.journal

    return played
