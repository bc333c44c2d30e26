"""Errors in TrueFoundry's form: ``{"statusCode": …, "message": …}``.

Its clients repeat a request that is answered with 408, 409, 429 or 5xx, so a conflict is answered with 422.
"""

from __future__ import annotations

from typing import ClassVar, Final

from starlette.responses import Response

from registry_tool.errors import ErrorCode, RegistryError, UsageError
from registry_tool.server.http.faces import Failure, JsonResponse
from registry_tool.server.http.guard import failure_for

__all__ = ["ManifestFieldError", "render_error", "render_exception"]

_STATUSES: Final[dict[str, int]] = {"conflict": 422, "refused": 422}


class ManifestFieldError(UsageError):
    """A field of a request has a value that it cannot have.

    Args:
        field: Its name, with dots: ``manifest.framework.type``.
        problem: What is wrong with it.
    """

    code: ClassVar[ErrorCode] = "invalid"

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field


def render_error(failure: Failure) -> Response:
    """The answer to a request that fails."""
    status = _STATUSES.get(failure.code, failure.status)
    return JsonResponse({"statusCode": status, "message": failure.message}, status)


def render_exception(error: RegistryError) -> Response:
    """The answer for an exception."""
    failure = failure_for(error)
    response = render_error(failure)
    response.headers.update(failure.headers)
    return response
