"""What long histories cost: ``python tests/benchmarks/long_series.py --versions 3001 --points 100000``.

One model gets many versions through MLflow's protocol, and one metric many points through each protocol that has metrics of
runs: ModelBox and Kubeflow one point a call, TrueFoundry in its client's batches. Then every point is read back from a server
over a fresh clone, in order, with its step and time. The table says how many commits that were, how wide the folders are, and
how large the repository is, before and after ``git gc``. The suite runs it small (tests/benchmarks/test_long_series.py).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from typing import Final, NamedTuple, Self, cast

sys.path.insert(0, str(Path(__file__).parents[1]))

from support import git
from support.manifests import registry_yaml
from support.modelbox_wire import connect
from support.wire_clients import ServerProcess, running_server
from support.written_trains import bare_registry

from registry_tool.manifests.problems import JSON

__all__ = ["FACES", "Row", "measure_series", "render_rows"]

FACES: Final = ("modelbox", "truefoundry", "kubeflow")
_MLFLOW: Final = "/api/2.0/mlflow"
_TRUEFOUNDRY: Final = "/api/svc/v1"
_KUBEFLOW: Final = "/api/model_registry/v1alpha3"
_BATCH: Final = 1000  # metrics that TrueFoundry's client sends at once
_START: Final = 1_700_000_000
_KEY: Final = "loss"

# A point: step, time in seconds, value.
Point = tuple[int, int, float]


class Row(NamedTuple):
    """What the repository is after one part.

    Attributes:
        what: The part.
        seconds: How long it took.
        commits: How many there are.
        files: How many files the branch has.
        widest: The most entries of a folder.
        objects: Of a folder below ``objects/``.
        bytes: Of the repository.
        packed: The same after ``git gc``.
        stored: Files in the DVC remote, and their bytes.
        read: Seconds of reading all of it back, over a fresh clone.
    """

    what: str
    seconds: float
    commits: int
    files: int
    widest: int
    objects: int
    bytes: int
    packed: int
    stored: tuple[int, int]
    read: float


def make_points(number: int) -> list[Point]:
    """The points of a series; values that a float of 32 bits has exactly, in few digits."""
    return [(step, _START + step, (step % 256) / 256) for step in range(1, number + 1)]


class _Http:
    """One connection for JSON."""

    def __init__(self, server: ServerProcess) -> None:
        self._connection = HTTPConnection("127.0.0.1", server.port, timeout=300)

    def ask(self, method: str, path: str, body: JSON = None) -> dict[str, JSON]:
        """One request, which must succeed."""
        content = None if body is None else json.dumps(body)
        self._connection.request(method, path, content, {"Content-Type": "application/json"})
        answer = self._connection.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise SystemExit(f"{method} {path}: {answer.status} {text[:500]!r}")
        return cast("dict[str, JSON]", json.loads(text))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._connection.close()


def _in_threads(work: Callable[[Iterator[int]], None], number: int, clients: int) -> None:
    """Let some clients take numbers in turn, so that requests that wait are committed together."""
    numbers, gate = count(), threading.Lock()

    def take() -> Iterator[int]:
        while True:
            with gate:
                found = next(numbers)
            if found >= number:
                return
            yield found

    with ThreadPoolExecutor(clients) as pool:
        for done in [pool.submit(work, take()) for _ in range(clients)]:
            done.result()


def add_versions(server: ServerProcess, number: int, clients: int) -> None:
    """Add versions of one model."""
    with _Http(server) as http:
        http.ask("POST", f"{_MLFLOW}/registered-models/create", {"name": "long"})

    def work(numbers: Iterator[int]) -> None:
        with _Http(server) as http:
            for one in numbers:
                source = f"s3://bucket/{one}"
                body: JSON = {"name": "long", "source": source}
                http.ask("POST", f"{_MLFLOW}/model-versions/create", body)

    _in_threads(work, number, clients)


def log_modelbox(server: ServerProcess, points: Sequence[Point], clients: int) -> str:
    """Log points to an experiment; its id."""
    with connect(server.target) as wire:
        owner = str(wire.get("CreateExperiment", name="long")["experiment_id"])

    def work(numbers: Iterator[int]) -> None:
        with connect(server.target) as wire:
            for one in numbers:
                step, at, value = points[one]
                given = {"step": step, "wallclock_time": at, "f_val": value}
                wire.ask("LogMetrics", parent_id=owner, key=_KEY, value=given)

    _in_threads(work, len(points), clients)
    return owner


def read_modelbox(server: ServerProcess, owner: str) -> list[Point]:
    """All points of an experiment."""
    with connect(server.target) as wire:
        (found,) = wire.items("GetMetrics", "metrics", parent_id=owner)
    values = cast("list[dict[str, JSON]]", found["values"])
    return [
        (int(str(one["step"])), int(str(one["wallclock_time"])), float(str(one.get("f_val", 0))))
        for one in values
    ]


def log_truefoundry(server: ServerProcess, points: Sequence[Point], _: int) -> str:
    """Log points to a run; its id."""
    with _Http(server) as http:
        manifest: JSON = {"type": "ml-repo", "name": "long", "storage_integration_fqn": "a:b"}
        repo = http.ask("PUT", f"{_TRUEFOUNDRY}/ml-repos", {"manifest": manifest})["data"]
        number = cast("dict[str, JSON]", repo)["id"]
        made = http.ask("POST", f"{_TRUEFOUNDRY}/runs", {"experiment_id": number, "name": "long"})
        run = str(cast("dict[str, dict[str, JSON]]", made["run"])["info"]["run_id"])
        for start in range(0, len(points), _BATCH):
            metrics: list[JSON] = [
                {"key": _KEY, "step": step, "timestamp": at * 1000, "value": value}
                for step, at, value in points[start : start + _BATCH]
            ]
            http.ask("POST", f"{_TRUEFOUNDRY}/runs/{run}/batch", {"metrics": metrics})
    return run


def read_truefoundry(server: ServerProcess, run: str) -> list[Point]:
    """All points of a run."""
    path = f"{_TRUEFOUNDRY}/runs/{run}/metrics/history?metric_key={_KEY}"
    with _Http(server) as http:
        found = cast("list[dict[str, int]]", http.ask("GET", path)["metrics"])
    return [(one["step"], one["timestamp"] // 1000, float(one["value"])) for one in found]


def log_kubeflow(server: ServerProcess, points: Sequence[Point], clients: int) -> str:
    """Log points to a run; its id."""

    def log(http: _Http, point: Point) -> None:
        step, at, value = point
        metric: JSON = {"artifactType": "metric", "name": _KEY, "step": step, "timestamp": str(at), "value": value}  # fmt: skip
        http.ask("POST", path, metric)

    with _Http(server) as http:
        experiment = http.ask("POST", f"{_KUBEFLOW}/experiments", {"name": "long"})["id"]
        body: JSON = {"name": "long", "experimentId": experiment}
        run = str(http.ask("POST", f"{_KUBEFLOW}/experiment_runs", body)["id"])
        path = f"{_KUBEFLOW}/experiment_runs/{run}/artifacts"
        log(http, points[0])  # the others change it

    def work(numbers: Iterator[int]) -> None:
        with _Http(server) as own:
            for one in numbers:
                log(own, points[one + 1])

    _in_threads(work, len(points) - 1, clients)
    return run


def read_kubeflow(server: ServerProcess, run: str) -> list[Point]:
    """All points of a run."""
    path = f"{_KUBEFLOW}/experiment_runs/{run}/metric_history?name={_KEY}"
    with _Http(server) as http:
        found = cast("list[dict[str, JSON]]", http.ask("GET", path)["items"])
    points = [
        (int(str(one["step"])), int(str(one["timestamp"])), float(str(one["value"])))
        for one in found
    ]
    return sorted(points)  # of calls at once either may be the first


_LOGS: Final = {"modelbox": log_modelbox, "truefoundry": log_truefoundry, "kubeflow": log_kubeflow}
_READS: Final = {"modelbox": read_modelbox, "truefoundry": read_truefoundry, "kubeflow": read_kubeflow}  # fmt: skip


def _size(folder: Path) -> tuple[int, int]:
    files = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    return len(files), sum(files)


def _measure(folder: Path, what: str, seconds: float, read: float) -> Row:
    bare = folder / "bare.git"
    paths = git(bare, "ls-tree", "-r", "-t", "--name-only", "HEAD").splitlines()
    widths = Counter(path.rpartition("/")[0] for path in paths)
    objects = [width for path, width in widths.items() if path.startswith("objects/")]
    loose = _size(bare)[1]
    git(bare, "gc", "--quiet")
    commits = int(git(bare, "rev-list", "--count", "HEAD"))
    return Row(
        what, seconds, commits, len(paths), max(widths.values()), max(objects, default=0),
        loose, _size(bare)[1], _size(folder / "storage"), read,
    )  # fmt: skip


def measure_series(
    folder: Path, *, versions: int, points: int, faces: Sequence[str] = FACES, clients: int = 8
) -> list[Row]:
    """Write long histories, read them back over a fresh clone, and measure the repository after each part.

    Raises:
        AssertionError: A point is missing, or out of order.
    """
    (folder / "storage").mkdir()
    config = (
        f"[core]\n    remote = storage\n['remote \"storage\"']\n    url = {folder / 'storage'}\n"
    )
    # The 3,001st version of a model is refused unless a registry's policy allows it.
    settings = registry_yaml(rules={"R303": "warn"})
    bare = bare_registry(folder, {".dvc/config": config, "registry.yaml": settings})
    rows = [_measure(folder, "nothing yet", 0.0, 0.0)]
    given = make_points(points)
    if versions:
        began = time.perf_counter()
        with running_server(bare) as server:
            add_versions(server, versions, clients)
        rows.append(_measure(folder, f"{versions} versions", time.perf_counter() - began, 0.0))
    for face in faces:
        options = ("--api", face)
        began = time.perf_counter()
        with running_server(bare, *options) as server:
            owner = _LOGS[face](server, given, clients)
        seconds = time.perf_counter() - began
        git(folder, "clone", "--quiet", "--bare", str(bare), f"{face}.git")
        git(folder / f"{face}.git", "remote", "remove", "origin")
        env = {"REGISTRY_CACHE": str(folder / f"cache-{face}")}
        with running_server(folder / f"{face}.git", *options, "--read-only", env=env) as server:
            began = time.perf_counter()
            found = _READS[face](server, owner)
            read = time.perf_counter() - began
        assert len(found) == points, f"{face}: {len(found)} of {points} points"
        assert found == given, f"{face}: the points are not those that were logged"
        rows.append(_measure(folder, f"{points} points, {face}", seconds, read))
    return rows


def render_rows(rows: Sequence[Row]) -> Iterator[str]:
    """The lines of the table; counts and bytes are totals."""
    yield "| after | seconds | commits | files | widest folder | in objects/ | repository | after gc | DVC remote | read back |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    for row in rows:
        number, size = row.stored
        cells = (
            row.what, f"{row.seconds:.0f}", row.commits, row.files, row.widest, row.objects, f"{row.bytes >> 10} KiB",
            f"{row.packed >> 10} KiB", f"{number} files, {size >> 10} KiB", f"{row.read:.2f} s",
        )  # fmt: skip
        yield f"| {' | '.join(map(str, cells))} |"


def main() -> None:
    """Run it and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--versions", type=int, default=3001)
    parser.add_argument("--points", type=int, default=100_000)
    parser.add_argument("--faces", default=",".join(FACES))
    parser.add_argument("--clients", type=int, default=8)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["REGISTRY_CACHE"] = str(folder / "cache")
        faces = [one for one in chosen.faces.split(",") if one]
        rows = measure_series(
            folder, versions=chosen.versions, points=chosen.points, faces=faces, clients=chosen.clients
        )  # fmt: skip
        print("\n".join(render_rows(rows)))
        checked = subprocess.run(
            [sys.executable, "-m", "registry_tool", "check", "--all", "--repo", folder / "bare.git"],
            check=False, capture_output=True, text=True,
        )  # fmt: skip
        print(checked.stdout.strip().splitlines()[-1:])


if __name__ == "__main__":
    main()
