"""What MLSteam's SDK shows of all projects, and the digests of the files that it downloads."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

from mlsteam_client import configure, install_stub, make_token

given = json.load(sys.stdin)["given"]
if "url" in given:
    token = make_token(given["url"], given.get("token", "local"))
    configure(given["url"], Path(given["folder"]), token)
else:
    install_stub()  # the settings are there

from bravado.exception import HTTPError  # noqa: E402
from mlsteam_model_sdk.core.api_client import ApiClient  # noqa: E402 (it reads the settings)
from mlsteam_model_sdk.sdk.model import Model  # noqa: E402

calls = ApiClient().swagger_client


def digest(folder):
    return {
        one.relative_to(folder).as_posix(): hashlib.sha256(one.read_bytes()).hexdigest()
        for one in sorted(Path(folder).rglob("*"))
        if one.is_file()
    }


def download(sdk, model, version):
    """The files of a version, or why there are none."""
    where = {"vuuid": version["uuid"], "muuid": model["uuid"]}
    try:
        return digest(sdk.download_model_version(**where, overwrite=True))
    except HTTPError as exc:
        return [exc.status_code, str(exc.swagger_result["message"])]


def read(project):
    sdk = Model(default_puuid=project["uuid"])
    return [
        [sdk.get_model(muuid=model["uuid"])]
        + [
            [
                sdk.get_model_version(vuuid=one["uuid"], muuid=model["uuid"]),
                download(sdk, model, one),
            ]
            for one in sdk.list_model_versions(muuid=model["uuid"])
        ]
        for model in sdk.list_models()
    ]


def write():
    """What a call that writes answers."""
    try:
        project = calls.project.listProject().response().result[0]
        body = {"name": "written"}
        calls.model.addModel(puuid=project["uuid"], body=body).response()
    except (HTTPError, IndexError) as exc:
        return getattr(exc, "status_code", "no project")
    return "written"


try:
    projects = calls.project.listProject().response().result
    said = {"projects": [[one, read(one)] for one in projects]}
    if given.get("write"):
        said["write"] = write()
except HTTPError as exc:
    said = {"failure": [exc.status_code, str(exc.swagger_result["message"])]}
print(json.dumps(said, default=str))
