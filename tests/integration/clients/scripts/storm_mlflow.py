"""One user of MLflow's client in a storm: creates versions, sets a tag, and repeats what broke as a careful user would."""

from __future__ import annotations

import json
import sys
import time
from itertools import count
from pathlib import Path

import mlflow
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

given = json.load(sys.stdin)
over, pause, number = Path(given["over"]), Path(given["pause"]), given["number"]
mlflow.set_registry_uri(given["url"])
mlflow.set_tracking_uri(given["url"])
client = MlflowClient()
said = {"created": [], "settings": {}, "repeated": 0, "failures": []}
PATIENCE = 120.0
SHARED = "storm-shared"


def until_done(work):
    """What some work gives; it is repeated, and looks first for what an earlier attempt left."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return work()
        except MlflowException as error:
            # INTERNAL_ERROR is what the client makes of a connection that broke.
            is_final = error.error_code not in {"INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE"}
            if time.monotonic() > end or is_final:
                said["failures"].append(repr(error)[:500])
                return None
            said["repeated"] += 1
            time.sleep(0.1)


def create_model(name):
    """Create a model that does not exist."""
    if not client.search_registered_models(f"name = '{name}'"):
        try:
            client.create_registered_model(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
    return True


def create_version(name, mark, attempt):
    """Create the version with a description, unless an earlier attempt has."""
    attempt.append(mark)
    known = client.search_model_versions(f"name = '{name}'") if len(attempt) > 1 else []
    if not any(version.description == mark for version in known):
        source = f"s3://bucket/{number}/{mark[5:-1]}"
        client.create_model_version(name, source, description=mark)
    return True


def set_tag(name, mark):
    """Set a tag; a second time changes nothing."""
    client.set_registered_model_tag(name, f"tag-{number}", mark)
    return True


own = f"storm-mlflow-{number}"
until_done(lambda: create_model(own))
until_done(lambda: create_model(SHARED))
Path(given["ready"]).touch()
for turn in count(1):
    if over.exists() and turn > 1:
        break
    while pause.exists():
        time.sleep(0.02)
    mark, attempt = f"mark-m{number}x{turn}x", []
    name = SHARED if turn % 3 == 0 else own
    if until_done(
        lambda name=name, mark=mark, attempt=attempt: create_version(name, mark, attempt)
    ):
        said["created"].append(mark)
    again = f"mark-m{number}x{turn}t"
    if until_done(lambda again=again: set_tag(own, again)):
        said["settings"][f"m{number}"] = again
print(json.dumps(said))
