"""What ModelBox's client writes, as the clients of other protocols read it, and the other way round."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import httpx
import pytest
from support import Ran
from support.manifests import registry_yaml
from support.modelbox_wire import ModelBoxWire, modelbox_wire
from support.served_registries import with_client

from registry_tool.manifests.problems import JSON
from registry_tool.server.kubeflow import build_face as build_kubeflow
from registry_tool.server.mlflow.routes import build_face as build_mlflow

KUBEFLOW: Final = "/api/model_registry/v1/"
MLFLOW: Final = "/api/2.0/mlflow/"


@pytest.fixture
def folder(make_registry: Callable[..., Path]) -> Path:
    return make_registry({"registry.yaml": registry_yaml()})


@pytest.fixture
def wire(folder: Path) -> Iterator[ModelBoxWire]:
    with modelbox_wire(folder) as found:
        yield found


def ask(wire: ModelBoxWire, method: str, path: str, body: JSON = None) -> dict[str, JSON]:
    """A request of a client over HTTP, to the same service."""
    service = wire.service
    assert service is not None
    faces = [build_kubeflow(service), build_mlflow(service)]

    async def work(client: httpx.AsyncClient) -> httpx.Response:
        return await client.request(method, path, json=body)

    found = with_client(service, work, faces=faces)
    assert found.status_code in {200, 201}, found.text
    data = found.json()
    assert isinstance(data, dict)
    return data


def test_mlflow_and_kubeflow_read_what_modelbox_wrote(wire: ModelBoxWire) -> None:
    model = wire.get("CreateModel", name="yolo", description="Finds things.")["id"]
    made = wire.get(
        "CreateModelVersion", model=model, version="1", description="First.", framework=1,
        metadata={"metadata": {"team": {"string_value": "speech"}}},
        files=[{"path": "s3://bucket/w.pt", "checksum": "ab" * 16, "file_type": 1}],
    )  # fmt: skip
    point = {"step": 3, "wallclock_time": 1_700_000_000, "f_val": 0.5}
    wire.ask("LogMetrics", parent_id=made["model_version"], key="loss", value=point)
    read = ask(wire, "GET", f"{MLFLOW}model-versions/get?name=yolo&version=1")["model_version"]
    assert isinstance(read, dict)
    assert (read["status"], read["source"], read["description"]) == (
        "PENDING_REGISTRATION",
        "s3://bucket/w.pt",
        "First.",
    )
    assert read["tags"] == [{"key": "team", "value": "speech"}]
    assert read["model_metrics"] == [
        {"key": "loss", "value": 0.5, "timestamp": 1_700_000_000_000, "step": 3}
    ]
    found = ask(wire, "GET", f"{KUBEFLOW}registered_model?name=yolo")
    assert found["description"] == "Finds things."
    version = ask(wire, "GET", f"{KUBEFLOW}model_version?name=1&parentResourceId={found['id']}")
    artifacts = ask(wire, "GET", f"{KUBEFLOW}model_versions/{version['id']}/artifacts")["items"]
    assert isinstance(artifacts, list)
    kinds = {str(one["artifactType"]) for one in artifacts if isinstance(one, dict)}
    assert kinds == {"model-artifact", "metric"}
    alias: JSON = {"name": "yolo", "alias": "champion", "version": "1"}
    ask(wire, "POST", f"{MLFLOW}registered-models/alias", alias)
    (shown,) = wire.items("ListModelVersions", "models", model=model)
    assert (shown["id"], shown["unique_tags"]) == (made["model_version"], ["champion"])


def test_modelbox_reads_what_others_wrote(
    wire: ModelBoxWire, folder: Path, cli: Callable[..., Ran]
) -> None:
    ask(wire, "POST", f"{MLFLOW}registered-models/create", {"name": "Wörter", "description": "D"})
    source: JSON = {"name": "Wörter", "source": "s3://b/x", "description": "V", "tags": [{"key": "a", "value": "b"}]}  # fmt: skip
    ask(wire, "POST", f"{MLFLOW}model-versions/create", source)
    options = ["--track", "s3://b/y.onnx", "--framework", "tensorflow", "--metric", "acc=0.5", "--tag", "gold"]  # fmt: skip
    added = cli("model", "add", "default/plain", "--task", "detection", "--owner", "ada", "--commit", cwd=folder)  # fmt: skip
    assert added.code == 0, added.err
    added = cli("version", "add", "default/plain", "1", *options, "--commit", cwd=folder)
    assert added.code == 0, added.err
    wire.ask("CreateModel", name="last")
    models = {one["name"]: one for one in wire.items("ListModels", "models")}
    assert [*models] == ["Wörter", "plain", "last"]
    assert models["Wörter"]["description"] == "D"
    (one,) = wire.items("ListModelVersions", "models", model=models["Wörter"]["id"])
    assert (one["version"], one["description"]) == ("1", "V")
    assert one["metadata"] == {"metadata": {"a": "b"}}
    (file,) = wire.items("ListArtifacts", "files", parent_id=one["id"])
    assert (file["path"], file["checksum"]) == ("s3://b/x", "unknown")
    (two,) = wire.items("ListModelVersions", "models", model=models["plain"]["id"])
    assert (two["framework"], two["unique_tags"]) == ("KERAS", ["gold"])
    assert wire.items("GetMetrics", "metrics", parent_id=two["id"]) == [
        {"key": "acc", "values": [{"f_val": 0.5}]}
    ]
    made = wire.get("CreateModelVersion", model=models["plain"]["id"], version="first try")
    three = wire.items("ListModelVersions", "models", model=models["plain"]["id"])[-1]
    assert (three["id"], three["version"]) == (made["model_version"], "first try")


def test_kubeflow_neither_shows_nor_changes_what_modelbox_keeps_for_itself(
    wire: ModelBoxWire,
) -> None:
    model = wire.get("CreateModel", name="yolo")["id"]
    file = {"path": "/data/Größe 1.pt", "checksum": "no-digest", "file_type": 1}
    made = wire.get("CreateModelVersion", model=model, version="1", files=[file])["model_version"]
    (before,) = wire.items("ListArtifacts", "files", parent_id=made)
    found = ask(wire, "GET", f"{KUBEFLOW}registered_model?name=yolo")
    version = ask(wire, "GET", f"{KUBEFLOW}model_version?name=1&parentResourceId={found['id']}")
    place = f"{KUBEFLOW}model_artifact?name=yolo&parentResourceId={version['id']}"
    artifact = ask(wire, "GET", place)
    assert "customProperties" not in artifact
    own: JSON = {"team": {"metadataType": "MetadataStringValue", "string_value": "vision"}}
    changes: JSON = {"description": "Weights.", "customProperties": own}
    changed = ask(wire, "PATCH", f"{KUBEFLOW}model_artifacts/{artifact['id']}", changes)
    assert (changed["description"], changed["customProperties"]) == ("Weights.", own)
    (after,) = wire.items("ListArtifacts", "files", parent_id=made)
    assert {**after, "updated_at": before["updated_at"]} == before
