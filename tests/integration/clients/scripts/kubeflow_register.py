"""What a data scientist does with Kubeflow's client: register a model in one call, and read it back."""

from __future__ import annotations

import json
import sys

from model_registry import ModelRegistry

given = json.load(sys.stdin)
registry = ModelRegistry(given["url"], author="Ada", is_secure=False)
if not given.get("read"):
    registry.register_model(
        given["model"],
        given["uri"],
        version=given["version"],
        model_format_name="onnx",
        model_format_version="1",
        storage_key="key",
        storage_path="path",
        description="Identifies languages.",
        metadata={"accuracy": 0.97, "layers": 12, "quantized": True, "team": "speech"},
    )
model = registry.get_registered_model(given["model"])
version = registry.get_model_version(given["model"], given["version"])
artifact = registry.get_model_artifact(given["model"], given["version"])
print(
    json.dumps(
        {
            "model": model.model_dump(mode="json"),
            "version": version.model_dump(mode="json"),
            "artifact": artifact.model_dump(mode="json"),
            "names": [one.name for one in registry.get_registered_models()],
        }
    )
)
