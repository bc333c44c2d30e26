"""Holding the stage before, and for how long: the graph's order, and clocks that are wrong."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest
from support import git
from support.staged_registries import ALIASES, BOB, NOW, Staged, alias

from registry_tool.checks.comparison import read_published
from registry_tool.git.repository import Repository
from registry_tool.promotion.context import GateInput, GateResult
from registry_tool.promotion.gates.soak import soak_gate

Make = Callable[..., Staged]


@pytest.fixture
def soaking(staged: Make) -> Staged:
    return staged(**{"from": "staging", "soak": "2d"})


def holds(registry: Staged, now: dt.datetime = NOW) -> tuple[GateResult, GateResult]:
    before, soak = registry.ask(now=now)
    return before, soak


def test_nobody_holds_the_stage_before(soaking: Staged) -> None:
    before, soak = holds(soaking)
    assert (before.state, before.explanation) == ("failed", "staging has no version")
    assert before.remedy == "first merge: registry promote nlp/lang-id@2 --to staging"
    assert (soak.state, soak.explanation) == ("failed", "it is not in staging")


def test_another_version_holds_it(soaking: Staged) -> None:
    soaking.commit(alias("staging", "1"))
    assert holds(soaking)[0].explanation == "staging is version 1"


def test_the_stage_before_must_be_held_in_what_is_published(soaking: Staged) -> None:
    before, soak = soaking.ask(change=alias("staging", "2"))
    assert (before.state, soak.state) == ("failed", "failed")


@pytest.mark.parametrize(
    ("at", "state", "words"),
    [
        ("2026-11-19T12:00:00Z", "held", "2 d of 2d, since 2026-11-19 12:00 UTC"),
        ("2026-11-19T12:00:01Z", "failed", "1 d 23 h of 2d, since 2026-11-19 12:00 UTC"),
        ("2026-11-21T11:59:30Z", "failed", "30 s of 2d, since 2026-11-21 11:59 UTC"),
        ("2026-11-21T12:00:00Z", "failed", "0 s of 2d, since 2026-11-21 12:00 UTC"),
        ("2026-11-10T11:18:00+02:00", "held", "11 d 2 h of 2d, since 2026-11-10 09:18 UTC"),
    ],
)
def test_soak(soaking: Staged, at: str, state: str, words: str) -> None:
    commit = soaking.commit(alias("staging", "2"), at=at)
    before, soak = holds(soaking)
    assert (before.state, before.explanation) == ("held", "staging is version 2")
    assert (soak.state, soak.explanation) == (state, f"{words} (commit {commit[:12]})")


def test_what_is_left_is_told(soaking: Staged) -> None:
    soaking.commit(alias("staging", "2"), at="2026-11-20T09:30:00Z")
    assert holds(soaking)[1].remedy == "wait another 21 h 30 min"


def test_words_about_it_do_not_start_it_again(soaking: Staged) -> None:
    soaking.commit(alias("staging", "2"), at="2026-11-15T12:00:00Z")
    soaking.commit(alias("staging", "2", reason="Good."), at="2026-11-20T12:00:00Z")
    soaking.commit(alias("staging", "2", pinned=True), at="2026-11-21T11:00:00Z")
    assert holds(soaking)[1].state == "held"


def test_going_away_and_back_starts_it_again(soaking: Staged) -> None:
    soaking.commit(alias("staging", "2"), at="2026-11-15T12:00:00Z")
    soaking.commit(alias("staging", "1"), at="2026-11-16T12:00:00Z")
    soaking.commit(alias("staging", "2"), at="2026-11-21T06:00:00Z")
    assert holds(soaking)[1].explanation.startswith("6 h of 2d")


def test_a_removal_starts_it_again(soaking: Staged) -> None:
    soaking.commit(alias("staging", "2"), at="2026-11-15T12:00:00Z")
    soaking.commit(deletes=[f"{ALIASES}/staging.yaml"], at="2026-11-20T12:00:00Z")
    soaking.commit(alias("staging", "2"), at="2026-11-21T06:00:00Z")
    assert holds(soaking)[1].state == "failed"


def test_a_slow_clock_shortens_no_wait(soaking: Staged) -> None:
    """The machine that promoted is three days slow; the commit it built on is from today."""
    soaking.commit(at="2026-11-21T09:00:00Z")
    soaking.commit(alias("staging", "2"), at="2026-11-18T09:00:00Z")
    assert holds(soaking)[1].explanation.startswith("3 h of 2d, since 2026-11-21 09:00 UTC")


def test_a_slow_clock_in_a_merged_branch_is_no_excuse(soaking: Staged) -> None:
    git(soaking.root, "switch", "--quiet", "--create", "topic")
    soaking.commit(alias("staging", "2"), at="2026-11-21T10:00:00Z")
    git(soaking.root, "switch", "--quiet", "main")
    git(soaking.root, "merge", "--quiet", "--no-ff", "--no-commit", "topic")
    soaking.commit(at="2026-11-12T10:00:00Z")
    assert holds(soaking)[1].explanation.startswith("2 h of 2d, since 2026-11-21 10:00 UTC")


def test_an_hour_slow_is_an_hour_and_no_more(soaking: Staged) -> None:
    soaking.commit(at="2026-11-19T11:30:00Z")
    soaking.commit(alias("staging", "2"), at="2026-11-19T10:45:00Z")
    assert holds(soaking)[1].explanation.startswith("2 d 30 min of 2d, since 2026-11-19 11:30 UTC")


def test_a_clock_in_the_future_soaks_nothing_and_is_told(soaking: Staged) -> None:
    commit = soaking.commit(alias("staging", "2"), at="2027-01-21T12:00:00Z")
    _, soak = holds(soaking)
    assert soak.state == "failed"
    assert soak.explanation == (
        f"0 of 2d: commit {commit[:12]} is dated 61 d in the future; the soak starts then"
    )
    assert "with a correct one" in soak.remedy
    assert holds(soaking, NOW + dt.timedelta(days=100))[1].state == "held"


def test_a_future_of_no_calendar_is_told_too(soaking: Staged) -> None:
    soaking.commit(alias("staging", "2"), at="@99999999999999 +0000")
    assert holds(soaking)[1].state == "failed"


def test_a_future_commit_before_it_does_not_hold_it_up(soaking: Staged) -> None:
    soaking.commit(at="2030-01-01T00:00:00Z", by=BOB)
    soaking.commit(alias("staging", "2"), at="2026-11-15T12:00:00Z")
    assert holds(soaking)[1].explanation.startswith("6 d of 2d")


def test_without_history_nobody_can_tell(soaking: Staged) -> None:
    soaking.commit(alias("staging", "2"))
    before, soak = soaking.ask(history=False)
    assert (before.state, soak.state) == ("held", "unknown")


def test_a_shallow_clone_does_not_guess(soaking: Staged, tmp_path: Path) -> None:
    soaking.commit(alias("staging", "2"), at="2026-11-15T12:00:00Z")
    soaking.commit(at="2026-11-16T12:00:00Z")
    question = soaking.question()
    for depth in (1, 2, 3):  # 3: the move is there, and what it followed is not
        name = f"shallow-{depth}"
        git(tmp_path, "clone", "--quiet", f"--depth={depth}", f"file://{soaking.root}", name)
        repository = Repository.open(tmp_path / name)
        published = read_published(repository, repository.git.head())
        asked = GateInput(published.base, question.version, question.stage, published.line, NOW)
        from registry_tool.promotion.evaluate import evaluate_gates

        before, soak = evaluate_gates(asked)
        assert before.state == "held"
        assert (soak.state, soak.remedy) == ("unknown", "git fetch --unshallow")
        assert "is a shallow clone" in soak.explanation


def test_a_history_that_says_something_else_is_not_believed(soaking: Staged) -> None:
    """The line does not end at the base: whoever asks made a mistake, and the gate does not hold."""
    old = soaking.line
    soaking.commit(alias("staging", "2"), at="2026-11-15T12:00:00Z")
    asked = soaking.question()
    found = soak_gate(GateInput(asked.base, asked.version, asked.stage, old, NOW), {"soak": "2d"})
    assert found.state == "unknown"
