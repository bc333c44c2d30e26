"""The live catalog: what a start, an answer and a move cost: ``python tests/benchmarks/live_catalog.py --sizes 10000,100000``.

Starts are new processes and are compared with ``python -c pass``; everything else is measured in one process, a size
after the other, and compared with the smallest size. Corpora are made once and kept (``--corpora``).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.corpus import CORPORA, MODELS, make_corpus, model_name, version_files
from benchmarks.machine import load, load_words

from registry_tool.git.repository import Repository
from registry_tool.live.filter_mlflow import parse_mlflow_filter
from registry_tool.live.filters import (
    FilterColumn,
    FilterField,
    Scalar,
    compile_filter,
    find_candidates,
)
from registry_tool.live.follow import LiveCatalog
from registry_tool.live.moving import Step, move
from registry_tool.live.pages import RecordListing, changed_term, id_term, read_page
from registry_tool.live.records import Record, VersionRecord
from registry_tool.live.snapshot import Snapshot, free_value
from registry_tool.names import ModelName

_SECONDS = 0.5
_START = """
import json, sys, time
from pathlib import Path
from registry_tool.git.repository import Repository
from registry_tool.live.follow import LiveCatalog
from registry_tool.names import ModelName
found = LiveCatalog(Repository.open(sys.argv[1]), folder=Path(sys.argv[2]))
model = found.snapshot.models[ModelName("team-00", "model-0000")]
assert found.snapshot.alias(model, "production") is not None
memory = next(line for line in open("/proc/self/status") if line.startswith("VmRSS"))
if len(sys.argv) > 3:
    found.save()
