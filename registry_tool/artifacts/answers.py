"""Questions to web servers and their answers, whose bytes are read as they come."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse
from threading import Event
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from registry_tool.artifacts.connections import Connections, Host, host_of, route_to
from registry_tool.artifacts.refusals import Refusals

__all__ = ["BEYOND", "PART", "WHOLE", "Answer", "AnswerError", "Body", "Client"]

WHOLE: Final = 200
PART: Final = 206
BEYOND: Final = 416
_BUSY: Final = frozenset({429, 500, 502, 503, 504})
_TRIES: Final = 4
_PAUSE: Final = 0.2
_REST: Final = 1 << 20


class AnswerError(Exception):
    """The server said no.

    Attributes:
        status: Of HTTP.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"HTTP {status} {reason}".strip())
        self.status = status


@dataclass(frozen=True)
class Answer:
    """An answer whose bytes are still to be read."""

    response: HTTPResponse
    connection: HTTPConnection
    host: Host

    @property
    def status(self) -> int:
        """Of HTTP."""
        return self.response.status

    def read(self, size: int) -> bytes:
        """At most so many bytes.

        Raises:
            OSError: It broke off.
            HTTPException: The server speaks no HTTP.
        """
        data = self.response.read(size)
        if not data and size and self.response.length:  # http.client takes this for the end
            raise ConnectionResetError(f"{self.response.length} bytes before the end")
        return data


@dataclass(frozen=True)
class Body:
    """The bytes of an answer, as a ``Readable``; none where there are none at the offset."""

    answer: Answer
    refusals: Refusals

    def read(self, size: int, /) -> bytes:
        """See ``Readable``.

        Raises:
            RemoteTrouble: It broke off.
        """
        if self.answer.status == BEYOND:
            return b""
        with self.refusals.asking("broke off"):
            return self.answer.read(size)

    def rest(self, size: int) -> bytes:
        """All that is left, about so many bytes."""
        return b"".join(iter(lambda: self.read(size), b""))


class Client:
    """Asks servers over kept connections.

    Args:
        connections: To whom.
    """

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def get(self, url: str, headers: Mapping[str, str]) -> Answer:
        """One question; a kept connection that the server ended meanwhile is replaced.

        Raises:
            OSError: The server cannot be reached.
            HTTPException: It speaks no HTTP.
            ValueError: It is no web address.
        """
        host, parts = host_of(url), urlsplit(url)
        route = route_to(host)
        target = urlunsplit(("", "", parts.path or "/", parts.query, ""))
        if route.is_proxied and host.scheme == "http":
            target, headers = url, {**headers, **route.headers}
        while True:
            kept = self._connections.kept(host)
            connection = kept or self._connections.fresh(host)
            try:
                connection.request("GET", target, headers=headers)
                return Answer(connection.getresponse(), connection, host)
            except (HTTPException, OSError):
                connection.close()
                if kept is None:
                    raise

    def patiently(self, ask: Callable[[], Answer]) -> Answer:
        """Ask again while the server is busy, after longer and longer pauses."""
        answer = ask()
        for tried in range(1, _TRIES):
            if answer.status not in _BUSY:
                break
            self.done_with(answer)
            Event().wait(_PAUSE * 2**tried)
            answer = ask()
        return answer

    def done_with(self, answer: Answer) -> None:
        """Keep a connection that was read to the end, and end another."""
        left = answer.response.length
        if not answer.response.isclosed() and left is not None and left < _REST:
            try:
                answer.response.read()
            except (HTTPException, OSError):
                answer.connection.close()
                return
        if answer.response.isclosed() and not answer.response.will_close:
            self._connections.keep(answer.host, answer.connection)
        else:
            answer.connection.close()

    def close(self) -> None:
        """End the connections that nobody uses."""
        self._connections.close()
