"""A DVC remote on a plain web server, read with the standard library alone."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

from registry_tool._version import VERSION
from registry_tool.artifacts.hashing import ByteReader
from registry_tool.artifacts.remotes.base import legacy_path, object_path
from registry_tool.artifacts.remotes.config import RemoteSettings
from registry_tool.artifacts.remotes.errors import ErrorTranslator
from registry_tool.artifacts.remotes.http_client import (
    BEYOND,
    PART,
    WHOLE,
    AnswerError,
    Body,
    Client,
    Connections,
    HttpResponse,
    Timeouts,
    basic,
    host_of,
)
from registry_tool.artifacts.remotes.kinds import parse_scheme

__all__ = ["HttpSource"]

_SECONDS: Final = 60
_REDIRECTS: Final = 5
_MOVED: Final = frozenset({301, 302, 303, 307, 308})
_GONE: Final = frozenset({404, 410})
_FOR_ALL: Final = frozenset({"User-Agent", "Accept", "Range"})
_PIECE: Final = 1 << 20


def _from_netrc(host: str) -> dict[str, str]:
    import netrc

    try:
        found = netrc.netrc().authenticators(host)
    except (OSError, netrc.NetrcParseError):
        return {}
    return {"Authorization": basic(found[0], found[2] or "")} if found else {}


def _credentials(chosen: RemoteSettings, errors: ErrorTranslator) -> dict[str, str]:
    """What says who asks: DVC's settings, the URL, or the file ``.netrc``."""
    options, parts = chosen.options, urlsplit(chosen.url)
    user, password, method = (options.get(key) for key in ("user", "password", "auth"))
    if method == "basic" and user is not None and password is not None:
        return {"Authorization": basic(str(user), str(password))}
    if method == "custom" and options.get("custom_auth_header") and password is not None:
        return {str(options["custom_auth_header"]): str(password)}
    if method:
        raise errors.no_credentials()
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


class HttpSource:
    """See ``ObjectSource`` and ``RangeSource``.

    Args:
        chosen: Its settings.
        url: Where it is, for messages.
    """

    def __init__(self, chosen: RemoteSettings, url: str) -> None:
        self.name = chosen.name
        self.url = url
        self._base = _without_user(chosen.url)
        self._errors = ErrorTranslator(
            chosen.name,
            f"the remote {chosen.name} ({url})",
            parse_scheme(chosen.url),
            chosen.left_out,
        )
        own = {"User-Agent": f"registry-tool/{VERSION}", "Accept": "*/*"}
        self._headers = own | _credentials(chosen, self._errors)
        seconds = (
            float(str(chosen.options.get(f"{kind}_timeout", _SECONDS)))
            for kind in ("connect", "read")
        )
        self._client = Client(Connections(Timeouts(*seconds), _certificates(chosen)))
        self._gives_parts = True
        weakref.finalize(self, self._client.close)

    def _followed(self, url: str, headers: dict[str, str]) -> HttpResponse:
        for _ in range(_REDIRECTS):
            answer = self._client.get(url, headers)
            to = answer.response.headers.get("Location")
            if answer.status not in _MOVED or not to:
                return answer
            self._client.done_with(answer)
            url = urljoin(url, to)
            if host_of(url) != answer.host:  # who asks is not told to others
                headers = {k: v for k, v in headers.items() if k in _FOR_ALL}
        raise AnswerError(answer.status, "too many redirects")

    def _asked(self, path: str, ranged: str) -> HttpResponse:
        """An answer with bytes, or one that there are none at that offset."""
        headers = self._headers | ({"Range": f"bytes={ranged}"} if ranged else {})
        url = f"{self._base}/{path}"
        answer = self._client.patiently(lambda: self._followed(url, headers))
        if answer.status in {WHOLE, PART, BEYOND}:
            return answer
        self._client.done_with(answer)
        if answer.status in _GONE:
            raise FileNotFoundError(path)
        raise AnswerError(answer.status, answer.response.reason)

    @contextmanager
    def _opened(self, md5: str, ranged: str) -> Iterator[Body]:
        missing = f"the remote {self.name} ({self.url}) does not have the object {md5}"
        with self._errors.translate("cannot be read", missing=missing):
            try:
                answer = self._asked(object_path(md5), ranged)
            except FileNotFoundError:
                answer = self._asked(legacy_path(md5), ranged)
        try:
            yield Body(answer, self._errors)
        finally:
            self._client.done_with(answer)

    @contextmanager
    def download(self, md5: str, *, start: int = 0) -> Iterator[ByteReader]:
        """See ``ObjectSource.download``."""
        with self._opened(md5, f"{start}-" if start else "") as body:
            skip = start if body.answer.status == WHOLE else 0  # the server knows no ranges
            while skip and (piece := body.read(min(skip, _PIECE))):
                skip -= len(piece)
            yield body

    def piece(self, md5: str, start: int, stop: int) -> bytes | None:
        """See ``RangeSource.piece``."""
        if not self._gives_parts:
            return None
        with self._opened(md5, f"{start}-{stop - 1}") as body:
            if body.answer.status == WHOLE:
                self._gives_parts = False
                return None
            return body.rest(stop - start)
