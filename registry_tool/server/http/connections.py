"""One connection: uvicorn's, with bounds on the head of a request, on unread bodies and answers, and one write an answer.

uvicorn has one timeout, between requests (https://www.uvicorn.org/settings/#timeouts); httptools bounds neither the size nor
the time of a head. So a client could keep a connection open for ever, or fill the memory, with headers that never end. An
answer waits in memory until its client reads it, and closing a connection waits too: only ``abort`` drops what is left.

uvicorn writes the head of an answer and its body apart: two system calls, two packets, and a client that wakes twice. They
were two fifths of the time of a small answer.
"""

from __future__ import annotations

import asyncio
import struct
import sys
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

__all__ = ["WRITE_SECONDS", "BoundedConnection"]

_COPIED: Final = 64 << 10  # from here on, two pieces in one system call are cheaper than a copy
_HEAD_SECONDS: Final = 15.0
_HEAD_BYTES: Final = 64 << 10  # the bound of h11, uvicorn's other parser
WRITE_SECONDS: Final = 30.0
"""How long a client may read next to nothing of what waits for it."""
_LEAST_READ: Final = 16 << 10  # bytes in that time; a modem of 1990 reads more
_LINGER_SECONDS: Final = (
    2.0  # an answer is lost when its connection closes while the client still sends
)


def _count_unread(transport: asyncio.Transport) -> int:
    """How many bytes wait for the client in this process; where there are some, with those that the system has for it.

    The system takes more only when a third of its megabytes is free, which says little about a slow client.
    """
    waiting = transport.get_write_buffer_size()
    connection = transport.get_extra_info("socket")
    if not waiting or connection is None or sys.platform == "win32":
        return waiting
    import fcntl
    import termios

    try:
        (queued,) = struct.unpack("i", fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, bytes(4)))
    except OSError:  # not a socket of TCP, or closed
        return waiting
    return waiting + int(queued)


