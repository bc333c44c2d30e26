"""The bodies of TrueFoundry's requests, with the limits of its published manifest.

https://truefoundry.com/docs describes the fields; the patterns are those that its client checks answers against.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeVar, cast

import orjson
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    StringConstraints,
    ValidationError,
)
from starlette.requests import Request

from registry_tool.errors import UsageError
from registry_tool.manifests.data import is_deeper_than
from registry_tool.manifests.problems import JSON
from registry_tool.server.truefoundry.errors import ManifestFieldError
from registry_tool.server.truefoundry.names import ALIAS, MODEL, REPO

__all__ = [
    "ApplyBody",
    "FilesBody",
    "IdBody",
    "MlRepoBody",
    "MlRepoManifest",
    "ModelManifest",
    "PartsBody",
    "PutVersionBody",
    "RequestBody",
    "TagsBody",
    "UrlsBody",
    "check_manifest",
    "check_object",
    "read_body",
]

_SHOWN: Final = 120
_LONGEST_DESCRIPTION: Final = 512
_LONGEST_ALIAS: Final = 128
_LONGEST_TEXT: Final = 2048
_MOST: Final = 1000
_LARGEST: Final = (1 << 53) - 1
_LARGEST_MANIFEST: Final = 256 << 10
_DEEPEST: Final = 64  # levels of lists and objects; orjson writes 254
_VERSION_TYPE: Final = "model-version"
_STORES: Final = r"^(s3|gs|wasbs)://[^\x00-\x20\x7f]+$"
_LINE: Final = r"^[^\x00-\x1f\x7f]+$"

ModelText = Annotated[StrictStr, StringConstraints(max_length=256, pattern=f"^{MODEL.pattern}$")]
RepoText = Annotated[StrictStr, StringConstraints(pattern=f"^{REPO.pattern}$")]
AliasText = Annotated[
    StrictStr, StringConstraints(max_length=_LONGEST_ALIAS, pattern=f"^{ALIAS.pattern}$")
]
Line = Annotated[StrictStr, StringConstraints(min_length=1, max_length=_LONGEST_TEXT, pattern=_LINE)]  # fmt: skip
StoreUri = Annotated[StrictStr, StringConstraints(max_length=_LONGEST_TEXT, pattern=_STORES)]
Description = Annotated[StrictStr, StringConstraints(max_length=_LONGEST_DESCRIPTION)]
Python = Annotated[
    StrictStr, StringConstraints(max_length=32, pattern=r"^[0-9]+(\.[0-9]+){1,2}([-.a-z0-9]+)?$")
]
Whole = Annotated[StrictInt, Field(ge=0, le=_LARGEST)]
Free = Annotated[dict[StrictStr, object], Field(max_length=_MOST)]


class RequestBody(BaseModel):
    """The base of all bodies: a field that is not known is ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class _Open(RequestBody):
    """What a later release of the client may add is kept."""

    model_config = ConfigDict(extra="allow", frozen=True, protected_namespaces=())


class _ManagedSource(_Open):
    type: Literal["truefoundry"]
    uri: StoreUri | None = None


class _ExternalSource(_Open):
    type: Literal["external"]
    uri: StoreUri


class _LocalSource(_Open):
    type: Literal["local"]
    file_or_folder: Line


Source = Annotated[_ManagedSource | _ExternalSource | _LocalSource, Field(discriminator="type")]


class _SklearnSchema(_Open):
    infer_method_name: Literal["predict", "predict_proba"]
    inputs: Annotated[list[Free], Field(max_length=_MOST)]
    outputs: Annotated[list[Free], Field(max_length=_MOST)]


class _XgboostSchema(_SklearnSchema):
    infer_method_name: Literal["predict"]


class _Transformers(_Open):
    type: Literal["transformers"]
    library_name: Literal["transformers", "sentence-transformers", "diffusers"] | None = None
    pipeline_tag: Line | None = None
    base_model: Line | None = None


