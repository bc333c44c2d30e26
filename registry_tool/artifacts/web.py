"""A DVC remote on a plain web server, read with the standard library alone."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse
from threading import Event
from typing import Final
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

from registry_tool.artifacts.connections import (
    Connections,
    Host,
    Timeouts,
    basic,
    host_of,
    route_to,
)
from registry_tool.artifacts.hashing import Readable
from registry_tool.artifacts.refusals import Refusals
from registry_tool.artifacts.remote import legacy_path, object_path
from registry_tool.artifacts.settings import RemoteSettings
from registry_tool.errors import RemoteTrouble
from registry_tool.version import VERSION

__all__ = ["WebSource"]

_SECONDS: Final = 60
_TRIES: Final = 4
_PAUSE: Final = 0.2
_REDIRECTS: Final = 5
_MOVED: Final = frozenset({301, 302, 303, 307, 308})
_GONE: Final = frozenset({404, 410})
_BUSY: Final = frozenset({429, 500, 502, 503, 504})
_WHOLE: Final = 200
_PART: Final = 206
_BEYOND: Final = 416
_PIECE: Final = 1 << 20


class _AnswerError(Exception):
    """The server said no."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"HTTP {status} {reason}".strip())
        self.status = status


def _from_netrc(host: str) -> dict[str, str]:
    import netrc

    try:
        found = netrc.netrc().authenticators(host)
    except (OSError, netrc.NetrcParseError):
        return {}
    return {"Authorization": basic(found[0], found[2] or "")} if found else {}


def _credentials(chosen: RemoteSettings) -> dict[str, str]:
    """What says who asks: DVC's settings, the URL, or the file ``.netrc``."""
    options, parts = chosen.options, urlsplit(chosen.url)
    user, password, method = (options.get(key) for key in ("user", "password", "auth"))
    if method == "basic" and user is not None and password is not None:
        return {"Authorization": basic(str(user), str(password))}
    if method == "custom" and options.get("custom_auth_header") and password is not None:
        return {str(options["custom_auth_header"]): str(password)}
    if method:
        raise RemoteTrouble(
            f"the DVC remote {chosen.name} is set to {method!a} authentication, and lacks what that needs",
            remedy=f"run: dvc remote modify --local {chosen.name} user NAME, "
            f"dvc remote modify --local {chosen.name} password PASSWORD",
        )
    if parts.username:
        return {"Authorization": basic(unquote(parts.username), unquote(parts.password or ""))}
    return _from_netrc(parts.hostname or "")


def _certificates(chosen: RemoteSettings) -> str | None:
    said = str(chosen.options.get("ssl_verify", ""))
    return {"false": None, "true": ""}.get(said.lower(), said)


def _without_user(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(
        (parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), "", "")
    )


@dataclass(frozen=True)
class _Answer:
    """An answer whose bytes are still to be read."""

    response: HTTPResponse
    connection: HTTPConnection
    host: Host

    def read(self, size: int) -> bytes:
        data = self.response.read(size)
        if not data and size and self.response.length:  # http.client takes this for the end
            raise ConnectionResetError(f"{self.response.length} bytes before the end")
        return data


