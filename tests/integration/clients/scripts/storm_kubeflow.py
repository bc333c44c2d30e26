"""One user of Kubeflow's client in a storm: registers models."""

from __future__ import annotations

from model_registry import ModelRegistry
from model_registry.types import ModelArtifact
from storm_client import StormUser

# Answers of the server that another attempt cannot change.
FINAL = ("(400)", "(404)", "(409)", "(422)", "(500)", "(501)")
user = StormUser("k", lambda error: str(error).startswith(FINAL))


def connect():
    return ModelRegistry("http://127.0.0.1", user.given["port"], author="Ada", is_secure=False)


def register(name, mark):
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


registry = user.until_done(connect)
for mark in user.marks():
    if user.until_done(register, f"storm-kubeflow-{mark[5:-1]}", mark):
        user.created(f"{mark}m", f"{mark}v", f"{mark}a")
user.finish()
