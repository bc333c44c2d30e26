from __future__ import annotations

import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from urllib3.util import Timeout

from registry_tool.artifacts.remotes.errors import ErrorTranslator
from registry_tool.artifacts.remotes.http_client import (
    Body,
    HttpClient,
    basic_auth,
    parse_address,
)
from registry_tool.errors import RemoteError

ERRORS = ErrorTranslator("storage", "the remote storage", "http")


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


class Replies:
    """What a server sends, and what it was sent."""

    def __init__(self, *replies: bytes) -> None:
        self.left = list(replies)
        self.requests: list[str] = []
        self.sent = 0
        self.ended = threading.Event()  # a server that says no more keeps the connection until then
        self.ended.set()


@contextmanager
def answering(replies: Replies) -> Iterator[str]:
    """A server that sends one prepared reply per connection, and closes it."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            lines = []
            while (line := self.rfile.readline()) not in {b"\r\n", b""}:
                lines.append(line.decode())
            replies.requests.append("".join(lines))
            data = replies.left.pop(0)
            try:
                for start in range(0, len(data), 1 << 16):
                    self.wfile.write(data[start : start + (1 << 16)])
                    replies.sent += 1 << 16
            except ConnectionError:
                return
            replies.ended.wait(10)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def client(read: float = 5) -> HttpClient:
    return HttpClient(Timeout(connect=5, read=read), "")


def test_a_busy_server_does_not_decide_how_long_we_wait_nor_how_much_we_read() -> None:
    """urllib3's own retries would wait for a day, and read all of the error first."""
    busy = b"HTTP/1.1 503 Busy\r\nRetry-After: 86400\r\nContent-Length: 99999999999\r\n\r\n"
    endless = b"HTTP/1.1 429 Slow\r\nTransfer-Encoding: chunked\r\n\r\n10000\r\n" + b"x" * (
        64 << 20
    )
    fine = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone"
    replies = Replies(busy + b"x" * (64 << 20), endless, fine)
    http, since = client(), time.monotonic()
    with answering(replies) as url:
        response = http.retry_while_busy(lambda: http.get(f"{url}/x", {}))
        assert Body(response, ERRORS).read_all(100) == b"done"
        http.finish(response)
    assert time.monotonic() - since < 60
    assert replies.sent < 64 << 20


def test_an_error_that_stays_is_returned() -> None:
    replies = Replies(*[b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"] * 4)
    http = client()
    with answering(replies) as url:
        assert http.retry_while_busy(lambda: http.get(url, {})).status == 503
    assert replies.left == []


def test_a_body_that_ends_early_is_an_error() -> None:
    replies = Replies(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort")
    http = client()
    with answering(replies) as url:
        body = Body(http.get(f"{url}/x", {}), ERRORS)
        with pytest.raises(RemoteError, match="stopped sending: the connection closed early"):
            body.read_all(100)


def test_a_silent_server_is_not_waited_for_longer_than_the_settings_say() -> None:
    replies, http = Replies(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"), client(read=0.2)
    replies.ended.clear()
    with answering(replies) as url:
        body = Body(http.get(f"{url}/x", {}), ERRORS)
        with pytest.raises(RemoteError, match=r"stopped sending: it cannot be reached .*timed out"):
            body.read(10)
        replies.ended.set()


def test_redirects_are_left_to_the_caller() -> None:
    replies = Replies(
        b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n"
    )
    with answering(replies) as url:
        assert client().get(f"{url}/x", {}).status == 302


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("", "/"),
        ("?versionId=1", "/?versionId=1"),
        ("/a//b/../c", "/a//b/../c"),  # a signature covers the path as it is
        ("/a%2fb c#part", "/a%2Fb%20c"),
    ],
)
def test_what_is_requested_of_a_host(path: str, target: str) -> None:
    replies = Replies(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    with answering(replies) as url:
        client().get(url + path, {})
    assert replies.requests[0].startswith(f"GET {target} HTTP/1.1\r\n")


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://host/x", "https://", "nowhere"])
def test_only_web_addresses_are_requested(url: str) -> None:
    with pytest.raises(ValueError, match="is not a web address"):
        client().get(url, {})


def test_a_password_is_sent_in_utf_8() -> None:
    assert basic_auth("Ω", "ü") == "Basic zqk6w7w="
    assert parse_address("HTTP://Host:81/x").host == "host"
