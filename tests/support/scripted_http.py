"""An HTTP server on this machine whose answers a test decides, and which records what it was asked."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final, NamedTuple

__all__ = ["Answer", "Asked", "ScriptedServer", "scripted_server"]

_POLL: Final = 0.05


class Asked(NamedTuple):
    """A request: its method, target, headers in lower case, and body."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


class Answer(NamedTuple):
    """An answer: its status, body and headers."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = {}


class ScriptedServer:
    """The server.

    Attributes:
        asked: The requests until now, oldest first.
    """

    def __init__(
        self, answer: Callable[[Asked], Answer], port: int, tls: ssl.SSLContext | None = None
    ) -> None:
        self._scheme = "http" if tls is None else "https"
        self.asked: list[Asked] = []
        self._changed = threading.Condition()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                asked = Asked(self.command, self.path, headers, body)
                outer._record(asked)
                found = answer(asked)
                self.send_response(found.status)
                for name, value in found.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(found.body)))
                self.end_headers()
                self.wfile.write(found.body)

            do_GET = _serve  # noqa: N815 (its name there)
            do_POST = _serve  # noqa: N815

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its name there)
                pass

            def handle(self) -> None:
                try:
                    super().handle()
                except ConnectionError:
                    self.close_connection = True

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_POLL,), daemon=True
        )
        self._thread.start()

    def _record(self, asked: Asked) -> None:
        with self._changed:
            self.asked.append(asked)
            self._changed.notify_all()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """Its address, without a slash at its end."""
        return f"{self._scheme}://127.0.0.1:{self.port}"

    def wait_for(self, count: int, *, seconds: float = 30) -> list[Asked]:
        """The requests, once there are this many."""
        return self.wait_until(lambda asked: len(asked) >= count, seconds=seconds)

    def wait_until(
        self, is_enough: Callable[[list[Asked]], bool], *, seconds: float = 30
    ) -> list[Asked]:
        """The requests, once they are enough."""
        with self._changed:
            is_done = self._changed.wait_for(lambda: is_enough(self.asked), seconds)
            assert is_done, f"{len(self.asked)} requests: {self.asked}"
            return [*self.asked]

    def close(self) -> None:
        """Stop it."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def scripted_server(
    answer: Callable[[Asked], Answer] = lambda _: Answer(),
    *,
    port: int = 0,
    tls: ssl.SSLContext | None = None,
) -> Iterator[ScriptedServer]:
    """A server on a free port, or on a given one, with or without TLS, until the block ends."""
    server = ScriptedServer(answer, port, tls)
    try:
        yield server
    finally:
        server.close()