class WebSource:
    """See ``Source`` and ``Ranged``.

    Args:
        chosen: Its settings.
        url: Where it is, for messages.
    """

    def __init__(self, chosen: RemoteSettings, url: str) -> None:
        self.name = chosen.name
        self.url = url
        self._base = _without_user(chosen.url)
        self._refusals = Refusals(
            chosen.name, f"the remote {chosen.name} ({url})", chosen.url.partition("://")[0]
        )
        own = {"User-Agent": f"registry-tool/{VERSION}", "Accept": "*/*"}
        self._headers = own | _credentials(chosen)
        seconds = (
            float(str(chosen.options.get(f"{kind}_timeout", _SECONDS)))
            for kind in ("connect", "read")
        )
        self._connections = Connections(Timeouts(*seconds), _certificates(chosen))
        self._gives_parts = True
        weakref.finalize(self, self._connections.close)

    def _sent(self, url: str, headers: dict[str, str]) -> _Answer:
        """One question; a kept connection that the server ended meanwhile is replaced."""
        host = host_of(url)
        route = route_to(host)
        parts = urlsplit(url)
        target = urlunsplit(("", "", parts.path or "/", parts.query, ""))
        if route.is_proxied and host.scheme == "http":
            target, headers = url, headers | route.headers
        while True:
            kept = self._connections.kept(host)
            connection = kept or self._connections.fresh(host)
            try:
                connection.request("GET", target, headers=headers)
                return _Answer(connection.getresponse(), connection, host)
            except (HTTPException, OSError):
                connection.close()
                if kept is None:
                    raise

    def _followed(self, url: str, headers: dict[str, str]) -> _Answer:
        for _ in range(_REDIRECTS):
            answer = self._sent(url, headers)
            to = answer.response.headers.get("Location")
            if answer.response.status not in _MOVED or not to:
                return answer
            self._done_with(answer)
            url = urljoin(url, to)
            if host_of(url) != answer.host:  # who asks is not told to others
                headers = {
                    k: v for k, v in headers.items() if k in {"User-Agent", "Accept", "Range"}
                }
        raise _AnswerError(answer.response.status, "too many redirects")

    def _asked(self, path: str, ranged: str) -> _Answer:
        """An answer with bytes, or one that there are none at that offset."""
        headers = self._headers | ({"Range": f"bytes={ranged}"} if ranged else {})
        for tried in range(1, _TRIES + 1):
            answer = self._followed(f"{self._base}/{path}", headers)
            status = answer.response.status
            if status in {_WHOLE, _PART, _BEYOND}:
                return answer
            self._done_with(answer)
            if status in _GONE:
                raise FileNotFoundError(path)
            if status not in _BUSY or tried == _TRIES:
                raise _AnswerError(status, answer.response.reason)
            Event().wait(_PAUSE * 2**tried)
        raise AssertionError  # the loop ends by an answer or an error

    def _done_with(self, answer: _Answer) -> None:
        """Keep a connection that was read to the end, and end another."""
        left = answer.response.length
        if not answer.response.isclosed() and left is not None and left < _PIECE:
            answer.response.read()
        if answer.response.isclosed() and not answer.response.will_close:
            self._connections.keep(answer.host, answer.connection)
        else:
            answer.connection.close()

    @contextmanager
    def _opened(self, md5: str, ranged: str) -> Iterator[_Answer]:
        asking = self._refusals.asking(
            "cannot be read",
            missing=f"the remote {self.name} ({self.url}) does not have the object {md5}",
        )
        with asking:
            try:
                answer = self._asked(object_path(md5), ranged)
            except FileNotFoundError:
                answer = self._asked(legacy_path(md5), ranged)
        try:
            yield answer
        finally:
            self._done_with(answer)

    @contextmanager
    def download(self, md5: str, *, start: int = 0) -> Iterator[Readable]:
        """See ``Source.download``."""
        with self._opened(md5, f"{start}-" if start else "") as answer:
            stream = _Stream(answer, self._refusals)
            skip = start if answer.response.status == _WHOLE else 0  # the server knows no ranges
            while skip and (piece := stream.read(min(skip, _PIECE))):
                skip -= len(piece)
            yield stream

    def piece(self, md5: str, start: int, stop: int) -> bytes | None:
        """See ``Ranged.piece``."""
        if not self._gives_parts:
            return None
        with self._opened(md5, f"{start}-{stop - 1}") as answer:
            if answer.response.status == _WHOLE:
                self._gives_parts = False
                return None
            stream = _Stream(answer, self._refusals)
            return b"".join(iter(lambda: stream.read(stop - start), b""))


@dataclass(frozen=True)
class _Stream:
    answer: _Answer
    refusals: Refusals

    def read(self, size: int, /) -> bytes:
        if self.answer.response.status == _BEYOND:
            return b""
        with self.refusals.asking("broke off"):
            return self.answer.read(size)
