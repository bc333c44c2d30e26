"""What a protocol gives to the server: routes, and the form of its errors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from registry_tool.access.subjects import Subject

__all__ = ["Face", "Failure", "Handler", "JsonResponse", "current_subject", "route"]

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a request gets no answer, before a protocol words it.

    Attributes:
        status: The HTTP status, unless the protocol has another one for this.
        code: The kind of error, as in ``errors.ErrorCode``, or ``too_large``, ``busy``, ``method``, ``media_type``.
        message: One or more sentences.
        headers: Further headers of the answer, such as ``Retry-After``.
    """

    status: int
    code: str
    message: str
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Face:
    """One protocol.

    Attributes:
        name: As in ``--api``.
        prefixes: The paths that are its own, without a slash at their ends; those of faces are disjoint.
        routes: Its endpoints, with full paths.
        render_error: The answer to a request that fails.
        open_paths: Paths that need no token.
        signed_paths: Prefixes of addresses that need none because they are signed; see ``server.signed``.
        media_types: The types of bodies that a request may have; empty for any.
        stream_paths: Prefixes whose bodies are files: limited by ``max_upload`` instead of ``max_body``, of any type.
        instructions: What a client has to set, line by line; ``{url}`` is the address of the server,
            ``{address}`` the same without its port ``{port}``, and ``{secure}`` says whether it is HTTPS.
    """

    name: str
    prefixes: tuple[str, ...]
    routes: Sequence[BaseRoute]
    render_error: Callable[[Failure], Response]
    open_paths: frozenset[str] = frozenset()
    signed_paths: tuple[str, ...] = ()
    media_types: frozenset[str] = frozenset({"application/json"})
    stream_paths: tuple[str, ...] = ()
    instructions: tuple[str, ...] = ()

    def owns(self, path: str) -> bool:
        """True for a path below one of its prefixes."""
        return any(path == p or path.startswith(f"{p}/") for p in self.prefixes)


class JsonResponse(Response):
    """An answer in JSON, from data or from bytes that are JSON already."""

    media_type = "application/json"

    def render(self, content: object) -> bytes:
        """See ``Response``."""
        return content if isinstance(content, bytes) else orjson.dumps(content)


def current_subject(request: Request) -> Subject:
    """Who makes a request."""
    found: Subject = request.state.subject
    return found


class _Methods:
    """The handlers of one path by method; other methods are refused in the words of the protocol."""

    def __init__(
        self, handlers: Mapping[str, Handler], render_error: Callable[[Failure], Response]
    ) -> None:
        self._handlers = handlers
        self._render_error = render_error

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        method: str = scope["method"]
        handler = self._handlers.get("GET" if method == "HEAD" else method)
        if handler is None:
            allowed = ", ".join(sorted(self._handlers))
            failure = Failure(405, "method", f"the method {method} is not allowed here")
            response = self._render_error(failure)
            response.headers["Allow"] = allowed
        else:
            response = await handler(Request(scope, receive))
        await response(scope, receive, send)


def route(path: str, render_error: Callable[[Failure], Response], **handlers: Handler) -> Route:
    """One path with its handlers by method, in lower case: ``route("/x", render_error, get=read, post=add)``."""
    return Route(path, _Methods({m.upper(): h for m, h in handlers.items()}, render_error))
