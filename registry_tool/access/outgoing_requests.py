"""HTTP requests of a server to addresses that others name: issuers of tokens, receivers of webhooks.

Such an address may lead into the network of the server. So a name is resolved once, every address that it has is judged,
and the connection goes to one that was judged: a name that resolves to something else a moment later (DNS rebinding) gains
nothing. No redirects, no proxies, no cookies; bounded in time as a whole, not only between two bytes, and in size.
urllib3 bounds the time between bytes only, and resolves the name itself.
"""

from __future__ import annotations

import io
import ipaddress
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote, urlsplit

from registry_tool.errors import OperationalError, UsageError

if TYPE_CHECKING:
    import ssl
    from http.client import HTTPResponse

__all__ = [
    "AddressRefusedError",
    "IpAddress",
    "OutgoingRequestError",
    "OutgoingUrl",
    "Reply",
    "is_loopback",
    "is_public",
    "parse_url",
    "resolve_host",
    "send_request",
]

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_PORTS: Final = {"http": 80, "https": 443}
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_LONGEST_URL: Final = 2048
_CONNECT_SECONDS: Final = 5.0
_LONGEST_REASON: Final = 200


class OutgoingRequestError(OperationalError):
    """The request could not be made, or got no complete answer in time."""


class AddressRefusedError(OutgoingRequestError):
    """The host resolves to an address that the server may not connect to."""


@dataclass(frozen=True, slots=True)
class OutgoingUrl:
    """The parts of an address.

    Attributes:
        scheme: ``http`` or ``https``.
        host: A name in its ASCII form, or an address without brackets; lower case.
        port: The port, also where it is the usual one.
        target: The path and the query.
    """

    scheme: str
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """The value of ``Host``: the port is left out where it is the usual one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


class Reply(NamedTuple):
    """An answer.

    Attributes:
        status: The HTTP status.
        headers: By name in lower case.
        body: The body, as far as it is within the limit.
        is_cut: True where the body is longer.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    is_cut: bool


def _embedded(address: IpAddress) -> IpAddress:
    """The IPv4 address in the IPv6 address of a transition; else the address."""
    if isinstance(address, ipaddress.IPv6Address):
        found = address.ipv4_mapped or address.sixtofour
        if found is None and address in _NAT64:
            found = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        return found or address
    return address


def is_public(address: IpAddress) -> bool:
    """True for an address of the internet: not private, loopback, link-local, shared, multicast or reserved."""
    found = _embedded(address)
    return found.is_global and not (found.is_multicast or found.is_reserved)


def is_loopback(address: IpAddress) -> bool:
    """True for an address of this machine."""
    return _embedded(address).is_loopback


def parse_url(url: str) -> OutgoingUrl:
    """The parts of an absolute HTTP address.

    Raises:
        UsageError: It is not one, or has a user name or a password.
    """
    refused = UsageError(f"{url[:200]!a} is not an HTTP address", remedy="write https://HOST/PATH")
    if len(url) > _LONGEST_URL or not url.isprintable() or " " in url or "\\" in url:
        raise refused
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".")
        # Of an IPv6 address the scope is dropped: it names an interface of the machine.
        name = host.partition("%")[0] if ":" in host else host.encode("idna").decode()
        port = parts.port
    except (ValueError, UnicodeError):
        raise refused from None
    if parts.scheme not in _PORTS or not name or port == 0:
        raise refused
    if parts.username is not None or parts.password is not None:
        raise UsageError("the address contains a user name or a password", remedy="remove it")
    target = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    if parts.query:
        target += "?" + quote(parts.query, safe="/%:@!$&'()*+,;=~-._?")
    return OutgoingUrl(parts.scheme, name.lower(), port or _PORTS[parts.scheme], target)


