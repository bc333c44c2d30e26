"""Connections to web servers that are kept between questions.

Proxies are taken from the environment (``https_proxy``, ``no_proxy``), certificates from the system or a file.
"""

from __future__ import annotations

import base64
import ssl
import threading
from collections import defaultdict
from functools import lru_cache
from http.client import HTTPConnection, HTTPSConnection
from typing import Final, NamedTuple
from urllib.parse import unquote, urlsplit

__all__ = ["Connections", "Host", "Route", "Timeouts", "basic"]

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
