"""Times of commits: milliseconds, always later, and never far ahead of the clock."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_tool.writer.clock import AHEAD, Clock, read_time, write_time

NOW = 1_764_493_811_123


@pytest.fixture
def present(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The clock's time in milliseconds, to be set."""
    found = [NOW]
    monkeypatch.setattr(time, "time_ns", lambda: found[0] * 1_000_000)
    return found


def test_each_time_is_later_than_the_last(present: list[int]) -> None:
    clock = Clock()
    assert [clock.next() for _ in range(3)] == [NOW, NOW + 1, NOW + 2]
    present[0] += 1000
    assert clock.next() == NOW + 1000


def test_a_clock_that_was_set_back_goes_on_by_milliseconds(present: list[int]) -> None:
    clock = Clock(NOW)
    present[0] -= 3_600_000
    assert [clock.next(), clock.next()] == [NOW + 1, NOW + 2]


def test_no_time_is_more_than_a_day_ahead(present: list[int]) -> None:
    clock = Clock(NOW + AHEAD + 1)
    assert clock.next() == NOW
    clock.follow(NOW + AHEAD)
    assert clock.next() == NOW + AHEAD + 1
    assert clock.next() == NOW


@given(st.integers(min_value=0, max_value=253_402_300_799_999))
def test_a_written_time_is_read(moment: int) -> None:
    assert read_time(write_time(moment)) == moment


@pytest.mark.parametrize(
    "text",
    ["", "2026-11-30T09:10:11Z", "2026-13-30T09:10:11.123Z", "2026-11-30T09:10:11.123Z,x", "0"],
)
def test_other_text_is_no_time(text: str) -> None:
    assert read_time(text) is None
