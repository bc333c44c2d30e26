"""What the registry costs, against its peers: ``python tests/benchmarks/run.py --sizes 1000,10000,100000 --out DIR``.

Registries of each size are generated once and kept; the work is done on copies. Every row of the table is measured as a
ratio to a peer, or to ``python -c pass``, in the same run: each round runs every candidate once, so that a
busy machine slows both. Written are ``report.md``, ``report.json`` and a plot of each row's growth. Nothing here
asserts a time. The peers come with ``pip install -e ".[bench]"``; docs/benchmarks.md tells what the rows mean.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

# This folder's modules are imported by their whole names, and must not stand in for others'.
sys.path.pop(0)
sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import checking_rows, machine, reading_rows, remote_rows, start_rows, writing_rows
from benchmarks.corpus import CORPORA, make_corpus
from benchmarks.figures import Effort, Measured
from benchmarks.peers import Peers, find_peers
from benchmarks.report import Outcome, Report, write_report
from benchmarks.rows import Row
from benchmarks.scene import Scene, environment
from benchmarks.units import count_words

ROWS = (
    *start_rows.ROWS,
    *reading_rows.ROWS,
    *checking_rows.ROWS,
    *writing_rows.ROWS,
    *remote_rows.ROWS,
)
_SHM = Path("/dev/shm")
_ROOM = 3 << 30  # for a checkout of 100,000 versions


class Bench:
    """One run of the suite.

    Args:
        corpora: Where generated registries are kept.
        place: A folder on a disk.
        memory: A folder in memory, or on the disk too.
        peers: Which peers there are.
        effort: How long to measure each row.
    """

    def __init__(
        self, *, corpora: Path, place: Path, memory: Path, peers: Peers, effort: Effort
    ) -> None:
        self._corpora, self._place, self._memory = corpora, place, memory
        self._peers, self._effort = peers, effort
        self.loads: list[float] = [machine.load()]
        self._results: dict[str, dict[int, Measured]] = {}
        self._failures: dict[str, str] = {}

    def measure(self, rows: Sequence[Row], versions: int) -> None:
        """Measure rows at one size; one that fails does not keep the others from it."""
        self._corpora.mkdir(parents=True, exist_ok=True)
        _say(f"{versions:,} versions")
        corpus = make_corpus(self._corpora / f"{count_words(versions)}.git", versions=versions)
        scene = Scene(
            corpus, versions, place=self._place, memory=self._memory, peers=self._peers,
            effort=self._effort,
        )  # fmt: skip
        try:
            for row in rows:
                if row.largest is None or versions <= row.largest:
                    self._measure(row, scene)
        finally:
            scene.clear()

    def _measure(self, row: Row, scene: Scene) -> None:
        start = time.monotonic()
        load, words = machine.load(), "measured"
        self.loads.append(load)
        try:
            found = row.measure(scene)._replace(load=load)
            self._results.setdefault(row.name, {})[scene.versions] = found
        except Exception as exc:  # noqa: BLE001 (an hour of figures is not lost for one row)
            words = f"{type(exc).__name__}: {exc}".split("\n", 1)[0][:300]
            self._failures[row.name] = f"at {scene.versions:,} versions: {words}"
        _say(f"  {row.name}: {words}, {time.monotonic() - start:.0f} s")

    def outcomes(self, rows: Sequence[Row]) -> list[Outcome]:
        """How each row came out."""
        return [
            Outcome(row, self._results.get(row.name, {}), self._failures.get(row.name, ""))
            for row in rows
        ]


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


@contextlib.contextmanager
def _workshop() -> Iterator[tuple[Path, Path]]:
    """A folder on a disk and one in memory, for a while; where memory has no room, both are on the disk."""
    with contextlib.ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="registry-bench-")))
        if not (_SHM.is_dir() and shutil.disk_usage(_SHM).free > _ROOM):
            yield place / "disk", place / "memory"
            return
        memory = tempfile.TemporaryDirectory(prefix="registry-bench-", dir=_SHM)
        yield place, Path(stack.enter_context(memory))


def _sizes(words: str) -> list[int]:
    sizes = sorted({int(word.replace("_", "")) for word in words.split(",")})
    if sizes[0] < 20:
        raise argparse.ArgumentTypeError("the smallest registry has 20 versions")
    return sizes


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--sizes", type=_sizes, default=[1000, 10_000, 100_000], metavar="N,N", help="in versions"
    )
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument(
        "--patience", type=float, default=60.0, metavar="S",
        help="begin no further round of a row after so many seconds",
    )  # fmt: skip
    parser.add_argument(
        "--only", action="append", metavar="ROW", choices=[row.name for row in ROWS],
        help=f"may be repeated: {', '.join(row.name for row in ROWS)}",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, default=Path("build/benchmarks"), metavar="DIR")
    parser.add_argument(
        "--corpora", type=Path, default=CORPORA,
        metavar="DIR", help="where generated registries are kept",
    )  # fmt: skip
    parser.add_argument("--no-peers", action="store_true", help="measure without them")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and write the report; the exit code is 1 when a row could not be measured."""
    chosen = _arguments(arguments)
    start = time.monotonic()
    rows = [row for row in ROWS if not chosen.only or row.name in chosen.only]
    peers = find_peers(wanted=not chosen.no_peers)
    with _workshop() as (place, memory):
        os.environ.update(environment(place / "home"))
        bench = Bench(
            corpora=chosen.corpora, place=place, memory=memory, peers=peers,
            effort=Effort(chosen.rounds, chosen.patience),
        )  # fmt: skip
        for size in chosen.sizes:
            bench.measure(rows, size)
            outcomes = bench.outcomes(rows)
            minutes = (time.monotonic() - start) / 60
            report = Report(outcomes, machine.described(), peers.versions, bench.loads, minutes)
            write_report(report, chosen.out)  # what is there is kept, whatever becomes of the rest
    _say(f"written: {chosen.out / 'report.md'}")
    return 1 if any(outcome.failure for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
