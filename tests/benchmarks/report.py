"""The report: a table of all rows, each row at each size with its plot, and the same as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.figures import Measured, spread
from benchmarks.machine import load_words
from benchmarks.plots import plot
from benchmarks.rows import Results, Row
from benchmarks.units import cost_words, spread_words

__all__ = ["Outcome", "Report", "write_report"]

_FEW = 10
_MET = {True: "yes", False: "**no**", None: "-"}


class Outcome(NamedTuple):
    """One row, as it came out.

    Attributes:
        row: Which.
        results: By size; empty where it failed.
        failure: Why it could not be measured; empty where it was.
    """

    row: Row
    results: Results
    failure: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the goal is held; None where that is not told."""
        return self.row.goal.holds(self.results) if self.results else None


class Report(NamedTuple):
    """All that was found.

    Attributes:
        outcomes: In the order of the table.
        machine: What measured, by name.
        peers: Versions of what was compared with, by name; empty for what is missing.
        loads: The machine's load, seen before each measurement.
        minutes: How long it took.
    """

    outcomes: Sequence[Outcome]
    machine: Mapping[str, str]
    peers: Mapping[str, str]
    loads: Sequence[float]
    minutes: float


def _cost(costs: Sequence[float], unit: str) -> str:
    return cost_words(spread(costs).median, unit) if costs else "-"


def _growth(results: Results) -> str:
    small, large = min(results), max(results)
    if small == large:
        return "-"
    factor = spread(results[large].ours).median / spread(results[small].ours).median
    return f"{factor:.2g}" if factor < _FEW else f"{factor:,.0f}"


def _link(row: Row) -> str:
    return f"[{row.name}](#{row.name}): {row.work}"


def _line(outcome: Outcome) -> str:
    row, results = outcome.row, outcome.results
    if not results:
        return f"| {_link(row)} | {row.goal.words} | - | - | - | - | - | {_MET[None]} |"
    size = max(results)
    found = results[size]
    ratio = "-" if found.ratio is None else spread_words(found.ratio)
    return (
        f"| {_link(row)} | {row.goal.words or 'none'} | {size:,} | {_cost(found.ours, row.unit)}"
        f" | {_cost(found.peer, row.unit)} | {ratio} | {_growth(results)} | {_MET[outcome.met]} |"
    )


def _table(outcomes: Sequence[Outcome]) -> Iterator[str]:
    yield "| work | goal | versions | ours | peer | ours ÷ peer (lowest to highest) | growth | met |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    yield from map(_line, outcomes)


def _detail(size: int, found: Measured, unit: str) -> str:
    low, high = spread(found.ours).lowest, spread(found.ours).highest
    reach = f"{cost_words(low, unit)} to {cost_words(high, unit)}"
    ratio = "-" if found.ratio is None else spread_words(found.ratio)
    return (
        f"| {size:,} | {_cost(found.ours, unit)} ({reach}) | {_cost(found.peer, unit)} | {ratio}"
        f" | {len(found.ours)} | {found.load:.1f} | {found.note} |"
    )


def _section(outcome: Outcome) -> Iterator[str]:
    row = outcome.row
    yield f"\n### {row.name}\n"
    yield f"{row.work[0].upper()}{row.work[1:]}. Against: {row.against}.\n"
    if outcome.failure:
        yield f"Could not be measured: {outcome.failure}\n"
    if not outcome.results:
        return
    yield "| versions | ours (lowest to highest) | peer | ours ÷ peer | rounds | load | notes |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for size, found in sorted(outcome.results.items()):
        yield _detail(size, found, row.unit)
    yield f"\n![{row.name}: cost by size]({row.name}.svg)"


def _markdown(report: Report) -> Iterator[str]:
    yield "# Benchmarks\n"
    yield f"{', '.join(v for k, v in report.machine.items() if v and k != 'cores')}; {load_words(report.loads)};"
    yield f"{report.minutes:.0f} minutes.\n"
    known = (f"{name} {version or 'not installed'}" for name, version in report.peers.items())
    yield f"Compared with {', '.join(known)}.\n"
    yield "Medians over rounds; in each round everything that is compared runs once, so a busy machine slows both."
    yield "Trust the ratios, not the times. A goal is judged at the largest size, where that can be told. Growth is"
    yield "the cost at the largest size by the cost at the smallest.\n"
    yield from _table(report.outcomes)
    for outcome in report.outcomes:
        yield from _section(outcome)


def _data(outcome: Outcome) -> dict[str, object]:
    row = outcome.row
    return {
        "row": row.name, "work": row.work, "against": row.against, "goal": row.goal.words,
        "unit": row.unit, "met": outcome.met, "failure": outcome.failure,
        "results": {
            str(size): {
                "ours": list(found.ours), "peer": list(found.peer), "load": found.load,
                "note": found.note,
                "ratio": None if found.ratio is None else found.ratio._asdict(),
            }
            for size, found in sorted(outcome.results.items())
        },
    }  # fmt: skip


def write_report(report: Report, folder: Path) -> None:
    """Write ``report.md``, ``report.json`` and an SVG for each row that was measured."""
    folder.mkdir(parents=True, exist_ok=True)
    data = {
        "machine": dict(report.machine), "peers": dict(report.peers), "loads": list(report.loads),
        "minutes": report.minutes, "rows": [_data(outcome) for outcome in report.outcomes],
    }  # fmt: skip
    (folder / "report.json").write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
    (folder / "report.md").write_text("\n".join(_markdown(report)) + "\n", encoding="utf-8")
    for outcome in report.outcomes:
        if outcome.results:
            place = folder / f"{outcome.row.name}.svg"
            place.write_text(plot(outcome.row, outcome.results), encoding="utf-8")
