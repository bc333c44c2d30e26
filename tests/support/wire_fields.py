"""What each field of one protocol is in the other and in the registry: the table of docs/serve-fields.md, and its test.

A reader's view of a model is nested mappings; a field's place in it is written with dots. For each writer the table says
what each reader must show.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from registry_tool.manifests.problems import JSON

__all__ = [
    "FIELDS",
    "KUBEFLOW_MODEL",
    "MLFLOW_MODEL",
    "READERS",
    "WireField",
    "read_place",
    "render_fields",
]

READERS: Final = ("kubeflow", "mlflow", "registry")
_RUN: Final = "0123456789abcdef0123456789abcdef"
KUBEFLOW_MODEL: Final[dict[str, JSON]] = {
    "name": "from kubeflow",
    "uri": "s3://bucket/k",
    "version": "v 1",
    "model_format_name": "onnx",
    "model_format_version": "1.2",
    "storage_key": "key",
    "storage_path": "path",
    "description": "Identifies languages.",
    "owner": "Grace",
    "metadata": {"accuracy": 0.97, "layers": 12, "quantized": True, "team": "speech"},
}
MLFLOW_MODEL: Final[dict[str, JSON]] = {
    "name": "from mlflow",
    "model_tags": {"team": "vision"},
    "model_description": "Sees.",
    "source": "s3://bucket/m",
    "run_id": _RUN,
    "tags": {"accuracy": "0.9"},
    "run_link": "https://mlflow.example.org/r/1",
    "description": "First.",
    "alias": "champion",
}


class WireField(NamedTuple):
    """One row.

    Attributes:
        title: What it is.
        names: What each reader calls it, for the page; a dash where it does not show it.
        places: Where it lies in what each reader gives, for the test.
        expected: By writer, what each reader must show; a reader that is left out is not asked.
    """

    title: str
    names: tuple[str, str, str]
    places: tuple[str, str, str]
    expected: Mapping[str, Mapping[str, JSON]]


def _same(value: JSON, *readers: str) -> dict[str, JSON]:
    return dict.fromkeys(readers or READERS, value)


FIELDS: Final[tuple[WireField, ...]] = (
    WireField(
        "name of a model",
        ("RegisteredModel.name", "RegisteredModel.name", "the folder's name, or `title.yaml`: title"),
        ("model.name", "model.name", "model.title"),
        {
            "kubeflow": _same("from kubeflow"),
            "mlflow": _same("from mlflow"),
            "registry": {"kubeflow": "nlp.lang-id", "mlflow": "nlp.lang-id", "registry": None},
        },
    ),
    WireField(
        "description of a model",
        ("RegisteredModel.description", "RegisteredModel.description", "`model.yaml`: description"),
        ("model.description", "model.description", "model.record.description"),
        {
            "mlflow": _same("Sees."),
            "registry": _same("Tells 176 languages apart."),
        },
    ),
    WireField(
        "owner",
        ("RegisteredModel.owner", "-", "`model.yaml`: owner"),
        ("model.owner", "", "model.record.owner"),
        {
            "kubeflow": _same("Grace", "kubeflow", "registry"),
            "registry": _same("@acme/speech", "kubeflow", "registry"),
        },
    ),
    WireField(
        "free data of a model",
        ("RegisteredModel.customProperties", "RegisteredModel.tags", "`model.yaml`: metadata"),
        ("model.custom_properties", "model.tags", "model.record.metadata"),
        {"mlflow": _same({"team": "vision"})},
    ),
    WireField(
        "aliases",
        ("-", "RegisteredModel.aliases", "`aliases/<alias>.yaml`"),
        ("", "model.aliases", "model.aliases"),
        {
            "kubeflow": {"mlflow": {"blessed": "1"}, "registry": {"blessed": "v-1-b538e042"}},
            "mlflow": _same({"champion": "1"}, "mlflow", "registry"),
            "registry": _same({"production": "1"}, "mlflow", "registry"),
        },
    ),
    WireField(
        "name of a version",
        ("ModelVersion.name", "-", "the folder's name, or `titles/<version>.yaml`: title"),
        ("version.name", "", "version.title"),
        {
            "kubeflow": _same("v 1", "kubeflow", "registry"),
            "mlflow": {"kubeflow": "1", "registry": None},
            "registry": {"kubeflow": "1", "registry": None},
        },
    ),
    WireField(
        "number of a version",
        ("-", "ModelVersion.version", "the version, or its place in the order of creation"),
        ("", "version.version", ""),
        {"kubeflow": {"mlflow": "1"}, "mlflow": {"mlflow": "1"}, "registry": {"mlflow": "1"}},
    ),
    WireField(
        "description of a version",
        ("ModelVersion.description", "ModelVersion.description", "`metadata.yaml`: description, else `version.yaml`: description"),
        ("version.description", "version.description", "version.description"),
        {"kubeflow": _same("Identifies languages."), "mlflow": _same("First.")},
    ),
    WireField(
        "author of a version",
        ("ModelVersion.author", "ModelVersion.user_id", "`version.yaml`: author"),
        ("version.author", "version.user_id", "version.record.author"),
        {"kubeflow": _same("Ada")},
    ),
    WireField(
        "free data of a version",
        ("ModelVersion.customProperties", "ModelVersion.tags, as text", "`metadata.yaml`: metadata"),
        ("version.custom_properties", "version.tags", "version.metadata"),
        {
            "kubeflow": {
                "kubeflow": KUBEFLOW_MODEL["metadata"],
                "mlflow": {"accuracy": "0.97", "layers": "12", "quantized": "true", "team": "speech"},
                "registry": KUBEFLOW_MODEL["metadata"],
            },
            "mlflow": _same({"accuracy": "0.9"}),
        },
    ),
    WireField(
        "address of the files",
        ("ModelArtifact.uri", "ModelVersion.source", "`version.yaml`: artifacts, uri"),
        ("artifact.uri", "version.source", "resolved.artifacts.0.uri"),
        {"kubeflow": _same("s3://bucket/k"), "mlflow": _same("s3://bucket/m")},
    ),
    WireField(
        "format of the files",
        ("ModelArtifact.modelFormatName", "-", "`version.yaml`: artifacts, format, name"),
        ("artifact.model_format_name", "", "version.record.artifacts.0.format.name"),
        {"kubeflow": _same("onnx", "kubeflow", "registry")},
    ),
    WireField(
        "version of the format",
        ("ModelArtifact.modelFormatVersion", "-", "`version.yaml`: artifacts, format, version"),
        ("artifact.model_format_version", "", "version.record.artifacts.0.format.version"),
        {"kubeflow": _same("1.2", "kubeflow", "registry")},
    ),
    WireField(
        "storage of an artifact",
        ("ModelArtifact.storageKey", "-", "`version.yaml`: artifacts, metadata, $kubeflow"),
        ("artifact.storage_key", "", "version.record.artifacts.0.metadata.$kubeflow.storageKey"),
        {"kubeflow": _same("key", "kubeflow", "registry")},
    ),
    WireField(
        "run",
        ("-", "ModelVersion.run_id", "`version.yaml`: source, run_id"),
        ("", "version.run_id", "version.record.source.run_id"),
        {"mlflow": _same(_RUN, "mlflow", "registry")},
    ),
    WireField(
        "link to the run",
        ("-", "ModelVersion.run_link", "`wire.yaml`: mlflow, run_link"),
        ("", "version.run_link", ""),
        {"mlflow": {"mlflow": "https://mlflow.example.org/r/1"}},
    ),
    WireField(
        "state",
        ("ModelVersion.state", "ModelVersion.status", "`status.yaml`: state; a folder in `drafts/` is a draft"),
        ("version.state", "version.status", "version.state"),
        {
            writer: {"kubeflow": "LIVE", "mlflow": "READY", "registry": "active"}
            for writer in READERS
        },
    ),
    WireField(
        "time of creation",
        ("createTimeSinceEpoch", "creation_timestamp", "the commit with which it appeared"),
        ("", "", ""),
        {},
    ),
)  # fmt: skip


def read_place(view: JSON, place: str) -> JSON:
    """What lies at a place; None where it is missing."""
    for key in place.split("."):
        if isinstance(view, dict):
            view = view.get(key)
        elif isinstance(view, list) and key.isdigit() and int(key) < len(view):
            view = view[int(key)]
        else:
            return None
    return view


def render_fields() -> Iterator[str]:
    """The lines of the table."""
    yield "| what | Kubeflow | MLflow | in the registry |"
    yield "| --- | --- | --- | --- |"
    for field in FIELDS:
        yield f"| {' | '.join((field.title, *field.names))} |"
