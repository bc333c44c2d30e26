"""The clients of the mixed load: reads, searches and writes of two protocols, a person who pushes, a reader of events."""

from __future__ import annotations

import http.client
import json
import subprocess
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from benchmarks.serve_load import Call, Connection, get, parse_object, send
from benchmarks.serve_peers import dotted_name

__all__ = ["Mix", "Pace", "list_clients", "read_events"]

_MLFLOW: Final = "/api/2.0/mlflow"
_VERSION: Final = f"{_MLFLOW}/model-versions"
_MODEL: Final = f"{_MLFLOW}/registered-models"
_KUBEFLOW: Final = "/api/model_registry/v1"
_STEP: Final = 7919  # a prime: neighbours in time are not neighbours in the registry
_EDITS: Final = 8  # of one thing that was created
_UNPAUSED: Final = 2
_ATTEMPTS: Final = 20
_PUSHED_EVERY: Final = 10.0
_SCRAPED_EVERY: Final = 15.0
_READ_AGAIN_EVERY: Final = 120.0  # a reader of events that comes back with Last-Event-ID


@dataclass
class Mix:
    """What the clients share.

    Attributes:
        url: The address of the server.
        models: How many models the corpus has.
        clone: A person's clone of what is served.
        times: Of answers in milliseconds, by kind of request, since they were last taken.
        failures: Answers that were errors, by kind, status and the beginning of the body.
        answers: How many requests were answered, events apart.
        most: After how many answers the load is over; 0 where time says so.
        created: How many versions were created.
        pushed: How many pushes were taken.
        unpaused: How many of them while all clients wrote.
        event_ids: Ids of the events in the order in which they came.
        is_over: Set at the end.
        may_write: Cleared while a person has been refused again and again.
    """

    url: str
    models: int
    clone: Path
    times: dict[str, deque[float]] = field(default_factory=dict)
    failures: Counter[str] = field(default_factory=Counter)
    answers: int = 0
    most: int = 0
    created: int = 0
    pushed: int = 0
    unpaused: int = 0
    event_ids: list[str] = field(default_factory=list)
    is_over: threading.Event = field(default_factory=threading.Event)
    may_write: threading.Event = field(default_factory=threading.Event)

    def note(self, kind: str, began: float) -> None:
        """Note an answer."""
        self.times[kind].append((time.perf_counter() - began) * 1e3)
        self.answers += 1
        if self.most and self.answers >= self.most:
            self.is_over.set()

    def take_times(self) -> dict[str, list[float]]:
        """The times by kind since this was last called, sorted."""
        taken = {}
        for kind, times in self.times.items():
            taken[kind] = sorted(times.popleft() for _ in range(len(times)))
        return taken


@dataclass(frozen=True)
class Pace:
    """How many requests a second of each kind are asked for, over all of its clients; 0 for as many as there can be.

    Attributes:
        reads: Of single things.
        searches: Searches and lists.
        writes: Writes, half of them of each protocol.
        clients: Threads for each of these kinds.
    """

    reads: float
    searches: float
    writes: float
    clients: int


class _Client:
    """One connection, and a moment for its next request."""

    def __init__(self, mix: Mix, kind: str, per_second: float) -> None:
        self._mix = mix
        self._kind = kind
        self._connection = Connection(mix.url)
        self._pause = 1 / per_second if per_second else 0.0
        self._next = time.monotonic()

    def ask(self, call: Call) -> dict[str, object]:
        """Send a request when it is time; the answer, empty for an error, which is noted."""
        self._next = max(self._next + self._pause, time.monotonic())
        self._mix.is_over.wait(self._next - time.monotonic())
        if call.body:
            self._mix.may_write.wait()
        began = time.perf_counter()
        try:
            status, body = self._answer(call)
        except (OSError, http.client.HTTPException) as exc:
            self._mix.failures[f"{self._kind}: {exc!r}"[:300]] += 1
            return {}
        if status < 400:
            self._mix.note(self._kind, began)
            return parse_object(body) if body.startswith(b"{") else {}
        words = f"{self._kind}: {status} {call.path[:80]} {body[:200].decode(errors='replace')}"
        self._mix.failures[words] += 1
        return {}

    def _answer(self, call: Call) -> tuple[int, bytes]:
        try:
            return self._connection.answer(call)
        except (BrokenPipeError, ConnectionResetError, http.client.RemoteDisconnected):
            # The server closed it while the clients paused for a push; nothing was sent.
            return self._connection.answer(call)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def _read_mlflow(mix: Mix, number: int) -> Iterator[Call]:
    for turn in count(number):
        name = dotted_name(turn * _STEP % mix.models)
        yield get(f"{_MODEL}/alias", name=name, alias="production")
        yield get(f"{_VERSION}/get", name=name, version=str(turn % 10 + 1))
        yield get(f"{_MODEL}/get", name=name)


