"""What comes over a raw socket ends, is answered or is closed."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterable
from typing import Final

import pytest
import uvicorn
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from registry_tool.server.http import connections
from registry_tool.server.http.connections import BoundedConnection

HOST = b"Host: 127.0.0.1\r\n"
GET = b"GET / HTTP/1.1\r\n" + HOST


class _Impatient(BoundedConnection):
    head_seconds = 0.3
    head_bytes = 1000


async def _app(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("OK")(scope, receive, send)


async def _read(reader: asyncio.StreamReader) -> bytes:
    """What arrives until the end; a server that closes while the client still sends resets the connection."""
    found = b""
    with contextlib.suppress(ConnectionError):
        while piece := await reader.read(65536):
            found += piece
    return found


def _talk(pieces: Iterable[bytes], *, pause: float = 0, keep: float = 3) -> bytes:
    """What a server answers to pieces of a stream until it closes the connection; TimeoutError where it does not."""

    async def run() -> bytes:
        config = uvicorn.Config(_app, http=_Impatient, ws="none", lifespan="off", log_config=None, log_level="error")  # fmt: skip
        config.load()
        state = uvicorn.server.ServerState()
        loop = asyncio.get_running_loop()

        def connection() -> _Impatient:
            return _Impatient(config, state, {})

        async with await loop.create_server(connection, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            answer = asyncio.create_task(_read(reader))
            try:
                for piece in pieces:
                    writer.write(piece)
                    await asyncio.wait({answer}, timeout=pause)
                    if answer.done():
                        break
                async with asyncio.timeout(keep):
                    return await answer
            finally:
                writer.close()
                server.close()
                for one in [*state.connections]:
                    one.shutdown()

    return asyncio.run(run())


def test_a_connection_without_a_request_is_closed() -> None:
    assert _talk([]) == b""


def test_a_slow_head_is_refused() -> None:
    found = _talk([b"GET / HTTP/1.1\r\n", *[b"X: y\r\n"] * 100], pause=0.05)
    assert found.startswith(b"HTTP/1.1 408 ")


def test_a_slow_head_after_an_answer_is_refused() -> None:
    found = _talk([GET + b"\r\n", b"GET /", *[b"a"] * 50], pause=0.05)
    first, _, rest = found.partition(b"OK")
    assert first.startswith(b"HTTP/1.1 200 ")
    assert b"HTTP/1.1 408 " in rest


@pytest.mark.parametrize(
    "piece", [b"X: y\r\n", b"x" * 50, b"Y" * 49 + b":"], ids=["headers", "value", "name"]
)
def test_a_head_that_never_ends_is_refused(piece: bytes) -> None:
    found = _talk([b"GET / HTTP/1.1\r\nX: ", *[piece * 50] * 50], pause=0.001)
    assert found.startswith((b"HTTP/1.1 431 ", b"HTTP/1.1 400 "))


def test_an_endless_address_is_refused() -> None:
    assert _talk([b"GET /", *[b"a" * 500] * 50], pause=0.001).startswith(b"HTTP/1.1 431 ")


def test_an_unread_body_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_LINGER_SECONDS", 0.2)
    head = b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 2000000000\r\n\r\n"
    assert _talk([head, *[b"x"] * 100], pause=0.05).startswith(b"HTTP/1.1 200 ")


def test_many_requests_in_one_piece_are_answered_in_order() -> None:
    last = b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n"
    assert _talk([(GET + b"\r\n") * 20 + last]).count(b"200 OK") == 21


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /\r\n\r\n",
        b"CONNECT a:80 HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x00\xff",
        b"GET /\x00 HTTP/1.1\r\n\r\n",
        b"GET /\xc3\xa9 HTTP/1.1\r\n\r\n",
        b"PROPFINDX / HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
    ids=repr,
)
def test_what_is_no_request_is_refused_and_closed(sent: bytes) -> None:
    found = _talk([sent])
    assert found.startswith(b"HTTP/1.1 400 ") or sent == b"GET /\r\n\r\n"


class _Written(asyncio.Transport):
    """Keeps what is written, a piece for each system call."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.pieces.append(bytes(data))

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self.pieces.append(b"".join(list_of_data))

    def close(self) -> None:
        self.pieces.append(b"(closed)")


