"""HTTP requests of the readers: kept-alive connections, proxies of the environment, certificates.

urllib3 sends them, except those that need neither encryption nor a proxy, for which it would take longer to load than to
read an object (``plain_http``). Redirects and retries are not left to it: it would read the body of an error to its end,
whatever its size, wait as long as a server says, and send headers of the user's own (``custom_auth_header``) to another host.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Event, Lock
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from registry_tool.artifacts.remotes.config import RemoteSettings
from registry_tool.artifacts.remotes.errors import ErrorTranslator
from registry_tool.artifacts.remotes.plain_http import PlainPool, is_plain

if TYPE_CHECKING:
    import ssl

    import urllib3
    from urllib3.util import Url

__all__ = [
    "OK",
    "PARTIAL_CONTENT",
    "RANGE_NOT_SATISFIABLE",
    "Body",
    "HttpClient",
    "HttpResponse",
    "HttpStatusError",
    "Timeouts",
    "basic_auth",
    "parse_address",
]

OK: Final = 200
PARTIAL_CONTENT: Final = 206
RANGE_NOT_SATISFIABLE: Final = 416
_BUSY: Final = frozenset({429, 500, 502, 503, 504})
_TRIES: Final = 4
_FIRST_PAUSE: Final = 0.2
_TIMEOUT: Final = 60.0
_DRAINED: Final = 1 << 20  # a longer rest of a body costs more than a new connection
_CONNECTIONS: Final = 16  # kept alive per host
_ORIGIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")


class HttpStatusError(Exception):
    """The server refused a request.

    Attributes:
        status: Of HTTP.
    """

    def __init__(self, status: int, reason: str | None) -> None:
        super().__init__(f"HTTP {status} {reason or ''}".strip())
        self.status = status


class HttpResponse(Protocol):
    """A response whose body is still to be read.

    Attributes:
        status: Of HTTP.
        reason: What the server calls the status.
    """

    status: int
    reason: str | None

    @property
    def length_remaining(self) -> int | None:
        """The bytes of the body that are left; None where the server has not said how many there are."""
        ...

    def header(self, name: str) -> str | None:
        """The value of a header, if it was sent."""
        ...

    def read(self, size: int) -> bytes:
        """At most ``size`` bytes; none at the end."""
        ...

    def drain(self) -> None:
        """Read the rest, and keep the connection for the next request; close it where that fails."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


class Timeouts(NamedTuple):
    """How long is waited, in seconds.

    Attributes:
        connect: For a connection.
        read: For the next bytes.
    """

    connect: float
    read: float


class _PooledResponse:
    """See ``HttpResponse``; of urllib3."""

    def __init__(self, response: urllib3.BaseHTTPResponse) -> None:
        self._response = response
        self.status = response.status
        self.reason = response.reason

    @property
    def length_remaining(self) -> int | None:
        return self._response.length_remaining

    def header(self, name: str) -> str | None:
        return self._response.headers.get(name)

    def read(self, size: int) -> bytes:
        return self._response.read(size, decode_content=False)

    def drain(self) -> None:
        from urllib3.exceptions import HTTPError

        try:
            self._response.drain_conn()
            self._response.release_conn()
        except (HTTPError, OSError):
            self.close()

    def close(self) -> None:
        self._response.close()


@dataclass(frozen=True)
class Body:
    """The body of a response, as a ``ByteReader``; empty where the object has no bytes at the offset."""

    response: HttpResponse
    errors: ErrorTranslator

    def read(self, size: int, /) -> bytes:
        """See ``ByteReader``.

        Raises:
            RemoteError: The connection closed early, or timed out.
        """
        if self.response.status == RANGE_NOT_SATISFIABLE:
            return b""
        with self.errors.translate("stopped sending"):
            return self.response.read(size)

    def read_all(self, size: int) -> bytes:
        """All that is left, about ``size`` bytes."""
        return b"".join(iter(lambda: self.read(size), b""))


def basic_auth(user: str, password: str) -> str:
    """The value of an ``Authorization`` header, in UTF-8; urllib3 can encode Latin-1 alone."""
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def parse_address(url: str) -> Url:
    """The parts of a web address.

    Raises:
        ValueError: It is not one.
    """
    from urllib3.util import parse_url

    parts = parse_url(url)
    if parts.scheme not in {"http", "https"} or not parts.host:
        raise ValueError(f"{url[:80]!a} is not a web address")
    return parts


def _split_origin(url: str) -> tuple[str, str]:
    """Scheme and host, and the request target: path and query."""
    match = _ORIGIN.match(url)
    end = match.end() if match else len(url)
    target = url[end:].partition("#")[0]
    return url[:end], target if target.startswith("/") else f"/{target}"


class _Route(NamedTuple):
    """How a host is reached: through which connections, and what a proxy has to know."""

    pool: urllib3.HTTPConnectionPool
    prefix: str
    headers: Mapping[str, str]


def _proxy_for(scheme: str, host: str) -> str:
    """The proxy that the environment names for a host; empty for a direct connection."""
    proxy = "" if proxy_bypass(host) else getproxies().get(scheme, "")
    return proxy if not proxy or "://" in proxy else f"http://{proxy}"


