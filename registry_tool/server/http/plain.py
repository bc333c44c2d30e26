"""The endpoints that belong to no protocol: ``/health``, ``/status``, ``/metrics``, ``/events``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Final

from starlette.responses import PlainTextResponse, Response, StreamingResponse

from registry_tool.errors import ForbiddenError
from registry_tool.server.events import EventFeed, Position, json_line, parse_position
from registry_tool.server.http.faces import Face, Failure, JsonResponse, current_subject, route
from registry_tool.server.metrics import CONTENT_TYPE

if TYPE_CHECKING:
    from starlette.requests import Request

    from registry_tool.access.subjects import Subject
    from registry_tool.server.service import Service

__all__ = ["plain_face", "render_error"]

_STREAM: Final = "text/event-stream"
_LINES: Final = "application/x-ndjson"


def render_error(failure: Failure) -> Response:
    """``{"error": {"code": …, "message": …}}``."""
    body = {"error": {"code": failure.code, "message": failure.message}}
    return JsonResponse(body, failure.status)


async def _health(_: Request) -> Response:
    return PlainTextResponse("OK")


async def _answer_events(feed: EventFeed, request: Request) -> Response:
    """Events after a position: as a stream that goes on, or as lines of JSON."""
    subject = current_subject(request)
    written = request.headers.get("last-event-id") or request.query_params.get("since")
    position = parse_position(written) if written else None
    accept = request.headers.get("accept", "")
    if _LINES not in accept and "application/json" not in accept:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return await _stream(feed.stream(position, subject), _STREAM, headers)
    if position is None:
        return Response(b"", media_type=_LINES)
    return await _stream(_read_lines(feed, position, subject), _LINES, {})


async def _read_lines(
    feed: EventFeed, position: Position, subject: Subject
) -> AsyncIterator[bytes]:
    async for events in feed.after(position, subject):
        yield b"".join(map(json_line, events))


async def _stream(
    pieces: AsyncIterator[bytes], media_type: str, headers: Mapping[str, str]
) -> Response:
    first = await anext(pieces)  # an unknown position is an error, not the end of a stream

    async def all_of_it() -> AsyncIterator[bytes]:
        yield first
        async for piece in pieces:
            yield piece

    return StreamingResponse(all_of_it(), media_type=media_type, headers=headers)


def plain_face(service: Service, feed: EventFeed) -> Face:
    """The endpoints, over a service and the events of its branch."""

    async def status(request: Request) -> Response:
        return JsonResponse(service.describe(current_subject(request)))

    async def metrics(request: Request) -> Response:
        if not current_subject(request).sees_all:
            raise ForbiddenError(
                "metrics are about all namespaces", remedy="use a token with the scope read"
            )
        return Response(service.metrics.render(), media_type=CONTENT_TYPE)

    async def events(request: Request) -> Response:
        return await _answer_events(feed, request)

    return Face(
        name="registry",
        prefixes=(),
        routes=[
            route("/health", render_error, get=_health),
            route("/status", render_error, get=status),
            route("/metrics", render_error, get=metrics),
            route("/events", render_error, get=events),
        ],
        render_error=render_error,
        open_paths=frozenset({"/health"}),
    )
