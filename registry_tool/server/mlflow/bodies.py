"""The bodies of MLflow's requests: checked for type and presence; unknown fields are ignored, as MLflow does."""

from __future__ import annotations

import json
from typing import Annotated, Final, TypeVar

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, StrictBool, StrictStr, ValidationError
from starlette.requests import Request

from registry_tool.manifests.problems import JSON
from registry_tool.server.mlflow.errors import MlflowError, require

__all__ = [
    "AliasBody",
    "Body",
    "CreateModelBody",
    "CreateVersionBody",
    "LatestBody",
    "ModelBody",
    "ModelTagBody",
    "Number",
    "RenameBody",
    "SearchBody",
    "StageBody",
    "TagBody",
    "UpdateModelBody",
    "UpdateVersionBody",
    "VersionBody",
    "VersionTagBody",
    "read_body",
    "read_query",
    "require",
]

_DETAILS: Final = " See the API docs for more information about request parameters."
_DEEPEST: Final = 32


def _as_text(value: object) -> object:
    """A number in place of a text, which MLflow's parser of messages accepts for a version."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _as_number(value: object) -> object:
    """Digits in place of a number, as in a query."""
    return int(value) if isinstance(value, str) and value.lstrip("-").isdecimal() else value


Version = Annotated[StrictStr, BeforeValidator(_as_text)]
Number = Annotated[int, BeforeValidator(_as_number)]


class Body(BaseModel):
    """A body; what it does not name is ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class TagBody(Body):
    """A tag."""

    key: StrictStr = ""
    value: StrictStr = ""


class ModelBody(Body):
    """A model's name."""

    name: StrictStr = ""


class CreateModelBody(ModelBody):
    """A new model."""

    tags: list[TagBody] = []
    description: StrictStr | None = None
    deployment_job_id: StrictStr | None = None


class RenameBody(ModelBody):
    """A new name."""

    new_name: StrictStr | None = None


class UpdateModelBody(ModelBody):
    """A new description."""

    description: StrictStr | None = None
    deployment_job_id: StrictStr | None = None


class LatestBody(ModelBody):
    """Stages to look at."""

    stages: list[StrictStr] = []


class CreateVersionBody(ModelBody):
    """A new version."""

    source: StrictStr | None = None
    run_id: StrictStr | None = None
    tags: list[TagBody] = []
    run_link: StrictStr | None = None
    description: StrictStr | None = None
    model_id: StrictStr | None = None


class VersionBody(ModelBody):
    """A model and a version."""

    version: Version = ""


class UpdateVersionBody(VersionBody):
    """A new description."""

    description: StrictStr | None = None


class StageBody(VersionBody):
    """A move to a stage."""

    stage: StrictStr | None = None
    archive_existing_versions: StrictBool = False


class ModelTagBody(ModelBody):
    """A tag of a model."""

    key: StrictStr | None = None
    value: StrictStr | None = None


class VersionTagBody(VersionBody):
    """A tag of a version."""

    key: StrictStr | None = None
    value: StrictStr | None = None


class AliasBody(VersionBody):
    """An alias."""

    alias: StrictStr | None = None


class SearchBody(Body):
    """A search."""

    filter: StrictStr | None = None
    max_results: Number | None = None
    order_by: list[StrictStr] = []
    page_token: StrictStr | None = None


BodyType = TypeVar("BodyType", bound=Body)


def _refuse(error: ValidationError) -> MlflowError:
    problem = error.errors(include_url=False)[0]
    path = ".".join(str(step) for step in problem["loc"]) or "body"
    value: JSON = problem["input"]
    shown = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)[:200]
    return MlflowError(
        f"Invalid value {shown} for parameter '{path}' supplied:  Hint: Value was of type '{type(value).__name__}'.{_DETAILS}"
    )


def _has_null(value: object) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any(_has_null(key) or _has_null(inner) for key, inner in value.items())
    return isinstance(value, list) and any(map(_has_null, value))


def _check(kind: type[BodyType], data: dict[str, JSON]) -> BodyType:
    given = {key: value for key, value in data.items() if value is not None}
    try:
        found = kind.model_validate(given)
    except ValidationError as exc:
        raise _refuse(exc) from None
    if _has_null(given):
        raise MlflowError(f"The request contains a null character.{_DETAILS}")
    return found


async def read_body(request: Request, kind: type[BodyType]) -> BodyType:
    """The JSON body of a request; one that is no JSON object counts as empty, as with MLflow.

    Raises:
        MlflowError: A value has the wrong type, or contains a null character.
    """
    try:
        data = orjson.loads(await request.body())
    except orjson.JSONDecodeError:
        data = {}
    return _check(kind, data if isinstance(data, dict) else {})


def read_query(request: Request, kind: type[BodyType]) -> BodyType:
    """The query of a request; fields that are lists may be repeated.

    Raises:
        MlflowError: A value has the wrong type, or contains a null character.
    """
    query = request.query_params
    found: dict[str, JSON] = {}
    for name, field in kind.model_fields.items():
        if name in query:
            is_list = str(field.annotation).startswith("list")
            found[name] = list(query.getlist(name)) if is_list else query[name]
    return _check(kind, found)
