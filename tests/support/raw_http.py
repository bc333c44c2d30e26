"""Requests as bytes on a socket, so that a test can send what no client library would."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple, cast

from registry_tool.manifests.problems import JSON

__all__ = ["NO_ANSWER", "Ask", "RawAnswer", "ask", "connect", "read_answer"]

_PATIENCE: Final = 60.0


class Ask(NamedTuple):
    """A request.

    Attributes:
        method: Any word.
        target: Path and query, already quoted.
        body: The bytes of the body; None for a request without one.
        headers: In addition to ``Host`` and ``Content-Length``; an empty value leaves a header out.
    """

    method: str
    target: str
    body: bytes | None = None
    headers: Mapping[str, str] = {}

    def encode(self) -> bytes:
        """The request on the wire."""
        lines = [f"{self.method} {self.target} HTTP/1.1"]
        given = {"Host": "127.0.0.1"}
        if self.body is not None:
            given |= {"Content-Type": "application/json", "Content-Length": str(len(self.body))}
        lines += [f"{name}: {value}" for name, value in {**given, **self.headers}.items() if value]
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + (self.body or b"")


class RawAnswer(NamedTuple):
    """An answer.

    Attributes:
        status: 0 where the connection was closed without one.
        headers: By name in lower case.
        body: The bytes.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def data(self) -> dict[str, JSON]:
        """The JSON object of the body; empty where it is none."""
        with contextlib.suppress(ValueError):
            found = json.loads(self.body)
            return cast("dict[str, JSON]", found) if isinstance(found, dict) else {}
        return {}


NO_ANSWER: Final = RawAnswer(0, {}, b"")


def connect(port: int) -> socket.socket:
    """A connection to a server of this machine."""
    return socket.create_connection(("127.0.0.1", port), _PATIENCE)


def read_answer(connection: socket.socket) -> RawAnswer:
    """The next answer on a connection; ``NO_ANSWER`` where it is closed instead."""
    answer = http.client.HTTPResponse(connection)
    try:
        answer.begin()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        return RawAnswer(answer.status, headers, answer.read())
    except (ConnectionError, http.client.HTTPException):
        return NO_ANSWER
    finally:
        answer.close()


def ask(port: int, request: Ask | Iterable[bytes]) -> RawAnswer:
    """The answer to a request, or to pieces of a stream; a server that answers early is not sent the rest."""
    pieces = [request.encode()] if isinstance(request, Ask) else request
    with connect(port) as connection:
        for piece in pieces:
            try:
                connection.sendall(piece)
            except ConnectionError:
                break
        return read_answer(connection)
