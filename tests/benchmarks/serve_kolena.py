"""Uploads of rows through Kolena's protocol against writing and hashing them: ``python tests/benchmarks/serve_kolena.py``.

A load of 100,000 samples is what its client sends: a Parquet file through a signed address, and the call that makes it the next
version of a test case. A load of 100,000 inferences is that of a new model on a suite with these samples. The server checks the
file, digests it, stores it in a DVC remote in a folder, and commits. The other side of the ratio writes the same table to a file
with pyarrow, as the client does, and takes its MD5 and SHA-256. Both are measured in each round, with new rows; the requests are
made without the client, whose own time does not count. The goal is 2.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple, cast

sys.path.insert(0, str(Path(__file__).parents[1]))

import pyarrow as pa
import pyarrow.parquet as pq
from benchmarks.machine import described, load, load_words
from support.wire_clients import ServerProcess, running_server

from registry_tool.manifests.problems import JSON

__all__ = [
    "Round",
    "Wire",
    "Written",
    "hash_rows",
    "make_inferences",
    "make_samples",
    "served_registry",
]

_GOAL: Final = 2.0
Rows = Mapping[str, Sequence[str | bool | None]]


class Round(NamedTuple):
    """One upload, and writing and hashing its rows.

    Attributes:
        ours: Seconds of the upload.
        written: Seconds of writing and hashing.
        ours_cpu: Seconds of the server's processors in that time: what counts on a machine that is busy.
        written_cpu: Those of writing and hashing.
    """

    ours: float
    written: float
    ours_cpu: float
    written_cpu: float


def _read_cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _list_children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


class Wire:
    """The server's calls, one connection each, as the client makes them.

    Args:
        server: The server.
    """

    def __init__(self, server: ServerProcess) -> None:
        self._prefix = f"{server.url}/v1"
        self._pid = server.process.pid

    def measure_cpu(self) -> float:
        """The seconds that the server and the process that checks its files have computed; see proc(5)."""
        return sum(_read_cpu(pid) for pid in (self._pid, *_list_children(self._pid)))

    def ask(
        self, method: str, path: str, body: Mapping[str, JSON] | None = None
    ) -> dict[str, JSON]:
        """One call with a body in JSON."""
        content = None if body is None else json.dumps(body).encode()
        found = self._send(method, f"{self._prefix}/{path}", content, "application/json")
        return cast("dict[str, JSON]", json.loads(found or b"{}"))

    @staticmethod
    def _send(method: str, url: str, content: bytes | None, kind: str) -> bytes:
        headers = {} if content is None else {"Content-Type": kind}
        request = urllib.request.Request(url, content, headers, method=method)
        with urllib.request.urlopen(request, timeout=600) as answer:
            return bytes(answer.read())

    def upload(self, content: bytes) -> str:
        """A load of one chunk; its id."""
        name = str(self.ask("PUT", "batched-load/upload/init")["uuid"])
        url = str(self.ask("GET", f"batched-load/upload/signed-url/{name}")["signed_url"])
        self._send("PUT", url, content, "application/octet-stream")
        return name


def make_samples(count: int, seed: int) -> Rows:
    """The samples of an image data set: where each image is, what is known of it, and the boxes that are in it."""
    source = random.Random(seed)

    def boxes() -> list[JSON]:
        numbers = [round(source.uniform(0, 1920), 2) for _ in range(4 * source.randint(1, 5))]
        corners = [numbers[at : at + 4] for at in range(0, len(numbers), 4)]
        return [{"data_type": "ANNOTATION/LABELED_BOUNDING_BOX", "label": f"class {int(box[0]) % 80}",
                 "top_left": [*box[:2]], "bottom_right": [*box[2:]]} for box in corners]  # fmt: skip

    numbers = range(count)
    return {
        "test_case_name": [None] * count,
        "test_sample_type": ["TEST_SAMPLE/IMAGE"] * count,
        "test_sample": [
            json.dumps({"data_type": "TEST_SAMPLE/IMAGE", "locator": f"s3://images/{seed}/{n:08d}.png"}) for n in numbers
        ],
        "test_sample_metadata": [json.dumps({"camera": n % 17, "lux": round(source.uniform(0, 9e4), 1)}) for n in numbers],
        "ground_truth": [json.dumps({"boxes": boxes(), "data_type": "GROUND_TRUTH/CUSTOM"}) for _ in numbers],
        "remove": [False] * count,
    }  # fmt: skip


class Written(NamedTuple):
    """Rows as a file, and what writing and hashing it takes.

    Attributes:
        content: The file.
        seconds: The time.
        cpu: That of processors.
    """

    content: bytes
    seconds: float
    cpu: float


def hash_rows(rows: Rows, place: Path) -> Written:
    """Write rows to a file and hash it."""
    table = pa.table({name: [*values] for name, values in rows.items()})
    began, computed = time.perf_counter(), time.process_time()
    pq.write_table(table, place)
    content = place.read_bytes()
    hashlib.md5(content, usedforsecurity=False).digest()
    hashlib.sha256(content).digest()
    return Written(content, time.perf_counter() - began, time.process_time() - computed)


@contextmanager
def served_registry(folder: Path) -> Iterator[Wire]:
    """``registry serve`` over a new registry with a storage."""
    (folder / "storage").mkdir()
    command = [sys.executable, "-m", "registry_tool"]
    made = ["init", "models", "--name", "bench", "--remote", str(folder / "storage")]
    subprocess.run([*command, *made], cwd=folder, check=True, capture_output=True)
    with running_server(folder / "models", "--api", "kolena") as server:
        yield Wire(server)


def make_inferences(samples: Rows, seed: int) -> Rows:
    """What a detector says of samples: boxes with scores."""
    source = random.Random(-seed)

    def guess() -> str:
        boxes: list[JSON] = []
        for _ in range(source.randint(1, 5)):
            corners: list[JSON] = [round(source.uniform(0, 1920), 2) for _ in range(4)]
            score = round(source.random(), 6)
            boxes.append({"data_type": "ANNOTATION/SCORED_LABELED_BOUNDING_BOX", "label": f"class {int(score * 80)}",
                          "score": score, "top_left": corners[:2], "bottom_right": corners[2:]})  # fmt: skip
        return json.dumps({"boxes": boxes, "data_type": "INFERENCE/CUSTOM"}, sort_keys=True)

    known = samples["test_sample"]
    return {"test_sample": known, "inference": [guess() for _ in known]}


def _measure(wire: Wire, rows: Rows, place: Path, path: str, body: Mapping[str, JSON]) -> Round:
    """Write and hash rows; upload them, with the call that names the load."""
    written = hash_rows(rows, place / "rows")
    began, computed = time.perf_counter(), wire.measure_cpu()
    wire.ask("PUT", path, {**body, "uuid": wire.upload(written.content)})
    seconds, cpu = time.perf_counter() - began, wire.measure_cpu() - computed
    return Round(seconds, written.seconds, cpu, written.cpu)


def _begin_case(wire: Wire, number: int) -> dict[str, JSON]:
    """The edit of a new test case, without its load."""
    new: dict[str, JSON] = {"name": f"case {number}", "description": "", "workflow": "w"}
    case = wire.ask("POST", "generic/test-case/create", new)
    return {"test_case_id": case["id"], "current_version": 0, "description": "", "reset": True}


def measure_samples(wire: Wire, count: int, rounds: int, place: Path) -> list[Round]:
    """Upload samples of new test cases, and write and hash the same, in turns; the first round imports."""
    return [
        _measure(wire, make_samples(count, number), place, "generic/test-case/edit", _begin_case(wire, number))
        for number in range(1, rounds + 2)
    ][1:]  # fmt: skip


def _begin_suite(wire: Wire, samples: Rows, place: Path) -> JSON:
    """A suite with one test case that has the samples; its id."""
    load_id = wire.upload(hash_rows(samples, place / "rows").content)
    case = wire.ask("PUT", "generic/test-case/edit", {**_begin_case(wire, 0), "uuid": load_id})
    new: dict[str, JSON] = {"name": "suite", "description": "", "workflow": "w"}
    suite = wire.ask("POST", "generic/test-suite/create", new)
    edit = {"test_suite_id": suite["id"], "current_version": 0, "name": "suite", "description": ""}
    return wire.ask("POST", "generic/test-suite/edit", {**edit, "test_case_ids": [case["id"]]})["id"]  # fmt: skip


def measure_inferences(wire: Wire, count: int, rounds: int, place: Path) -> list[Round]:
    """Upload inferences of all samples of a suite by new models, and write and hash the same, in turns."""
    samples = make_samples(count, 0)
    suite = _begin_suite(wire, samples, place)

    def measure(number: int) -> Round:
        model: dict[str, JSON] = {"name": f"m{number}", "metadata": {}, "workflow": "w"}
        new = {
            "model_id": wire.ask("POST", "generic/model/create", model)["id"],
            "test_suite_id": suite,
        }
        run = wire.ask("PUT", "generic/test-run/create-or-retrieve", {**new, "evaluator": "Judge"})
        rows = make_inferences(samples, number)
        path = "generic/test-run/upload-inferences"
        return _measure(wire, rows, place, path, {**run, "reset": False})

    return [measure(number) for number in range(rounds + 1)][1:]


def print_rounds(what: str, found: Sequence[Round]) -> None:
    """Print one line for each round, and the ratios."""
    for one in found:
        print(f"{what}: {one.ours:.3f} s, written and hashed in {one.written:.3f} s; processors {one.ours_cpu:.3f} s and {one.written_cpu:.3f} s")  # fmt: skip
    ratio = statistics.median(one.ours / one.written for one in found)
    cpu = statistics.median(one.ours_cpu / one.written_cpu for one in found)
    met = "met" if ratio <= _GOAL else "NOT met"
    print(f"{what}: median ratio {ratio:.2f}, goal {_GOAL}: {met}; of processors {cpu:.2f}")


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)  # fmt: skip
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    loads = [load()]
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        os.environ.update({"XDG_CACHE_HOME": f"{place}/cache", "XDG_STATE_HOME": f"{place}/state"})
        with served_registry(place) as wire:
            found = {
                "samples": measure_samples(wire, given.rows, given.rounds, place),
                "inferences": measure_inferences(wire, given.rows, given.rounds, place),
            }
    print("; ".join(described().values()), load_words([*loads, load()]))
    for what, measured in found.items():
        print_rounds(f"{given.rows:,} {what}", measured)


if __name__ == "__main__":
    main()
