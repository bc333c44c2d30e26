"""Errors in MLflow's form and words; its clients and the tools around them compare the words."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from starlette.responses import Response

from registry_tool.errors import ErrorCode, RegistryError, UsageError
from registry_tool.server.http.faces import Failure, JsonResponse
from registry_tool.server.http.guard import failure_for

if TYPE_CHECKING:
    from registry_tool.integrations.mlflow_edits import NameInUseError

__all__ = [
    "MissingResourceError",
    "MlflowError",
    "NotImplementedHereError",
    "ResourceExistsError",
    "convert_error",
    "missing_parameter",
    "render_error",
    "render_mlflow_error",
    "require",
]

# https://github.com/mlflow/mlflow/blob/v3.17.2/mlflow/exceptions.py, ERROR_CODE_TO_HTTP_STATUS, by our kinds of errors.
_CODES: Final[dict[str, str]] = {
    "usage": "INVALID_PARAMETER_VALUE",
    "not_found": "RESOURCE_DOES_NOT_EXIST",
    "refused": "INVALID_PARAMETER_VALUE",
    "unauthenticated": "UNAUTHENTICATED",
    "forbidden": "PERMISSION_DENIED",
    "invalid": "INVALID_PARAMETER_VALUE",
    "conflict": "RESOURCE_CONFLICT",
    "unavailable": "TEMPORARILY_UNAVAILABLE",
    "too_large": "INVALID_PARAMETER_VALUE",
    "too_slow": "BAD_REQUEST",
    "media_type": "INVALID_PARAMETER_VALUE",
    "method": "ENDPOINT_NOT_FOUND",
    "busy": "REQUEST_LIMIT_EXCEEDED",
    "internal": "INTERNAL_ERROR",
}
_STATUSES: Final[dict[str, int]] = {"invalid": 400}


class MlflowError(UsageError):
    """What a client is told in MLflow's words.

    Attributes:
        error_code: MLflow's word for the kind of error.
        status: The HTTP status.
    """

    error_code: ClassVar[str] = "INVALID_PARAMETER_VALUE"
    status: ClassVar[int] = 400


class MissingResourceError(MlflowError):
    """The model or version does not exist."""

    code: ClassVar[ErrorCode] = "not_found"
    error_code: ClassVar[str] = "RESOURCE_DOES_NOT_EXIST"
    status: ClassVar[int] = 404


class ResourceExistsError(MlflowError):
    """The name is taken."""

    code: ClassVar[ErrorCode] = "conflict"
    error_code: ClassVar[str] = "RESOURCE_ALREADY_EXISTS"


class NotImplementedHereError(MlflowError):
    """The server does not have this part of MLflow; its clients fall back to another."""

    error_code: ClassVar[str] = "NOT_IMPLEMENTED"
    status: ClassVar[int] = 501


def missing_parameter(name: str) -> MlflowError:
    """A required parameter is absent or empty."""
    return MlflowError(
        f"Missing value for required parameter '{name}'. See the API docs for more information about request parameters."
    )


def require(value: str | None, name: str) -> str:
    """A parameter that must be given.

    Raises:
        MlflowError: It is absent or empty.
    """
    if not value:
        raise missing_parameter(name)
    return value


def convert_error(error: NameInUseError, name: str, *, is_prompt: bool) -> MlflowError:
    """A taken name in MLflow's words, which tell models from prompts."""
    old = "Prompt" if error.is_prompt else "Registered Model"
    new = "Prompt" if is_prompt else "Registered Model"
    if old != new:
        return ResourceExistsError(
            f"Tried to create a {new.lower()} with name {name!r}, but the name is already taken by a {old.lower()}. MLflow"
            " does not allow creating a model and a prompt with the same name."
        )
    return ResourceExistsError(f"{new} (name={name}) already exists.")


def _render(code: str, message: str, status: int) -> Response:
    return JsonResponse({"error_code": code, "message": message}, status)


def render_mlflow_error(error: RegistryError) -> Response:
    """The answer for an exception."""
    if isinstance(error, MlflowError):
        return _render(error.error_code, str(error), error.status)
    failure = failure_for(error)
    response = render_error(failure)
    response.headers.update(failure.headers)
    return response


def render_error(failure: Failure) -> Response:
    """The answer for what fails before MLflow's part sees it."""
    code = _CODES.get(failure.code, "BAD_REQUEST")
    if failure.code == "not_found" and failure.message.endswith(": not found"):
        code = "ENDPOINT_NOT_FOUND"
    return _render(code, failure.message, _STATUSES.get(failure.code, failure.status))
