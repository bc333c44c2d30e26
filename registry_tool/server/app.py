"""The ASGI application: the routes of all faces behind the guard."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from starlette.routing import BaseRoute, Route, Router

from registry_tool.server.events import EventFeed
from registry_tool.server.faces import Face, Failure
from registry_tool.server.guard import Guard
from registry_tool.server.plain import plain_face
from registry_tool.server.sealing import Sealer

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from registry_tool.access.authenticate import Authenticator
    from registry_tool.live.snapshot import Snapshot
    from registry_tool.server.limits import Limits
    from registry_tool.server.service import Service

__all__ = ["build_app"]


class _NotFound:
    """What no route of a face matches."""

    def __init__(self, faces: Sequence[Face]) -> None:
        self._faces = faces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        path = scope["path"]
        face = next(one for one in self._faces if one.owns(path) or not one.prefixes)
        failure = Failure(404, "not_found", f"there is nothing at {path[:200]!a}: not found")
        await face.render_error(failure)(scope, receive, send)


class _FixedPaths:
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
        found = self._routes.get(scope["path"]) if scope["type"] == "http" else None
        if found is None or scope.get("root_path"):
            await self._router(scope, receive, send)
            return
        await found.handle({**scope, "path_params": {}}, receive, send)


def build_app(
    service: Service,
    faces: Sequence[Face],
    *,
    authenticator: Authenticator,
    limits: Limits,
    hosts: frozenset[str] | None = None,
) -> ASGIApp:
    """The application.

    Args:
        service: What the faces answer from.
        faces: The protocols.
        authenticator: Finds the subject of a request.
        limits: Of requests.
        hosts: Values of ``Host`` that are accepted without tokens, in addition to this machine's.
    """
    feed = EventFeed(service.events_between, lambda: service.snapshot.commit)
    everything = [*faces, plain_face(service, feed)]

    @asynccontextmanager
    async def lifespan(_: object) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()

        def moved(_: Snapshot, __: Snapshot) -> None:
            loop.call_soon_threadsafe(feed.notify)

        service.live.listen(moved)
        service.on_stopping(lambda: loop.call_soon_threadsafe(feed.close))
        sealing = None if service.is_replica else asyncio.create_task(Sealer(service).run())
        yield
        if sealing is not None:
            sealing.cancel()

    routes = [one for face in everything for one in face.routes]
    router = Router(
        routes,
        redirect_slashes=False,
        default=_NotFound(everything),
        lifespan=lifespan,
    )
    return Guard(
        _FixedPaths(routes, router),
        faces=everything,
        authenticator=authenticator,
        limits=limits,
        metrics=service.metrics,
        hosts=hosts,
    )
