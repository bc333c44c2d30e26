"""An adversary, for a minute. ``python tests/adversary/play.py`` plays for as long as one likes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from adversary.bytes_player import BytesPlayer
from adversary.bytes_world import BytesTemplate
from adversary.games import Journal
from adversary.machines import RegistryPlayer
from adversary.registry_world import Template

Play = Callable[..., Journal]


@pytest.mark.long
def test_a_registry_keeps_its_promises_whatever_is_pushed(play: Play, tmp_path: Path) -> None:
    journal = play(RegistryPlayer, Template(tmp_path / "games").world, rounds=5, seconds=60)
    assert journal.kinds["push accepted"] > 0
    assert journal.kinds["push refused"] > 0


@pytest.mark.long
def test_a_registry_keeps_its_promises_behind_the_real_hook(play: Play, tmp_path: Path) -> None:
    template = Template(tmp_path / "games", "process")
    journal = play(RegistryPlayer, template.world, rounds=1, seconds=20)
    assert journal.moves > 0


@pytest.mark.long
def test_bytes_that_are_needed_stay(play: Play, tmp_path: Path) -> None:
    journal = play(BytesPlayer, BytesTemplate(tmp_path / "games").world, rounds=3, seconds=60)
    assert journal.kinds["add done"] > 0
