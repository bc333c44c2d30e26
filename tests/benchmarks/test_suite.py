"""The suite runs, whole and small, without peers, so that it cannot rot. No time is asserted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from benchmarks.figures import Candidate, Effort, Measured, interleaved, repeated
from benchmarks.plots import plot
from benchmarks.processes import peak_memory
from benchmarks.rows import (
    Goal,
    Results,
    Row,
    Test,
    cost_at_most,
    either,
    every,
    flat,
    ratio_at_most,
)
from benchmarks.units import cost_words, count_words, ratio_words
from benchmarks.warm import Warm, Worker

_RUN = Path(__file__).with_name("run.py")


def _run(out: Path, *arguments: str) -> dict[str, Any]:
    command = [sys.executable, str(_RUN), "--rounds", "1", "--no-peers", "--out", str(out)]
    done = subprocess.run(
        [*command, "--corpora", str(out / "corpora"), *arguments],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads((out / "report.json").read_text())
    return found


def test_every_row_is_measured(tmp_path: Path) -> None:
    found = _run(tmp_path, "--sizes", "20")
    assert len(found["rows"]) > 20
    for row in found["rows"]:
        assert row["failure"] == ""
        assert min(row["results"]["20"]["ours"]) > 0, row["row"]
        assert ET.parse(tmp_path / f"{row['row']}.svg").getroot().tag.endswith("svg")
    goals = [row for row in found["rows"] if row["goal"]]
    assert len(goals) == 18
    assert "left out: --no-peers" in (tmp_path / "report.md").read_text(encoding="utf-8")


def test_growth_is_told_and_chosen_rows_only(tmp_path: Path) -> None:
    found = _run(tmp_path, "--sizes", "20,40", "--only", "move", "--only", "remote-another")
    assert [row["row"] for row in found["rows"]] == ["move", "remote-another"]
    assert [list(row["results"]) for row in found["rows"]] == [["20", "40"]] * 2
    assert "<polyline" in (tmp_path / "move.svg").read_text(encoding="utf-8")


def test_each_round_runs_every_candidate_and_begins_with_another() -> None:
    ran: list[str] = []

    def candidate(name: str) -> Candidate:
        def run() -> float:
            ran.append(name)
            return 1.0

        return run

    costs = interleaved({name: candidate(name) for name in "abc"}, Effort(3))
    assert "".join(ran) == "abcbcacab"
    assert costs == {name: [1.0] * 3 for name in "abc"}


def test_without_patience_there_is_one_round() -> None:
    assert interleaved({"a": lambda: 1.0}, Effort(5, patience=-1.0)) == {"a": [1.0]}


def test_a_short_call_is_repeated_and_told_how_often_it_ran() -> None:
    told: list[int] = []
    assert repeated(told.append)() > 0
    assert told == list(range(len(told)))
    assert len(told) > 1


_SLOWER = {10: Measured((1.0, 3.0), (1.0, 1.0)), 100: Measured((4.0, 4.0), (1.0, 1.0))}
_ALONE = {10: Measured((1.0,))}


@pytest.mark.parametrize(
    ("test", "results", "said"),
    [
        (ratio_at_most(4), _SLOWER, True),
        (ratio_at_most(3.9), _SLOWER, False),
        (ratio_at_most(4), _ALONE, None),
        (cost_at_most(1), _ALONE, True),
        (flat(1.0), _SLOWER, True),
        (flat(0.9), _SLOWER, False),
        (flat(0.9), {10: _SLOWER[10]}, None),
        (every(cost_at_most(1), ratio_at_most(4)), _ALONE, None),
        (every(cost_at_most(0), ratio_at_most(4)), _ALONE, False),
        (either(cost_at_most(1), ratio_at_most(4)), _ALONE, True),
        (either(cost_at_most(0), ratio_at_most(4)), _ALONE, None),
    ],
)
def test_goals_are_held_or_not_or_not_told(
    test: Test, results: Results, *, said: bool | None
) -> None:
    assert test(results) is said


def test_a_ratio_is_taken_within_the_round() -> None:
    ratio = Measured((1.0, 10.0, 3.0), (1.0, 5.0, 1.0)).ratio
    assert ratio is not None
    assert tuple(ratio) == (2.0, 1.0, 3.0)


def test_words() -> None:
    assert [cost_words(v, "s") for v in (2.5, 0.0125, 3e-5)] == ["2.50 s", "12.5 ms", "30.0 µs"]
    assert [cost_words(v, "B") for v in (7, 2e6)] == ["7.00 B", "2.00 MB"]
    assert [ratio_words(v) for v in (0.01, 0.25, 0.8, 123.4)] == ["1/100", "1/4.0", "0.80", "123"]
    assert [count_words(v) for v in (40, 1000, 1500)] == ["40", "1k", "1500"]


def test_a_plot_shows_both_lines_and_escapes_words() -> None:
    row = Row("a<b", "", "", Goal("", cost_at_most(1)), lambda _: _ALONE[10])
    root = ET.fromstring(plot(row, _SLOWER))
    kinds = [line.get("class") for line in root.iter("{http://www.w3.org/2000/svg}polyline")]
    assert kinds == ["ours", "peer"]


def test_a_worker_makes_its_candidate_elsewhere_and_tells_its_note() -> None:
    with Worker(lambda: Warm(lambda: float(os.getpid()), "ready")) as worker:
        assert worker.note == "ready"
        assert worker.run() == worker.run() != os.getpid()


def test_a_worker_that_fails_says_so() -> None:
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        Worker(lambda: Warm(lambda: 1.0, str(1 / 0)))
    with Worker(lambda: Warm(lambda: 1 / 0)) as worker, pytest.raises(RuntimeError, match="Zero"):
        worker.run()


def test_memory_is_that_of_the_processes_a_command_starts(tmp_path: Path) -> None:
    fill = "import time; x = b'x' * 50_000_000; time.sleep(0.3)"
    inner = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {fill!r}])"
    ours, git = peak_memory([sys.executable, "-c", inner], folder=tmp_path, env=dict(os.environ))
    assert 50e6 < ours < 120e6
    assert git == 0
