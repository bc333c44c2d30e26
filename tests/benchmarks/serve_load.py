"""Load on a server over HTTP with keep-alive: the same requests to ours and to the peer."""

from __future__ import annotations

import json
import socket
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
    "make_fresh",
    "parse_object",
    "run_load",
    "send",
]

_TIMEOUT: Final = 120.0
_PIECE: Final = 1 << 18


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
        answers: How many were successful.
    """

    per_second: float
    median: float
    slow: float
    failures: Mapping[str, int]
    answers: int = 0


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


def make_fresh(calls: Calls) -> Calls:
    """The same requests; those that read have a parameter that no server knows, another one each."""

    def call(number: int) -> Call:
        found = calls(number)
        if found.method != "GET":
            return found
        return found._replace(path=f"{found.path}{'&' if '?' in found.path else '?'}nonce={number}")

    return call


class Connection:
    """A connection that is kept, and made again after a failure.

    It reads no more of HTTP than it needs: with ``http.client`` the load took more processor time than our answers, on a
    machine that server and load share.

    Args:
        url: The address of the server.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._address = parts.hostname or "", parts.port or 80
        self._host = f"Host: {parts.netloc}\r\n"
        self._socket: socket.socket | None = None
        self._rest = b""

    def answer(self, call: Call) -> tuple[int, bytes]:
        """Status and body.

        Raises:
            OSError: The connection broke.
        """
        status, _, body = self._exchange(call)
        return status, body

    def header(self, call: Call, name: str) -> str:
        """A header of the answer."""
        return self._exchange(call)[1].get(name.lower(), "")

    def _exchange(self, call: Call) -> tuple[int, Mapping[str, str], bytes]:
        headers = "".join(f"{key}: {value}\r\n" for key, value in call.headers.items())
        if call.body:
            headers += f"Content-Type: application/json\r\nContent-Length: {len(call.body)}\r\n"
        head = f"{call.method} {call.path} HTTP/1.1\r\n{self._host}{headers}\r\n"
        try:
            if self._socket is None:
                self._socket = socket.create_connection(self._address, _TIMEOUT)
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket.sendall(head.encode() + call.body)
            return self._read()
        except OSError:
            self.close()
            raise

    def _read(self) -> tuple[int, Mapping[str, str], bytes]:
        while (end := self._rest.find(b"\r\n\r\n")) < 0:
            self._rest += self._receive()
        first, *lines = self._rest[:end].decode("latin-1").split("\r\n")
        self._rest = self._rest[end + 4 :]
        status = int(first[9:12])
        pairs = (line.partition(":") for line in lines)
        headers = {key.lower(): value.strip() for key, _, value in pairs}
        if "chunked" in headers.get("transfer-encoding", ""):
            body = b"".join(iter(self._chunk, b""))
        else:
            bodiless = status in {204, 304}
            body = b"" if bodiless else self._take(int(headers.get("content-length", "0")))
        if headers.get("connection", "").lower() == "close":
            self.close()
        return status, headers, body

    def _chunk(self) -> bytes:
        while (end := self._rest.find(b"\r\n")) < 0:
            self._rest += self._receive()
        size, self._rest = int(self._rest[:end].partition(b";")[0], 16), self._rest[end + 2 :]
        return self._take(size + 2)[:-2]

    def _take(self, size: int) -> bytes:
        pieces, found = [self._rest], len(self._rest)
        while found < size:
            pieces.append(self._receive())
            found += len(pieces[-1])
        whole = b"".join(pieces)
        self._rest = whole[size:]
        return whole[:size]

    def _receive(self) -> bytes:
        piece = b"" if self._socket is None else self._socket.recv(_PIECE)
        if not piece:
            raise ConnectionError("the server closed the connection")
        return piece

    def close(self) -> None:
        """Close it."""
        if self._socket is not None:
            self._socket.close()
        self._socket, self._rest = None, b""


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
    return Load(len(times) / spent, median(times) * 1e3, slow * 1e3, failures, len(times))


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