class _JoinedWrites(asyncio.Transport):
    """A transport that joins a write with the one that follows it at once: the head of an answer with its body.

    Args:
        transport: Where it writes.
        loop: That of the connection.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._transport = transport
        self._loop = loop
        self._held = b""
        self._is_scheduled = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """See ``asyncio.WriteTransport``; what no write follows is written when the loop goes on."""
        if self._held:
            held, self._held = self._held, b""
            if len(data) < _COPIED:
                self._transport.write(held + data)
            else:
                self._transport.writelines((held, data))
            return
        self._held = bytes(data)
        if not self._is_scheduled:
            self._is_scheduled = True
            self._loop.call_soon(self._flush)

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        """See ``asyncio.WriteTransport``."""
        self.write(b"".join(list_of_data))

    def _flush(self) -> None:
        self._is_scheduled = False
        self._write_held()

    def _write_held(self) -> None:
        held, self._held = self._held, b""
        if held:
            self._transport.write(held)

    def close(self) -> None:
        """See ``asyncio.BaseTransport``: what was written is sent before."""
        self._write_held()
        self._transport.close()

    def can_write_eof(self) -> bool:
        """See ``asyncio.WriteTransport``."""
        return self._transport.can_write_eof()

    def write_eof(self) -> None:
        """See ``asyncio.WriteTransport``: what was written is sent before."""
        self._write_held()
        self._transport.write_eof()

    def get_write_buffer_size(self) -> int:
        """See ``asyncio.WriteTransport``."""
        return len(self._held) + self._transport.get_write_buffer_size()

    def abort(self) -> None:
        """See ``asyncio.WriteTransport``."""
        self._held = b""
        self._transport.abort()

    def is_closing(self) -> bool:
        """See ``asyncio.BaseTransport``."""
        return self._transport.is_closing()

    def pause_reading(self) -> None:
        """See ``asyncio.ReadTransport``."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """See ``asyncio.ReadTransport``."""
        self._transport.resume_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:  # as in typeshed
        """See ``asyncio.BaseTransport``."""
        return self._transport.get_extra_info(name, default)


class BoundedConnection(HttpToolsProtocol):
    """A connection whose requests have bounded heads, whose answers are read in time, and which ends after an early answer.

    Attributes:
        head_seconds: How long a head may take, from the connection or the first byte on.
        head_bytes: How large it may be; the piece in which the bound is crossed may cross it by its size.
        write_seconds: How long the client may read next to nothing of what waits for it.
    """

    head_seconds = _HEAD_SECONDS
    head_bytes = _HEAD_BYTES
    write_seconds = WRITE_SECONDS

    _deadline: asyncio.TimerHandle | None = None
    _write_clock: asyncio.TimerHandle | None = None
    _unread = 0
    _is_paused = False
    _has_drained = False
    _is_refused = False
    _is_reading_head = False
    _is_reading_body = False
    _read = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """See ``asyncio.Protocol``."""
        super().connection_made(_JoinedWrites(transport, self.loop))
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """See ``asyncio.Protocol``."""
        self._stop_clock()
        if self._write_clock is not None:
            self._write_clock.cancel()
            self._write_clock = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """See ``asyncio.Protocol``."""
        if self._is_refused or self.transport.is_closing():
            return
        super().data_received(data)
        if self._is_reading_head:
            self._read += len(data)
            if self._read > self.head_bytes:
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    @property
    def _is_answering(self) -> bool:
        cycle: RequestResponseCycle | None = (
            self.cycle
        )  # None before the first request, other than uvicorn declares
        return cycle is not None and not cycle.response_complete

    def on_message_begin(self) -> None:
        """See ``HttpToolsProtocol``."""
        super().on_message_begin()
        self._is_reading_head = True
        self._read = 0
        if self._deadline is None:
            self._expect_head()

    def on_headers_complete(self) -> None:
        """See ``HttpToolsProtocol``."""
        self._is_reading_head = False
        self._is_reading_body = True
        self._stop_clock()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """See ``HttpToolsProtocol``."""
        self._is_reading_body = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """See ``HttpToolsProtocol``."""
        super().on_response_complete()
        if self.transport.is_closing():
            self._watch_reader()
        elif self._is_reading_body:
            self._stop_clock()
            self._deadline = self.loop.call_later(_LINGER_SECONDS, self._close)

    def pause_writing(self) -> None:
        """See ``asyncio.BaseProtocol``."""
        super().pause_writing()
        self._is_paused = True
        self._watch_reader()

    def resume_writing(self) -> None:
        """See ``asyncio.BaseProtocol``."""
        self._is_paused, self._has_drained = False, True
        super().resume_writing()

    def timeout_keep_alive_handler(self) -> None:
        """See ``HttpToolsProtocol``."""
        super().timeout_keep_alive_handler()
        self._watch_reader()

    def _watch_reader(self) -> None:
        """Begin to watch whether the client reads what waits for it.

        Only while writing is paused, or the connection closes: then nothing is added, so a size says what was read.
        """
        if self._write_clock is None:
            self._unread, self._has_drained = _count_unread(self.transport), False
            self._write_clock = self.loop.call_later(self.write_seconds, self._drop_stalled_reader)

    def _drop_stalled_reader(self) -> None:
        self._write_clock = None
        unread = _count_unread(self.transport)
        if not unread or not (self._is_paused or self.transport.is_closing()):
            return
        if unread > self._unread - _LEAST_READ and not self._has_drained:
            self.transport.abort()
        else:
            self._watch_reader()

    def _close(self) -> None:
        self.transport.close()
        self._watch_reader()

    def _expect_head(self) -> None:
        self._deadline = self.loop.call_later(self.head_seconds, self._end_slow_head)

    def _end_slow_head(self) -> None:
        self._deadline = None
        if self._is_reading_head:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)
        elif not self.transport.is_closing():
            self._close()

    def _refuse(self, status: HTTPStatus) -> None:
        """Answer and close, unless an earlier request of the connection is still being answered: then only close."""
        if self._is_refused or self.transport.is_closing():
            return
        if self._is_answering:
            self._close()
            return
        head = f"HTTP/1.1 {status.value} {status.phrase}\r\n"
        self.transport.write(f"{head}content-length: 0\r\nconnection: close\r\n\r\n".encode())
        self._is_refused = True
        self._stop_clock()
        self._deadline = self.loop.call_later(_LINGER_SECONDS, self._close)
        if self.transport.can_write_eof():
            self.transport.write_eof()

    def _stop_clock(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
