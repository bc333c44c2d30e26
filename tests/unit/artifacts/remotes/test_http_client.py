from __future__ import annotations

import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from registry_tool.artifacts.remotes import plain_http
from registry_tool.artifacts.remotes.errors import ErrorTranslator
from registry_tool.artifacts.remotes.http_client import (
    Body,
    HttpClient,
    Timeouts,
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


pytestmark = pytest.mark.usefixtures("http_sender")


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


@contextmanager
def client(read: float = 5) -> Iterator[HttpClient]:
    with closing(HttpClient(Timeouts(connect=5, read=read), "")) as found:
        yield found


def test_a_busy_server_does_not_decide_how_long_we_wait_nor_how_much_we_read() -> None:
    """urllib3's own retries would wait for a day, and read all of the error first."""
    busy = b"HTTP/1.1 503 Busy\r\nRetry-After: 86400\r\nContent-Length: 99999999999\r\n\r\n"
    endless = b"HTTP/1.1 429 Slow\r\nTransfer-Encoding: chunked\r\n\r\n10000\r\n" + b"x" * (
        64 << 20
    )
    fine = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone"
    replies = Replies(busy + b"x" * (64 << 20), endless, fine)
    since = time.monotonic()
    with client() as http, answering(replies) as url:
        response = http.retry_while_busy(lambda: http.get(f"{url}/x", {}))
        assert Body(response, ERRORS).read_all(100) == b"done"
        http.finish(response)
    assert time.monotonic() - since < 60
    assert replies.sent < 64 << 20


def test_an_error_that_stays_is_returned() -> None:
    replies = Replies(*[b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"] * 4)
    with client() as http, answering(replies) as url:
        response = http.retry_while_busy(lambda: http.get(url, {}))
        assert response.status == 503
        http.finish(response)
    assert replies.left == []


def test_a_body_that_ends_early_is_an_error() -> None:
    replies = Replies(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort")
    with client() as http, answering(replies) as url:
        body = Body(http.get(f"{url}/x", {}), ERRORS)
        with pytest.raises(RemoteError, match="stopped sending: the connection closed early"):
            body.read_all(100)
        http.finish(body.response)


def test_a_silent_server_is_not_waited_for_longer_than_the_settings_say() -> None:
    replies = Replies(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
    replies.ended.clear()
    with client(read=0.2) as http, answering(replies) as url:
        body = Body(http.get(f"{url}/x", {}), ERRORS)
        with pytest.raises(RemoteError, match=r"stopped sending: it cannot be reached .*timed out"):
            body.read(10)
        http.finish(body.response)
        replies.ended.set()


def test_redirects_are_left_to_the_caller() -> None:
    replies = Replies(
        b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n"
    )
    with client() as http, answering(replies) as url:
        response = http.get(f"{url}/x", {})
        assert response.status == 302
        http.finish(response)


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
    with client() as http, answering(replies) as url:
        http.finish(http.get(url + path, {}))
    assert replies.requests[0].startswith(f"GET {target} HTTP/1.1\r\n")


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://host/x", "https://", "nowhere"])
def test_only_web_addresses_are_requested(url: str) -> None:
    with client() as http, pytest.raises(ValueError, match="is not a web address"):
        http.get(url, {})


@pytest.mark.parametrize(
    "reply", [b"", b"SSH-2.0-OpenSSH_9.6\r\n", b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 200]
)
def test_a_server_that_does_not_speak_http_is_an_error(reply: bytes) -> None:
    cannot = pytest.raises(RemoteError, match="cannot be read")
    replies, words = Replies(reply, reply), ERRORS.translate("cannot be read")
    with client() as http, answering(replies) as url, cannot, words:
        http.get(f"{url}/x", {})


def test_a_server_that_is_not_running_cannot_be_reached() -> None:
    with answering(Replies()) as url:
        pass
    refused = pytest.raises(RemoteError, match=r"cannot be reached .*refused")
    with client() as http, refused, ERRORS.translate("cannot be read"):
        http.get(f"{url}/x", {})


@pytest.mark.parametrize(
    ("origin", "target", "plain"),
    [
        ("http://127.0.0.1:80", "/a/b?c=d%2F", True),
        ("http://[::1]:8080", "/", True),
        ("https://host", "/", False),
        ("HTTP://host", "/", False),
        ("http://user@host", "/", False),
        ("http://h\u00f6st", "/", False),
        ("http://host", "/a b", False),
        ("http://host", "/a%2f", False),
        ("http://host", "/a\r\nx: y", False),
        ("http://host\r\n", "/", False),
    ],
)
def test_only_plain_requests_are_sent_without_urllib3(
    origin: str, target: str, *, plain: bool
) -> None:
    assert plain_http.is_plain(origin, target) == plain


def test_a_password_is_sent_in_utf_8() -> None:
    assert basic_auth("Ω", "ü") == "Basic zqk6w7w="
    assert parse_address("HTTP://Host:81/x").host == "host"
