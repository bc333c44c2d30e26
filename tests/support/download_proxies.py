"""A connection whose answers are disturbed at a chosen byte: what a network or a server does to a download."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Literal

__all__ = ["AnswerProxy", "answer_proxy"]

_PIECE = 1 << 16
_Trouble = Literal["stall", "cut", "end"]


class AnswerProxy:
    """Hands connections on to a server, and what it answers back.

    Attributes:
        port: Where it listens, on 127.0.0.1.
        answered: How many bytes of answers went through.
        reached: Set once the chosen byte came.
    """

    def __init__(self, target: int, after: int | None, then: _Trouble) -> None:
        self._target, self._after, self._then = target, after, then
        self._lock = threading.Lock()
        self._moving = threading.Event()
        self._open: list[socket.socket] = []
        self._ended: list[socket.socket] = []
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
                if not self._may_pass(len(data)) and not self._waited():
                    return
                client.sendall(data)
        self._end(client, server)

    def _may_pass(self, size: int) -> bool:
        with self._lock:
            if self._after is None or self.answered + size <= self._after:
                self.answered += size
                return True
            self.reached.set()
            if self._then == "stall":
                self.answered += size  # it is in the proxy, and goes through later if at all
                return False
            if self._then == "cut":
                self._after = None
            else:
                self._end(self._listener)
            self._end(*self._open)
            self._ended += self._open
            self._open = []
        return False

    def _waited(self) -> bool:
        """True once what was stalled may go on."""
        return self._then == "stall" and self._moving.wait()

    def go_on(self) -> None:
        """Let through what is stalled, and all that comes."""
        with self._lock:
            self._after = None
        self._moving.set()

    @staticmethod
    def _end(*ends: socket.socket) -> None:
        for end in ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End every connection, and take no more."""
        self._end(self._listener, *self._open)
        self._moving.set()
        for one in (self._listener, *self._open, *self._ended):
            one.close()


@contextmanager
def answer_proxy(
    target: int, *, after: int | None = None, then: _Trouble = "stall"
) -> Iterator[AnswerProxy]:
    """A proxy before the port of a server.

    Args:
        target: The port.
        after: After so many bytes of answers there is trouble; None for never.
        then: Nothing comes any more until ``go_on``; or all that is open is cut once; or the server is gone for good.
    """
    made = AnswerProxy(target, after, then)
    try:
        yield made
    finally:
        made.close()
