"""``version.yaml``, the frozen record of a version, as types; generated from ``schemas/`` by ``python -m registry_tool.devtools.models``."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, JsonValue

from registry_tool.manifests.models.base import Manifest, Part
from registry_tool.manifests.models.parts import Artifact, Dataset, Metric

__all__ = [
    "Code",
    "Column",
    "Environment",
    "Framework",
    "Lineage",
    "ModelSchema",
    "ModelSignature",
    "Parameter",
    "VersionManifest",
    "VersionSource",
]


class Column(Part):
    """One input or output.

    Attributes:
        name: Its name; a tensor may have none.
        type: The type, such as double, string, tensor, object or array.
        dtype: The element type of a tensor, such as float32.
        shape: The shape of a tensor; -1 for a variable dimension.
        required: False if a caller may omit it.
        items: The element of an array, in the same form.
        properties: The members of an object, in the same form.
        description: Its meaning.
    """

    name: str | None = None
    type: str
    dtype: str | None = None
    shape: tuple[int, ...] = ()
    required: bool = True
    items: dict[str, JsonValue] = Field(default_factory=dict)
    properties: dict[str, JsonValue] = Field(default_factory=dict)
    description: str | None = None


class ModelSchema(Part):
    """The calling interface of a model.

    Attributes:
        infer_method_name: The inference method.
        inputs: The inputs.
        outputs: The outputs.
    """

    infer_method_name: str | None = None
    inputs: tuple[Column, ...] = ()
    outputs: tuple[Column, ...] = ()


class Framework(Part):
    """The framework of a version.

    Attributes:
        type: The framework.
        version: The framework's release.
        library_name: transformers: the library that loads it.
        pipeline_tag: transformers: the pipeline that serves it.
        base_model: transformers: the base model that it was fine-tuned from.
        model_filepath: sklearn, xgboost: the path of the model file in its artifact.
        serialization_format: sklearn, xgboost: the serialization format.
        model_schema: sklearn, xgboost: the calling interface of the model.
    """

    type: Literal[
        "transformers",
        "pytorch",
        "tensorflow",
        "keras",
        "sklearn",
        "xgboost",
        "lightgbm",
        "catboost",
        "onnx",
        "spacy",
        "fastai",
        "h2o",
        "statsmodels",
        "paddle",
        "gluon",
        "fasttext",
        "jax",
        "custom",
    ]
    version: str | None = None
    library_name: Literal["transformers", "sentence-transformers", "diffusers"] | None = None
    pipeline_tag: str | None = None
    base_model: str | None = None
    model_filepath: str | None = None
    serialization_format: (
        Literal["pickle", "joblib", "cloudpickle", "skops", "json", "ubj", "onnx", "other"] | None
    ) = None
    model_schema: ModelSchema | None = None


class Environment(Part):
    """The runtime environment of the model.

    Attributes:
        python_version: The Python release, in quotes.
        pip_packages: Requirement strings.
        lock: The name of the artifact that contains the lock file.
    """

    python_version: str | None = None
    pip_packages: tuple[str, ...] = ()
    lock: str | None = None


class VersionSource(Part):
    """The origin of the version.

    Attributes:
        type: The kind of origin.
        uri: The address of the origin.
        commit: The Git commit.
        run_id: The run.
        step: The training step.
        revision: The revision; for huggingface the full commit, 40 hexadecimal digits.
    """

    type: Literal[
        "git", "mlflow", "bentoml", "huggingface", "truefoundry", "kubeflow", "local", "external"
    ]
    uri: str | None = None
    commit: str | None = None
    run_id: str | None = None
    step: int | None = None
    revision: str | None = None


class Code(Part):
    """The code that produced it.

    Attributes:
        repository: The Git repository.
        commit: The commit.
    """

    repository: str
    commit: str | None = None


class Lineage(Part):
    """The origin of a version: code, data, base model.

    Attributes:
        code: The code.
        datasets: The data.
        base_model: The base model: a reference in this registry, or a URI.
        experiment: The experiment.
        checkpoint: The checkpoint that it was exported from.
    """

    code: Code | None = None
    datasets: tuple[Dataset, ...] = ()
    base_model: str | None = None
    experiment: str | None = None
    checkpoint: str | None = None


class Parameter(Part):
    """One inference parameter.

    Attributes:
        name: Its name.
        type: Its type, such as long, double or string.
        default: The default value; any JSON.
        shape: The shape of a list; -1 for a variable dimension.
        description: Its meaning.
    """

    name: str
    type: str
    default: JsonValue = None
    shape: tuple[int, ...] = ()
    description: str | None = None


class ModelSignature(Part):
    """The inputs and outputs.

    Attributes:
        inputs: The inputs.
        outputs: The outputs.
        params: Inference parameters.
    """

    inputs: tuple[Column, ...] = ()
    outputs: tuple[Column, ...] = ()
    params: tuple[Parameter, ...] = ()


class VersionManifest(Manifest):
    """version.yaml: the record of one version.

    It is frozen once published.

    Attributes:
        schema_: The kind of this manifest and the version of its schema.
        model: The model: namespace/model.
        version: The version: the name of its folder. Quote numbers.
        name: A display name; by default the model's name.
        created_at: The time of creation.
        author: The author.
        description: The changes in this version.
        external_id: Its identifier in another system.
        framework: The framework of the model.
        environment: The runtime environment.
        source: Where the model comes from.
        lineage: The code and data that it was made from.
        artifacts: Its files and folders, stored or tracked.
        metrics: Measured values, ordered by step, or by timestamp if there is no step. Store a
            long series as an artifact with the role metrics.
        parameters: Inference parameters that affect outputs.
        signature: The inputs and outputs.
        identity: A digest of everything that can change outputs; computed by the program.
        same_as: The earlier version with the same identity.
        metadata: Free-form data.
    """

    schema_id: ClassVar[str] = "version/v1"

    schema_: Literal["version/v1"] = Field(alias="schema")
    model: str
    version: str
    name: str | None = None
    created_at: str
    author: str | None = None
    description: str | None = None
    external_id: str | None = None
    framework: Framework | None = None
    environment: Environment | None = None
    source: VersionSource | None = None
    lineage: Lineage | None = None
    artifacts: tuple[Artifact, ...]
    metrics: tuple[Metric, ...] = ()
    parameters: dict[str, JsonValue] = Field(default_factory=dict)
    signature: ModelSignature | None = None
    identity: str
    same_as: str | None = None
    metadata: dict[str, JsonValue] = Field(default_factory=dict)
