"""The bodies of requests. An unknown field, a wrong type and a missing field are refused in Kubeflow's own words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Final, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic.alias_generators import to_camel

from registry_tool.errors import UsageError
from registry_tool.manifests.problems import JSON
from registry_tool.server.kubeflow.errors import MissingFieldError
from registry_tool.server.kubeflow.properties import without_proposal

__all__ = [
    "ARTIFACTS",
    "Body",
    "ExperimentBody",
    "ExperimentRunBody",
    "InferenceServiceBody",
    "ModelVersionBody",
    "RegisteredModelBody",
    "ServeModelBody",
    "ServingEnvironmentBody",
    "read_artifact",
    "read_body",
    "read_object",
]

# Set by the server; a client may send them back, and they are ignored.
READ_ONLY: Final = frozenset({"id", "createTimeSinceEpoch", "lastUpdateTimeSinceEpoch"})
_INT32: Final = 2**31

Text = Annotated[str, StringConstraints(max_length=16384)]
Flag = Literal["LIVE", "ARCHIVED"]
ArtifactState = Literal[
    "UNKNOWN", "PENDING", "LIVE", "MARKED_FOR_DELETION", "DELETED", "ABANDONED", "REFERENCE"
]


class Body(BaseModel):
    """What all objects have.

    Attributes:
        required: Fields that a new object must have, not empty, by their names in JSON.
        fixed: Fields that an update may not name.
    """

    model_config = ConfigDict(
        extra="forbid", strict=True, alias_generator=to_camel, protected_namespaces=()
    )
    required: ClassVar[tuple[str, ...]] = ()
    fixed: ClassVar[frozenset[str]] = frozenset({"name"})

    id: str | None = None
    name: Text | None = None
    description: Text | None = None
    external_id: Text | None = None
    custom_properties: dict[str, dict[str, str | int | float | bool | None]] | None = None
    create_time_since_epoch: str | None = None
    last_update_time_since_epoch: str | None = None


class RegisteredModelBody(Body):
    """A registered model."""

    required = ("name",)

    owner: Text | None = None
    state: Flag | None = None
    readme: str | None = None
    maturity: Text | None = None
    language: list[Text] | None = None
    tasks: list[Text] | None = None
    provider: Text | None = None
    logo: str | None = None
    license: Text | None = None
    license_link: Text | None = None
    library_name: Text | None = None


class ModelVersionBody(Body):
    """A model version."""

    required = ("name", "registeredModelId")
    fixed = frozenset({"name", "registeredModelId"})

    registered_model_id: str | None = None
    author: Text | None = None
    state: Flag | None = None


class _ArtifactBody(Body):
    fixed = frozenset({"name"})

    artifact_type: str | None = None
    state: ArtifactState | None = None
    experiment_id: str | None = None
    experiment_run_id: str | None = None


class _ModelArtifactBody(_ArtifactBody):
    uri: Text | None = None
    model_format_name: Text | None = None
    model_format_version: Text | None = None
    storage_key: Text | None = None
    storage_path: Text | None = None
    service_account_name: Text | None = None
    model_source_kind: Text | None = None
    model_source_class: Text | None = None
    model_source_group: Text | None = None
    model_source_id: Text | None = None
    model_source_name: Text | None = None


class _DocArtifactBody(_ArtifactBody):
    uri: Text | None = None


class _DatasetArtifactBody(_ArtifactBody):
    uri: Text | None = None
    digest: Text | None = None
    source_type: Text | None = None
    source: str | None = None
    schema_: str | None = Field(default=None, alias="schema")
    profile: str | None = None


class _MetricBody(_ArtifactBody):
    value: float | None = None
    timestamp: Text | None = None
    step: int | str | None = None


class _ParameterBody(_ArtifactBody):
    value: str | None = None
    parameter_type: Literal["string", "number", "boolean", "object"] | None = None


class ServingEnvironmentBody(Body):
    """A serving environment."""

    required = ("name",)


class InferenceServiceBody(Body):
    """An inference service."""

    required = ("registeredModelId", "servingEnvironmentId")
    fixed = frozenset({"name", "registeredModelId", "servingEnvironmentId"})

    registered_model_id: str | None = None
    serving_environment_id: str | None = None
    model_version_id: str | None = None
    runtime: Text | None = None
    desired_state: Literal["DEPLOYED", "UNDEPLOYED"] | None = None


class ServeModelBody(Body):
    """An action of an inference service: which version it served, and how that ended."""

    required = ("modelVersionId",)
    fixed = frozenset({"name", "modelVersionId"})

    model_version_id: str | None = None
    last_known_state: (
        Literal["UNKNOWN", "NEW", "RUNNING", "COMPLETE", "FAILED", "CACHED", "CANCELED"] | None
    ) = None


class ExperimentBody(Body):
    """An experiment."""

    required = ("name",)

    owner: Text | None = None
    state: Flag | None = None


class ExperimentRunBody(Body):
    """A run of an experiment."""

    required = ("experimentId",)
    fixed = frozenset({"experimentId"})

    experiment_id: str | None = None
    owner: Text | None = None
    state: Flag | None = None
    status: Literal["RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"] | None = None
    start_time_since_epoch: str | None = None
    end_time_since_epoch: str | None = None


ARTIFACTS: Final[dict[str, type[_ArtifactBody]]] = {
    "model-artifact": _ModelArtifactBody,
    "doc-artifact": _DocArtifactBody,
    "dataset-artifact": _DatasetArtifactBody,
    "metric": _MetricBody,
    "parameter": _ParameterBody,
}
"""By ``artifactType``."""

_VALUES: Final[dict[str, tuple[str, type]]] = {
    "MetadataIntValue": ("int_value", str),
    "MetadataDoubleValue": ("double_value", float),
    "MetadataStringValue": ("string_value", str),
    "MetadataBoolValue": ("bool_value", bool),
    "MetadataStructValue": ("struct_value", str),
    "MetadataProtoValue": ("proto_value", str),
}


def read_object(source: bytes) -> dict[str, JSON]:
    """The JSON object that a body is; fields that are null are left out, as if they were absent.

    Raises:
        UsageError: It is not one.
    """
    try:
        data = orjson.loads(source)
    except ValueError as exc:
        raise UsageError(f"invalid JSON in the body: {exc}") from exc
    if not isinstance(data, dict):
        raise UsageError("json: cannot unmarshal the body: an object is expected")
    if b"\\u0000" in source:
        raise UsageError("the body contains a null byte")
    return {key: value for key, value in data.items() if value is not None}


def _explain(error: ValidationError) -> UsageError:
    first = error.errors(include_url=False, include_input=False)[0]
    at = ".".join(str(step) for step in first["loc"])
    if first["type"] == "extra_forbidden":
        return UsageError(f'json: unknown field "{first["loc"][-1]}"')
    return UsageError(f"json: cannot unmarshal the field {at}: {first['msg']}")


def _check_property(name: str, value: Mapping[str, JSON]) -> None:
    """Check that a custom property has a type, and a value of it.

    Raises:
        UsageError: It has not.
    """
    kind = value.get("metadataType")
    if not isinstance(kind, str) or kind not in _VALUES:
        raise UsageError(
            f"custom property {name!a}: metadataType must be one of {', '.join(_VALUES)}"
        )
    key, wanted = _VALUES[kind]
    given = value.get(key)
    fits = isinstance(given, wanted) or (wanted is float and type(given) is int)
    if not fits:
        raise UsageError(f"custom property {name!a}: {key} is missing or has the wrong type")
    unknown = set(value) - {"metadataType", key, "type"}
    if unknown:
        raise UsageError(f'json: unknown field "{min(unknown)}"')
    if kind == "MetadataIntValue":
        digits = str(given).removeprefix("-")
        is_number = digits.isascii() and digits.isdecimal() and len(digits) <= 10  # noqa: PLR2004 (32 bits)
        if not is_number or not -_INT32 <= int(str(given)) < _INT32:
            raise UsageError(f"custom property {name!a}: {given!a} is not a 32-bit integer")


def read_body(kind: type[Body], data: dict[str, JSON], *, partial: bool) -> dict[str, JSON]:
    """The fields that a client gives, by their names in JSON, without those that only the server sets.

    Args:
        kind: What the body is about.
        data: The JSON object.
        partial: True for an update: nothing is required, and a fixed field is unknown.

    Raises:
        UsageError: A field is unknown or has the wrong type.
        MissingFieldError: A required field is missing or empty.
    """
    if partial and (fixed := sorted(kind.fixed & data.keys())):
        raise UsageError(f'json: unknown field "{fixed[0]}"')
    try:
        checked = kind.model_validate(data)
    except ValidationError as exc:
        raise _explain(exc) from exc
    for name, value in (checked.custom_properties or {}).items():
        _check_property(name, value)
    for name in () if partial else kind.required:
        if not data.get(name):
            raise MissingFieldError(name)
    found = {key: value for key, value in data.items() if key not in READ_ONLY}
    if isinstance(given := found.get("customProperties"), dict):
        found["customProperties"] = without_proposal(given)
    return found


def read_artifact(
    data: dict[str, JSON], *, default: str = "", partial: bool = False
) -> dict[str, JSON]:
    """The fields of an artifact; ``artifactType`` is one of ``ARTIFACTS``.

    Args:
        data: The JSON object.
        default: The type where it names none.
        partial: True for an update.

    Raises:
        UsageError: A field is unknown or has the wrong type, or the type of artifact is unknown.
        MissingFieldError: It has no type.
    """
    kind = data.get("artifactType", default)
    if kind == "":
        raise MissingFieldError("artifactType")
    if not isinstance(kind, str) or kind not in ARTIFACTS:
        raise UsageError(
            f"artifactType {str(kind)[:60]!a} is not supported: use one of {', '.join(ARTIFACTS)}"
        )
    whole = {**data, "artifactType": kind}
    found = read_body(ARTIFACTS[kind], whole, partial=partial)
    if kind == "metric":
        found = _read_metric(found, partial=partial)
    if kind == "parameter" and not partial and "value" not in found:
        raise MissingFieldError("value")
    return found


def _read_metric(data: dict[str, JSON], *, partial: bool) -> dict[str, JSON]:
    if "value" not in data and not partial:
        raise MissingFieldError("value")
    step = data.get("step")
    if isinstance(step, str):
        if not (step.isascii() and step.isdecimal() and len(step) < 16):  # noqa: PLR2004 (below 2^53)
            raise UsageError(
                f"json: cannot unmarshal the field step: {step[:40]!a} is not a number"
            )
        return {**data, "step": int(step)}
    return data
