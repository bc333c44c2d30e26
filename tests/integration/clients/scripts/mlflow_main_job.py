"""The main job of MLflow's client: the registry is ours, tracking is a local database."""

import json
import sys

import mlflow
from mlflow import MlflowClient

given = json.load(sys.stdin)
mlflow.set_tracking_uri(given["tracking"])
mlflow.set_registry_uri(given["url"])
client = MlflowClient()


class Doubler(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):  # noqa: ARG002 (hints would become a schema)
        return [2 * value for value in model_input]


said = {}
with mlflow.start_run() as run:
    info = mlflow.pyfunc.log_model(
        name="model", python_model=Doubler(), registered_model_name="doubler"
    )
said["logged"] = [info.registered_model_version, info.model_id]
said["model id"] = info.model_id
again = mlflow.register_model(f"runs:/{run.info.run_id}/model", "doubler")
said["registered"] = [again.version, again.status, again.run_id == run.info.run_id]
client.set_registered_model_alias("doubler", "Champion", 1)
said["alias"] = client.get_model_version_by_alias("doubler", "Champion").version
model = mlflow.pyfunc.load_model("models:/doubler@Champion")
said["predicted"] = model.predict([1, 2])
copied = client.copy_model_version("models:/doubler/1", "copied")
said["copied"] = [copied.name, copied.version, copied.source]
said["loaded copy"] = mlflow.pyfunc.load_model("models:/copied/1").predict([4])
said["uris"] = [client.get_model_version_download_uri("doubler", n) for n in ("1", "2")]
print(json.dumps(said))