class _Sklearn(_Open):
    type: Literal["sklearn"]
    model_filepath: Line | None = None
    serialization_format: Literal["cloudpickle", "joblib", "pickle"] | None = None
    model_schema: _SklearnSchema | None = None


class _Xgboost(_Open):
    type: Literal["xgboost"]
    model_filepath: Line | None = None
    serialization_format: Literal["cloudpickle", "joblib", "pickle", "json"] | None = None
    model_schema: _XgboostSchema | None = None


class _Other(_Open):
    type: Literal[
        "tensorflow", "pytorch", "keras", "lightgbm", "fastai", "h2o", "onnx", "spacy", "statsmodels", "gluon", "paddle",
    ]  # fmt: skip


Framework = Annotated[_Transformers | _Sklearn | _Xgboost | _Other, Field(discriminator="type")]


class _Environment(_Open):
    python_version: Python | None = None
    pip_packages: Annotated[list[Line], Field(max_length=_MOST * 2)] | None = None


class ModelManifest(_Open):
    """The manifest of a model version."""

    type: Literal["model-version"]
    name: ModelText
    metadata: Free
    source: Source
    ml_repo: RepoText | None = None
    description: Description | None = None
    version_alias: AliasText | None = None
    version: Annotated[StrictInt, Field(ge=1, le=_LARGEST)] | None = None
    framework: Framework | None = None
    environment: _Environment | None = None
    step: Whole = 0
    run_id: Line | None = None


class _Collaborator(_Open):
    subject: Line
    role_id: Line


class MlRepoManifest(_Open):
    """The manifest of an ML repo."""

    type: Literal["ml-repo"]
    name: RepoText
    storage_integration_fqn: StrictStr = ""
    description: Description | None = None
    collaborators: Annotated[list[_Collaborator], Field(max_length=_MOST)] | None = None


class PutVersionBody(RequestBody):
    """``PUT model-versions``."""

    manifest: dict[StrictStr, object]

    @property
    def given(self) -> dict[str, JSON]:
        """The manifest, which is JSON: pydantic cannot name a type that contains itself."""
        return cast("dict[str, JSON]", self.manifest)


class MlRepoBody(PutVersionBody):
    """``PUT ml-repos``."""

    dry_run: StrictBool = Field(default=False, alias="dryRun")


class ApplyBody(MlRepoBody):
    """``PUT apply``, ``POST delete``."""


class TagsBody(RequestBody):
    """``PUT model-versions/tags``."""

    model_version_id: StrictStr
    tags: Annotated[list[Line], Field(max_length=_MOST)]
    force: StrictBool = False


class IdBody(RequestBody):
    """``POST artifact-versions/mark-stage-failure``."""

    id: StrictStr


class UrlsBody(IdBody):
    """``POST artifact-versions/signed-urls``."""

    paths: Annotated[list[StrictStr], Field(min_length=1, max_length=_MOST)]
    operation: Literal["READ", "WRITE"]


class PartsBody(IdBody):
    """``POST artifact-versions/signed-urls/multipart``."""

    path: StrictStr
    num_parts: Annotated[StrictInt, Field(ge=1, le=_MOST)]


class FilesBody(IdBody):
    """``POST artifact-versions/files``."""

    path: StrictStr | None = None
    limit: Annotated[StrictInt, Field(ge=1, le=_MOST)] | None = None
    page_token: StrictStr | None = Field(default=None, alias="pageToken")


BodyType = TypeVar("BodyType", bound=RequestBody)


def _expectation(problem: dict[str, JSON]) -> str:
    """What pydantic expects, as a clause."""
    message, context = str(problem["msg"]), problem.get("ctx")
    if problem["type"] == "union_tag_invalid" and isinstance(context, dict):
        return f"expected one of {context.get('expected_tags')}"
    if problem["type"] == "string_pattern_mismatch":
        pattern = context.get("pattern") if isinstance(context, dict) else ""
        return f"expected text that matches {pattern}"
    return message[:1].lower() + message[1:]