print(int(memory.split()[1]) // 1024)
"""


class Start(NamedTuple):
    """One start of a process: until the first answer (a cold one until it is saved), and its memory after the answer."""

    seconds: float
    megabytes: int


def _start(corpus: Path, kept: Path, *saves: str) -> Start:
    began = time.perf_counter()
    command = [sys.executable, "-c", _START, str(corpus), str(kept), *saves]
    done = subprocess.run(command, check=True, capture_output=True)
    return Start(time.perf_counter() - began, int(done.stdout))


def _empty_start() -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    return time.perf_counter() - began


def _cost(work: Callable[[], object]) -> float:
    """Microseconds a call: the median of several runs of a twentieth of the time each."""
    work()
    rounds = []
    for _ in range(9):
        calls, began = 0, time.perf_counter()
        while (spent := time.perf_counter() - began) < _SECONDS / 9 or not calls:
            work()
            calls += 1
        rounds.append(spent / calls)
    return median(rounds) * 1e6


def _tag(field: FilterField) -> FilterColumn:
    def value(record: Record) -> Scalar | None:
        if f'"{field.name}"'.encode() not in getattr(record, "free", b""):
            return None
        found = free_value(record, field.name)
        return found if isinstance(found, str | int | float) else None

    return FilterColumn(value, ("free", field.name))


def _tagged(snapshot: Snapshot) -> Snapshot:
    """Every version tagged, ten in a commit: every second alike, every hundredth in a way of its own."""
    steps: list[Step] = []
    files: dict[str, bytes | None] = {}
    for number, record in enumerate(snapshot.listed("version")):
        assert isinstance(record, VersionRecord)
        tags = {"common": str(number % 2), **({"rare": "yes"} if number % 100 == 0 else {})}
        text = f"schema: metadata/v1\nmetadata: {json.dumps(tags)}\n"
        files[f"models/{record.model}/versions/{record.version}/metadata.yaml"] = text.encode()
        if number % 10 == 9:
            steps.append(Step(f"{number:040x}", 2_000_000_000, "B <b@example.org>", 0, files))
            files = {}
    return move(snapshot, steps, 2 * 10**12)


def _search(snapshot: Snapshot, source: str, size: int) -> list[Record]:
    expression = parse_mlflow_filter(source, "version").expression
    accept = compile_filter(expression, _tag)
    ids = find_candidates(expression, "version", snapshot.indexes, _tag)
    order = (changed_term("record", "metadata", descending=True),)
    return read_page(
        snapshot, RecordListing("version", order, source, ids, accept, is_hint=True), size
    ).records


def _added(snapshot: Snapshot) -> Iterator[Snapshot]:
    """One more version each time, on top of the last."""
    steps = []
    for number in range(5000):
        files = version_files(model_name(number % MODELS), str(1_000_000 + number), number)
        moment = 2_000_000_100 + number
        steps.append(Step(f"{number + 2:040x}", moment, "B <b@example.org>", 0, dict(files)))
    first = snapshot
    while True:
        for step in steps:
            snapshot = move(snapshot, [step], 3 * 10**12)
            yield snapshot
        snapshot = first


def measure(corpus: Path, kept: Path) -> dict[str, float]:
    """Microseconds by kind of work."""
    snapshot = _tagged(LiveCatalog(Repository.open(corpus), folder=kept).snapshot)
    name = ModelName("team-00", "model-0000")
    every = RecordListing("version", (id_term(),), "")
    middle = read_page(
        snapshot, every, len(snapshot.indexes.all_ids("version")) * 9 // 10
    ).next_token
    latest = RecordListing("version", (changed_term(descending=True),), "")
    added = _added(snapshot)
    return {
        "version by alias": _cost(lambda: snapshot.alias(snapshot.models[name], "production")),
        "model by shown name": _cost(lambda: snapshot.model_shown("team-00", "model-0000")),
        "version by id": _cost(lambda: snapshot.record(5000)),
        "its artifacts": _cost(lambda: snapshot.artifacts(snapshot.version(name, "3"))),  # type: ignore[arg-type]
        "first 100 by id": _cost(lambda: read_page(snapshot, every, 100)),
        "first 1,000 by id": _cost(lambda: read_page(snapshot, every, 1000)),
        "1,000 by id, nine tenths on": _cost(lambda: read_page(snapshot, every, 1000, middle)),
        "100 last changed": _cost(lambda: read_page(snapshot, latest, 100)),
        "first 100 with a common tag": _cost(lambda: _search(snapshot, "tags.common = '1'", 100)),
        "first 100 with a rare tag": _cost(lambda: _search(snapshot, "tags.rare = 'yes'", 100)),
        "100 with LIKE on a tag": _cost(lambda: _search(snapshot, "tags.common LIKE '%1'", 100)),
        "one version added": _cost(lambda: next(added)),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="10000,100000", help="versions, comma-separated")
    parser.add_argument("--corpora", type=Path, default=CORPORA)
    chosen = parser.parse_args()
    sizes = [int(size) for size in chosen.sizes.split(",")]
    chosen.corpora.mkdir(parents=True, exist_ok=True)
    loads = [load()]
    costs: dict[int, dict[str, float]] = {}
    print(
        "| start | versions | cold s | warm s | warm against `python -c pass` | MB after cold | MB after warm |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for size in sizes:
        corpus = make_corpus(chosen.corpora / f"{size // 1000}k.git", versions=size)
        with tempfile.TemporaryDirectory() as folder:
            cold = _start(corpus, Path(folder), "saves")
            warm, empty = [], []
            for _ in range(5):
                empty.append(_empty_start())
                warm.append(_start(corpus, Path(folder)))
            ratio = median(w.seconds / e for w, e in zip(warm, empty, strict=True))
            seconds = median(w.seconds for w in warm)
            memory = f"{cold.megabytes} | {warm[0].megabytes}"
            print(
                f"| | {size:,} | {cold.seconds:.1f} | {seconds:.2f} | {ratio:.1f} | {memory} |",
                flush=True,
            )
            costs[size] = measure(corpus, Path(folder))
        loads.append(load())
    print(
        "\n| work | "
        + " | ".join(f"µs at {size:,}" for size in sizes)
        + " | largest against smallest |"
    )
    print("| --- |" + " --- |" * (len(sizes) + 1))
    for name in costs[sizes[0]]:
        found = [costs[size][name] for size in sizes]
        values = " | ".join(f"{value:,.1f}" for value in found)
        print(f"| {name} | {values} | {found[-1] / found[0]:.2f} |")
    print(f"\n{load_words(loads)}")


if __name__ == "__main__":
    main()
