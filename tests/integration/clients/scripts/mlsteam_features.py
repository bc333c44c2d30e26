"""Everything that MLSteam's SDK does with a server, and the calls of its document that the SDK has no method for."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from mlsteam_client import configure, make_token, put_file

given = json.load(sys.stdin)["given"]
home = Path(given["folder"]) / "mlsteam"
url, token = given["url"], make_token(given["url"])
configure(url, home, token)

from bravado.exception import HTTPError  # noqa: E402
from mlsteam_model_sdk.core.api_client import ApiClient  # noqa: E402 (it reads the settings)
from mlsteam_model_sdk.core.dev.archive import build_archive  # noqa: E402
from mlsteam_model_sdk.core.dev.manifest import gen_manifest  # noqa: E402
from mlsteam_model_sdk.sdk.model import Model  # noqa: E402

client = ApiClient()
calls = client.swagger_client
sdk = Model()
project = calls.project.listProject(name="default").response().result[0]["uuid"]
HOOKS = {
    "hooks/load.py": b"""
import os
def load(env, *args, **kwargs):
    with open(os.path.join(env["MLSTEAM_MODEL_DIR"], "net", "w.txt")) as file:
        return int(file.read())
""",
    "hooks/predict.py": b"""
def predict(env, model, inputs, *args, **kwargs):
    return model + inputs
""",
}
OLD = {"models": [{"name": "net", "version": "1", "framework": "pytorch"}]}
# Two models, each with a loader, and two services.
NEW = {
    "schema": "v2024.1", "name": "pair", "version": "2", "in_memory_model_extraction": False,
    "models": [
        {"name": "one", "loader": {"file": "load.py", "function": "load_one"}},
        {"name": "two", "loader": {"file": "load.py", "function": "load_two"}},
    ],
    "services": [
        {"name": "main", "predictor": {"file": "predict.py", "function": "add"}},
        {"name": "times", "predictor": {"file": "predict.py", "function": "times"}},
    ],
}  # fmt: skip
PAIR = {
    "manifest.json": json.dumps(NEW).encode(),
    "models/one/w.txt": b"5",
    "models/two/w.txt": b"7",
    "src/load.py": b"""
def read(env, name):
    with open(f"{env['MLSTEAM_MODEL_DIR']}/{name}/w.txt") as file:
        return int(file.read())
def load_one(env, *args, **kwargs):
    return read(env, "one")
def load_two(env, *args, **kwargs):
    return read(env, "two")
""",
    "src/predict.py": b"""
def add(env, model, inputs, *args, **kwargs):
    return model["one"] + model["two"] + inputs
def times(env, model, inputs, *args, **kwargs):
    return model["one"] * model["two"] * inputs
