"""The ASGI application: the routes of all faces behind the guard."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Final

from starlette.routing import Router

from registry_tool.server.events import EventFeed
from registry_tool.server.http.faces import Face, FixedPaths, describe_missing
from registry_tool.server.http.guard import Guard
from registry_tool.server.http.plain import plain_face

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from registry_tool.access.authenticate import Authenticator
    from registry_tool.live.snapshot import Snapshot
    from registry_tool.server.limits import Limits, RateLimiter
    from registry_tool.server.service import Service

__all__ = ["build_app", "open_feed"]

# Seconds after the start in which only requests are answered.
_QUIET: Final = 1.0


class _NotFound:
    """What no route of a face matches."""

    def __init__(self, faces: Sequence[Face]) -> None:
        self._faces = faces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        path = scope["path"]
        face = next(one for one in self._faces if one.owns(path) or not one.prefixes)
        await face.render_error(describe_missing(path))(scope, receive, send)


class _KeptFirst:
    """Sends an answer that is kept; every other request goes on.

    Args:
        service: Keeps answers.
        app: Answers the other requests.
    """

    def __init__(self, service: Service, app: ASGIApp) -> None:
        self._service = service
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        subject = scope["state"].get("subject") if scope["type"] == "http" else None
        if subject is not None:
            service = self._service
            snapshot = service.snapshot_for(subject)
            kept = service.answers.find(scope, subject, snapshot, service.snapshot)
            if kept is not None:
                await kept.send(scope, send)
                return
        await self._app(scope, receive, send)


async def _prepare(service: Service, faces: Sequence[Face]) -> None:
    """Import and begin what no start needs, before a client has to wait for it."""
    await asyncio.sleep(_QUIET)
    service.begin_writing()
    for name in (name for face in faces for name in face.late_imports):
        await asyncio.to_thread(import_module, name)
    for face in faces:
        await asyncio.to_thread(face.begin)


async def _seal_drafts(service: Service) -> None:
    await asyncio.sleep(_QUIET)
    from registry_tool.server.sealing import Sealer

    await Sealer(service).run()


def _make_lifespan(
    service: Service, faces: Sequence[Face], feed: EventFeed
) -> Callable[[object], AbstractAsyncContextManager[None]]:
    """What runs from before the first request until after the last one."""

    @asynccontextmanager
    async def lifespan(_: object) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()

        def moved(_: Snapshot, __: Snapshot) -> None:
            loop.call_soon_threadsafe(feed.notify)

        stop_listening = service.live.listen(moved)
        service.on_stopping(lambda: loop.call_soon_threadsafe(feed.close))
        tasks = [asyncio.create_task(_prepare(service, faces))]
        if service.writes:
            tasks.append(asyncio.create_task(_seal_drafts(service)))
        yield
        for task in tasks:
            task.cancel()
        # A move after this would wake a loop that is closed.
        await asyncio.to_thread(stop_listening)

    return lifespan


def open_feed(service: Service) -> EventFeed:
    """The events of the branch that a service serves."""
    return EventFeed(service.events_between, lambda: service.snapshot.commit, service.find_step)


def build_app(
    service: Service,
    faces: Sequence[Face],
    *,
    authenticator: Authenticator,
    limits: Limits,
    hosts: frozenset[str] | None = None,
    feed: EventFeed | None = None,
    rates: RateLimiter | None = None,
) -> ASGIApp:
    """The application.

    Args:
        service: What the faces answer from.
        faces: The protocols.
        authenticator: Finds the subject of a request.
        limits: Of requests.
        hosts: Values of ``Host`` that are accepted without tokens, in addition to this machine's.
        feed: The events of the served branch, where others read them too.
        rates: How many requests each subject may still make, where other servers count them too.
    """
    feed = feed or open_feed(service)
    everything = [*faces, plain_face(service, feed)]

    routes = [one for face in everything for one in face.routes]
    router = Router(
        routes,
        redirect_slashes=False,
        default=_NotFound(everything),
        lifespan=_make_lifespan(service, faces, feed),
    )
    return Guard(
        _KeptFirst(service, FixedPaths(routes, router)),
        faces=everything,
        authenticator=authenticator,
        limits=limits,
        metrics=service.metrics,
        hosts=hosts,
        rates=rates,
    )