def _read_kubeflow(mix: Mix, number: int) -> Iterator[Call]:
    for turn in count(number):
        name = dotted_name(turn * _STEP % mix.models)
        yield get(f"{_KUBEFLOW}/registered_model", name=name)
        yield get(f"{_KUBEFLOW}/registered_models/{turn % mix.models + 1}")
        yield get(f"{_KUBEFLOW}/registered_models/{turn % mix.models + 1}/versions", pageSize=10)


def _search(mix: Mix, number: int) -> Iterator[Call]:
    for turn in count(number):
        name = dotted_name(turn * _STEP % mix.models)
        yield get(f"{_VERSION}/search", filter=f"name='{name}'", max_results=100)
        yield get(f"{_VERSION}/search", filter="tags.edge='yes'", max_results=100)
        yield get(f"{_MODEL}/search", filter=f"name LIKE 'team-{turn % 50:02}%'", max_results=100)
        query = f"name like '%model-{turn % 100:02}%'"
        yield get(f"{_KUBEFLOW}/registered_models", filterQuery=query, pageSize=100)
        yield get(
            f"{_KUBEFLOW}/model_versions", pageSize=100, orderBy="CREATE_TIME", sortOrder="DESC"
        )


def _write_mlflow(mix: Mix, client: _Client, number: int) -> None:
    for turn in count(number * 1000):
        name = dotted_name(turn * _STEP % mix.models)
        made = client.ask(
            send(
                "POST",
                f"{_VERSION}/create",
                name=name,
                source=f"s3://bucket/{number}/{turn}",
                description=f"Run {turn}.",
            )
        ).get("model_version")
        mix.created += made is not None
        version = made["version"] if isinstance(made, dict) else "1"
        for edit in range(_EDITS // 2):
            text = f"{turn}.{edit}"
            mark = {"name": name, "version": version, "key": "reviewed", "value": text}
            client.ask(send("POST", f"{_VERSION}/set-tag", **mark))
            alias = {"name": name, "alias": f"champion-{edit}", "version": version}
            client.ask(send("POST", f"{_MODEL}/alias", **alias))
        if mix.is_over.is_set():
            return


def _write_kubeflow(mix: Mix, client: _Client, number: int) -> None:
    for turn in count(int(time.time())):
        body = {"name": f"mixed-{number}-{turn}", "description": f"Run {turn}."}
        model = client.ask(send("POST", f"{_KUBEFLOW}/registered_models", **body)).get("id")
        if isinstance(model, str):
            path = f"{_KUBEFLOW}/model_versions"
            version = client.ask(send("POST", path, name="v1", registeredModelId=model)).get("id")
            mix.created += version is not None
            if isinstance(version, str):
                uri = f"https://example.org/{number}/{turn}.onnx"
                path = f"{_KUBEFLOW}/model_versions/{version}/artifacts"
                kind = "model-artifact"
                client.ask(send("POST", path, artifactType=kind, name="weights", uri=uri))
                for edit in range(_EDITS):
                    path = f"{_KUBEFLOW}/model_versions/{version}"
                    client.ask(send("PATCH", path, description=f"Edit {edit} of {turn}."))
        if mix.is_over.is_set():
            return


def _git(clone: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["git", "-C", str(clone), *arguments], capture_output=True, check=False)


def _push(mix: Mix) -> None:
    """A person who commits a file, and pushes it through the hook until it is taken."""
    for turn in count():
        if mix.is_over.wait(_PUSHED_EVERY):
            return
        note = mix.clone / "notes" / f"{turn % 100}.md"
        note.parent.mkdir(exist_ok=True)
        note.write_text(f"Note {turn}.\n", encoding="utf-8")
        _git(mix.clone, "add", "--sparse", "notes")
        _git(mix.clone, "commit", "--quiet", "--message", f"Note {turn}")
        for attempt in range(_ATTEMPTS):
            if attempt >= _UNPAUSED:
                mix.may_write.clear()
            began = time.perf_counter()
            _git(mix.clone, "pull", "--quiet", "--rebase", "origin", "main")
            done = _git(mix.clone, "push", "--quiet", "origin", "HEAD:main")
            if done.returncode == 0:
                mix.note("push", began)
                mix.pushed += 1
                mix.unpaused += attempt < _UNPAUSED
                break
        else:
            mix.failures[f"push: {done.stderr.decode(errors='replace')[-300:]}"] += 1
        mix.may_write.set()


def _scrape(mix: Mix) -> None:
    """A collector of metrics, with a new connection each time."""
    while not mix.is_over.wait(_SCRAPED_EVERY):
        client = _Client(mix, "scrape", 0)
        client.ask(get("/metrics"))
        client.ask(get("/status"))
        client.close()


def read_events(url: str, since: str) -> list[str]:
    """The ids of all events after a commit, in one answer."""
    connection = Connection(url)
    call = Call("GET", f"/events?since={since}", headers={"Accept": "application/x-ndjson"})
    status, body = connection.answer(call)
    connection.close()
    assert status == 200, body[:300]
    return [str(json.loads(line)["id"]) for line in body.splitlines()]


def _follow_events(mix: Mix) -> None:
    """A reader of events that goes after a while, and comes back to where it was."""
    parts = urlsplit(mix.url)
    while not mix.is_over.is_set():
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
        headers = {"Last-Event-ID": mix.event_ids[-1]} if mix.event_ids else {}
        end = time.monotonic() + _READ_AGAIN_EVERY
        try:
            connection.request("GET", "/events", headers=headers)
            with connection.getresponse() as response:
                while time.monotonic() < end and not mix.is_over.is_set():
                    line = response.readline().decode()
                    if line.startswith("id: "):
                        mix.event_ids.append(line[4:].rstrip("\n"))
        except (OSError, http.client.HTTPException) as exc:
            mix.failures[f"events: {exc!r}"[:300]] += 1
        connection.close()


def _reader(mix: Mix, kind: str, per_second: float, calls: Iterator[Call]) -> Callable[[], None]:
    def run() -> None:
        client = _Client(mix, kind, per_second)
        for call in calls:
            if mix.is_over.is_set():
                break
            client.ask(call)
        client.close()

    return run


def _writer(
    mix: Mix,
    kind: str,
    per_second: float,
    work: Callable[[Mix, _Client, int], None],
    number: int,
) -> Callable[[], None]:
    def run() -> None:
        client = _Client(mix, kind, per_second)
        work(mix, client, number)
        client.close()

    return run


def list_clients(mix: Mix, pace: Pace) -> list[threading.Thread]:
    """All clients, not started; ``mix.times`` gets their kinds."""
    runs: list[Callable[[], None]] = []
    for number in range(pace.clients):
        share = pace.clients
        read, search, write = pace.reads / share / 2, pace.searches / share, pace.writes / share / 2
        runs += [
            _reader(mix, "read mlflow", read, _read_mlflow(mix, number)),
            _reader(mix, "read kubeflow", read, _read_kubeflow(mix, number)),
            _reader(mix, "search", search, _search(mix, number)),
            _writer(mix, "write mlflow", write, _write_mlflow, number),
            _writer(mix, "write kubeflow", write, _write_kubeflow, number),
        ]
    runs += [lambda: _push(mix), lambda: _scrape(mix), lambda: _follow_events(mix)]
    kinds = ("read mlflow", "read kubeflow", "search", "write mlflow", "write kubeflow")
    mix.times.update({kind: deque() for kind in (*kinds, "push", "scrape")})
    mix.may_write.set()
    return [threading.Thread(target=run) for run in runs]
