"""Kubeflow's client over TLS: with a token and the server's certificate, with a wrong token, without one."""

import json
import sys

from model_registry import ModelRegistry
from model_registry.exceptions import StoreError
from mr_openapi.exceptions import ApiException

given = json.load(sys.stdin)
secure = {"author": "Ada", "custom_ca": given["ca"]}
address = "https://127.0.0.1", given["port"]
said = {}
registry = ModelRegistry(*address, user_token=given["token"], **secure)
registry.register_model(
    "m", "s3://b/m", version="v", model_format_name="onnx", model_format_version="1"
)
said["good"] = registry.get_registered_model("m").name
try:
    ModelRegistry(*address, user_token="wrong", **secure)
except ApiException as error:
    said["wrong"] = error.status
try:
    ModelRegistry(*address, **secure)
except StoreError as error:
    said["none"] = type(error).__name__
print(json.dumps(said))