class HttpClient:
    """Sends requests over kept-alive connections; from several threads at once.

    Args:
        timeouts: How long to wait.
        certificates: A file of certificate authorities; empty for those of the system, None to accept any server.
    """

    def __init__(self, timeouts: Timeouts, certificates: str | None) -> None:
        self._timeouts = timeouts
        self._certificates = certificates
        self._guard = Lock()
        self._managers: dict[str, urllib3.PoolManager] = {}
        # By scheme and host: finding the proxy and parsing the address takes a sixth of a small request.
        self._routes: dict[str, _Route] = {}
        self._plain: dict[str, PlainPool | None] = {}

    @classmethod
    def configured(cls, remote: RemoteSettings) -> HttpClient:
        """With the timeouts and certificates that DVC's settings name."""
        seconds = (
            float(str(remote.options.get(f"{kind}_timeout", _TIMEOUT)))
            for kind in ("connect", "read")
        )
        verify = str(remote.options.get("ssl_verify", ""))
        certificates = {"false": None, "true": ""}.get(verify.lower(), verify)
        return cls(Timeouts(*seconds), certificates)

    def _context(self) -> ssl.SSLContext:
        """As OpenSSL finds the authorities of the system, ``SSL_CERT_FILE`` included."""
        import ssl

        context = ssl.create_default_context(cafile=self._certificates or None)
        if self._certificates is None:
            import urllib3
            from urllib3.exceptions import InsecureRequestWarning

            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            urllib3.disable_warnings(InsecureRequestWarning)  # the user chose it with ssl_verify
        return context

    def _new_manager(self, proxy: str) -> urllib3.PoolManager:
        import urllib3
        from urllib3.util import Timeout

        context = self._context()
        timeout = Timeout(connect=self._timeouts.connect, read=self._timeouts.read)
        if not proxy:
            return urllib3.PoolManager(maxsize=_CONNECTIONS, timeout=timeout, ssl_context=context)
        parts = urlsplit(proxy)
        headers = {}
        if parts.username:
            value = basic_auth(unquote(parts.username), unquote(parts.password or ""))
            headers["Proxy-Authorization"] = value
        return urllib3.ProxyManager(
            proxy,
            maxsize=_CONNECTIONS,
            timeout=timeout,
            ssl_context=context,
            proxy_ssl_context=context,
            proxy_headers=headers,
        )

    def _new_route(self, origin: str) -> _Route:
        from urllib3 import ProxyManager

        parts = parse_address(origin)
        proxy = _proxy_for(parts.scheme or "", parts.host or "")
        if proxy not in self._managers:
            self._managers[proxy] = self._new_manager(proxy)
        manager = self._managers[proxy]
        pool = manager.connection_from_host(parts.host, parts.port, parts.scheme)
        if isinstance(manager, ProxyManager) and parts.scheme == "http":
            return _Route(pool, parts._replace(auth=None).url, manager.proxy_headers)
        return _Route(pool, "", {})

    def _route(self, origin: str) -> _Route:
        with self._guard:
            if origin not in self._routes:
                self._routes[origin] = self._new_route(origin)
            return self._routes[origin]

    def _plain_pool(self, origin: str) -> PlainPool | None:
        """Connections to an unencrypted server; None where a proxy is between."""
        with self._guard:
            if origin not in self._plain:
                is_direct = not _proxy_for("http", urlsplit(origin).hostname or "")
                connect, read = self._timeouts
                self._plain[origin] = (
                    PlainPool(origin, connect=connect, read=read, size=_CONNECTIONS)
                    if is_direct
                    else None
                )
            return self._plain[origin]

    def get(self, url: str, headers: Mapping[str, str]) -> HttpResponse:
        """The response to one request, whatever its status; its body is still to be read.

        Raises:
            OSError: The server cannot be reached.
            HTTPException: It does not speak HTTP.
            HTTPError: Either of both, where urllib3 sends it.
            ValueError: It is not a web address.
        """
        origin, target = _split_origin(url)
        plain = self._plain_pool(origin) if is_plain(origin, target) else None
        return self._send(origin, target, headers) if plain is None else plain.get(target, headers)

    def _send(self, origin: str, target: str, headers: Mapping[str, str]) -> HttpResponse:
        from urllib3.exceptions import ProtocolError

        route = self._route(origin)
        sent = {**route.headers, **headers}

        def send() -> urllib3.BaseHTTPResponse:
            return route.pool.urlopen(
                "GET", route.prefix + target, headers=sent, retries=False, redirect=False, assert_same_host=False,
                preload_content=False, decode_content=False,
            )  # fmt: skip

        try:
            return _PooledResponse(send())
        except ProtocolError:  # a kept-alive connection that the server had closed
            return _PooledResponse(send())

    def retry_while_busy(self, send: Callable[[], HttpResponse]) -> HttpResponse:
        """Repeat a request while the server is busy, after growing pauses."""
        response = send()
        for tried in range(1, _TRIES):
            if response.status not in _BUSY:
                break
            self.finish(response)
            Event().wait(_FIRST_PAUSE * 2**tried)
            response = send()
        return response

    def finish(self, response: HttpResponse) -> None:
        """Keep the connection if little of the body is left, else close it."""
        left = response.length_remaining
        if left is None or left > _DRAINED:
            response.close()
        else:
            response.drain()

    def close(self) -> None:
        """Close the idle connections."""
        with self._guard:
            for manager in self._managers.values():
                manager.clear()
            for pool in self._plain.values():
                if pool is not None:
                    pool.clear()
