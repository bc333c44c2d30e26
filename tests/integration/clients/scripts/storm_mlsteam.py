"""One user of MLSteam in a storm: adds models and versions by the calls of its document, and downloads them with the SDK."""

from __future__ import annotations

import json
import os
import urllib.request
from base64 import urlsafe_b64encode
from pathlib import Path

from mlsteam_client import install_stub
from storm_client import StormUser


def is_final(error):
    """An answer of the server that another attempt cannot change, or a fault of this script."""
    status = getattr(error, "status_code", None) or getattr(error, "code", None)
    known = status is not None and status not in {429, 502, 503}
    return known or isinstance(error, TypeError | KeyError | NameError)


user = StormUser("s", is_final)
home = Path(user.given["folder"]) / f"mlsteam-{user.number}"
settings = home / ".mlsteam-model-sdk" / "cfg.ini"
settings.parent.mkdir(parents=True, exist_ok=True)
packed = urlsafe_b64encode(json.dumps({"api_address": user.given["url"]}).encode()).decode()
token = f"e30.{packed.rstrip('=')}.local"
settings.write_text(
    f"[mlsteam_model_sdk]\napi_token = {token}\napi_endpoint = {user.given['url']}\n"
    "default_project_name = nlp\n"
)
os.chdir(home)
install_stub()

from mlsteam_model_sdk.core.api_client import ApiClient  # noqa: E402 (it reads the settings)
from mlsteam_model_sdk.sdk.model import Model  # noqa: E402


def connect():
    calls = ApiClient().swagger_client
    return calls, calls.project.listProject(name="nlp").response().result[0]["uuid"]


def upload(name, content):
    """Put the file; the same again changes nothing."""
    address = f"{user.given['url']}/api/v2/uploads/{project}/{name}/weights.bin"
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/octet-stream"}
    urllib.request.urlopen(urllib.request.Request(address, content, headers, method="PUT")).close()


def register(name, mark, content):
    """Add what does not exist, and download it."""
    found = calls.model.listModel(puuid=project, name=name).response().result
    if not found:
        body = {"name": name, "description": f"{mark}m"}
        found = [calls.model.addModel(puuid=project, body=body).response().result]
    model = found[0]["uuid"]
    if not calls.model.listVersionModel(puuid=project, muuid=model).response().result:
        upload(name, content)
        body = {"version": "v1", "description": f"{mark}v", "upload": name}
        calls.model.addVersionModel(puuid=project, muuid=model, body=body).response()
    Model().download_model_version(
        version_name="v1", model_name=name, overwrite=True, logging=False
    )
    return True


calls, project = user.until_done(connect)
for mark in user.marks():
    content = mark.encode() * 1000
    if user.until_done(register, f"storm-mlsteam-{mark[5:-1]}", mark, content):
        user.created(f"{mark}m", f"{mark}v")
        user.stored(content)
user.finish()
