"""MLflow's client where requests are proposed: register, delete, read what one's own token sees."""

import json
import sys

import mlflow
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

given = json.load(sys.stdin)
mlflow.set_tracking_uri(given["tracking"])
mlflow.set_registry_uri(given["url"])
client = MlflowClient()
said = {}
try:
    if given["step"] == "register":
        one = mlflow.register_model("s3://bucket/model", given["model"], await_registration_for=0)
        client.set_model_version_tag(given["model"], one.version, "team", "nlp")
        said["registered"] = [one.version, one.status]
    if given["step"] == "delete":
        client.delete_model_version(given["model"], "2")
    said["models"] = sorted(one.name for one in client.search_registered_models())
    found = client.search_model_versions()
    said["versions"] = sorted([one.name, one.version, one.status] for one in found)
    version = client.get_model_version(given["model"], "1")
    said["version"] = [version.status, version.tags, version.status_message or ""]
except MlflowException as error:
    said["error"] = [error.error_code, error.message]
print(json.dumps(said))
