"""A DVC remote on a plain web server, read without DVC."""

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
    OK,
    PARTIAL_CONTENT,
    RANGE_NOT_SATISFIABLE,
    Body,
    HttpClient,
    HttpResponse,
    HttpStatusError,
    basic_auth,
    parse_address,
)
from registry_tool.artifacts.remotes.kinds import find_kind, parse_scheme

__all__ = ["HttpSource"]

_REDIRECTS: Final = 5
_REDIRECTED: Final = frozenset({301, 302, 303, 307, 308})
_ABSENT: Final = frozenset({404, 410})
_FOR_EVERY_HOST: Final = frozenset({"User-Agent", "Accept", "Range"})
_PIECE: Final = 1 << 20


def _from_netrc(host: str) -> dict[str, str]:
    import netrc

    try:
        found = netrc.netrc().authenticators(host)
    except (OSError, netrc.NetrcParseError):
        return {}
    return {"Authorization": basic_auth(found[0], found[2] or "")} if found else {}


def _credentials(chosen: RemoteSettings, errors: ErrorTranslator) -> dict[str, str]:
    """The header that authenticates: from DVC's settings, the URL, or the file ``.netrc``."""
    options, parts = chosen.options, urlsplit(chosen.url)
    user, password, method = (options.get(key) for key in ("user", "password", "auth"))
    if method == "basic" and user is not None and password is not None:
        return {"Authorization": basic_auth(str(user), str(password))}
    if method == "custom" and options.get("custom_auth_header") and password is not None:
        return {str(options["custom_auth_header"]): str(password)}
    if method:
        raise errors.no_credentials()
    if parts.username:
        user, password = unquote(parts.username), unquote(parts.password or "")
        return {"Authorization": basic_auth(user, password)}
    return _from_netrc(parts.hostname or "")


def _without_user(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(
        (parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), "", "")
    )


def _origin(url: str) -> tuple[str | None, str | None, int | None]:
    parts = parse_address(url)
    return (
        parts.scheme,
        parts.host,
        parts.port or find_kind(parts.scheme or "").port(parts.scheme or ""),
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
        label, scheme = f"the remote {chosen.name} ({url})", parse_scheme(chosen.url)
        self._errors = ErrorTranslator(chosen.name, label, scheme, chosen.left_out)
        own = {"User-Agent": f"registry-tool/{VERSION}", "Accept": "*/*"}
        self._headers = own | _credentials(chosen, self._errors)
        self._client = HttpClient.configured(chosen)
        self._serves_ranges = True
        weakref.finalize(self, self._client.close)

    def _follow(self, url: str, headers: dict[str, str]) -> HttpResponse:
        """The response after redirects; credentials go to no other host."""
        for _ in range(_REDIRECTS):
            response = self._client.get(url, headers)
            location = response.header("Location")
            if response.status not in _REDIRECTED or not location:
                return response
            self._client.finish(response)
            target = urljoin(url, location)
            if _origin(url) != _origin(target):
                headers = {k: v for k, v in headers.items() if k in _FOR_EVERY_HOST}
            url = target
        raise HttpStatusError(response.status, "too many redirects")

    def _request(self, path: str, ranged: str) -> HttpResponse:
        """A response with bytes, or one that says there are none at that offset."""
        headers = self._headers | ({"Range": f"bytes={ranged}"} if ranged else {})
        url = f"{self._base}/{path}"
        response = self._client.retry_while_busy(lambda: self._follow(url, headers))
        if response.status in {OK, PARTIAL_CONTENT, RANGE_NOT_SATISFIABLE}:
            return response
        self._client.finish(response)
        if response.status in _ABSENT:
            raise FileNotFoundError(path)
        raise HttpStatusError(response.status, response.reason)

    @contextmanager
    def _open(self, md5: str, ranged: str) -> Iterator[Body]:
        missing = f"the remote {self.name} ({self.url}) does not have the object {md5}"
        with self._errors.translate("cannot be read", missing=missing):
            try:
                response = self._request(object_path(md5), ranged)
            except FileNotFoundError:
                response = self._request(legacy_path(md5), ranged)
        try:
            yield Body(response, self._errors)
        finally:
            self._client.finish(response)

    @contextmanager
    def download(self, md5: str, *, start: int = 0) -> Iterator[ByteReader]:
        """See ``ObjectSource.download``."""
        with self._open(md5, f"{start}-" if start else "") as body:
            skip = start if body.response.status == OK else 0  # the server ignores ranges
            while skip and (piece := body.read(min(skip, _PIECE))):
                skip -= len(piece)
            yield body

    def piece(self, md5: str, start: int, stop: int) -> bytes | None:
        """See ``RangeSource.piece``."""
        if not self._serves_ranges:
            return None
        with self._open(md5, f"{start}-{stop - 1}") as body:
            if body.response.status == OK:
                self._serves_ranges = False
                return None
            return body.read_all(stop - start)
