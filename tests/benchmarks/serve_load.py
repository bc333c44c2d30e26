"""Load on a server over HTTP with keep-alive: the same requests to ours and to the peer."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from itertools import count
from multiprocessing import get_context
from multiprocessing.synchronize import Event
from statistics import median
from typing import Final, NamedTuple
from urllib.parse import urlencode, urlsplit

from registry_tool.manifests.problems import JSON

__all__ = [
    "Call",
    "Calls",
    "Connection",
    "Load",
    "background_load",
    "get",
    "parse_object",
    "run_load",
    "send",
]

_TIMEOUT: Final = 120.0


class Call(NamedTuple):
    """One request.

    Attributes:
        method: In upper case.
        path: With its query.
        body: JSON; empty for none.
        headers: Further ones.
    """

    method: str
    path: str
    body: bytes = b""
    headers: Mapping[str, str] = {}


# The request with a number; numbers are given out once, over all clients.
Calls = Callable[[int], Call]


class Load(NamedTuple):
    """What came of a load.

    Attributes:
        per_second: Successful answers a second.
        median: Of an answer, in milliseconds.
        slow: The 95th percentile, in milliseconds.
        failures: Other answers by status, with the body of the first.
    """

    per_second: float
    median: float
    slow: float
    failures: Mapping[str, int]


def get(path: str, **query: object) -> Call:
    """A request that reads."""
    return Call("GET", f"{path}?{urlencode(query, doseq=True)}" if query else path)


def send(method: str, path: str, **body: JSON) -> Call:
    """A request with a body."""
    return Call(method, path, json.dumps(body).encode())


def parse_object(body: bytes) -> dict[str, object]:
    """An answer that is an object."""
    found: dict[str, object] = json.loads(body)
    return found


class Connection:
    """A connection that is kept, and made again after a failure.

    Args:
        url: The address of the server.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(
            parts.hostname or "", parts.port, timeout=_TIMEOUT
        )

    def answer(self, call: Call) -> tuple[int, bytes]:
        """Status and body.

        Raises:
            OSError: The connection broke.
            HTTPException: Likewise.
        """
        headers = {"Content-Type": "application/json"} if call.body else {}
        try:
            self._connection.request(
                call.method, call.path, call.body or None, {**headers, **call.headers}
            )
            with self._connection.getresponse() as response:
                return response.status, response.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            raise

    def header(self, call: Call, name: str) -> str:
        """A header of the answer."""
        self._connection.request(call.method, call.path, headers=dict(call.headers))
        with self._connection.getresponse() as response:
            response.read()
            return response.headers.get(name, "")

    def close(self) -> None:
        """Close it."""
        self._connection.close()


def run_load(
    url: str, calls: Calls, *, clients: int = 8, seconds: float = 3.0, first: int = 0
) -> Load:
    """Let some clients ask for some seconds, each as soon as it has its answer.

    Args:
        url: The address of the server.
        calls: What is asked.
        clients: How many threads, each with a connection of its own.
        seconds: How long.
        first: The first number that ``calls`` gets.
    """
    numbers = count(first)
    times: list[float] = []
    failures: Counter[str] = Counter()
    end = time.perf_counter() + seconds

    def client() -> None:
        connection = Connection(url)
        while (began := time.perf_counter()) < end:
            status, body = connection.answer(calls(next(numbers)))
            if status < 400:
                times.append(time.perf_counter() - began)
            else:
                failures[f"{status} {body[:200].decode(errors='replace')}"] += 1
        connection.close()

    began = time.perf_counter()
    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    spent = time.perf_counter() - began
    if not times:
        return Load(0.0, float("nan"), float("nan"), failures)
    slow = sorted(times)[int(len(times) * 0.95)]
    return Load(len(times) / spent, median(times) * 1e3, slow * 1e3, failures)


def _until(stop: Event, url: str, calls: Calls, clients: int, first: int) -> None:
    while not stop.is_set():
        run_load(url, calls, clients=clients, seconds=0.5, first=first)
        first += 100_000


class background_load:  # noqa: N801 (a context manager, as contextlib.suppress)
    """Load from a process of its own, while the block runs."""

    def __init__(self, url: str, calls: Calls, *, clients: int = 8, first: int = 0) -> None:
        fork = get_context("fork")
        self._stop = fork.Event()
        self._process = fork.Process(target=_until, args=(self._stop, url, calls, clients, first))

    def __enter__(self) -> None:
        self._process.start()
        time.sleep(0.5)

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._process.join()