""",
}


def failure(call, *args, **kwargs):
    """The status and the message of a call that fails."""
    try:
        result = call(*args, **kwargs)
        if hasattr(result, "response"):
            result = result.response().result
    except HTTPError as exc:
        return [exc.status_code, str(exc.swagger_result["message"])]
    except Exception as exc:
        return [type(exc).__name__]
    return ["no error", result]


def add_model(name, **more):
    return calls.model.addModel(puuid=project, body={"name": name, **more}).response().result


def upload(name, files):
    for path, content in files.items():
        put_file(url, token, f"{project}/{name}/{path}", content)


def add_version(model, name, files, **more):
    upload(name, files)
    body = {"version": name, "upload": name, **more}
    made = calls.model.addVersionModel(puuid=project, muuid=model, body=body).response().result
    return made["uuid"]


def files_below(folder):
    return {
        one.relative_to(folder).as_posix(): one.stat().st_size
        for one in sorted(Path(folder).rglob("*"))
        if one.is_file()
    }


def build_package():
    """A package as the developer kit of the SDK builds it, with folders as entries of their own."""
    kit = home / "kit"
    (kit / "weights" / "deep").mkdir(parents=True, exist_ok=True)
    (kit / "weights" / "deep" / "w.txt").write_text("3")
    manifest, _ = gen_manifest("kit", "1", bare_models=["net"], hooks_dir=None, validate=True)
    (kit / "manifest.json").write_text(json.dumps(manifest))
    build_archive(
        str(kit / "net.mlarchive"), [("net", str(kit / "weights"))], str(kit / "manifest.json"), None, None,
        preserve_model_files_in_src=False, preserve_hooks_dir_in_src=False, default_exclude_patterns=None,
    )  # fmt: skip
    return (kit / "net.mlarchive").read_bytes()


def types_of(model):
    versions = calls.model.listVersionModel(puuid=project, muuid=model).response().result
    return {one["version"]: [one["type"], one["meta"]] for one in versions}


said = {}

made = add_model("lang-id", description="Tells languages.", metadata={"team": "speech"})
muuid = made["uuid"]
said["MS-1"] = [[one["name"] for one in sdk.list_models()], made["description"], made["metadata"]]
said["MS-1 again"] = failure(calls.model.addModel, puuid=project, body={"name": "lang-id"})

plain = add_version(
    muuid, "v1", {"weights.bin": b"\1" * 300_000, "code/run.py": b"print(1)\n"},
    framework="pytorch", description="The first.", metadata={"seed": 7},
)  # fmt: skip
said["MS-2"] = files_below(sdk.download_model_version(version_name="v1", model_name="lang-id"))

package = {"manifest.json": json.dumps(OLD).encode(), "models/net/w.txt": b"41", **HOOKS}
packed = add_version(muuid, "v2", package, type="packaged-plaintext")
pair = add_version(muuid, "v3", PAIR)
whole = build_package()
kit = add_version(muuid, "kit", {"net.mlarchive": whole}, type="packaged-plaintext")
said["MS-3"] = types_of(muuid)
body = {"version": "v4", "upload": "v1", "type": "packaged-encrypted"}
said["MS-3 encrypted"] = failure(calls.model.addVersionModel, puuid=project, muuid=muuid, body=body)

said["MS-7"] = files_below(sdk.download_model_version(version_name="v2", model_name="lang-id"))
upload("lies", {**package, "manifest.json": json.dumps({**NEW, "models": [{"name": "no", "loader": "x.py"}]}).encode()})  # fmt: skip
upload("out", {"x.mlarchive": whole.replace(b"models/net/deep/w.txt", b"models/../../../w.txt")})
said["MS-8"] = [
    failure(calls.model.addVersionModel, puuid=project, muuid=muuid, body={"version": "bad", "upload": name})
    for name in ("lies", "out")
]  # fmt: skip

by_id = sdk.get_model(muuid=muuid)
said["MS-12"] = [
    by_id == sdk.get_model(model_name="lang-id") and by_id["uuid"] == muuid,
    sdk.to_puuid("acme/default") == sdk.to_puuid("default") == project,
    sdk.to_muuid("lang-id") == muuid,
    sdk.to_vuuid("v2", muuid=muuid) == packed,
    [one["version"] for one in sdk.list_model_versions(model_name="lang-id")],
    sdk.get_model_version(vuuid=plain, muuid=muuid)
    == sdk.get_model_version(version_name="v1", model_name="lang-id"),
    sdk.get_model_version(vuuid=packed, muuid=muuid)["meta"],
]
said["MS-12 missing"] = [
    failure(sdk.get_model, model_name="other"),
    failure(sdk.get_model, muuid="00000000-0000-0000-0000-000000000000"),
    failure(sdk.get_model_version, version_name="v9", model_name="lang-id"),
    failure(Model, default_project_name="no-such-project"),
]

again = {"version_name": "v1", "model_name": "lang-id"}
said["MS-13"] = [
    failure(sdk.download_model_version, **again),
    files_below(sdk.download_model_version(**again, overwrite=True)),
    Path(sdk.get_model_version_dir(**again)).name == plain,
]

with_hooks = sdk.load_model_version(version_name="v2", model_name="lang-id")
sdk.download_model_version(vuuid=pair, muuid=muuid)
both = sdk.load_model_version(vuuid=pair)
said["MS-14"] = [
    with_hooks.predict(1),
    *(both.predict(2, service_name=one) for one in ("main", "times")),
]
said["MS-15"] = [[one["name"] for one in both.models], both.get_model(name="two")["name"]]
with_hooks.close(), both.close()

sdk.download_model_version(vuuid=kit, muuid=muuid)
said["MS-22"] = files_below(sdk.get_model_version_dir(vuuid=kit))

delete = calls.model.deleteVersionModel
where = {"puuid": project, "muuid": muuid, "vuuid": kit}
said["MS-21"] = [
    failure(delete, **where),
    failure(delete, **where, confirm="kit"),
    failure(delete, **where, confirm="kit"),
    failure(calls.model.deleteModel, puuid=project, muuid=muuid, confirm="lang"),
    [one["version"] for one in sdk.list_model_versions(muuid=muuid)],
]
print(json.dumps(said, default=str))
