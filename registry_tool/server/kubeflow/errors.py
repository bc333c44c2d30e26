"""Errors in Kubeflow's words: ``{"code": "Bad Request", "message": "…"}``."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from registry_tool.errors import ErrorCode, RegistryError
from registry_tool.server.http.faces import Failure, JsonResponse
from registry_tool.server.http.guard import is_duplicate

if TYPE_CHECKING:
    from starlette.responses import Response

__all__ = ["MissingFieldError", "failure_for", "render_error"]

_CODES: Final = {422: HTTPStatus.BAD_REQUEST.phrase, 413: "Request Entity Too Large"}
_STATUSES: Final[dict[ErrorCode, int]] = {
    "usage": 400, "not_found": 404, "refused": 400, "unauthenticated": 401, "forbidden": 403, "invalid": 400,
    "conflict": 409, "unavailable": 503,
}  # fmt: skip


class MissingFieldError(RegistryError):
    """A field that the protocol requires is missing or empty; Kubeflow's own words for it.

    Args:
        name: The field, in JSON.
    """

    code = "usage"

    def __init__(self, name: str) -> None:
        super().__init__(f"required field '{name}' is zero value.")


def failure_for(error: RegistryError) -> Failure:
    """The failure of an exception that was raised on purpose."""
    if isinstance(error, MissingFieldError):
        return Failure(422, "usage", error.message)
    status = _STATUSES[error.code]
    if is_duplicate(error):
        status = 409
    message = str(error)
    if status == 404 and "not found" not in message:  # noqa: PLR2004 (HTTP; clients look for these words)
        message = f"not found: {message}"
    headers = {}
    if status == 503:  # noqa: PLR2004 (HTTP)
        headers["Retry-After"] = "1"
    return Failure(status, error.code, message, headers)


def render_error(failure: Failure) -> Response:
    """The answer to a request that fails."""
    code = _CODES.get(failure.status) or HTTPStatus(failure.status).phrase
    return JsonResponse({"code": code, "message": failure.message}, failure.status)
