"""Requests to web servers over kept-alive connections; the body of a response is read as it arrives.

Proxies are taken from the environment (``https_proxy``, ``no_proxy``), certificates from the system or a file.
"""

from __future__ import annotations

import base64
import ssl
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from threading import Event
from typing import Final, NamedTuple
from urllib.parse import unquote, urlsplit, urlunsplit

from registry_tool.artifacts.remotes.errors import ErrorTranslator

__all__ = [
    "BEYOND",
    "PART",
    "WHOLE",
    "AnswerError",
    "Body",
    "Client",
    "Connections",
    "Host",
    "HttpResponse",
    "Route",
    "Timeouts",
    "basic",
]

_HOSTS: Final = 32


class Host(NamedTuple):
    """Where connections go to."""

    scheme: str
    name: str
    port: int


def host_of(url: str) -> Host:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"{url[:80]!a} is no web address")
    return Host(
        parts.scheme, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
    )


def basic(user: str, password: str) -> str:
    """The value of a header that says who asks."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class Timeouts(NamedTuple):
    """In seconds: for a connection, and for the next bytes."""

    connect: float
    read: float


class Route(NamedTuple):
    """How a host is reached.

    Attributes:
        at: Where the connection goes: the host, or a proxy.
        is_proxied: True where the proxy is told the whole address.
        headers: For the proxy.
    """

    at: Host
    is_proxied: bool
    headers: dict[str, str]


@lru_cache(_HOSTS)
def route_to(host: Host) -> Route:
    """The way to a host, by the proxies of the environment."""
    from urllib.request import getproxies, proxy_bypass

    proxy = "" if proxy_bypass(host.name) else getproxies().get(host.scheme, "")
    if not proxy:
        return Route(host, is_proxied=False, headers={})
    url = proxy if "://" in proxy else f"http://{proxy}"
    parts = urlsplit(url)
    headers = {}
    if parts.username:
        headers["Proxy-Authorization"] = basic(
            unquote(parts.username), unquote(parts.password or "")
        )
    return Route(host_of(url), is_proxied=True, headers=headers)


class Connections:
    """Connections, each used by one thread at a time.

    Args:
        timeouts: How long is waited.
        certificates: A file of authorities; empty for those of the system, None to trust whoever answers.
    """

    def __init__(self, timeouts: Timeouts, certificates: str | None) -> None:
        self._timeouts = timeouts
        self._certificates = certificates
        self._idle: dict[Host, list[HTTPConnection]] = defaultdict(list)
        self._guard = threading.Lock()
        self._context: ssl.SSLContext | None = None

    def _verifying(self) -> ssl.SSLContext:
        with self._guard:
            if self._context is None:
                context = ssl.create_default_context(cafile=self._certificates or None)
                if self._certificates is None:
                    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
                self._context = context
            return self._context

    def _new(self, host: Host) -> HTTPConnection:
        at, is_proxied, headers = route_to(host)
        if host.scheme == "http":
            return HTTPConnection(at.name, at.port, timeout=self._timeouts.connect)
        secure = HTTPSConnection(
            at.name, at.port, timeout=self._timeouts.connect, context=self._verifying()
        )
        if is_proxied:
            secure.set_tunnel(host.name, host.port, headers)
        return secure

    def kept(self, host: Host) -> HTTPConnection | None:
        """One that was used before, if there is one; the server may have ended it meanwhile."""
        with self._guard:
            return self._idle[host].pop() if self._idle[host] else None

    def fresh(self, host: Host) -> HTTPConnection:
        """A new one.

        Raises:
            OSError: The host cannot be reached, or is not the one it says.
            HTTPException: The proxy refuses.
        """
        connection = self._new(host)
        connection.connect()
        connection.sock.settimeout(self._timeouts.read)
        return connection

    def keep(self, host: Host, connection: HTTPConnection) -> None:
        """It was read to the end of an answer, and may be used again."""
        with self._guard:
            self._idle[host].append(connection)

    def close(self) -> None:
        """End those that nobody uses."""
        with self._guard:
            for connection in (one for idle in self._idle.values() for one in idle):
                connection.close()
            self._idle.clear()


WHOLE: Final = 200
PART: Final = 206
BEYOND: Final = 416
_BUSY: Final = frozenset({429, 500, 502, 503, 504})
_TRIES: Final = 4
_PAUSE: Final = 0.2
_REST: Final = 1 << 20


class AnswerError(Exception):
    """The server said no.

    Attributes:
        status: Of HTTP.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"HTTP {status} {reason}".strip())
        self.status = status


@dataclass(frozen=True)
class HttpResponse:
    """An answer whose bytes are still to be read."""

    response: HTTPResponse
    connection: HTTPConnection
    host: Host

    @property
    def status(self) -> int:
        """Of HTTP."""
        return self.response.status

    def read(self, size: int) -> bytes:
        """At most so many bytes.

        Raises:
            OSError: It broke off.
            HTTPException: The server speaks no HTTP.
        """
        data = self.response.read(size)
        if not data and size and self.response.length:  # http.client takes this for the end
            raise ConnectionResetError(f"{self.response.length} bytes before the end")
        return data


@dataclass(frozen=True)
class Body:
    """The bytes of an answer, as a ``ByteReader``; none where there are none at the offset."""

    answer: HttpResponse
    errors: ErrorTranslator

    def read(self, size: int, /) -> bytes:
        """See ``ByteReader``.

        Raises:
            RemoteError: It broke off.
        """
        if self.answer.status == BEYOND:
            return b""
        with self.errors.translate("broke off"):
            return self.answer.read(size)

    def rest(self, size: int) -> bytes:
        """All that is left, about so many bytes."""
        return b"".join(iter(lambda: self.read(size), b""))


class Client:
    """Asks servers over kept connections.

    Args:
        connections: To whom.
    """

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def get(self, url: str, headers: Mapping[str, str]) -> HttpResponse:
        """One question; a kept connection that the server ended meanwhile is replaced.

        Raises:
            OSError: The server cannot be reached.
            HTTPException: It speaks no HTTP.
            ValueError: It is no web address.
        """
        host, parts = host_of(url), urlsplit(url)
        route = route_to(host)
        target = urlunsplit(("", "", parts.path or "/", parts.query, ""))
        if route.is_proxied and host.scheme == "http":
            target, headers = url, {**headers, **route.headers}
        while True:
            kept = self._connections.kept(host)
            connection = kept or self._connections.fresh(host)
            try:
                connection.request("GET", target, headers=headers)
                return HttpResponse(connection.getresponse(), connection, host)
            except (HTTPException, OSError):
                connection.close()
                if kept is None:
                    raise

    def patiently(self, ask: Callable[[], HttpResponse]) -> HttpResponse:
        """Ask again while the server is busy, after longer and longer pauses."""
        answer = ask()
        for tried in range(1, _TRIES):
            if answer.status not in _BUSY:
                break
            self.done_with(answer)
            Event().wait(_PAUSE * 2**tried)
            answer = ask()
        return answer

    def done_with(self, answer: HttpResponse) -> None:
        """Keep a connection that was read to the end, and end another."""
        left = answer.response.length
        if not answer.response.isclosed() and left is not None and left < _REST:
            try:
                answer.response.read()
            except (HTTPException, OSError):
                answer.connection.close()
                return
        if answer.response.isclosed() and not answer.response.will_close:
            self._connections.keep(answer.host, answer.connection)
        else:
            answer.connection.close()

    def close(self) -> None:
        """End the connections that nobody uses."""
        self._connections.close()
