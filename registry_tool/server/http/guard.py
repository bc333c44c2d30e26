"""What every request passes before a protocol sees it, and what becomes of an error afterwards.

Without tokens, a server on the loopback address can still be reached by a web page in a browser of this machine: by DNS
rebinding, and by requests that need no preflight (https://fetch.spec.whatwg.org/#http-cors-protocol). So ``Host`` and
``Origin`` are checked, and a body must have a type that no HTML form can send.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import math
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from starlette.requests import ClientDisconnect

from registry_tool.access.issuer_keys import IssuerUnavailableError
from registry_tool.errors import ErrorCode, OperationalError, RegistryError
from registry_tool.server.http.faces import Face, Failure
from registry_tool.server.limits import (
    BodyTooLargeError,
    BodyTooSlowError,
    Limits,
    RateLimiter,
    limited,
)
from registry_tool.writer.request import RefusedByCheckError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from registry_tool.access.authenticate import Authenticator
    from registry_tool.server.metrics import RequestMetrics, SeenRequest

__all__ = ["STATUSES", "Guard", "failure_for", "is_duplicate", "is_local_host"]

_LOG: Final = logging.getLogger("registry_tool.server")
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_HOST: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(?::[0-9]{1,5})?")
_CHALLENGE: Final = 'Bearer realm="registry", Basic realm="registry"'
# Rules that say of a value that it is used once: external ids, also in the data of protocols.
_UNIQUE: Final = frozenset({"R303", "R306", "R307", "R319"})

# The status of each kind of error, where a protocol has no other.
STATUSES: Final[dict[ErrorCode, int]] = {
    "usage": 400,
    "not_found": 404,
    "refused": 400,
    "unauthenticated": 401,
    "forbidden": 403,
    "invalid": 422,
    "conflict": 409,
    "unavailable": 503,
}


def is_duplicate(error: RegistryError) -> bool:
    """True where the check refuses a change because something else has a value that is unique."""
    if not isinstance(error, RefusedByCheckError):
        return False
    return not _UNIQUE.isdisjoint(finding.rule for finding in error.report.findings)


def failure_for(error: RegistryError) -> Failure:
    """The failure of an exception that was raised on purpose."""
    headers = {}
    if error.code == "unauthenticated":
        headers["WWW-Authenticate"] = _CHALLENGE
    elif error.code == "unavailable":
        headers["Retry-After"] = "1"
    return Failure(STATUSES[error.code], error.code, str(error), headers)


@lru_cache(maxsize=64)
def is_local_host(host: str) -> bool:
    """True for a ``Host`` header that names this machine: localhost or a loopback address, with or without a port."""
    match = _HOST.fullmatch(host)
    name = "" if match is None else match[1].strip("[]").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


class _Headers:
    """The headers of a request; of several with one name the first counts."""

    __slots__ = ("_found", "count")

    def __init__(self, scope: Scope) -> None:
        headers: Sequence[tuple[bytes, bytes]] = scope["headers"]
        self._found: Mapping[bytes, bytes] = dict(reversed(headers))
        self.count = len(headers)

    def __len__(self) -> int:
        return len(self._found)

    def text(self, name: bytes) -> str:
        """The value of a header; empty where there is none."""
        found = self._found.get(name)
        return "" if found is None else found.decode("latin-1")


class Guard:
    """The outermost ring of the application.

    Args:
        app: The routes.
        faces: The protocols, the plain one last.
        authenticator: Finds the subject of a request.
        limits: Of requests.
        metrics: Counts requests.
        hosts: The values of ``Host`` that are accepted in addition to this machine's; None accepts every one.
        rates: How many requests each subject may still make, where other servers count them too.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        faces: Sequence[Face],
        authenticator: Authenticator,
        limits: Limits,
        metrics: RequestMetrics,
        hosts: frozenset[str] | None = None,
        rates: RateLimiter | None = None,
    ) -> None:
        self._app = app
        self._faces = faces
        self._authenticator = authenticator
        self._limits = limits
        self._metrics = metrics
        self._hosts = hosts
        self._rates = rates or RateLimiter(limits.rate, limits.burst)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI, https://asgi.readthedocs.io/en/latest/specs/www.html."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1000})
            return
        face = next(one for one in self._faces if one.owns(scope["path"]) or not one.prefixes)
        seen = self._metrics.begin(face.name, scope["method"])

        async def send_once(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen.status = message["status"]
            await send(message)

        try:
            await self._answer(face, scope, receive, send_once, seen)
        finally:
            self._metrics.end(seen)

    async def _answer(
        self, face: Face, scope: Scope, receive: Receive, send: Send, seen: SeenRequest
    ) -> None:
        try:
            headers = _Headers(scope)
            if scope["path"] not in face.open_paths:
                await self._authenticator.wait(headers.text(b"authorization"))
            failure = self._refuse(face, scope, headers)
            if failure is None:
                await self._app(scope, self._limit(face, scope, headers, receive), send)
                return
        except RegistryError as exc:
            failure = failure_for(exc)
        except BodyTooLargeError:
            failure = Failure(413, "too_large", "the body of the request is too large")
        except BodyTooSlowError:
            failure = Failure(408, "too_slow", "the body of the request took too long")
        except asyncio.CancelledError:
            raise
        except ClientDisconnect:
            return  # in the middle of its request, so there is no one to answer
        except Exception:  # noqa: BLE001 (the outermost ring: a client gets an answer, the log gets the traceback)
            _LOG.exception("%s %s", scope["method"], scope["path"])
            failure = Failure(
                500, "internal", "the server failed to answer; its log has the details"
            )
        if seen.status:
            return  # the answer had begun, so the connection is closed in its middle
        ending = {"Connection": "close"} if failure.status in {408, 413} else {}
        response = face.render_error(failure)
        response.headers.update({**failure.headers, **ending})
        await response(scope, receive, send)

    def _limit(self, face: Face, scope: Scope, headers: _Headers, receive: Receive) -> Receive:
        """The body of a request, within its limits."""
        if not _has_body(headers):
            return receive
        is_file = scope["path"].startswith(face.stream_paths or ("\0",))
        most = self._limits.max_upload if is_file else self._limits.max_body
        return limited(receive, self._limits, most=most, is_file=is_file)

    def _refuse(self, face: Face, scope: Scope, headers: _Headers) -> Failure | None:
        """Why a request is refused whatever it asks for; else its subject is in ``scope["state"]["subject"]``."""
        if scope["method"] not in _METHODS:
            return Failure(405, "method", f"the method {scope['method']} is not allowed")
        is_open = self._authenticator.anonymous is not None
        failure = self._check_origin(scope, headers) if is_open else None
        if failure := failure or self._check_body(face, scope, headers):
            return failure
        scope.setdefault("state", {})
        is_signed = scope["path"].startswith(face.signed_paths or ("\0",))
        if is_signed or scope["path"] in face.open_paths:
            scope["state"]["subject"] = self._authenticator.anonymous
            scope["state"]["authenticator"] = self._authenticator
            return None
        try:
            subject = self._authenticator.subject(headers.text(b"authorization"))
        except IssuerUnavailableError:
            raise  # in its words, which are for clients
        except OperationalError as exc:  # of the token file; its path is no business of a client
            _LOG.error("%s", exc)
            message = "the server cannot read its tokens; its log has the details"
            return Failure(503, "unavailable", message, {"Retry-After": "1"})
        scope["state"]["subject"] = subject
        if wait := self._rates.wait_for(subject.email):
            later = {"Retry-After": str(math.ceil(wait))}
            return Failure(429, "busy", "too many requests; try again later", later)
        return None

    def _check_origin(self, scope: Scope, headers: _Headers) -> Failure | None:
        host = headers.text(b"host")
        if (
            len(headers) < headers.count
            and sum(name == b"host" for name, _ in scope["headers"]) > 1
        ):
            return Failure(400, "usage", "the request has several Host headers")
        if not is_local_host(host) and self._hosts is not None and host not in self._hosts:
            return Failure(403, "forbidden", f"this server does not serve the host {host!a}")
        origin = headers.text(b"origin")
        if origin and origin.partition("://")[2] != host:
            return Failure(403, "forbidden", f"requests from pages of {origin!a} are not accepted")
        return None

    def _check_body(self, face: Face, scope: Scope, headers: _Headers) -> Failure | None:
        if headers.text(b"content-encoding") not in {"", "identity"}:
            return Failure(415, "media_type", "compressed bodies are not accepted")
        if not _has_body(headers):
            return None
        is_file = scope["path"].startswith(face.stream_paths or ("\0",))
        length = headers.text(b"content-length")
        most = self._limits.max_upload if is_file else self._limits.max_body
        if length.isdigit() and int(length) > most:
            return Failure(
                413, "too_large", f"the body has {length} bytes; at most {most} are accepted"
            )
        if not is_file and face.media_types:
            media_type = headers.text(b"content-type").partition(";")[0].strip().lower()
            if media_type not in face.media_types:
                expected = " or ".join(sorted(face.media_types))
                return Failure(
                    415,
                    "media_type",
                    f"the body has the type {media_type!a}; {expected} is required",
                )
        return None


def _has_body(headers: _Headers) -> bool:
    """True for a request that sends a body."""
    return (
        headers.text(b"content-length") not in {"", "0"} or headers.text(b"transfer-encoding") != ""
    )