def _refuse(error: ValidationError, where: str, data: JSON) -> ManifestFieldError:
    problem: dict[str, JSON] = dict(error.errors(include_url=False)[0])  # type: ignore[arg-type]  # plain data
    loc = problem["loc"]
    steps, at = [where] if where else [], data
    for step in loc if isinstance(loc, list | tuple) else ():
        # The name of the variant of a union is a step of pydantic's, but not of the data.
        inner = isinstance(at, dict) and step not in at and step == at.get("type")
        if inner:
            continue
        steps.append(str(step))
        if isinstance(at, dict):
            at = at.get(str(step))
        elif isinstance(at, list) and isinstance(step, int):
            at = at[step]
    if problem["type"] == "union_tag_not_found":
        return ManifestFieldError(".".join([*steps, "type"]), "the field is required")
    if problem["type"] == "missing":
        return ManifestFieldError(".".join(steps), "the field is required")
    value = problem.get("input")
    if problem["type"] == "union_tag_invalid" and isinstance(value, dict):
        steps, value = [*steps, "type"], value.get("type")
    shown = orjson.dumps(value, default=str).decode()[:_SHOWN]
    return ManifestFieldError(".".join(steps) or "body", f"found {shown}; {_expectation(problem)}")


def _without_nulls(value: dict[str, JSON]) -> dict[str, JSON]:
    """The fields that are given; a client sends null for one that it leaves out. Free data stays as it is."""
    given: dict[str, JSON] = {key: one for key, one in value.items() if one is not None}
    for key in ("source", "framework", "environment"):
        inner = given.get(key)
        if isinstance(inner, dict):
            given[key] = {name: one for name, one in inner.items() if one is not None}
    framework = given.get("framework")
    schema = framework.get("model_schema") if isinstance(framework, dict) else None
    if isinstance(schema, dict) and isinstance(framework, dict):
        kept: dict[str, JSON] = {name: one for name, one in schema.items() if one is not None}
        given["framework"] = {**framework, "model_schema": kept}
    return given


def _refuse_null(value: JSON, where: str) -> None:
    """Refuse text with a null character; a name that has one is not repeated."""
    if isinstance(value, str) and "\0" in value:
        raise ManifestFieldError(where or "body", "contains a null character")
    if isinstance(value, list):
        for number, one in enumerate(value):
            _refuse_null(one, f"{where}.{number}".lstrip("."))
    elif isinstance(value, dict):
        for name, one in value.items():
            _refuse_null(name, where)
            _refuse_null(one, f"{where}.{name}".lstrip("."))


def check_object(data: dict[str, JSON], kind: type[BodyType], where: str = "") -> BodyType:
    """Some data as a body.

    Raises:
        ManifestFieldError: A field is missing, or has a value that it cannot have.
    """
    given = _without_nulls(data)
    if where == "manifest" and len(orjson.dumps(data)) > _LARGEST_MANIFEST:
        raise ManifestFieldError(where, f"larger than {_LARGEST_MANIFEST >> 10} KiB")
    if b"\\u0000" in orjson.dumps(given):
        _refuse_null(given, where)
    try:
        return kind.model_validate(given)
    except ValidationError as exc:
        raise _refuse(exc, where, given) from None


def check_manifest(data: dict[str, JSON], kind: type[BodyType]) -> dict[str, JSON]:
    """A manifest as it was given, without what it leaves out.

    Raises:
        ManifestFieldError: A field is missing, or has a value that it cannot have.
    """
    check_object(data, kind, "manifest")
    return _without_nulls(data)


async def read_body(request: Request, kind: type[BodyType]) -> BodyType:
    """The JSON body of a request.

    Raises:
        UsageError: It is not a JSON object.
        ManifestFieldError: A field is missing, or has a value that it cannot have.
    """
    try:
        data = orjson.loads(await request.body())
    except orjson.JSONDecodeError as exc:
        raise UsageError(f"the body is not JSON: {exc}") from None
    if not isinstance(data, dict):
        raise UsageError("the body is not a JSON object")
    if is_deeper_than(_DEEPEST, data):
        raise ManifestFieldError("body", f"more than {_DEEPEST} levels of lists and objects")
    return check_object(data, kind)
