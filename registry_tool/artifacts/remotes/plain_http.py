"""Unencrypted connections without a proxy, through the standard library.

``http.client`` is what urllib3 is built on. It does all that such a connection needs, and loads in a tenth of the time,
which is most of what reading one small object takes. Everything else is left to urllib3; see ``http_client``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from http.client import HTTPConnection, HTTPException, HTTPResponse, IncompleteRead
from threading import Lock
from typing import Final
from urllib.parse import urlsplit

__all__ = ["PlainPool", "PlainResponse", "is_plain"]

_ORIGIN: Final = re.compile(r"http://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]+)?")
# A target that is sent as it is; urllib3 escapes and normalises any other.
_TARGET: Final = re.compile(r"/(?:[A-Za-z0-9/._~!$&'()*+,;=:@?-]|%[0-9A-F]{2})*")
_PORT: Final = 80


def is_plain(origin: str, target: str) -> bool:
    """True where a request needs nothing of urllib3: neither encryption nor corrections of its address.

    Args:
        origin: Scheme, host and port.
        target: Path and query.
    """
    return bool(_ORIGIN.fullmatch(origin) and _TARGET.fullmatch(target))


class PlainResponse:
    """A response whose body is still to be read; see ``http_client.HttpResponse``."""

    def __init__(
        self,
        response: HTTPResponse,
        connection: HTTPConnection,
        keep: Callable[[HTTPConnection], None],
    ) -> None:
        self._response = response
        self._connection = connection
        self._keep = keep
        self.status: int = response.status
        self.reason: str | None = response.reason

    @property
    def length_remaining(self) -> int | None:
        """The bytes of the body that are left; None where the server has not said how many there are."""
        return 0 if self._response.isclosed() else self._response.length

    def header(self, name: str) -> str | None:
        """The value of a header, if it was sent."""
        return self._response.headers.get(name)

    def read(self, size: int) -> bytes:
        """At most ``size`` bytes; none at the end.

        Raises:
            OSError: The connection broke, or timed out.
            HTTPException: It closed early.
        """
        data = self._response.read(size)
        left = self._response.length
        if not data and size and left:  # http.client takes this for the end
            raise IncompleteRead(b"", left)
        return data

    def drain(self) -> None:
        """See ``HttpResponse``."""
        try:
            self._response.read()
        except (HTTPException, OSError):
            self.close()
            return
        if self._response.will_close:
            self.close()
        else:
            self._keep(self._connection)

    def close(self) -> None:
        """Close the connection."""
        self._response.close()
        self._connection.close()


class PlainPool:
    """Kept-alive connections to one server; for several threads at once.

    Args:
        origin: Its address, for which ``is_plain`` is true.
        connect: How long to wait for a connection, in seconds.
        read: How long to wait for the next bytes.
        size: How many idle connections are kept.
    """

    def __init__(self, origin: str, *, connect: float, read: float, size: int) -> None:
        parts = urlsplit(origin)
        if not parts.hostname:
            raise ValueError(f"{origin[:80]!a} is not a web address")
        self._place = parts.hostname, parts.port or _PORT
        self._connect, self._read, self._size = connect, read, size
        self._idle: list[HTTPConnection] = []
        self._guard = Lock()

    def _new(self) -> HTTPConnection:
        connection = HTTPConnection(*self._place, timeout=self._connect)
        connection.connect()
        connection.sock.settimeout(self._read)
        return connection

    def _take(self) -> HTTPConnection | None:
        with self._guard:
            return self._idle.pop() if self._idle else None

    def _keep(self, connection: HTTPConnection) -> None:
        with self._guard:
            if len(self._idle) < self._size:
                self._idle.append(connection)
                return
        connection.close()

    def get(self, target: str, headers: Mapping[str, str]) -> PlainResponse:
        """The response to one request; a kept connection that the server has closed is replaced.

        Raises:
            OSError: The server cannot be reached, or does not answer in time.
            HTTPException: It does not speak HTTP.
        """
        while True:
            kept = self._take()
            connection = kept or self._new()
            try:
                connection.request("GET", target, headers=dict(headers))
                return PlainResponse(connection.getresponse(), connection, self._keep)
            except (HTTPException, OSError) as exc:
                connection.close()
                if kept is None or isinstance(exc, TimeoutError):
                    raise

    def clear(self) -> None:
        """Close the idle connections."""
        with self._guard:
            for connection in self._idle:
                connection.close()
            self._idle.clear()
