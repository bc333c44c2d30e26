"""Errors of MLflow's protocol, word for word, and hostile requests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.manifests import registry_yaml
from support.mlflow_wire import MlflowWire, mlflow_wire

from registry_tool.manifests.problems import JSON

BAD = "INVALID_PARAMETER_VALUE"
MISSING = "RESOURCE_DOES_NOT_EXIST"
DETAILS = " See the API docs for more information about request parameters."
MODELS, VERSIONS = "registered-models", "model-versions"


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowWire]:
    from support.repositories import new_repository

    folder = new_repository(
        tmp_path_factory.mktemp("errors") / "r", {"registry.yaml": registry_yaml()}
    )
    with mlflow_wire(folder) as found:
        found.ask("POST", f"{MODELS}/create", name="m")
        found.ask("POST", f"{VERSIONS}/create", name="m", source="s3://b/1")
        yield found


CASES: list[tuple[str, str, dict[str, JSON], tuple[int, str, str]]] = [
    ("POST", f"{MODELS}/create", {"name": "m"}, (400, "RESOURCE_ALREADY_EXISTS", "Registered Model (name=m) already exists.")),
    ("GET", f"{MODELS}/get", {"name": "m\0"}, (400, BAD, f"The request contains a null character.{DETAILS}")),
    ("GET", f"{MODELS}/search", {"order_by": "name\0"}, (400, BAD, f"The request contains a null character.{DETAILS}")),
    ("POST", f"{MODELS}/create", {"name": "x", "tags": [{"key": "a", "value": "\0"}]}, (400, BAD, f"The request contains a null character.{DETAILS}")),
    ("GET", f"{MODELS}/get", {"name": "n"}, (404, MISSING, "Registered Model with name=n not found")),
    ("GET", f"{VERSIONS}/get", {"name": "m", "version": "9"}, (404, MISSING, "Model Version (name=m, version=9) not found")),
    ("GET", f"{VERSIONS}/get", {"name": "m", "version": "0"}, (404, MISSING, "Model Version (name=m, version=0) not found")),
    ("GET", f"{VERSIONS}/get", {"name": "m", "version": "-1"}, (404, MISSING, "Model Version (name=m, version=-1) not found")),
    ("GET", f"{VERSIONS}/get", {"name": "m", "version": "9999999999"}, (404, MISSING, "Model Version (name=m, version=9999999999) not found")),
    ("GET", f"{VERSIONS}/get", {"name": "m", "version": "abc"}, (400, BAD, "Parameter 'version' must be an integer, got 'abc'.")),
    ("GET", f"{MODELS}/alias", {"name": "m", "alias": "x"}, (400, BAD, "Registered model alias x not found.")),
    ("POST", f"{MODELS}/create", {"name": "a/b"}, (400, BAD, "Invalid model name 'a/b'. Names cannot contain '/' or ':'.")),
    ("POST", f"{MODELS}/create", {}, (400, BAD, f"Missing value for required parameter 'name'.{DETAILS}")),
    ("POST", f"{MODELS}/create", {"name": "  "}, (400, BAD, f"Missing value for required parameter 'name'.{DETAILS}")),
    ("POST", f"{MODELS}/create", {"name": 1}, (400, BAD, "")),
    ("POST", f"{MODELS}/create", {"name": "x", "tags": "y"}, (400, BAD, "")),
    ("POST", f"{MODELS}/create", {"name": "nul\0"}, (400, BAD, "")),
    ("POST", f"{MODELS}/create", {"name": "x" * 600}, (400, BAD, "")),
    ("POST", f"{MODELS}/create", {"name": "a\u202eb"}, (400, BAD, "")),
    ("POST", f"{MODELS}/alias", {"name": "m", "alias": "Latest", "version": "1"}, (400, BAD, "'latest' alias name (case insensitive) is reserved.")),
    ("POST", f"{MODELS}/alias", {"name": "m", "alias": "v1", "version": "1"}, (400, BAD, "Version alias name 'v1' is reserved.")),
    ("POST", f"{MODELS}/alias", {"name": "m", "alias": "a.b", "version": "1"}, (400, BAD, "Invalid alias name: 'a.b'. Names may only contain alphanumerics, underscores (_), and dashes (-).")),
    ("POST", f"{MODELS}/alias", {"name": "m", "alias": "x" * 256, "version": "1"}, (400, BAD, "'Registered model alias name' exceeds the maximum length of 255 characters")),
    ("POST", f"{VERSIONS}/transition-stage", {"name": "m", "version": "1", "stage": "X"}, (400, BAD, "Invalid Model Version stage: X. Value must be one of None, Staging, Production, Archived.")),
    ("POST", f"{VERSIONS}/transition-stage", {"name": "m", "version": "1", "stage": "None", "archive_existing_versions": True}, (400, BAD, "")),
    ("POST", f"{VERSIONS}/create", {"name": "m", "source": "/etc/passwd"}, (400, BAD, "")),
    ("POST", f"{VERSIONS}/create", {"name": "m", "source": "file:///etc/passwd"}, (400, BAD, "")),
    ("POST", f"{VERSIONS}/create", {"name": "m", "source": "s3://b/%252e%252e/x"}, (400, BAD, "")),
    ("POST", f"{VERSIONS}/create", {"name": "n", "source": "s3://b/1"}, (404, MISSING, "Registered Model with name=n not found")),
    ("POST", f"{VERSIONS}/create", {"name": "m"}, (400, BAD, f"Missing value for required parameter 'source'.{DETAILS}")),
    ("POST", f"{MODELS}/set-tag", {"name": "m", "key": "x" * 251, "value": ""}, (400, BAD, "'key' exceeds the maximum length of 250 characters")),
    ("POST", f"{MODELS}/set-tag", {"name": "m", "key": "x", "value": "y" * 100_001}, (400, BAD, "'value' exceeds the maximum length of 100000 characters")),
    ("POST", f"{MODELS}/rename", {"name": "m", "new_name": ""}, (400, BAD, f"Missing value for required parameter 'new_name'.{DETAILS}")),
    ("GET", f"{MODELS}/search", {"max_results": "1001"}, (400, BAD, "Invalid value for request parameter max_results. It must be at most 1000, but got value 1001")),
    ("GET", f"{VERSIONS}/search", {"max_results": "200001"}, (400, BAD, "Invalid value for request parameter max_results. It must be at most 200000, but got value 200001")),
    ("GET", f"{VERSIONS}/search", {"max_results": "-1"}, (400, BAD, "Invalid value for max_results. It must be a positive integer, but got -1")),
    ("GET", f"{MODELS}/search", {"max_results": "many"}, (400, BAD, "")),
    ("GET", f"{MODELS}/search", {"page_token": "%%%"}, (400, BAD, "Invalid page token, could not base64-decode")),
    ("GET", f"{MODELS}/search", {"filter": "foo = 'x'"}, (400, BAD, "Invalid attribute key 'foo' specified. Valid keys are '{'name'}'")),
    ("GET", f"{MODELS}/search", {"filter": "name > 'x'"}, (400, BAD, "Invalid comparator for attribute: >")),
    ("GET", f"{MODELS}/search", {"filter": "name = 'x"}, (400, BAD, "")),
    ("GET", "no-such-call", {}, (404, "ENDPOINT_NOT_FOUND", "")),
    ("PUT", f"{MODELS}/create", {}, (405, "ENDPOINT_NOT_FOUND", "")),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "fields", "expected"), CASES)
def test_an_error_has_its_status_code_and_words(
    wire: MlflowWire, method: str, path: str, fields: dict[str, JSON], expected: tuple[int, str, str]
) -> None:  # fmt: skip
    before = wire.service.snapshot.commit
    said = wire.ask(method, path, **fields).said
    assert said[:2] == expected[:2], said
    assert said[2] == expected[2] if expected[2] else said[2]
    assert wire.service.snapshot.commit == before
    assert wire.ask("GET", f"{MODELS}/get", name="m").status == 200


@pytest.mark.parametrize("body", [b"{", b"[]", b"7", b"", b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_object_counts_as_empty(wire: MlflowWire, body: bytes) -> None:
    headers = {"content-type": "application/json"}
    answer = wire.send("POST", f"/api/2.0/mlflow/{MODELS}/create", content=body, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["message"] == f"Missing value for required parameter 'name'.{DETAILS}"


def test_the_server_says_which_mlflow_it_speaks(wire: MlflowWire) -> None:
    assert wire.send("GET", "/version").text == "3.17.2"
    info = wire.send("GET", "/api/3.0/mlflow/server-info").json()
    assert info["multipart_uploads_enabled"] is False
    assert wire.send("GET", "/health").text == "OK"
