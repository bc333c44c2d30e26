"""Times always move forward, and one wrong clock dates one commit only."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from registry_tool.live.times import Line, Stamp, claimed_time

DAY = 86_400
NOW = 1_800_000_000


def stamp(number: int, when: int, *, server: bool = False, claimed: int = 0) -> Stamp:
    return Stamp(f"{number:040x}", when, claimed, server)


def line(*stamps: Stamp, now: int = NOW) -> Line:
    return Line().after(stamps, now * 1000)


def test_milliseconds_count_where_the_server_says_them_and_the_second_agrees() -> None:
    found = line(
        stamp(1, 100, server=True, claimed=100_123),
        stamp(2, 101, server=True, claimed=999_999_999),
        stamp(3, 102, claimed=102_500),
    )
    assert list(found.times) == [100_123, 101_000, 102_000]


def test_times_move_forward_whatever_the_clocks_say() -> None:
    found = line(stamp(1, 100), stamp(2, 100), stamp(3, 50), stamp(4, 101))
    assert list(found.times) == [100_000, 100_001, 100_002, 101_000]


def test_a_commit_of_2099_dates_nothing_after_it() -> None:
    future = 4_085_000_000
    found = line(stamp(1, NOW - 100), stamp(2, future), stamp(3, NOW - 50))
    assert list(found.times) == [(NOW - 100) * 1000, (NOW - 100) * 1000 + 1, (NOW - 50) * 1000]


def test_a_day_ahead_of_the_server_does_not_count_even_when_it_has_come() -> None:
    ahead = stamp(2, NOW - 10 * DAY + 2 * DAY)
    server = stamp(3, NOW - 10 * DAY + 60, server=True)
    found = line(stamp(1, NOW - 10 * DAY), ahead, server)
    start = (NOW - 10 * DAY) * 1000
    assert list(found.times) == [start, start + 1, start + 60_000]


def test_a_server_commit_changes_what_was_believed_before_it() -> None:
    first = line(stamp(1, 100), stamp(2, 100 + 2 * DAY))
    assert list(first.times) == [100_000, (100 + 2 * DAY) * 1000]
    later = first.after([stamp(3, 200, server=True)], NOW * 1000)
    assert list(later.times) == [100_000, 100_001, 200_000]
    assert list(first.times) == [100_000, (100 + 2 * DAY) * 1000]


def test_commits_are_found_by_position_and_id() -> None:
    found = line(*(stamp(n, 100 + n) for n in range(1, 40)))
    assert (len(found), found.tip) == (39, f"{39:040x}")
    assert [found.position(f"{n:040x}") for n in (1, 17, 39, 40)] == [1, 17, 39, None]
    assert found.position("no id") is None
    assert found.commit(38) == f"{38:040x}"


def test_two_lines_go_on_from_one() -> None:
    base = line(stamp(1, 100))
    one, other = base.after([stamp(2, 200)], NOW), base.after([stamp(3, 300)], NOW)
    assert one.tip != other.tip
    assert [one.commit(1), other.commit(1)] == [base.tip, base.tip]


def test_only_the_form_of_the_trailer_is_a_time() -> None:
    assert claimed_time("2026-11-30T09:10:11.123Z") == 1_796_029_811_123
    for wrong in (
        "",
        "yesterday",
        "2026-11-30T09:10:11Z",
        "2026-13-30T09:10:11.123Z",
        "2026-11-30T09:10:11.123456Z",
        "9" * 400,
    ):
        assert claimed_time(wrong) == 0


STAMPS = st.lists(
    st.builds(
        stamp,
        st.integers(1, 2**60),
        st.one_of(st.integers(0, NOW + 5 * DAY), st.integers(0, 2**80)),
        server=st.booleans(),
        claimed=st.integers(0, (NOW + 5 * DAY) * 1000),
    ),
    max_size=30,
)


@given(STAMPS, st.integers(0, 30))
def test_moving_step_by_step_comes_to_the_same_times(stamps: list[Stamp], cut: int) -> None:
    whole = line(*stamps)
    walked = line(*stamps[:cut])
    for one in stamps[cut:]:
        walked = walked.after([one], NOW * 1000)
    assert list(walked.times) == list(whole.times)
    assert all(a < b for a, b in zip(whole.times, whole.times[1:], strict=False))
    assert all(time <= (NOW + DAY) * 1000 + 30 for time in whole.times)


@given(STAMPS, st.lists(st.integers(0, 4 * DAY), min_size=30, max_size=30))
def test_time_that_passes_between_the_steps_changes_nothing(
    stamps: list[Stamp], pauses: list[int]
) -> None:
    walked, now = Line(), NOW
    for one, pause in zip(stamps, pauses, strict=False):
        now += pause
        walked = walked.after([one], now * 1000)
    assert list(walked.after([], now * 1000).times) == list(line(*stamps, now=now).times)


def test_a_commit_of_2099_is_judged_once_and_for_all_by_the_next_commit_of_the_server() -> None:
    future = line(stamp(1, NOW - 100), stamp(2, 4_085_000_000))
    assert future.is_unsure
    decided = future.after([stamp(3, NOW, server=True)], NOW * 1000)
    assert not decided.is_unsure
