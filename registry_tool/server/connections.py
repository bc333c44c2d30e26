"""One connection: uvicorn's, with bounds on the head of a request and on unread bodies, and one write an answer.

uvicorn has one timeout, between requests (https://www.uvicorn.org/settings/#timeouts); httptools bounds neither the size nor
the time of a head. So a client could keep a connection open for ever, or fill the memory, with headers that never end.

uvicorn writes the head of an answer and its body apart: two system calls, two packets, and a client that wakes twice. They
were two fifths of the time of a small answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

__all__ = ["BoundedConnection"]

_COPIED: Final = 64 << 10  # from here on, two pieces in one system call are cheaper than a copy
_HEAD_SECONDS: Final = 15.0
_HEAD_BYTES: Final = 64 << 10  # the bound of h11, uvicorn's other parser
_LINGER_SECONDS: Final = (
    2.0  # an answer is lost when its connection closes while the client still sends
)


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
    """A connection whose requests have bounded heads, and which ends after an answer that came before the whole request.

    Attributes:
        head_seconds: How long a head may take, from the connection or the first byte on.
        head_bytes: How large it may be; the piece in which the bound is crossed may cross it by its size.
    """

    head_seconds = _HEAD_SECONDS
    head_bytes = _HEAD_BYTES

    _deadline: asyncio.TimerHandle | None = None
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
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """See ``asyncio.Protocol``."""
        if self.transport.is_closing():
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
        if self._is_reading_body and not self.transport.is_closing():
            self._stop_clock()
            self._deadline = self.loop.call_later(_LINGER_SECONDS, self.transport.close)

    def _expect_head(self) -> None:
        self._deadline = self.loop.call_later(self.head_seconds, self._end_slow_head)

    def _end_slow_head(self) -> None:
        self._deadline = None
        if self._is_reading_head:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)
        elif not self.transport.is_closing():
            self.transport.close()

    def _refuse(self, status: HTTPStatus) -> None:
        """Answer and close, unless an earlier request of the connection is still being answered: then only close."""
        if self.transport.is_closing():
            return
        if not self._is_answering:
            head = f"HTTP/1.1 {status.value} {status.phrase}\r\n"
            self.transport.write(f"{head}content-length: 0\r\nconnection: close\r\n\r\n".encode())
        self.transport.close()

    def _stop_clock(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
