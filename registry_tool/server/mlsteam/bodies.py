"""The bodies of requests: checked for type and presence; an unknown field is refused, since a client would lose it."""

from __future__ import annotations

from typing import Annotated, Final, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, Field, JsonValue, StrictStr, ValidationError
from starlette.requests import Request

from registry_tool.errors import UsageError
from registry_tool.manifests.data import is_deeper_than
from registry_tool.server.mlsteam.packages import VersionKind

__all__ = ["ModelBody", "ModelChange", "VersionBody", "read_body"]

_DEEPEST: Final = 32
_SHOWN: Final = 120

_Name = Annotated[StrictStr, Field(min_length=1, max_length=512)]
_Words = Annotated[StrictStr, Field(max_length=65_536)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelBody(_Body):
    """``addModel``."""

    name: _Name
    description: _Words = ""
    metadata: dict[str, JsonValue] = Field(default_factory=dict)


class ModelChange(_Body):
    """``updateModel``: what is left out stays."""

    name: _Name | None = None
    description: _Words | None = None
    metadata: dict[str, JsonValue] | None = None


class VersionBody(_Body):
    """``addVersionModel``; ``upload`` names the files that were uploaded for it."""

    version: _Name
    upload: _Name
    type: VersionKind | None = None
    description: _Words = ""
    framework: _Words = ""
    metadata: dict[str, JsonValue] = Field(default_factory=dict)


BodyType = TypeVar("BodyType", bound=_Body)


def _explain(error: ValidationError) -> UsageError:
    first = error.errors(include_url=False)[0]
    where = ".".join(map(str, first["loc"])) or "the body"
    if first["type"] == "missing":
        return UsageError(f"{where}: the field is required")
    if first["type"] == "extra_forbidden":
        return UsageError(f"{where[:_SHOWN]}: unknown field")
    shown = orjson.dumps(first["input"], default=str).decode()[:_SHOWN]
    message = str(first["msg"])
    return UsageError(f"{where}: found {shown}; {message[:1].lower()}{message[1:]}")


async def read_body(request: Request, kind: type[BodyType]) -> BodyType:
    """The JSON body of a request; null stands for a field that is left out.

    Raises:
        UsageError: It is not a JSON object, or a field is missing, unknown, or has a value that it cannot have.
    """
    source = await request.body()
    try:
        data = orjson.loads(source)
    except orjson.JSONDecodeError as exc:
        raise UsageError(f"the body is not JSON: {exc}") from None
    if not isinstance(data, dict):
        raise UsageError("the body is not a JSON object")
    if is_deeper_than(_DEEPEST, data):
        raise UsageError(f"the body has more than {_DEEPEST} levels of lists and objects")
    if b"\\u0000" in source:
        raise UsageError("the body contains a null character")
    try:
        return kind.model_validate({key: one for key, one in data.items() if one is not None})
    except ValidationError as exc:
        raise _explain(exc) from None
