"""Writes a model by the calls of MLSteam's document, reads models as its SDK shows them, or fetches a version's files."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from mlsteam_client import configure, make_token, put_file

given = json.load(sys.stdin)["given"]
token = make_token(given["url"])
configure(given["url"], Path(given["folder"]) / "mlsteam", token)

from mlsteam_model_sdk.core.api_client import ApiClient  # noqa: E402 (it reads the settings)
from mlsteam_model_sdk.sdk.model import Model  # noqa: E402

calls = ApiClient().swagger_client


def write(fields):
    """What the web client does; the SDK has no method for it, but its client makes the calls of the document."""
    project = calls.project.listProject(name="default").response().result[0]["uuid"]
    made = calls.model.addModel(puuid=project, body=fields["model"]).response().result
    put_file(given["url"], token, f"{project}/first/weights.bin", b"\1" * 1000)
    body = {**fields["version"], "upload": "first"}
    calls.model.addVersionModel(puuid=project, muuid=made["uuid"], body=body).response()


if "write" in given:
    write(given["write"])
found, names = {}, []
for project in calls.project.listProject().response().result:
    sdk = Model(default_puuid=project["uuid"])
    for one in sdk.list_models():
        name = one["name"] if project["name"] == "default" else f"{project['name']}/{one['name']}"
        names.append(name)
        if name not in given["read"]:
            continue
        shown = sdk.get_model(muuid=one["uuid"])
        first = min(sdk.list_model_versions(muuid=one["uuid"]), key=lambda each: each["created_at"])
        found[name] = {"project": project, "model": shown, "version": first}
said = {"found": found, "names": sorted(names)}
if "fetch" in given:
    sdk = Model()
    name, version = given["fetch"]
    sdk.download_model_version(version_name=version, model_name=name, logging=False)
    place = Path(sdk.get_model_version_dir(version_name=version, model_name=name))
    said["files"] = {
        path.relative_to(place).as_posix(): path.stat().st_size
        for path in sorted(place.rglob("*"))
        if path.is_file()
    }
print(json.dumps(said, default=str))
