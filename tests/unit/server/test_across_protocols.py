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
from registry_tool.server.truefoundry import build_face as build_truefoundry

KUBEFLOW: Final = "/api/model_registry/v1/"
MLFLOW: Final = "/api/2.0/mlflow/"
TRUEFOUNDRY: Final = "/api/svc/v1/"


class Both:
    """Requests of clients of two protocols, and of a third."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._faces = [build_kubeflow(service), build_mlflow(service), build_truefoundry(service)]

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

    def manifest(self, name: str) -> dict[str, JSON]:
        """The manifest of the newest version of a model, as TrueFoundry shows it."""
        found = self._ask("GET", f"{TRUEFOUNDRY}model-versions?name={name}", None)["data"]
        assert isinstance(found, list)
        version = found[0]
        assert isinstance(version, dict)
        manifest = version["manifest"]
        assert isinstance(manifest, dict)
        return manifest

    def put(self, manifest: dict[str, JSON]) -> None:
        self._ask("PUT", f"{TRUEFOUNDRY}model-versions", {"manifest": manifest})

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


def test_others_read_and_change_what_truefoundry_wrote(both: Both) -> None:
    given: dict[str, JSON] = {
        "type": "model-version", "name": "t", "metadata": {"team": "speech"}, "description": "V", "version_alias": "v1.0",
        "source": {"type": "external", "uri": "s3://b/x"}, "run_id": "r", "framework": {"type": "onnx"},
    }  # fmt: skip
    both.put(given)
    read = both.version("t")
    assert (read["description"], read["tags"]) == ("V", [{"key": "team", "value": "speech"}])
    assert (read["source"], read["run_id"], read["aliases"]) == ("s3://b/x", "r", ["v1.0"])
    assert read["status"] == "READY"
    model = both.kubeflow("GET", "registered_model?name=t")
    version = both.kubeflow("GET", f"model_version?name=1&parentResourceId={model['id']}")
    assert (version["description"], version["customProperties"]) == ("V", {"team": _text("speech")})
    artifact = both.kubeflow("GET", f"model_artifact?name=model&parentResourceId={version['id']}")
    assert (artifact["uri"], artifact["artifactType"]) == ("s3://b/x", "model-artifact")
    both.mlflow("POST", "model-versions/set-tag", {"name": "t", "version": "1", "key": "a", "value": "b"})  # fmt: skip
    both.kubeflow("PATCH", f"model_versions/{version['id']}", {"description": "new"})
    expected = {**given, "ml_repo": "default", "version": 1, "step": 0, "description": "new", "metadata": {"team": "speech", "a": "b"}}  # fmt: skip
    assert both.manifest("t") == expected


def test_truefoundry_reads_and_changes_what_the_others_wrote(both: Both) -> None:
    both.mlflow("POST", "registered-models/create", {"name": "m"})
    source: JSON = {"name": "m", "source": "gs://b/x", "run_id": "r", "description": "V"}
    both.mlflow("POST", "model-versions/create", source)
    manifest = both.manifest("m")
    assert (manifest["source"], manifest["run_id"]) == ({"type": "external", "uri": "gs://b/x"}, "r")  # fmt: skip
    both.put({**manifest, "description": "new", "metadata": {"n": 1}, "version_alias": "v1"})
    read = both.version("m")
    assert (read["description"], read["tags"]) == ("new", [{"key": "n", "value": "1"}])
    assert (read["source"], read["aliases"]) == ("gs://b/x", ["v1"])
    both.kubeflow("POST", "registered_models", {"name": "k"})
    model = both.kubeflow("GET", "registered_model?name=k")
    body: JSON = {"name": "First version", "registeredModelId": model["id"], "description": "D"}
    version = both.kubeflow("POST", "model_versions", body)
    artifact: JSON = {"artifactType": "model-artifact", "name": "k", "uri": "s3://b/k", "modelFormatName": "onnx"}  # fmt: skip
    both.kubeflow("POST", f"model_versions/{version['id']}/artifacts", artifact)
    manifest = both.manifest("k")
    assert manifest["source"] == {"type": "external", "uri": "s3://b/k"}
    both.put({**manifest, "version_alias": "v1"})
    again = both.kubeflow("GET", f"model_artifact?name=k&parentResourceId={version['id']}")
    assert (again["uri"], again["modelFormatName"]) == ("s3://b/k", "onnx")
    assert both.version("k")["status"] == "READY"
