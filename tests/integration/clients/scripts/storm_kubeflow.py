"""One user of Kubeflow's client in a storm: registers models, and repeats what broke as a careful user would."""

from __future__ import annotations

import json
import sys
import time
from itertools import count
from pathlib import Path

from model_registry import ModelRegistry
from model_registry.types import ModelArtifact

given = json.load(sys.stdin)
over, pause, number = Path(given["over"]), Path(given["pause"]), given["number"]
said = {"created": [], "settings": {}, "repeated": 0, "failures": []}
PATIENCE = 120.0
# Answers of the server that another attempt cannot change.
FINAL = ("(400)", "(404)", "(409)", "(422)", "(500)", "(501)")


def until_done(work):
    """What some work gives; it is repeated, and looks first for what an earlier attempt left."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return work()
        except Exception as error:
            if time.monotonic() > end or str(error).startswith(FINAL):
                said["failures"].append(repr(error)[:500])
                return None
            said["repeated"] += 1
            time.sleep(0.1)


def register(registry, name, mark):
    """Register a model with one version and its artifact, or complete what is missing of it."""
    model = registry.get_registered_model(name)
    version = registry.get_model_version(name, "v1") if model is not None else None
    uri = f"https://example.org/{mark}a.onnx"
    if version is None:
        registry.register_model(
            name, uri, version="v1", model_format_name="onnx", model_format_version="1",
            owner=f"{mark}m", version_description=f"{mark}v",
        )  # fmt: skip
    elif registry.get_model_artifact(name, "v1") is None:
        artifact = ModelArtifact(
            name=name, uri=uri, model_format_name="onnx", model_format_version="1"
        )
        registry.async_runner(registry._api.upsert_model_version_artifact(artifact, version.id))
    return True


registry = until_done(
    lambda: ModelRegistry("http://127.0.0.1", given["port"], author="Ada", is_secure=False)
)
Path(given["ready"]).touch()
for turn in count(1):
    if registry is None or (over.exists() and turn > 1):
        break
    while pause.exists():
        time.sleep(0.02)
    mark = f"mark-k{number}x{turn}x"
    name = f"storm-kubeflow-{number}-{turn}"
    if until_done(lambda name=name, mark=mark: register(registry, name, mark)):
        said["created"] += [f"{mark}m", f"{mark}v", f"{mark}a"]
print(json.dumps(said))
