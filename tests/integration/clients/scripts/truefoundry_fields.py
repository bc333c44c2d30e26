"""Every field that the client knows: written, or read again through the same client."""

import hashlib
import json
import pathlib
import sys
import tempfile
import uuid

import truefoundry_sdk as sdk
from truefoundry import client
from truefoundry.ml.artifact.truefoundry_artifact_repo import (
    ArtifactIdentifier,
    MlFoundryArtifactsRepository,
)

given = json.load(sys.stdin)["given"]

SCHEMA = {
    "inputs": [{"name": "x", "type": "float", "shape": [1, 2]}],
    "outputs": [{"any": [1, None]}],
}
FRAMEWORKS = [
    {"type": "transformers", "library_name": "diffusers", "pipeline_tag": "Text To Image", "base_model": "org/base"},
    {"type": "sklearn", "model_filepath": "model.bin", "serialization_format": "joblib",
     "model_schema": {"infer_method_name": "predict_proba", **SCHEMA}},
    {"type": "xgboost", "model_filepath": "model.bin", "serialization_format": "json",
     "model_schema": {"infer_method_name": "predict", **SCHEMA}},
    *({"type": kind} for kind in (
        "tensorflow", "pytorch", "keras", "lightgbm", "fastai", "h2o", "onnx", "spacy", "statsmodels", "gluon", "paddle",
    )),
]  # fmt: skip
BASE = {"type": "model-version", "name": "Lang_ID-1", "ml_repo": "Speech-Team"}
FULL = {
    **BASE,
    "metadata": {".truefoundry": {"size": 3}, "quality": "good", "rating": 4.5, "deep": [{"a": None}, True]},
    "description": "First line.\nÄöü 🙂",
    "version_alias": "v1.0.0-RC",
    "environment": {"python_version": "3.11.7", "pip_packages": ["numpy==2.1.0", "a @ https://example.org/a.whl"]},
    "step": 3,
    "framework": FRAMEWORKS[1],
}  # fmt: skip
REPO = {
    "type": "ml-repo", "name": "Speech-Team", "description": "Speech.", "storage_integration_fqn": "acme:store",
    "collaborators": [{"subject": "user:ada@example.org", "role_id": "mlf-project-admin"}],
}  # fmt: skip


def plain(value):
    """An answer of the client as JSON."""
    return json.loads(value.json(by_alias=True))


def upload(manifest):
    """Stage files; the address that the manifest's source gets."""
    staged = client.artifact_versions.stage(manifest=sdk.ModelManifest.parse_obj({**manifest, "source": {"type": "truefoundry"}, "metadata": {}}))  # fmt: skip
    folder = pathlib.Path(tempfile.mkdtemp())
    for name, content in (
        ("model.bin", b"\0\1" * 5000),
        ("code/run.py", b"print(1)\n"),
        ("empty", b""),
    ):
        place = folder / name
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(content)
    repo = MlFoundryArtifactsRepository(ArtifactIdentifier(artifact_version_id=uuid.UUID(staged.id)), api_client=object())  # fmt: skip
    pairs = [(str(one), str(one.relative_to(folder))) for one in folder.rglob("*") if one.is_file()]
    repo.log_artifacts(src_dest_pairs=pairs, progress=False)
    return staged.storage_root


def write():
    """Write everything; what was given."""
    client.ml_repos.create_or_update(manifest=sdk.MlRepoManifest.parse_obj(REPO))
    repo = next(iter(client.ml_repos.list(name="Speech-Team")))
    run = client.runs.create(
        experiment_id=repo.id, name="first", start_time=1700000000000, description="A run.", tags=[sdk.RunTagInput(key="a", value="b")]
    ).run.info  # fmt: skip
    metrics = [
        sdk.Metric(key="f1", value=0.97, timestamp=1700000000001, step=3),
        sdk.Metric(key="f1", value=0.5, timestamp=1, step=1),
    ]
    client.runs.log_batch(
        id=run.run_id, metrics=metrics, params=[sdk.RunParam(key="lr", value="0.1")], tags=[]
    )
    client.runs.update(id=run.run_id, status="FINISHED", end_time=1700000000002)
    root = upload(FULL)
    manifests = [{**FULL, "run_id": run.run_id, "source": {"type": "truefoundry", "uri": root}}]
    for number, framework in enumerate(FRAMEWORKS):
        source = {"type": "external", "uri": f"gs://bucket/{number}"}
        manifests.append(
            {**BASE, "metadata": {"n": number}, "source": source, "framework": framework}
        )
    manifests.append(
        {**BASE, "metadata": {}, "source": {"type": "local", "file_or_folder": "./my model"}}
    )
    for manifest in manifests:
        client.models.create_or_update(manifest=sdk.ModelManifest.parse_obj(manifest))
    last = next(iter(client.model_versions.list(name="Lang_ID-1", limit=1)))
    client.model_versions.apply_tags(model_version_id=last.id, tags=["candidate", "Grün"])
    return [REPO, *manifests]


def read():
    """Everything, as the client shows it."""
    versions = sorted(
        (plain(one) for one in client.model_versions.list(name="Lang_ID-1")),
        key=lambda one: one["manifest"]["version"],
    )
    full = versions[0]
    target = tempfile.mkdtemp()
    repo = MlFoundryArtifactsRepository(ArtifactIdentifier(artifact_version_id=uuid.UUID(full["id"])), api_client=object())  # fmt: skip
    repo.download_artifacts(artifact_path="", dst_path=target, progress=False)
    files = {
        str(one.relative_to(target)): hashlib.sha256(one.read_bytes()).hexdigest()
        for one in sorted(pathlib.Path(target).rglob("*"))
        if one.is_file()
    }
    run = client.runs.get(id=full["manifest"]["run_id"])
    return {
        "versions": versions,
        "by id": [plain(client.model_versions.get(id=one["id"]).data) for one in versions],
        "models": [plain(one) for one in client.models.list()],
        "repos": [plain(one) for one in client.ml_repos.list()],
        "run": plain(run),
        "history": plain(client.runs.get_metric_history(id=run.run.info.run_id, metric_key="f1")),
        "files": files,
    }


def holds(part, value):
    """True where everything that was given is in what is shown."""
    if isinstance(part, dict) and isinstance(value, dict):
        return all(key in value and holds(one, value[key]) for key, one in part.items())
    return part == value


def count(value):
    """The values in some data."""
    if isinstance(value, dict):
        return sum(map(count, value.values()))
    return sum(map(count, value)) if isinstance(value, list) else 1


written = write() if given["step"] == "write" else given["written"]
found = read()
shown = [one["manifest"] for one in found["repos"][:1] + found["versions"]]
print(
    json.dumps({
        "written": written,
        "found": found,
        "given": [holds(one, other) for one, other in zip(written, shown, strict=True)],
        "count": count(found),
        "counted": count(written),
    })
)  # fmt: skip
