from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.certificates import make_certificate
from support.scripted_http import Answer, scripted_server

from registry_tool.access.outgoing_requests import (
    AddressRefusedError,
    IpAddress,
    OutgoingRequestError,
    OutgoingUrl,
    Reply,
    _trust,
    is_loopback,
    is_public,
    parse_url,
    send_request,
)
from registry_tool.errors import UsageError


def _send(url: str, *, limit: int = 1000, seconds: float = 10, accepts: Callable[[IpAddress], bool] = is_loopback) -> Reply:  # fmt: skip
    return send_request("GET", parse_url(url), accepts=accepts, seconds=seconds, limit=limit)


@contextmanager
def _peer(serve: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that does as it likes with one connection."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def run() -> None:
            try:
                with listening.accept()[0] as connection:
                    serve(connection)
            except OSError:
                return

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
    thread.join(10)


@pytest.mark.parametrize(
    ("written", "parts"),
    [
        ("https://example.org", ("https", "example.org", 443, "/")),
        ("https://Example.org.:8443/a b?c=é#x".replace(" ", ""), ("https", "example.org", 8443, "/ab?c=%C3%A9")),
        ("http://[::1]:80/x%20y?q=1&r=%2F", ("http", "::1", 80, "/x%20y?q=1&r=%2F")),
        ("https://bücher.example/", ("https", "xn--bcher-kva.example", 443, "/")),
    ],
)  # fmt: skip
def test_an_address_has_parts(written: str, parts: tuple[str, str, int, str]) -> None:
    assert parse_url(written) == OutgoingUrl(*parts)


def test_the_usual_port_is_not_in_the_host() -> None:
    assert parse_url("https://example.org:443/").authority == "example.org"
    assert parse_url("http://[::1]:443/").authority == "[::1]:443"


@pytest.mark.parametrize(
    "written",
    [
        "", "example.org", "ftp://example.org/", "file:///etc/passwd", "https://", "https:///x", "https://a:b@example.org/",
        "https://user@example.org/", "https://example.org:0/", "https://example.org:70000/", "https://exa mple.org/",
        "https://example.org\r\nX: y/", "https://example.org/\x00", "https://example.org\\@evil.example/",
        "https://" + "a" * 70 + ".example/", "https://example.org/" + "a" * 3000, "https://[::1/",
    ],
)  # fmt: skip
def test_everything_else_is_refused(written: str) -> None:
    with pytest.raises(UsageError):
        parse_url(written)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.215.14", True), ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", True),
        ("127.0.0.1", False), ("127.9.9.9", False), ("::1", False), ("0.0.0.0", False), ("::", False),
        ("10.0.0.1", False), ("172.16.0.1", False), ("192.168.1.1", False), ("100.64.0.1", False),
        ("169.254.169.254", False), ("fe80::1", False), ("fd00::1", False), ("224.0.0.1", False), ("ff02::1", False),
        ("255.255.255.255", False), ("240.0.0.1", False), ("192.0.2.1", False),
        ("::ffff:127.0.0.1", False), ("::ffff:169.254.169.254", False), ("64:ff9b::a9fe:a9fe", False),
        ("2002:7f00:1::", False), ("64:ff9b::5db8:d70e", True),
    ],
)  # fmt: skip
def test_public_addresses_are_those_of_the_internet(address: str, public: bool) -> None:  # noqa: FBT001
    assert is_public(ipaddress.ip_address(address)) is public


def test_an_answer_is_read_up_to_the_limit_and_a_redirect_is_one() -> None:
    with scripted_server(lambda _: Answer(302, b"x" * 11, {"Location": "http://10.0.0.1/"})) as server:  # fmt: skip
        reply = _send(f"{server.url}/a?b", limit=11)
        assert (reply.status, reply.body, reply.is_cut) == (302, b"x" * 11, False)
        assert reply.headers["location"] == "http://10.0.0.1/"
        assert _send(server.url, limit=10)[2:] == (b"x" * 10, True)
        assert [one.target for one in server.asked] == ["/a?b", "/"]
        assert server.asked[0].headers["host"] == server.url.removeprefix("http://")


def test_every_address_of_a_name_is_judged_and_the_judged_one_is_connected_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = [["93.184.215.14", "10.0.0.1"]]

    def resolve(host: str, port: int, *_: object, **__: object) -> list[tuple[object, ...]]:
        found = names.pop(0) if host == "rebind.example" else [host]
        return [(2, 1, 6, "", (address, port)) for address in found]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(AddressRefusedError, match=r"rebind.example is 10.0.0.1, an address"):
        _send("http://rebind.example/", accepts=is_public)
    assert names == []
    with scripted_server() as server:
        # The name is asked for once: the second answer, of an attacker, would end the list.
        names[:] = [["127.0.0.1"]]
        assert _send(f"http://rebind.example:{server.port}/").status == 200
        assert server.asked[0].headers["host"] == f"rebind.example:{server.port}"


@pytest.mark.parametrize(
    "sent",
    [
        b"", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 70_000 + b"\r\n\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)  # fmt: skip
def test_half_an_answer_is_none(sent: bytes) -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(10_000)
        connection.sendall(sent)

    with _peer(serve) as url, pytest.raises(OutgoingRequestError, match="did not answer"):
        _send(url)


def test_what_the_other_side_says_is_shown_without_control_characters() -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(10_000)
        connection.sendall(b"\x1b[31m" + b"red" * 1000 + b"\r\n\r\n")

    with _peer(serve) as url, pytest.raises(OutgoingRequestError) as found:
        _send(url)
    assert found.value.message.isprintable()
    assert len(found.value.message) < 300


@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_time_is_bounded_as_a_whole_also_where_bytes_come(start: bytes) -> None:
    def serve(connection: socket.socket) -> None:
        connection.sendall(start)
        for _ in range(100):
            connection.sendall(b"x")
            time.sleep(0.1)

    began = time.monotonic()
    with _peer(serve) as url, pytest.raises(OutgoingRequestError, match="timed out"):
        _send(url, seconds=0.5, limit=1 << 20)
    assert time.monotonic() - began < 5


def test_no_connection_and_no_name_are_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(OutgoingRequestError, match=r"did not answer: .*refused"):
        _send(f"http://127.0.0.1:{port}/")
    with pytest.raises(OutgoingRequestError, match=r"nowhere.invalid cannot be resolved"):
        _send("http://nowhere.invalid/")


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with scripted_server() as server:
        assert _send(server.url).status == 200


def test_tls_is_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate, key = make_certificate(tmp_path)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, key)
    with scripted_server(tls=tls) as server:
        _trust.cache_clear()
        with pytest.raises(OutgoingRequestError, match="CERTIFICATE_VERIFY_FAILED"):
            _send(server.url)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        _trust.cache_clear()
        assert _send(server.url).status == 200
        with pytest.raises(OutgoingRequestError, match="CERTIFICATE_VERIFY_FAILED"):
            _send(server.url.replace("127.0.0.1", "localhost"))
    _trust.cache_clear()


def test_a_server_without_tls_is_none() -> None:
    with scripted_server() as server, pytest.raises(OutgoingRequestError, match="did not answer"):
        _send(server.url.replace("http:", "https:"))
