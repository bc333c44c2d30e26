"""``version.yaml`` as a type: the frozen record of one version, and its parts."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal, Self

from pydantic import Field, JsonValue, StringConstraints, model_validator

from registry_tool.manifests.models.artifact import Artifact
from registry_tool.manifests.models.base import (
    LARGEST,
    ArtifactName,
    Commit,
    Count,
    ExternalId,
    FilePath,
    FrameworkType,
    Free,
    Identity,
    Key,
    Line,
    Location,
    Manifest,
    ModelReference,
    Number,
    Part,
    Release,
    Task,
    Text,
    Timestamp,
    Token,
    Uri,
    VersionName,
    VersionReference,
    Whole,
    listed,
    matching,
    needs,
    refuses,
)

__all__ = [
    "Code",
    "Column",
    "Dataset",
    "Environment",
    "Framework",
    "Lineage",
    "Metric",
    "MetricBytes",
    "ModelSchema",
    "Parameter",
    "Signature",
    "Source",
    "VersionManifest",
]

_OF_TRANSFORMERS: Final = ("library_name", "pipeline_tag", "base_model")
_OF_SKLEARN: Final = ("model_filepath", "serialization_format", "model_schema")
_BASE64: Final = "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"
_HF_REVISION_LENGTH: Final = 40

_Shape = Annotated[
    tuple[Annotated[Whole, Field(ge=-1, le=LARGEST)], ...],
    listed(most=32),
]


class MetricBytes(Part):
    """A metric's value as bytes, in base64."""

    bytes: Annotated[str, StringConstraints(max_length=65536, pattern=_BASE64)]


class Metric(Part):
    """One measured value; ``timestamp`` in milliseconds since 1970-01-01 UTC."""

    key: Key
    value: Number | Annotated[str, StringConstraints(max_length=16384)] | MetricBytes
    step: Count | None = None
    timestamp: Count | None = None


class Column(Part):
    """One input or output, as MLflow describes them."""

    name: Line | None = None
    type: Line
    dtype: Line | None = None
    shape: _Shape | None = None
    required: bool = True
    items: Free | None = None
    properties: Free | None = None
    description: Text | None = None


_Columns = Annotated[tuple[Column, ...], listed(most=1000)]


class Parameter(Part):
    """One parameter of inference."""

    nullable: ClassVar[frozenset[str]] = frozenset({"default"})

    name: Line
    type: Line
    default: JsonValue = None
    shape: _Shape | None = None
    description: Text | None = None


class Signature(Part):
    """What goes in and comes out."""

    inputs: _Columns = ()
    outputs: _Columns = ()
    params: Annotated[tuple[Parameter, ...], listed(most=1000)] = ()


class ModelSchema(Part):
    """How a model of sklearn or xgboost is called."""

    infer_method_name: Annotated[str, matching("[A-Za-z_][A-Za-z0-9_]*", 128)] | None = None
    inputs: _Columns = ()
    outputs: _Columns = ()


class Framework(Part):
    """The framework a version was made with, and what its type adds."""

    type: FrameworkType
    version: Release | None = None
    library_name: Literal["transformers", "sentence-transformers", "diffusers"] | None = None
    pipeline_tag: Task | None = None
    base_model: Location | None = None
    model_filepath: FilePath | None = None
    serialization_format: (
        Literal["pickle", "joblib", "cloudpickle", "skops", "json", "ubj", "onnx", "other"] | None
    ) = None
    model_schema: ModelSchema | None = None

    @model_validator(mode="after")
    def _has_only_its_own(self) -> Self:
        if self.type != "transformers":
            refuses(self, *_OF_TRANSFORMERS, why="only for transformers")
        if self.type not in {"sklearn", "xgboost"}:
            refuses(self, *_OF_SKLEARN, why="only for sklearn and xgboost")
        return self


class Environment(Part):
    """What the model runs in; ``lock`` is the name of an artifact."""

    python_version: Annotated[str, matching(r"[0-9]+\.[0-9]+(?:\.[0-9]+)?", 32)] | None = None
    pip_packages: Annotated[
        tuple[Annotated[str, matching(r"[^\x00-\x1f\x7f]+", 2048)], ...], listed(most=2000)
    ] = ()
    lock: ArtifactName | None = None


class Source(Part):
    """Where the version comes from."""

    type: Literal[
        "git", "mlflow", "bentoml", "huggingface", "truefoundry", "kubeflow", "local", "external"
    ]
    uri: Location | None = None
    commit: Commit | None = None
    run_id: Token | None = None
    step: Count | None = None
    revision: Token | None = None

    @model_validator(mode="after")
    def _pins_its_revision(self) -> Self:
        if self.type == "huggingface":
            needs(self, "revision", why="a Hugging Face branch moves, a commit does not")
            revision = self.revision or ""
            if len(revision) != _HF_REVISION_LENGTH or not set(revision) <= set("0123456789abcdef"):
                raise ValueError("revision is not a full commit of 40 hexadecimal digits")
        return self


class Code(Part):
    """The code that made a version."""

    repository: Location
    commit: Commit | None = None


class Dataset(Part):
    """Data a version was made from or measured with."""

    uri: Uri
    name: Line | None = None
    digest: Token | None = None
    revision: Token | None = None


class Lineage(Part):
    """What a version was made from."""

    code: Code | None = None
    datasets: Annotated[tuple[Dataset, ...], listed(most=1000)] = ()
    base_model: Location | None = None
    experiment: Line | None = None
    checkpoint: Location | None = None


class VersionManifest(Manifest):
    """``version.yaml``: the record of one version, frozen once published."""

    schema_: Literal["version/v1"] = Field(alias="schema")
    model: ModelReference
    version: VersionName
    name: Line | None = None
    created_at: Timestamp
    author: Line | None = None
    description: Text | None = None
    external_id: ExternalId | None = None
    framework: Framework | None = None
    environment: Environment | None = None
    source: Source | None = None
    lineage: Lineage | None = None
    artifacts: Annotated[tuple[Artifact, ...], listed(most=1000)]
    metrics: Annotated[tuple[Metric, ...], listed(most=10000)] = ()
    parameters: Free = Field(default_factory=dict)
    signature: Signature | None = None
    identity: Identity
    same_as: VersionReference | None = None
    metadata: Free = Field(default_factory=dict)
