"""Reads models as MLSteam's SDK shows them, and fetches a version's files."""

from __future__ import annotations

import base64
import json
import os
import sys
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

from mlsteam_model_sdk.sdk.model import Model  # noqa: E402 (it reads the settings)

sdk = Model()
found = {}
models = sdk.list_models()
for one in models:
    if one["name"] not in given["read"]:
        continue
    versions = sdk.list_model_versions(model_name=one["name"])
    found[one["name"]] = {"model": sdk.get_model(muuid=one["uuid"]), "version": versions[0]}
said = {"found": found, "names": sorted(one["name"] for one in models)}
if "fetch" in given:
    name, version = given["fetch"]
    sdk.download_model_version(version_name=version, model_name=name, logging=False)
    place = Path(sdk.get_model_version_dir(version_name=version, model_name=name))
    said["files"] = {
        path.relative_to(place).as_posix(): path.stat().st_size
        for path in sorted(place.rglob("*"))
        if path.is_file()
    }
print(json.dumps(said, default=str))
