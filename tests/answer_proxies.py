"""A connection whose answers are disturbed at a chosen byte: what a network or a server does to a download."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Literal

__all__ = ["AnswerProxy", "answer_proxy"]

_PIECE = 1 << 16


class AnswerProxy:
    """Hands connections on to a server, and what it answers back.

    Attributes:
        port: Where it listens, on 127.0.0.1.
        answered: How many bytes of answers went through.
        reached: Set once the chosen byte came.
    """

    def __init__(self, target: int, after: int | None, then: Literal["stall", "cut"]) -> None:
        self._target, self._after, self._then = target, after, then
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.answered = 0
        self.reached = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
                with self._lock:
                    self._open += [client, server]
                threading.Thread(target=self._ask, args=(client, server), daemon=True).start()
                threading.Thread(target=self._answer, args=(server, client), daemon=True).start()

    def _ask(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(_PIECE):
                server.sendall(data)
        self._end(client, server)

    def _answer(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(_PIECE):
                if not self._may_pass(len(data)):
                    return
                client.sendall(data)
        self._end(client, server)

    def _may_pass(self, size: int) -> bool:
        """False from the chosen byte on; after a cut of all that is open, the way is free again."""
        with self._lock:
            if self._after is None or self.answered + size <= self._after:
                self.answered += size
                return True
            self.reached.set()
            if self._then == "cut":
                self._after = None
                self._end(*self._open)
                self._open.clear()
        return False

    @staticmethod
    def _end(*ends: socket.socket) -> None:
        for end in ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End every connection, and take no more."""
        self._end(self._listener, *self._open)
        for one in (self._listener, *self._open):
            one.close()


@contextmanager
def answer_proxy(
    target: int, *, after: int | None = None, then: Literal["stall", "cut"] = "stall"
) -> Iterator[AnswerProxy]:
    """A proxy before the port of a server; after so many bytes of answers nothing comes any more, or all is cut once."""
    made = AnswerProxy(target, after, then)
    try:
        yield made
    finally:
        made.close()
