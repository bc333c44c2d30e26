"""What one protocol's client writes, as the other one's client reads it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx
import pytest
from support.served_registries import with_client
from support.written_trains import bare_registry

from registry_tool.manifests.problems import JSON
from registry_tool.server.kubeflow import build_face as build_kubeflow
from registry_tool.server.mlflow.routes import build_face as build_mlflow
from registry_tool.server.service import Service, ServiceOptions, open_service

KUBEFLOW: Final = "/api/model_registry/v1/"
MLFLOW: Final = "/api/2.0/mlflow/"


class Both:
    """Requests of clients of both protocols."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._faces = [build_kubeflow(service), build_mlflow(service)]

    def _ask(self, method: str, path: str, body: JSON) -> dict[str, JSON]:
        async def work(client: httpx.AsyncClient) -> httpx.Response:
            return await client.request(method, path, json=body)

        found = with_client(self._service, work, faces=self._faces)
        assert found.status_code in {200, 201}, found.text
        data = found.json()
        assert isinstance(data, dict)
        return data

    def kubeflow(self, method: str, path: str, body: JSON = None) -> dict[str, JSON]:
        return self._ask(method, KUBEFLOW + path, body)

    def mlflow(self, method: str, path: str, body: JSON = None) -> dict[str, JSON]:
        return self._ask(method, MLFLOW + path, body)

    def version(self, name: str) -> dict[str, JSON]:
        found = self.mlflow("GET", f"model-versions/get?name={name}&version=1")["model_version"]
        assert isinstance(found, dict)
        return found


@pytest.fixture
def both(tmp_path: Path) -> Iterator[Both]:
    with open_service(bare_registry(tmp_path), ServiceOptions()) as service:
        yield Both(service)


def _text(value: str) -> JSON:
    return {"metadataType": "MetadataStringValue", "string_value": value}


def test_kubeflow_reads_and_changes_what_mlflow_wrote(both: Both) -> None:
    tags: JSON = [{"key": "team", "value": "speech"}]
    both.mlflow("POST", "registered-models/create", {"name": "m", "description": "D", "tags": tags})
    source: JSON = {
        "name": "m",
        "source": "s3://b/x",
        "run_id": "r",
        "description": "V",
        "tags": tags,
    }
    both.mlflow("POST", "model-versions/create", source)
    model = both.kubeflow("GET", "registered_model?name=m")
    assert (model["description"], model["customProperties"]) == ("D", {"team": _text("speech")})
    version = both.kubeflow("GET", f"model_version?name=1&parentResourceId={model['id']}")
    assert (version["description"], version["customProperties"]) == ("V", {"team": _text("speech")})
    artifact = both.kubeflow("GET", f"model_artifact?name=model&parentResourceId={version['id']}")
    assert (artifact["uri"], artifact["artifactType"]) == ("s3://b/x", "model-artifact")
    number: JSON = {"metadataType": "MetadataIntValue", "int_value": "3"}
    changes: JSON = {"description": "new", "customProperties": {"n": number}}
    both.kubeflow("PATCH", f"model_versions/{version['id']}", changes)
    read = both.version("m")
    assert (read["description"], read["tags"]) == ("new", [{"key": "n", "value": "3"}])
    assert (read["source"], read["run_id"]) == ("s3://b/x", "r")


def test_mlflow_reads_a_draft_of_kubeflow_and_its_alias_seals_it(both: Both) -> None:
    real: JSON = {"metadataType": "MetadataDoubleValue", "double_value": 0.5}
    model = both.kubeflow(
        "POST", "registered_models", {"name": "k", "customProperties": {"x": real}}
    )
    of_model: JSON = {"name": "v1", "registeredModelId": model["id"], "description": "D"}
    version = both.kubeflow("POST", "model_versions", of_model)
    uri: JSON = {"artifactType": "model-artifact", "name": "m", "uri": "s3://b/k"}
    both.kubeflow("POST", f"model_versions/{version['id']}/artifacts", uri)
    read = both.version("k")
    assert (read["status"], read["source"], read["description"]) == (
        "PENDING_REGISTRATION",
        "s3://b/k",
        "D",
    )
    both.mlflow("POST", "registered-models/alias", {"name": "k", "alias": "prod", "version": "1"})
    assert both.version("k")["status"] == "READY"
    assert both.kubeflow("GET", f"model_versions/{version['id']}")["id"] == version["id"]
    both.mlflow("POST", "registered-models/rename", {"name": "k", "new_name": "k two"})
    assert both.kubeflow("GET", f"registered_models/{model['id']}")["name"] == "k two"
    both.mlflow("DELETE", "registered-models/delete", {"name": "k two"})
    assert both.kubeflow("GET", "registered_models?filterQuery=name%20LIKE%20'k%25'")["items"] == []
