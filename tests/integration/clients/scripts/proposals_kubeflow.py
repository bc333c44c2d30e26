"""Kubeflow's client where requests are proposed: register, read and edit what one's own token sees."""

import json
import sys

from model_registry import ModelRegistry
from model_registry.types import RegisteredModelState
from mr_openapi.exceptions import ApiException

given = json.load(sys.stdin)
said = {}
registry = ModelRegistry(given["url"], author="Ada", is_secure=False, user_token=given["token"])
name = given["model"]
try:
    if given["step"] == "register":
        registry.register_model(
            name, "s3://bucket/m", version="v1", model_format_name="onnx",
            model_format_version="1", metadata={"accuracy": 0.97},
        )  # fmt: skip
    if given["step"] == "edit":
        model = registry.get_registered_model(name)
        model.description = "Edited."
        said["edited"] = registry.update(model).description
    if given["step"] == "archive":
        model = registry.get_registered_model(name)
        model.state = RegisteredModelState.ARCHIVED
        said["archived"] = registry.update(model).state
    said["models"] = sorted(one.name for one in registry.get_registered_models())
    model = registry.get_registered_model(name)
    version = registry.get_model_version(name, "v1") if model else None
    artifact = registry.get_model_artifact(name, "v1") if version else None
    for what, one in (("model", model), ("version", version), ("artifact", artifact)):
        said[what] = one and [int(one.id), one.custom_properties or {}]
except ApiException as error:
    said["error"] = [error.status, json.loads(error.body)["message"]]
print(json.dumps(said))
