"""Errors in Kolena's form: ``{"detail": …}``. Its client shows the body, and decides by the status.

404 makes it create what it tried to load, 409 is a name conflict, 422 a wrong use.
"""

from __future__ import annotations

from typing import ClassVar, Final

from starlette.responses import Response

from registry_tool.errors import ConflictError, ErrorCode, RegistryError, UsageError
from registry_tool.server.http.faces import Failure, JsonResponse
from registry_tool.server.http.guard import failure_for

__all__ = ["IncorrectUsageError", "NameConflictError", "render_error", "render_exception"]

_STATUSES: Final[dict[str, int]] = {"refused": 422}


class IncorrectUsageError(UsageError):
    """The request is well formed and cannot be carried out."""

    code: ClassVar[ErrorCode] = "invalid"


class NameConflictError(ConflictError):
    """A name is taken, or another client has changed what this one changes."""


def render_error(failure: Failure) -> Response:
    """The answer to a request that fails."""
    status = _STATUSES.get(failure.code, failure.status)
    return JsonResponse({"detail": failure.message}, status)


def render_exception(error: RegistryError) -> Response:
    """The answer for an exception."""
    failure = failure_for(error)
    response = render_error(failure)
    response.headers.update(failure.headers)
    return response
