"""One user of MLflow's client in a storm: creates versions, and sets a tag."""

from __future__ import annotations

import mlflow
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from storm_client import StormUser

SHARED = "storm-shared"


def is_final(error):
    """INTERNAL_ERROR is what the client makes of a connection that broke."""
    known = {"INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE"}
    return not isinstance(error, MlflowException) or error.error_code not in known


user = StormUser("m", is_final)
mlflow.set_registry_uri(user.given["url"])
mlflow.set_tracking_uri(user.given["url"])
client = MlflowClient()


def create_model(name):
    """Create a model that does not exist."""
    if not client.search_registered_models(f"name = '{name}'"):
        try:
            client.create_registered_model(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
    return True


def create_version(name, mark, attempts):
    """Create the version with a description, unless an earlier attempt has."""
    attempts.append(mark)
    known = client.search_model_versions(f"name = '{name}'") if len(attempts) > 1 else []
    if not any(version.description == mark for version in known):
        source = f"s3://bucket/{user.number}/{mark[5:-1]}"
        client.create_model_version(name, source, description=mark)
    return True


def set_tag(name, mark):
    """Set a tag; a second time changes nothing."""
    client.set_registered_model_tag(name, f"tag-{user.number}", mark)
    return True


own = f"storm-mlflow-{user.number}"
user.until_done(create_model, own)
user.until_done(create_model, SHARED)
for turn, mark in enumerate(user.marks(), 1):
    if user.until_done(create_version, own if turn % 3 else SHARED, mark, []):
        user.created(mark)
    if user.until_done(set_tag, own, f"{mark}t"):
        user.set_last(f"{mark}t")
user.finish()
