"""The bodies of Kolena's requests: a field that is not known is ignored, as its server does for later releases of its client."""

from __future__ import annotations

import json
from typing import Annotated, Final, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, StrictStr, ValidationError
from pydantic.types import StringConstraints
from starlette.requests import Request

from registry_tool.catalog.shown_names import find_forbidden
from registry_tool.errors import UsageError
from registry_tool.manifests.problems import JSON
from registry_tool.server.kolena.errors import IncorrectUsageError

__all__ = [
    "BulkCasesBody",
    "CaseContentBody",
    "CreateBody",
    "CreateModelBody",
    "CreateSuiteBody",
    "EditCaseBody",
    "EditModelBody",
    "EditSuiteBody",
    "Id",
    "LoadAllBody",
    "LoadBody",
    "LoadVersionBody",
    "LoginBody",
    "Name",
    "RequestBody",
    "SuiteContentBody",
    "check_name",
    "read_body",
]

_SHOWN: Final = 120
_LONGEST: Final = 512
_LONGEST_TEXT: Final = 16_384
_LONGEST_TAG: Final = 128
_MOST_TAGS: Final = 64
_MOST: Final = 1000
_LARGEST: Final = (1 << 53) - 1
_DEEPEST: Final = 64  # levels of lists and objects

Name = Annotated[StrictStr, StringConstraints(min_length=1, max_length=_LONGEST)]
Words = Annotated[StrictStr, StringConstraints(max_length=_LONGEST_TEXT)]
Tag = Annotated[StrictStr, StringConstraints(min_length=1, max_length=_LONGEST_TAG)]
Tags = Annotated[list[Tag], Field(max_length=_MOST_TAGS)]
Id = Annotated[StrictInt, Field(ge=1, le=_LARGEST)]
Version = Annotated[StrictInt, Field(ge=0, le=_LARGEST)]
LoadId = Annotated[StrictStr, StringConstraints(pattern=r"^[0-9a-f]{32}$")]


class RequestBody(BaseModel):
    """The base of all bodies."""

    model_config = ConfigDict(extra="ignore", frozen=True, protected_namespaces=())


class LoginBody(RequestBody):
    """``PUT token/login``."""

    api_token: Annotated[StrictStr, StringConstraints(max_length=_LONGEST_TEXT)]


# --- models


class CreateModelBody(RequestBody):
    """``POST generic/model/create``."""

    name: Name
    metadata: dict[StrictStr, object] = Field(default_factory=dict)
    workflow: Name
    tags: Tags | None = None


class EditModelBody(RequestBody):
    """``PUT generic/model/edit``: what is left out stays."""

    model_id: Id
    name: Name | None = None
    metadata: dict[StrictStr, object] | None = None
    tags: Tags | None = None


class LoadBody(RequestBody):
    """``PUT generic/model/load``."""

    name: Name


class LoadAllBody(RequestBody):
    """``PUT generic/model/load-all``, ``PUT generic/test-suite/load-all``."""

    workflow: Name
    tags: Tags | None = None


# --- test cases and suites


class CreateBody(RequestBody):
    """``POST generic/test-case/create``."""

    name: Name
    description: Words = ""
    workflow: Name


class LoadVersionBody(RequestBody):
    """``PUT generic/test-case/load``, ``PUT generic/test-suite/load``."""

    name: Name
    version: Version | None = None


class EditCaseBody(RequestBody):
    """``PUT generic/test-case/edit``."""

    test_case_id: Id
    current_version: Version
    description: Words = ""
    reset: StrictBool = False
    uuid: LoadId


class _SingleCase(RequestBody):
    name: Name
    reset: StrictBool = False


class BulkCasesBody(RequestBody):
    """``POST generic/test-case/bulk-process``."""

    test_cases: Annotated[list[_SingleCase], Field(max_length=_MOST)]
    workflow: Name
    uuid: LoadId | None = None


class CaseContentBody(RequestBody):
    """``PUT generic/test-case/load-test-samples``."""

    test_case_id: Id
    batch_size: Id


class CreateSuiteBody(CreateBody):
    """``POST generic/test-suite/create``."""

    tags: Tags | None = None


class EditSuiteBody(RequestBody):
    """``POST generic/test-suite/edit``."""

    test_suite_id: Id
    current_version: Version
    name: Name | None = None
    description: Words = ""
    test_case_ids: Annotated[list[Id], Field(max_length=_MOST)]
    tags: Tags | None = None


class SuiteContentBody(RequestBody):
    """``PUT generic/test-suite/load-test-samples``."""

    test_suite_id: Id
    batch_size: Id


# --- reading


BodyType = TypeVar("BodyType", bound=RequestBody)


def check_name(name: str, what: str) -> str:
    """A new name, if it can be a title.

    Raises:
        IncorrectUsageError: It is blank, or has characters that no title may have.
    """
    if not name.strip():
        raise IncorrectUsageError(f"the name of a {what} cannot be blank")
    if found := find_forbidden(name):
        raise IncorrectUsageError(f"the name of a {what} cannot contain {found}")
    return name


def _refuse(error: ValidationError) -> IncorrectUsageError:
    problem = error.errors(include_url=False)[0]
    path = ".".join(str(step) for step in problem["loc"]) or "body"
    if problem["type"] == "missing":
        return IncorrectUsageError(f"{path}: the field is required")
    shown = orjson.dumps(problem["input"], default=str).decode()[:_SHOWN]
    return IncorrectUsageError(f"{path}: found {shown}; {problem['msg']}")


def _check_data(data: JSON) -> None:
    """Refuse what no manifest can keep: too many levels, and null characters; without recursion."""
    layer: list[JSON] = [data]
    for _ in range(_DEEPEST):
        inside: list[JSON] = []
        for one in layer:
            if isinstance(one, dict):
                inside += [*one, *one.values()]
            elif isinstance(one, list):
                inside += one
            elif isinstance(one, str) and "\0" in one:
                raise IncorrectUsageError("the request contains a null character")
        layer = inside
        if not layer:
            return
    raise IncorrectUsageError(f"the request has more than {_DEEPEST} levels of lists and objects")


def _parse(raw: bytes, *, has_constants: bool) -> object:
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as exc:
        message = f"the body is not JSON: {exc}"
    if not has_constants:
        raise UsageError(f"{message}; NaN and Infinity are not JSON either")
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        raise UsageError(message) from None


async def read_body(
    request: Request, kind: type[BodyType], *, has_constants: bool = False
) -> BodyType:
    """The JSON body of a request.

    Args:
        request: The request.
        kind: What it must be.
        has_constants: NaN and Infinity are numbers, as Python writes them.

    Raises:
        UsageError: It is not a JSON object.
        IncorrectUsageError: A field is missing, or has a value that it cannot have.
    """
    data = _parse(await request.body(), has_constants=has_constants)
    if not isinstance(data, dict):
        raise UsageError("the body is not a JSON object")
    _check_data(data)
    try:
        return kind.model_validate(data)
    except ValidationError as exc:
        raise _refuse(exc) from None
