"""Errors in one form: ``{"code": …, "message": …}``. The SDK shows it with the exception that it raises."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from starlette.responses import Response

from registry_tool.errors import RegistryError
from registry_tool.server.http.faces import Failure, JsonResponse
from registry_tool.server.http.guard import failure_for, is_duplicate

__all__ = ["render_error", "render_exception"]

_CONFLICT: Final = 409


def render_error(failure: Failure) -> Response:
    """The answer to a request that fails."""
    return JsonResponse({"code": failure.code, "message": failure.message}, failure.status)


def render_exception(error: RegistryError) -> Response:
    """The answer for an exception."""
    failure = failure_for(error)
    if is_duplicate(error):
        failure = replace(failure, status=_CONFLICT, code="conflict")
    response = render_error(failure)
    response.headers.update(failure.headers)
    return response
