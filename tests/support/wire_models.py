"""The models that are written through each protocol, and what each client calls them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

from registry_tool.manifests.problems import JSON
from support.manifests import small_registry

__all__ = ["FILE", "FILE_MD5", "READERS", "REGISTRY", "RUN", "SHOWN_AS", "WRITTEN"]

FILE: Final = b"weights" * 1000
"""What ModelBox's client uploads."""
FILE_MD5: Final = hashlib.md5(FILE, usedforsecurity=False).hexdigest()
RUN: Final = "0123456789abcdef0123456789abcdef"
READERS: Final = (
    "kubeflow", "mlflow", "truefoundry", "modelbox", "kolena", "mlsteam", "registry",
)  # fmt: skip
"""The columns of the table, in their order; the last is the command line and the library."""
WRITTEN: Final[Mapping[str, dict[str, JSON]]] = {
    "kubeflow": {
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
    },
    "mlflow": {
        "name": "from mlflow",
        "model_tags": {"team": "vision"},
        "model_description": "Sees.",
        "source": "s3://bucket/m",
        "run_id": RUN,
        "tags": {"accuracy": "0.9"},
        "run_link": "https://mlflow.example.org/r/1",
        "description": "First.",
        "alias": "champion",
    },
    "truefoundry": {
        "type": "model-version",
        "name": "from-truefoundry",
        "metadata": {"accuracy": 0.5, "team": "nlp"},
        "source": {"type": "external", "uri": "s3://bucket/t"},
        "description": "Translates.",
        "version_alias": "v1.0",
        "framework": {"type": "pytorch"},
        "environment": {"python_version": "3.11", "pip_packages": ["torch==2.9.0"]},
        "step": 3,
        "run_id": RUN,
    },
    "modelbox": {
        "name": "from modelbox",
        "owner": "ada@example.org",
        "task": "object detection",
        "description": "Finds things.",
        "version": "v 1",
        "version_name": "YOLO v1",
        "version_description": "Finds cars.",
        "metadata": {"team": "vision", "layers": 12},
        "tags": ["Best so far!"],
    },
    "kolena": {
        "name": "from kolena (YOLO, 1280x1280)",
        "metadata": {"seed": 7, "trainer": "ada"},
        "tags": ["edge"],
    },
    "mlsteam": {
        "model": {
            "name": "from mlsteam",
            "description": "Counts people.",
            "metadata": {"team": "vision"},
        },
        "version": {
            "version": "v 1",
            "description": "The first.",
            "framework": "pytorch",
            "metadata": {"seed": 7},
        },
    },
}
"""By writer, what its script is given."""


def _registry() -> dict[str, str]:
    """The small registry with one version, which has an author, a description and free metadata."""
    found = {path: text for path, text in small_registry().items() if "/versions/2/" not in path}
    folder = "models/nlp/lang-id/versions/1"
    found[f"{folder}/version.yaml"] = found[f"{folder}/version.yaml"].replace(
        "framework:", "author: Alan\nframework:"
    )
    found[f"{folder}/metadata.yaml"] = (
        "schema: metadata/v1\ndescription: The first release.\nmetadata:\n  team: speech\n"
    )
    return found


REGISTRY: Final = _registry()
"""What people committed before any client wrote."""
_BARE: Final[Mapping[str, str]] = {
    "kubeflow": "from kubeflow", "mlflow": "from mlflow", "truefoundry": "from-truefoundry",
    "modelbox": "from modelbox", "kolena": "from kolena (YOLO, 1280x1280)", "mlsteam": "from mlsteam",
}  # fmt: skip
_DOTTED: Final = {**_BARE, "registry": "nlp.lang-id"}
_FOLDERS: Final = {**_BARE, "registry": "nlp/lang-id"}
SHOWN_AS: Final[Mapping[str, Mapping[str, str]]] = {
    "kubeflow": _DOTTED,
    "mlflow": _DOTTED,
    "truefoundry": {
        **_FOLDERS, "kubeflow": "from-kubeflow-706b69bc", "mlflow": "from-mlflow-3c11ca64",
        "modelbox": "from-modelbox-b414ae97", "kolena": "from-kolena-YOLO-1280x1280-c155b032",
        "mlsteam": "from-mlsteam-bbdc1b5f",
    },
    "modelbox": _FOLDERS,
    "kolena": {**_DOTTED, "registry": "nlp.lang-id@1"},
    "mlsteam": _FOLDERS,
}  # fmt: skip
"""By reader, then by writer: under which name a script finds the writer's model."""
