"""A web server for objects that counts what it is asked and misbehaves on demand: for tests of what a reader does.

It serves a folder as nginx would, with ranges and kept connections, and by a plan breaks off, is busy or forgets ranges.
"""

from __future__ import annotations

import base64
import re
import ssl
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

__all__ = ["ObjectServer", "serving"]

_RANGE = re.compile(r"bytes=([0-9]+)-([0-9]*)")
_CHUNK = 64 << 10


class ObjectServer:
    """What is served, how, and what was asked.

    Attributes:
        folder: What is served.
        asked: How often each path was asked for.
        ranges: The ranges that were asked for, in their order.
        sent: How many bytes of bodies were sent.
        connections: How many connections were made.
        ignores_ranges: True to send all of it always.
        breaks_after: Once so many bytes of a body were sent, the connection is closed; None never.
        breaks: How often that happens.
        busy: How many requests are answered with 503.
        login: The user and password that are demanded.
        rate: Bytes a second of each connection; None for all that goes.
        moved_to: Where requests are sent on to.
        closes_quietly: True to end each connection after an answer without saying so.
        headers: Those of each request.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: Counter[str] = Counter()
        self.ranges: list[str] = []
        self.sent = 0
        self.connections = 0
        self.ignores_ranges = False
        self.breaks_after: int | None = None
        self.breaks = 0
        self.busy = 0
        self.login: tuple[str, str] | None = None
        self.rate: int | None = None
        self.moved_to = ""
        self.closes_quietly = False
        self.headers: list[Mapping[str, str]] = []
        self.scheme = "http"
        self.guard = threading.Lock()
        self.port = 0

    @property
    def url(self) -> str:
        """Where it is."""
        return f"{self.scheme}://127.0.0.1:{self.port}/store"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # headers and a small body in one packet
    plan: ClassVar[ObjectServer]

    def setup(self) -> None:
        super().setup()
        with self.plan.guard:
            self.plan.connections += 1

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class's name)
        pass

    def _refused(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _is_busy(self) -> bool:
        with self.plan.guard:
            self.plan.busy -= 1
            return self.plan.busy >= 0

    def _may_enter(self) -> bool:
        if self.plan.login is None:
            return True
        wanted = base64.b64encode(":".join(self.plan.login).encode()).decode()
        return self.headers.get("Authorization") == f"Basic {wanted}"

    def do_GET(self) -> None:
        plan, asked = self.plan, self.headers.get("Range", "")
        path = self.path.partition("/store/")[2]
        with plan.guard:
            plan.asked[path] += 1
            plan.ranges += [asked] if asked else []
            plan.headers.append(dict(self.headers))
        self.close_connection = self.close_connection or plan.closes_quietly
        if self._is_busy():
            return self._refused(503)
        if plan.moved_to:
            return self._refused(302, Location=f"{plan.moved_to}/{path}")
        if not self._may_enter():
            return self._refused(401, WWW_Authenticate='Basic realm="store"')
        file = plan.folder / path
        if not file.is_file():
            return self._refused(404)
        return self._send(file, asked)

    def _send(self, file: Path, asked: str) -> None:
        size = file.stat().st_size
        match = None if self.plan.ignores_ranges else _RANGE.fullmatch(asked)
        start = int(match[1]) if match else 0
        stop = min(int(match[2]) + 1, size) if match and match[2] else size
        if match and start >= size:
            return self._refused(416, Content_Range=f"bytes */{size}")
        self.send_response(206 if match else 200)
        if match:
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{size}")
        self.send_header("Content-Length", str(stop - start))
        self.end_headers()
        with file.open("rb") as stream:
            stream.seek(start)
            self._body(iter(lambda: stream.read(min(_CHUNK, stop - stream.tell())), b""))
        return None

    def _body(self, chunks: Iterator[bytes]) -> None:
        sent, since = 0, time.monotonic()
        for chunk in chunks:
            if self._breaks(sent):
                self.close_connection = True
                return
            try:
                self.wfile.write(chunk)
            except ConnectionError:  # the reader had enough
                self.close_connection = True
                return
            sent += len(chunk)
            with self.plan.guard:
                self.plan.sent += len(chunk)
            if self.plan.rate:
                time.sleep(max(0.0, sent / self.plan.rate - (time.monotonic() - since)))

    def _breaks(self, sent: int) -> bool:
        plan = self.plan
        with plan.guard:
            if plan.breaks_after is None or sent < plan.breaks_after or plan.breaks < 1:
                return False
            plan.breaks -= 1
            return True


@contextmanager
def serving(folder: Path, certificate: ssl.SSLContext | None = None) -> Iterator[ObjectServer]:
    """A server on a free port, which ends with the block."""
    plan = ObjectServer(folder)
    handler = type("Handler", (_Handler,), {"plan": plan})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        plan.port = server.server_port
        if certificate is not None:
            plan.scheme = "https"
            server.socket = certificate.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield plan
        finally:
            server.shutdown()
            thread.join()
