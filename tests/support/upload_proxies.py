"""A connection that is disturbed at a chosen byte: what a network, a server or a cable does to an upload."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Literal

__all__ = ["Proxy", "proxy"]

_PIECE = 1 << 16


class Proxy:
    """Hands connections on to a server until so many bytes went there.

    Attributes:
        port: Where it listens, on 127.0.0.1.
        reached: Set once the bytes are through.
    """

    def __init__(self, target: int, after: int, then: Literal["stall", "cut"]) -> None:
        self._target = target
        self._left = after
        self._then = then
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.reached = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self.reached.is_set() and self._then == "cut":
                    client.close()
                    continue
                server = socket.create_connection(("127.0.0.1", self._target))
                self._open += [client, server]
                for one, other, counted in ((client, server, True), (server, client, False)):
                    threading.Thread(
                        target=self._pass, args=(one, other, counted), daemon=True
                    ).start()

    def _pass(self, one: socket.socket, other: socket.socket, counted: bool) -> None:  # noqa: FBT001
        with suppress(OSError):
            while data := one.recv(_PIECE):
                if counted and not self._may_pass(len(data)):
                    return
                other.sendall(data)
        for end in (one, other):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _may_pass(self, size: int) -> bool:
        with self._lock:
            self._left -= size
            if self._left >= 0:
                return True
        self.reached.set()
        if self._then == "cut":
            self.close()
        return False

    def close(self) -> None:
        """End every connection, and take no more."""
        for end in (self._listener, *self._open):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


@contextmanager
def proxy(target: int, *, after: int, then: Literal["stall", "cut"]) -> Iterator[Proxy]:
    """A proxy before the port of a server; after so many bytes nothing goes through any more, or all is cut."""
    made = Proxy(target, after, then)
    try:
        yield made
    finally:
        made.close()