def resolve_host(url: OutgoingUrl, accepts: Callable[[IpAddress], bool]) -> list[IpAddress]:
    """The addresses of a host, all of which are accepted.

    Raises:
        OutgoingRequestError: The name cannot be resolved.
        AddressRefusedError: One of the addresses is not accepted.
    """
    try:
        found = socket.getaddrinfo(url.host, url.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as exc:
        raise OutgoingRequestError(f"{url.host} cannot be resolved: {exc}") from exc
    names = dict.fromkeys(str(address[0]).partition("%")[0] for *_, address in found)
    addresses = [ipaddress.ip_address(name) for name in names]
    for address in addresses:
        if not accepts(address):
            raise AddressRefusedError(
                f"{url.host} is {address}, an address that this server may not connect to"
            )
    return addresses


class _Reading(io.RawIOBase):
    """What a socket receives, until a moment."""

    def __init__(self, connected: socket.socket, ends: float) -> None:
        self._socket = connected
        self._ends = ends

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # every caller is a BufferedReader
        self._socket.settimeout(_left(self._ends))
        return self._socket.recv_into(buffer)


class _Connected:
    """What ``http.client`` needs of a socket; nothing of it outlasts the moment."""

    def __init__(self, connected: socket.socket, ends: float) -> None:
        self._socket = connected
        self._ends = ends

    def sendall(self, data: bytes) -> None:
        self._socket.settimeout(_left(self._ends))
        self._socket.sendall(data)  # its timeout is for all data

    def makefile(self, _: str) -> io.BufferedReader:
        return io.BufferedReader(_Reading(self._socket, self._ends))

    def close(self) -> None:
        """Nothing: a connection that ends with the answer is closed by ``http.client`` before that is read."""


def _left(ends: float) -> float:
    left = ends - time.monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    return left


def _connect(url: OutgoingUrl, addresses: list[IpAddress], ends: float) -> socket.socket:
    failure: OSError = OSError("no address")
    for address in addresses:
        try:
            seconds = min(_CONNECT_SECONDS, _left(ends))
            plain = socket.create_connection((str(address), url.port), timeout=seconds)
        except OSError as exc:
            failure = exc
            continue
        if url.scheme == "http":
            return plain
        try:
            return _secure(plain, url.host, ends)
        except OSError as exc:
            plain.close()
            failure = exc
    raise failure


def _secure(plain: socket.socket, host: str, ends: float) -> socket.socket:
    plain.settimeout(_left(ends))
    return _trust().wrap_socket(plain, server_hostname=host)


@cache
def _trust() -> ssl.SSLContext:
    """The authorities of the system, or of ``SSL_CERT_FILE``; reading them takes longer than a request."""
    import ssl

    return ssl.create_default_context()


def _pieces(response: HTTPResponse, limit: int) -> Iterator[bytes]:
    left = limit + 1
    while left and (piece := response.read(min(left, 1 << 16))):
        left -= len(piece)
        yield piece
    if left and response.length:
        raise TimeoutError("the answer ended too early")


def send_request(
    method: str,
    url: OutgoingUrl,
    *,
    accepts: Callable[[IpAddress], bool],
    seconds: float,
    limit: int,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """Make one request on a connection of its own; a redirect is an answer like every other.

    Args:
        method: The HTTP method.
        url: The address.
        accepts: True for an address to which the server may connect.
        seconds: For everything from the connection to the end of the answer; the system bounds how long a name takes.
        limit: The bytes that are read of the body.
        body: The body of the request.
        headers: Further headers.

    Raises:
        AddressRefusedError: The host has an address that is not accepted.
        OutgoingRequestError: There is no connection, or no complete answer in time.
    """
    from http.client import HTTPConnection, HTTPException

    addresses = resolve_host(url, accepts)
    ends = time.monotonic() + seconds
    sent = {
        "Host": url.authority,
        "User-Agent": "registry-tool",
        "Accept-Encoding": "identity",
        "Connection": "close",
        **(headers or {}),
    }
    try:
        with closing(_connect(url, addresses, ends)) as connected:
            connection = HTTPConnection(url.host, url.port)
            connection.sock = _Connected(connected, ends)
            connection.request(method, url.target, body, sent)
            with closing(connection.getresponse()) as response:
                found = b"".join(_pieces(response, limit))
                named = {name.lower(): value for name, value in response.getheaders()}
        return Reply(response.status, named, found[:limit], len(found) > limit)
    except (OSError, HTTPException, ValueError) as exc:
        said = str(exc) or type(exc).__name__  # may be what the other side has sent
        reason = "".join(c if c.isprintable() else "?" for c in said[:_LONGEST_REASON])
        raise OutgoingRequestError(f"{url.authority} did not answer: {reason}") from exc
