"""Writes a model through Kubeflow's client, or reads models as it shows them."""

from __future__ import annotations

import json
import sys

from model_registry import ModelRegistry

given = json.load(sys.stdin)["given"]
registry = ModelRegistry("http://127.0.0.1", given["port"], author="Ada", is_secure=False)
if "write" in given:
    fields = given["write"]
    registry.register_model(fields.pop("name"), fields.pop("uri"), **fields)
found = {}
for name in given["read"]:
    model = registry.get_registered_model(name)
    if model is None:
        continue
    version = min(registry.get_model_versions(name), key=lambda one: int(one.id))
    shown = version.name
    artifact = registry.get_model_artifact(name, shown)
    others = registry.async_runner(registry._api.get_model_version_artifacts(version.id))
    found[name] = {
        "model": model.model_dump(mode="json"),
        "version": version.model_dump(mode="json"),
        "metrics": {one.name: one.value for one in others if hasattr(one, "value")},
        "artifact": None if artifact is None else artifact.model_dump(mode="json"),
    }
names = sorted(one.name for one in registry.get_registered_models())
print(json.dumps({"found": found, "names": names}))
