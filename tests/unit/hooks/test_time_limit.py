"""A push that takes too long is refused, and what waits or computes is really interrupted."""

from __future__ import annotations

import itertools
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from support import git
from support.manifests import small_registry

from registry_tool.errors import OperationalError, RegistryError, UsageError
from registry_tool.git.command import Git, find_repository
from registry_tool.hooks.time_limit import SECONDS, SETTING, limit_time, time_limit_seconds


@pytest.fixture
def here(make_registry: Callable[..., Path]) -> Git:
    found = find_repository(make_registry(small_registry()))
    assert found is not None
    return found


def _set(here: Git, value: str) -> None:
    git(Path(here.git_dir).parent, "config", SETTING, value)


def test_the_limit_is_generous_and_can_be_set(here: Git) -> None:
    assert time_limit_seconds(here) == SECONDS == 1_800
    _set(here, "60")
    assert time_limit_seconds(here) == 60


@pytest.mark.parametrize("value", ["soon", "-1", "1.5", "9999999999", "\u0663"])
def test_a_wrong_setting_is_said_so(here: Git, value: str) -> None:
    _set(here, value)
    with pytest.raises(UsageError, match="must be a number of seconds"):
        time_limit_seconds(here)


def _for_ever() -> None:
    for _ in itertools.count():
        try:
            sum(range(1_000))
        except RegistryError:  # as rules and queries do with what cannot be read
            continue


def test_what_computes_for_ever_is_interrupted_whatever_it_handles(here: Git) -> None:
    _set(here, "1")
    before = signal.getsignal(signal.SIGALRM)
    words = "took longer than 1 seconds"
    with pytest.raises(OperationalError, match=words) as caught, limit_time(here):
        _for_ever()
    assert f"git config {SETTING} 4" in caught.value.remedy
    assert signal.getsignal(signal.SIGALRM) == before


def test_what_ends_in_time_is_not_touched(here: Git) -> None:
    _set(here, "0")
    with limit_time(here):
        pass
    _set(here, "600")
    with limit_time(here):
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 500
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
