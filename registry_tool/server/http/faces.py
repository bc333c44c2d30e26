"""What a protocol gives to the server: routes, and the form of its errors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TypeVar

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from registry_tool.access.authenticate import Authenticator
from registry_tool.access.subjects import Subject
from registry_tool.errors import RegistryError

__all__ = [
    "DeferredRoutes",
    "Face",
    "Failure",
    "FixedPaths",
    "Handler",
    "JsonResponse",
    "current_authenticator",
    "current_subject",
    "defer_handlers",
    "describe_missing",
    "proposal_headers",
    "route",
    "word_errors",
]

Handler = Callable[[Request], Awaitable[Response]]
_T = TypeVar("_T")


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
        late_imports: Modules that no start needs; they are imported when the server has started, or with the first
            request that needs them.
        begin: Begins what the protocol does without a request, after that; called once, in a thread.
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
    late_imports: tuple[str, ...] = ()
    begin: Callable[[], object] = lambda: None

    def owns(self, path: str) -> bool:
        """True for a path below one of its prefixes."""
        return any(path == p or path.startswith(f"{p}/") for p in self.prefixes)


class JsonResponse(Response):
    """An answer in JSON, from data or from bytes that are JSON already."""

    media_type = "application/json"

    def render(self, content: object) -> bytes:
        """See ``Response``."""
        return content if isinstance(content, bytes) else orjson.dumps(content)


def current_authenticator(request: Request) -> Authenticator:
    """What finds the subject of a token that a client has in a body, to exchange it for another one."""
    found: Authenticator = request.scope["state"]["authenticator"]
    return found


def current_subject(request: Request) -> Subject:
    """Who makes a request."""
    found: Subject = request.state.subject
    return found


def proposal_headers(request: Request) -> dict[str, str]:
    """What tells a client that its request was proposed; empty where it was published, or wrote nothing."""
    found: dict[str, str] = request.scope["state"].get("proposal", {})
    return found


def word_errors(handler: Handler, render: Callable[[RegistryError], Response]) -> Handler:
    """A handler whose exceptions are answered in the words of a protocol, and whose proposals are told in headers.

    Args:
        handler: The handler.
        render: Words an exception.
    """

    async def answer(request: Request) -> Response:
        try:
            response = await handler(request)
        except RegistryError as exc:
            return render(exc)
        response.headers.update(proposal_headers(request))
        return response

    return answer


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


def describe_missing(path: str) -> Failure:
    """Why a path is not answered that no route has."""
    return Failure(404, "not_found", f"there is nothing at {path[:200]!a}: not found")


class FixedPaths:
    """Finds the route of a path without parameters at once; Starlette's router tries one after the other.

    Args:
        routes: All routes.
        router: Answers every other request.
    """

    def __init__(self, routes: Sequence[BaseRoute], router: ASGIApp) -> None:
        fixed = (one for one in routes if isinstance(one, Route) and "{" not in one.path)
        self._routes = {one.path: one for one in fixed}
        self._router = router

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        found = self._routes.get(scope["path"]) if scope["type"] == "http" else None
        if found is None or scope.get("root_path"):
            await self._router(scope, receive, send)
            return
        await found.handle({**scope, "path_params": {}}, receive, send)


class DeferredRoutes(BaseRoute):
    """All routes below a path, made for the first request: a start does without what only they import.

    Args:
        prefix: The path, without a slash at its end.
        make: Makes the routes, with full paths.
        render_error: The answer to a path that none of them has.
    """

    def __init__(
        self,
        prefix: str,
        make: Callable[[], Sequence[BaseRoute]],
        render_error: Callable[[Failure], Response],
    ) -> None:
        self._prefix = f"{prefix}/"
        self._render_error = render_error
        self.load = cache(lambda: self._load(make()))

    def _load(self, routes: Sequence[BaseRoute]) -> ASGIApp:
        return FixedPaths(routes, Router(routes, redirect_slashes=False, default=self._refuse))

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._render_error(describe_missing(scope["path"]))(scope, receive, send)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """See ``BaseRoute``."""
        is_below = scope["type"] == "http" and scope["path"].startswith(self._prefix)
        return (Match.FULL if is_below else Match.NONE), {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ``BaseRoute``."""
        await self.load()(scope, receive, send)


def defer_handlers(make: Callable[[], _T]) -> Callable[[Callable[[_T], Handler]], Handler]:
    """Handlers that are methods of an object that is made for the first request to one of them.

    Args:
        make: Makes the object.

    Returns:
        A function that makes a handler of a choice: ``writes(lambda w: w.create_model)``.
    """
    made = cache(make)

    def defer(choose: Callable[[_T], Handler]) -> Handler:
        async def answer(request: Request) -> Response:
            return await choose(made())(request)

        return answer

    return defer