@pytest.mark.parametrize(
    ("pieces", "written"),
    [
        ([b"head", b"body"], [b"headbody"]),
        ([b"head", b"b" * 100_000], [b"head" + b"b" * 100_000]),
        ([b"head", b""], [b"head"]),
        ([b"head", b"one", b"two", b"three"], [b"headone", b"twothree"]),
        ([b"head", None, b"body"], [b"head", b"body"]),
    ],
)
def test_writes_that_follow_each_other_are_joined(
    pieces: list[bytes | None], written: list[bytes]
) -> None:
    async def run() -> list[bytes]:
        transport = _Written()
        joined = connections._JoinedWrites(transport, asyncio.get_running_loop())
        for piece in pieces:
            if piece is None:
                await asyncio.sleep(0)
            else:
                joined.write(piece)
        await asyncio.sleep(0)
        joined.write(b"last")
        joined.close()
        return transport.pieces

    assert asyncio.run(run()) == [*written, b"last", b"(closed)"]


class _Forgetful(_Impatient):
    write_seconds = 0.3


async def _read_nothing(app: ASGIApp, *requests: bytes, read: int = 0, pause: float = 0.0, most: float = 5.0) -> float:  # fmt: skip
    """How long a server keeps a connection whose client reads nothing, or ``read`` bytes after each pause."""
    config = uvicorn.Config(app, http=_Forgetful, ws="none", lifespan="off", log_config=None, log_level="error")  # fmt: skip
    config.load()
    state = uvicorn.server.ServerState()
    loop = asyncio.get_running_loop()
    lost = asyncio.Event()

    class Connection(_Forgetful):
        def connection_lost(self, exc: Exception | None) -> None:
            lost.set()
            super().connection_lost(exc)

    async with await loop.create_server(lambda: Connection(config, state, {}), "127.0.0.1", 0) as server:  # fmt: skip
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.setblocking(False)
            await loop.sock_connect(client, server.sockets[0].getsockname())
            for request in requests:
                await loop.sock_sendall(client, request)
            began = loop.time()
            async with asyncio.timeout(most):
                while not lost.is_set():
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(lost.wait(), pause or None)
                    if read and not await loop.sock_recv(client, read):
                        break
            return loop.time() - began


_LARGE: Final = b"x" * (16 << 20)


async def _large(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse(_LARGE)(scope, receive, send)


async def _endless(scope: Scope, receive: Receive, send: Send) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 30_000
            await asyncio.sleep(0)

    await StreamingResponse(pieces())(scope, receive, send)


@pytest.mark.parametrize("app", [_large, _endless], ids=["in memory", "a stream"])
@pytest.mark.parametrize("last", [b"", b"Connection: close\r\n"], ids=["kept", "closing"])
def test_an_answer_that_nobody_reads_is_dropped(app: ASGIApp, last: bytes) -> None:
    assert asyncio.run(_read_nothing(app, GET + last + b"\r\n")) < 3


def test_many_answers_that_are_not_read_are_dropped() -> None:
    assert asyncio.run(_read_nothing(_large, *[GET + b"\r\n"] * 3)) < 3


def test_a_slow_reader_is_answered() -> None:
    with pytest.raises(TimeoutError):  # it still is, after two seconds
        asyncio.run(_read_nothing(_endless, GET + b"\r\n", read=100_000, pause=0.05, most=2))
    with pytest.raises(TimeoutError):
        asyncio.run(_read_nothing(_large, GET + b"\r\n", read=100_000, pause=0.05, most=2))
