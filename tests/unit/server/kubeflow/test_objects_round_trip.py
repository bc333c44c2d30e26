"""Every field that Kubeflow's wire knows: written, read back from a fresh clone by a new server, all equal."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
from support import git, run_program
from support.served_apps import ServedApp, serve_app
from support.written_trains import bare_registry

from registry_tool.live.records import VersionRecord
from registry_tool.manifests.problems import JSON
from registry_tool.server.kubeflow import build_face

PREFIX: Final = "/api/model_registry/v1alpha3"
PROPERTIES: Final[dict[str, JSON]] = {
    "whole": {"metadataType": "MetadataIntValue", "int_value": "-12"},
    "real": {"metadataType": "MetadataDoubleValue", "double_value": 1.0},
    "yes": {"metadataType": "MetadataBoolValue", "bool_value": True},
    "text": {"metadataType": "MetadataStringValue", "string_value": "1"},
    "label": {"metadataType": "MetadataStringValue", "string_value": ""},
    "No label": {"metadataType": "MetadataStringValue", "string_value": ""},
    "struct": {"metadataType": "MetadataStructValue", "struct_value": "eyJhIjogMX0="},
    "proto": {"metadataType": "MetadataProtoValue", "type": "x/y", "proto_value": "AAE="},
}
COMMON: Final[dict[str, JSON]] = {
    "description": "Some words\nin lines.",
    "customProperties": PROPERTIES,
}
MODEL: Final[dict[str, JSON]] = {
    **COMMON, "name": "Sprache 🙂 (v2)/x", "externalId": "free text, id", "owner": "Team Ü", "state": "LIVE",
    "readme": "# Read\n", "maturity": "GA", "language": ["de", "en"], "tasks": ["text classification", "b"],
    "provider": "P", "logo": "data:image/png;base64,AA", "license": "apache license 2", "licenseLink": "l",
    "libraryName": "transformers",
}  # fmt: skip
VERSION: Final[dict[str, JSON]] = {
    **COMMON, "name": "latest", "externalId": "v-1", "author": "A" * 200, "state": "LIVE",
}  # fmt: skip
ARTIFACT: Final[dict[str, JSON]] = {**COMMON, "state": "LIVE"}
ARTIFACTS: Final[dict[str, dict[str, JSON]]] = {
    "model": {
        **ARTIFACT, "artifactType": "model-artifact", "name": "the model", "externalId": "a 1", "uri": "s3://b/m",
        "modelFormatName": "onnx", "modelFormatVersion": "1.0", "storageKey": "k", "storagePath": "p",
        "serviceAccountName": "s", "modelSourceKind": "1", "modelSourceClass": "2", "modelSourceGroup": "3",
        "modelSourceId": "4", "modelSourceName": "5",
    },
    "document": {**ARTIFACT, "artifactType": "doc-artifact", "name": "d", "externalId": "a2", "uri": "no address"},
    "dataset": {
        **ARTIFACT, "artifactType": "dataset-artifact", "name": "d", "externalId": "a3", "uri": "s3://b/d",
        "digest": "x", "sourceType": "s3", "source": "{}", "schema": "[]", "profile": "{}",
    },
    "metric": {
        **ARTIFACT, "artifactType": "metric", "name": "Genauigkeit ü", "externalId": "a4", "value": 0.5, "step": 3,
        "timestamp": "1796064884844",
    },
    "parameter": {
        **ARTIFACT, "artifactType": "parameter", "name": "lr", "externalId": "a5", "value": "1e-3",
        "parameterType": "number",
    },
}  # fmt: skip
OTHERS: Final[dict[str, dict[str, JSON]]] = {
    "serving_environments": {**COMMON, "name": "env", "externalId": "o1"},
    "inference_services": {
        **COMMON, "name": "is", "externalId": "o2", "runtime": "r", "desiredState": "DEPLOYED",
    },
    "experiments": {**COMMON, "name": "exp", "externalId": "o3", "owner": "o", "state": "ARCHIVED"},
    "experiment_runs": {
        **COMMON, "name": "run", "externalId": "o4", "owner": "o", "state": "LIVE", "status": "FINISHED",
        "startTimeSinceEpoch": "1", "endTimeSinceEpoch": "2",
    },
}  # fmt: skip
SERVE: Final[dict[str, JSON]] = {
    **COMMON,
    "name": "s",
    "externalId": "o5",
    "lastKnownState": "RUNNING",
}
# Fields in the requests, of which custom properties count each.
FIELDS: Final = 188


def _create(app: ServedApp, path: str, body: dict[str, JSON]) -> dict[str, JSON]:
    done = app.ask("POST", path, body)
    assert done.status == 201, done.data
    assert {key: done.data.get(key) for key in body} == body
    return done.data


def _write_all(app: ServedApp) -> dict[str, dict[str, JSON]]:
    """Everything, by the path that reads it."""
    found: dict[str, dict[str, JSON]] = {}

    def put(path: str, body: dict[str, JSON], where: str) -> str:
        made = _create(app, path, body)
        found[f"{where}/{made['id']}"] = made
        return str(made["id"])

    model = put("registered_models", MODEL, "registered_models")
    version = put("model_versions", {**VERSION, "registeredModelId": model}, "model_versions")
    for body in ARTIFACTS.values():
        put(f"model_versions/{version}/artifacts", body, "artifacts")
    environment = put(
        "serving_environments", OTHERS["serving_environments"], "serving_environments"
    )
    about = {
        "registeredModelId": model,
        "servingEnvironmentId": environment,
        "modelVersionId": version,
    }
    service = put(
        "inference_services", {**OTHERS["inference_services"], **about}, "inference_services"
    )
    put(f"inference_services/{service}/serves", {**SERVE, "modelVersionId": version}, "serves")
    experiment = put("experiments", OTHERS["experiments"], "experiments")
    run = put(
        "experiment_runs",
        {**OTHERS["experiment_runs"], "experimentId": experiment},
        "experiment_runs",
    )
    for name, body in ARTIFACTS.items():
        own = {**body, "externalId": f"run {name}"}
        put(f"experiment_runs/{run}/artifacts", own, "artifacts")
    put("artifacts", {**ARTIFACTS["model"], "externalId": "alone"}, "artifacts")
    return found


def _read(app: ServedApp, path: str, service: str) -> dict[str, JSON]:
    if not path.startswith("serves/"):
        return app.ask("GET", path).data
    items = app.ask("GET", f"inference_services/{service}/serves").data["items"]
    assert isinstance(items, list)
    assert isinstance(items[0], dict)
    return items[0]


def test_all_fields_are_the_same_after_a_restart_over_a_fresh_clone(tmp_path: Path) -> None:
    bare = bare_registry(tmp_path)
    with serve_app(bare, build_face, prefix=PREFIX) as app:
        written = _write_all(app)
    git(tmp_path, "clone", "--quiet", "--bare", str(bare), "again.git")
    git(tmp_path / "again.git", "remote", "remove", "origin")
    service = next(p for p in written if p.startswith("inference_services/")).rpartition("/")[2]
    with serve_app(tmp_path / "again.git", build_face, prefix=PREFIX) as app:
        read = {path: _read(app, path, service) for path in written}
    assert read == written
    bodies = (MODEL, VERSION, *ARTIFACTS.values(), *OTHERS.values(), SERVE)
    assert sum(len(body) - 1 + len(PROPERTIES) for body in bodies) == FIELDS
    git(tmp_path, "clone", "--quiet", str(bare), "checkout")
    done = run_program("check", "--all", cwd=tmp_path / "checkout")
    assert done.code == 0, done.out + done.err


@pytest.mark.parametrize("kind", ARTIFACTS)
def test_what_is_absent_is_absent(kind: str, tmp_path: Path) -> None:
    needed = {"artifactType", "name", "value"}
    body = {key: value for key, value in ARTIFACTS[kind].items() if key in needed}
    with serve_app(bare_registry(tmp_path), build_face, prefix=PREFIX) as app:
        model = _create(app, "registered_models", {"name": "m"})
        version = _create(app, "model_versions", {"name": "v", "registeredModelId": model["id"]})
        artifact = _create(app, f"model_versions/{version['id']}/artifacts", body)
    set_by_server = {"id", "createTimeSinceEpoch", "lastUpdateTimeSinceEpoch", "state"}
    assert model.keys() - set_by_server == {"name"}
    assert version.keys() - set_by_server == {"name", "registeredModelId"}
    assert artifact.keys() - set_by_server - {"step"} == body.keys()


def test_a_sealed_version_keeps_all_fields_and_its_id(tmp_path: Path) -> None:
    bare = bare_registry(tmp_path)
    with serve_app(bare, build_face, prefix=PREFIX) as app:
        model = _create(app, "registered_models", MODEL)
        version = _create(app, "model_versions", {**VERSION, "registeredModelId": model["id"]})
        path = f"model_versions/{version['id']}"
        for body in ARTIFACTS.values():
            _create(app, f"{path}/artifacts", body)
        before = app.ask("GET", f"{path}/artifacts").data
        record = app.service.snapshot.record(int(str(version["id"])))
        assert isinstance(record, VersionRecord)
        reference = f"{record.model}@{record.version}"
    git(tmp_path, "clone", "--quiet", str(bare), "checkout")
    assert run_program("seal", reference, "--push", cwd=tmp_path / "checkout").code == 0
    with serve_app(bare, build_face, prefix=PREFIX) as app:
        after = app.ask("GET", path).data
        assert app.ask("GET", f"{path}/artifacts").data == before
    changing = "lastUpdateTimeSinceEpoch"
    assert {**after, changing: ""} == {**version, changing: ""}
