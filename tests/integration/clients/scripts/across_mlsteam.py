"""Writes a model by the calls of MLSteam's document, reads models as its SDK shows them, or fetches a version's files."""

from __future__ import annotations

import base64
import json
import os
import sys
import urllib.request
from pathlib import Path

from mlsteam_client import install_stub

given = json.load(sys.stdin)["given"]
home = Path(given["folder"]) / "mlsteam"
settings = home / ".mlsteam-model-sdk" / "cfg.ini"
settings.parent.mkdir(parents=True, exist_ok=True)


def pack(data):
    return base64.urlsafe_b64encode(json.dumps(data).encode()).decode().rstrip("=")


token = ".".join((pack({"alg": "none"}), pack({"api_address": given["url"]}), "local"))
settings.write_text(
    f"[mlsteam_model_sdk]\napi_token = {token}\napi_endpoint = {given['url']}\n"
    "default_project_name = default\n"
)
os.chdir(home)
install_stub()

from mlsteam_model_sdk.core.api_client import ApiClient  # noqa: E402 (it reads the settings)
from mlsteam_model_sdk.sdk.model import Model  # noqa: E402

calls = ApiClient().swagger_client


def write(fields):
    """What the web client does; the SDK has no method for it, but its client makes the calls of the document."""
    project = calls.project.listProject(name="default").response().result[0]["uuid"]
    made = calls.model.addModel(puuid=project, body=fields["model"]).response().result
    address = f"{given['url']}/api/v2/uploads/{project}/first/weights.bin"
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/octet-stream"}
    file = urllib.request.Request(address, b"\1" * 1000, headers, method="PUT")
    urllib.request.urlopen(file).close()
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
