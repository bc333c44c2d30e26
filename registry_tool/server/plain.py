"""The endpoints that belong to no protocol: ``/health``, ``/status``, ``/metrics``, ``/events``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from registry_tool.errors import ForbiddenError
from registry_tool.server.faces import Face, Failure
from registry_tool.server.metrics import CONTENT_TYPE

if TYPE_CHECKING:
    from starlette.requests import Request

    from registry_tool.access.subjects import Subject
    from registry_tool.server.service import Service

__all__ = ["plain_face"]


def render_error(failure: Failure) -> Response:
    """``{"error": {"code": …, "message": …}}``."""
    body = {"error": {"code": failure.code, "message": failure.message}}
    return JSONResponse(body, status_code=failure.status)


def _subject(request: Request) -> Subject:
    found: Subject = request.state.subject
    return found


def plain_face(service: Service) -> Face:
    """The endpoints, over a service."""

    async def health(_: Request) -> Response:
        return PlainTextResponse("OK")

    async def status(request: Request) -> Response:
        return JSONResponse(service.describe(_subject(request)))

    async def metrics(request: Request) -> Response:
        if not _subject(request).sees_all:
            raise ForbiddenError(
                "metrics are about all namespaces", remedy="use a token with the scope read"
            )
        return Response(service.metrics.render(), media_type=CONTENT_TYPE)

    return Face(
        name="registry",
        prefixes=(),
        routes=[
            Route("/health", health),
            Route("/status", status),
            Route("/metrics", metrics),
        ],
        render_error=render_error,
        open_paths=frozenset({"/health"}),
    )
