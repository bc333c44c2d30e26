"""What each field of one protocol is in the others and in the registry: the table of docs/serve-fields.md, and its test.

A reader's view of a model is nested mappings; a field's place in it is written with dots. For each writer the table says
what every reader must show.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from registry_tool.manifests.problems import JSON
from support.wire_models import FILE_MD5, READERS, RUN, WRITTEN

__all__ = ["FIELDS", "Shown", "WireField", "count_fields", "read_place", "render_fields"]

_TITLES: Final[Mapping[str, str]] = {
    "kubeflow": "Kubeflow",
    "mlflow": "MLflow",
    "truefoundry": "TrueFoundry",
    "modelbox": "ModelBox",
    "kolena": "Kolena",
    "mlsteam": "MLSteam",
    "registry": "in the registry",
}


class Shown(NamedTuple):
    """A field as one reader has it.

    Attributes:
        name: What the reader calls it, for the page.
        place: Where it is in what the reader shows, for the test; empty where the test does not ask.
    """

    name: str
    place: str = ""


@dataclass(frozen=True)
class WireField:
    """One row.

    Attributes:
        title: What it is.
        shown: By reader; a reader that has no place for it is left out.
        written: What each writer wrote, by writer: every reader that has a place for it shows the same.
        unlike: What a reader shows instead, by writer and reader.
    """

    title: str
    shown: Mapping[str, Shown]
    written: Mapping[str, JSON] = field(default_factory=dict)
    unlike: Mapping[tuple[str, str], JSON] = field(default_factory=dict)

    def expected(self) -> Iterator[tuple[str, str, JSON]]:
        """The writers, the readers, and what each must show."""
        for writer, value in self.written.items():
            for reader, shown in self.shown.items():
                if shown.place:
                    yield writer, reader, self.unlike.get((writer, reader), value)


_KUBEFLOW, _MODELBOX = WRITTEN["kubeflow"], WRITTEN["modelbox"]
_KUBEFLOW_TEXTS: Final[JSON] = {"accuracy": "0.97", "layers": "12", "quantized": "true", "team": "speech"}  # fmt: skip
_METRIC: Final = "loss"

FIELDS: Final[tuple[WireField, ...]] = (
    WireField(
        "name of a model",
        {
            "kubeflow": Shown("RegisteredModel.name", "model.name"),
            "mlflow": Shown("RegisteredModel.name", "model.name"),
            "truefoundry": Shown("Model.name", "model.name"),
            "modelbox": Shown("Model.name", "model.name"),
            "kolena": Shown("Model.name", "version.name"),
            "mlsteam": Shown("Model.name", "model.name"),
            "registry": Shown("the folder's name, or `title.yaml`: title", "model.title"),
        },
        {
            "kubeflow": "from kubeflow", "mlflow": "from mlflow", "truefoundry": "from-truefoundry",
            "modelbox": "from modelbox", "kolena": "from kolena (YOLO, 1280x1280)", "mlsteam": "from mlsteam",
            "registry": "lang-id",
        },
        {
            ("kubeflow", "truefoundry"): "from-kubeflow-706b69bc", ("kubeflow", "kolena"): "from kubeflow@v 1",
            ("mlflow", "truefoundry"): "from-mlflow-3c11ca64", ("mlflow", "kolena"): "from mlflow@1",
            ("truefoundry", "kolena"): "from-truefoundry@1", ("truefoundry", "registry"): None,
            ("modelbox", "truefoundry"): "from-modelbox-b414ae97", ("modelbox", "kolena"): "from modelbox@v 1",
            ("kolena", "truefoundry"): "from-kolena-YOLO-1280x1280-c155b032",
            ("mlsteam", "truefoundry"): "from-mlsteam-bbdc1b5f", ("mlsteam", "kolena"): "from mlsteam@v 1",
            ("registry", "kubeflow"): "nlp.lang-id", ("registry", "mlflow"): "nlp.lang-id",
            ("registry", "kolena"): "nlp.lang-id@1", ("registry", "registry"): None,
        },
    ),
    WireField(
        "namespace",
        {
            "kubeflow": Shown("before the name"),
            "mlflow": Shown("before the name"),
            "truefoundry": Shown("ML repo", "repo"),
            "modelbox": Shown("Model.namespace", "model.namespace"),
            "kolena": Shown("before the name"),
            "mlsteam": Shown("project", "project.name"),
            "registry": Shown("the folder", "model.record.namespace"),
        },
        {**dict.fromkeys(WRITTEN, "default"), "registry": "nlp"},
    ),
    WireField(
        "description of a model",
        {
            "kubeflow": Shown("RegisteredModel.description", "model.description"),
            "mlflow": Shown("RegisteredModel.description", "model.description"),
            "modelbox": Shown("Model.description", "model.description"),
            "mlsteam": Shown("Model.description", "model.description"),
            "registry": Shown("`model.yaml`: description", "model.record.description"),
        },
        {
            "mlflow": "Sees.", "modelbox": "Finds things.", "mlsteam": "Counts people.",
            "registry": "Tells 176 languages apart.",
        },
    ),
    WireField(
        "owner",
        {
            "kubeflow": Shown("RegisteredModel.owner", "model.owner"),
            "truefoundry": Shown("Model.created_by_subject", "model.created_by_subject.subjectDisplayName"),
            "modelbox": Shown("Model.owner", "model.owner"),
            "mlsteam": Shown("Model.owner", "model.owner"),
            "registry": Shown("`model.yaml`: owner", "model.record.owner"),
        },
        {"kubeflow": "Grace", "modelbox": "ada@example.org", "registry": "@acme/speech"},
    ),
    WireField(
        "task",
        {
            "modelbox": Shown("Model.task", "model.task"),
            "registry": Shown("`model.yaml`: task", "model.record.task"),
        },
        {"modelbox": "object detection", "registry": "language-identification"},
    ),
    WireField(
        "free data of a model",
        {
            "kubeflow": Shown("RegisteredModel.customProperties", "model.custom_properties"),
            "mlflow": Shown("RegisteredModel.tags", "model.tags"),
            "modelbox": Shown("Model's metadata", "model.metadata"),
            "mlsteam": Shown("Model.metadata", "model.metadata"),
            "registry": Shown("`model.yaml`: metadata", "model.record.metadata"),
        },
        {"mlflow": {"team": "vision"}, "mlsteam": {"team": "vision"}},
    ),
    WireField(
        "aliases",
        {
            "mlflow": Shown("RegisteredModel.aliases", "model.aliases"),
            "truefoundry": Shown("ModelVersion.tags; `version_alias`", "version.tags"),
            "modelbox": Shown("ModelVersion.unique_tags", "version.tags"),
            "mlsteam": Shown("Version.aliases", "version.aliases"),
            "registry": Shown("`aliases/<alias>.yaml`", "version.aliases"),
        },
        {
            "kubeflow": ["blessed"], "mlflow": ["champion"], "truefoundry": ["v1.0"], "modelbox": ["gold"],
            "registry": ["production"],
        },
        {
            ("kubeflow", "mlflow"): {"blessed": "1"}, ("mlflow", "mlflow"): {"champion": "1"},
            ("truefoundry", "mlflow"): {"v1.0": "1"}, ("truefoundry", "truefoundry"): None,
            ("registry", "mlflow"): {"production": "1"}, ("registry", "modelbox"): ["first", "production"],
            ("modelbox", "mlflow"): {"gold": "1"}, ("modelbox", "modelbox"): ["Best so far!", "gold"],
        },
    ),
    WireField(
        "tags, which cannot be moved",
        {
            "modelbox": Shown("ModelVersion.unique_tags", "version.tags"),
            "mlsteam": Shown("Version.tags", "version.tags"),
            "registry": Shown("`tags/<tag>.yaml`", "version.tags"),
        },
        {"modelbox": ["Best so far!"], "registry": ["first"]},
        {
            ("registry", "modelbox"): ["first", "production"],
            ("modelbox", "modelbox"): ["Best so far!", "gold"], ("modelbox", "registry"): ["best-so-far-9c1cfc53"],
        },
    ),
    WireField(
        "labels",
        {
            "kubeflow": Shown("an empty text in ModelVersion.customProperties"),
            "kolena": Shown("Model.tags", "version.tags"),
            "registry": Shown("`metadata.yaml`: labels", "version.labels"),
        },
        {"kolena": ["edge"]},
    ),
    WireField(
        "name of a version",
        {
            "kubeflow": Shown("ModelVersion.name", "version.name"),
            "modelbox": Shown("ModelVersion.version", "version.version"),
            "kolena": Shown("in the name, after `@`"),
            "mlsteam": Shown("Version.version", "version.version"),
            "registry": Shown("the folder's name, or `titles/<version>.yaml`: title", "version.title"),
        },
        {
            "kubeflow": "v 1", "mlflow": "1", "truefoundry": "1", "modelbox": "v 1", "kolena": "1", "mlsteam": "v 1",
            "registry": "1",
        },
        {(writer, "registry"): None for writer in ("mlflow", "truefoundry", "kolena", "registry")},
    ),
    WireField(
        "number of a version",
        {
            "mlflow": Shown("ModelVersion.version", "version.version"),
            "truefoundry": Shown("manifest.version", "version.manifest.version"),
            "registry": Shown("the version, or its place in the order of creation"),
        },
        dict.fromkeys(READERS, 1),
        {(writer, "mlflow"): "1" for writer in READERS},
    ),
    WireField(
        "further name of a version",
        {
            "modelbox": Shown("ModelVersion.name", "version.name"),
            "registry": Shown("`version.yaml`: name", "version.record.name"),
        },
        {"modelbox": "YOLO v1"},
    ),
    WireField(
        "description of a version",
        {
            "kubeflow": Shown("ModelVersion.description", "version.description"),
            "mlflow": Shown("ModelVersion.description", "version.description"),
            "truefoundry": Shown("manifest.description", "version.manifest.description"),
            "modelbox": Shown("ModelVersion.description", "version.description"),
            "mlsteam": Shown("Version.description", "version.description"),
            "registry": Shown("`metadata.yaml`: description, else `version.yaml`: description", "version.description"),
        },
        {
            "kubeflow": "Identifies languages.", "mlflow": "First.", "truefoundry": "Translates.",
            "modelbox": "Finds cars.", "mlsteam": "The first.", "registry": "The first release.",
        },
    ),
    WireField(
        "author of a version",
        {
            "kubeflow": Shown("ModelVersion.author", "version.author"),
            "mlflow": Shown("ModelVersion.user_id", "version.user_id"),
            "truefoundry": Shown("ModelVersion.created_by_subject", "version.created_by_subject.subjectDisplayName"),
            "mlsteam": Shown("Version.author", "version.author"),
            "registry": Shown("`version.yaml`: author", "version.record.author"),
        },
        {"kubeflow": "Ada", "registry": "Alan"},
    ),
    WireField(
        "free data of a version",
        {
            "kubeflow": Shown("ModelVersion.customProperties", "version.custom_properties"),
            "mlflow": Shown("ModelVersion.tags, as text", "version.tags"),
            "truefoundry": Shown("manifest.metadata", "version.manifest.metadata"),
            "modelbox": Shown("ModelVersion.metadata", "version.metadata"),
            "kolena": Shown("Model.metadata", "version.metadata"),
            "mlsteam": Shown("Version.metadata", "version.metadata"),
            "registry": Shown("`metadata.yaml`: metadata", "version.metadata"),
        },
        {
            "kubeflow": _KUBEFLOW["metadata"], "mlflow": {"accuracy": "0.9"},
            "truefoundry": {"accuracy": 0.5, "team": "nlp"}, "modelbox": _MODELBOX["metadata"],
            "kolena": {"seed": 7, "trainer": "ada"}, "mlsteam": {"seed": 7}, "registry": {"team": "speech"},
        },
        {
            ("kubeflow", "mlflow"): _KUBEFLOW_TEXTS, ("truefoundry", "mlflow"): {"accuracy": "0.5", "team": "nlp"},
            ("modelbox", "mlflow"): {"layers": "12", "team": "vision"},
            ("kolena", "mlflow"): {"seed": "7", "trainer": "ada"},
            ("kolena", "kubeflow"): {"edge": "", "seed": 7, "trainer": "ada"}, ("mlsteam", "mlflow"): {"seed": "7"},
        },
    ),
    WireField(
        "framework",
        {
            "truefoundry": Shown("manifest.framework", "version.manifest.framework.type"),
            "modelbox": Shown("ModelVersion.framework", "version.framework"),
            "mlsteam": Shown("Version.framework", "version.framework"),
            "registry": Shown("`version.yaml`: framework, type", "version.record.framework.type"),
        },
        {"truefoundry": "pytorch", "modelbox": "pytorch", "mlsteam": "pytorch", "registry": "fasttext"},
        {
            **{(writer, "modelbox"): "PYTORCH" for writer in ("truefoundry", "modelbox", "mlsteam")},
            ("registry", "modelbox"): "UNKNOWN", ("registry", "truefoundry"): None,
        },
    ),
    WireField(
        "version of Python",
        {
            "truefoundry": Shown("manifest.environment, python_version", "version.manifest.environment.python_version"),
            "registry": Shown("`version.yaml`: environment, python_version", "version.record.environment.python_version"),
        },
        {"truefoundry": "3.11"},
    ),
    WireField(
        "address of the files",
        {
            "kubeflow": Shown("ModelArtifact.uri", "artifact.uri"),
            "mlflow": Shown("ModelVersion.source", "version.source"),
            "truefoundry": Shown("manifest.source, uri", "version.manifest.source.uri"),
            "modelbox": Shown("File.path", "version.files.0.address"),
            "registry": Shown("`version.yaml`: artifacts, uri", "resolved.artifacts.0.uri"),
        },
        {"kubeflow": "s3://bucket/k", "mlflow": "s3://bucket/m", "truefoundry": "s3://bucket/t"},
    ),
    WireField(
        "checksum of a stored file",
        {
            "modelbox": Shown("File.checksum", "version.files.0.checksum"),
            "registry": Shown("`version.yaml`: artifacts, md5 or files, md5", "version.record.artifacts.0.md5"),
        },
        {"modelbox": FILE_MD5, "registry": "efec53d6b23334134aaa82a9a06b1c34"},
    ),
    WireField(
        "format of the files",
        {
            "kubeflow": Shown("ModelArtifact.modelFormatName", "artifact.model_format_name"),
            "registry": Shown("`version.yaml`: artifacts, format, name", "version.record.artifacts.0.format.name"),
        },
        {"kubeflow": "onnx"},
    ),
    WireField(
        "version of the format",
        {
            "kubeflow": Shown("ModelArtifact.modelFormatVersion", "artifact.model_format_version"),
            "registry": Shown("`version.yaml`: artifacts, format, version", "version.record.artifacts.0.format.version"),
        },
        {"kubeflow": "1.2"},
    ),
    WireField(
        "storage of an artifact",
        {
            "kubeflow": Shown("ModelArtifact.storageKey", "artifact.storage_key"),
            "registry": Shown("`version.yaml`: artifacts, metadata, $kubeflow", "version.record.artifacts.0.metadata.$kubeflow.storageKey"),
        },
        {"kubeflow": "key"},
    ),
    WireField(
        "metrics",
        {
            "kubeflow": Shown("Metric.value", f"metrics.{_METRIC}"),
            "mlflow": Shown("`model_metrics`, which its client ignores"),
            "truefoundry": Shown("ModelVersion.metrics", "version.metrics.0.value"),
            "modelbox": Shown("MetricsValue", f"version.metrics.{_METRIC}.0.2"),
            "registry": Shown("`version.yaml`: metrics; evidence", f"version.metrics.{_METRIC}"),
        },
        {"modelbox": 0.25},
    ),
    WireField(
        "run",
        {
            "mlflow": Shown("ModelVersion.run_id", "version.run_id"),
            "truefoundry": Shown("manifest.run_id", "version.manifest.run_id"),
            "registry": Shown("`version.yaml`: source, run_id", "version.record.source.run_id"),
        },
        {"mlflow": RUN, "truefoundry": RUN},
    ),
    WireField(
        "step of the run",
        {
            "truefoundry": Shown("manifest.step", "version.manifest.step"),
            "registry": Shown("`version.yaml`: source, step", "version.record.source.step"),
        },
        {"truefoundry": 3},
    ),
    WireField(
        "link to the run",
        {
            "mlflow": Shown("ModelVersion.run_link", "version.run_link"),
            "registry": Shown("`wire.yaml`: mlflow, run_link"),
        },
        {"mlflow": "https://mlflow.example.org/r/1"},
    ),
    WireField(
        "workflow",
        {
            "kolena": Shown("Model.workflow", "version.workflow"),
            "registry": Shown("`wire.yaml`: kolena, workflow"),
        },
        dict.fromkeys(READERS, "languages"),
    ),
    WireField(
        "state",
        {
            "kubeflow": Shown("ModelVersion.state", "version.state"),
            "mlflow": Shown("ModelVersion.status", "version.status"),
            "mlsteam": Shown("Version.state", "version.state"),
            "registry": Shown("`status.yaml`: state; a folder in `drafts/` is a draft", "version.state"),
        },
        dict.fromkeys(READERS, "active"),
        {
            **{(writer, "kubeflow"): "LIVE" for writer in READERS},
            **{(writer, "mlflow"): "READY" for writer in READERS},
        },
    ),
    WireField(
        "id of a version",
        {
            "kubeflow": Shown("ModelVersion.id"),
            "truefoundry": Shown("ModelVersion.id"),
            "modelbox": Shown("ModelVersion.id"),
            "kolena": Shown("Model.id"),
            "mlsteam": Shown("Version.uuid"),
            "registry": Shown("made from names and the order of creation"),
        },
    ),
    WireField(
        "time of creation",
        {
            "kubeflow": Shown("createTimeSinceEpoch"),
            "mlflow": Shown("creation_timestamp"),
            "truefoundry": Shown("created_at"),
            "modelbox": Shown("created_at"),
            "mlsteam": Shown("created_at"),
            "registry": Shown("the commit with which it appeared"),
        },
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


def count_fields() -> dict[str, int]:
    """How many rows each reader has a place for."""
    return {reader: sum(reader in row.shown for row in FIELDS) for reader in READERS}


def render_fields() -> Iterator[str]:
    """The lines of the table; the last has how many rows each protocol has a place for."""
    yield f"| what | {' | '.join(_TITLES[reader] for reader in READERS)} |"
    yield f"|{' --- |' * (len(READERS) + 1)}"
    for row in FIELDS:
        names = (row.shown[reader].name if reader in row.shown else "-" for reader in READERS)
        yield f"| {row.title} | {' | '.join(names)} |"
    yield f"| fields | {' | '.join(map(str, count_fields().values()))} |"
