"""Artifacts in and out, as ratios to what people would use instead: ``python tests/benchmarks/bytes.py``.

Whole processes, cold; in every round ours and theirs run once, one after the other, and the ratio is taken within the
round, because times on a shared machine are noisy. Nothing here asserts a time.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.add_races import add_among
from benchmarks.fetch_races import SHAPES, fetched_from
from benchmarks.races import Race, Setting, own_environment

__all__ = ["SETTINGS", "Result", "measure"]

# What is measured: each makes its races in a folder of its own.
SETTINGS: Mapping[str, Setting] = {
    "add-10": add_among(10),
    "add-2000": add_among(2000),
    "add-folder": add_among(10, "folder"),
    **{
        f"fetch-{shape}-{kind}": fetched_from(kind, shape)
        for kind in ("local", "s3")
        for shape in SHAPES
    },
}


class Result(NamedTuple):
    """A race: the ratios of seconds and of computing, and the medians of the seconds behind them."""

    name: str
    against: str
    goal: float
    median: float
    lowest: float
    highest: float
    cpu: float
    ours: float
    theirs: float


@contextmanager
def _home() -> Iterator[Path]:
    home = Path(tempfile.mkdtemp(prefix="registry-bytes-"))
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _run(race: Race, rounds: int) -> Result:
    """The first round is not counted (byte code, page cache)."""
    taken = []
    for number in range(rounds + 1):
        ours, theirs = race.ours(number), race.theirs(number)
        seconds = f"{ours.seconds:.2f} s, {theirs.seconds:.2f} s"
        print(f"{race.name}, {race.against}: {seconds}", file=sys.stderr)
        taken.append((ours, theirs))
    counted = taken[1:]
    ratios = [ours.seconds / theirs.seconds for ours, theirs in counted]
    return Result(
        race.name, race.against, race.goal,
        statistics.median(ratios), min(ratios), max(ratios),
        statistics.median(ours.cpu / theirs.cpu for ours, theirs in counted),
        statistics.median(ours.seconds for ours, _ in counted),
        statistics.median(theirs.seconds for _, theirs in counted),
    )  # fmt: skip


def measure(names: Sequence[str], rounds: int) -> Iterator[Result]:
    """Run the races of some settings."""
    for name in names:
        with _home() as home:
            env = own_environment(home)
            os.environ.update(env)
            with SETTINGS[name](home, env) as races:
                for race in races:
                    yield _run(race, rounds)


def _row(one: Result) -> str:
    goal = f"≤ {one.goal}" if one.goal else ""
    ratios = f"{one.median:.2f} | {one.lowest:.2f} to {one.highest:.2f} | {one.cpu:.2f}"
    return f"| {one.name} | {one.against} | {goal} | {ratios} | {one.ours:.2f} | {one.theirs:.2f} |"


def main() -> None:
    """Print the table, and with ``--json FILE`` write the figures too."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    parser.add_argument(
        "settings", nargs="*", metavar="SETTING", help=f"of {', '.join(SETTINGS)}; all by default"
    )
    chosen = parser.parse_args()
    unknown = sorted(set(chosen.settings) - SETTINGS.keys())
    if unknown:
        parser.error(f"there is no {', '.join(unknown)}")
    results = [*measure(chosen.settings or list(SETTINGS), chosen.rounds)]
    print("| what | against | goal | ratio | from to | of computing | ours, s | theirs, s |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for one in results:
        print(_row(one))
    if chosen.json:
        data = [one._asdict() for one in results]
        chosen.json.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
