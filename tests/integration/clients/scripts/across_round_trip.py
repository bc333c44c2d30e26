"""A model logged to our artifact proxy, registered, promoted elsewhere, and loaded by alias."""

import json
import sys
from pathlib import Path

import mlflow
from mlflow import MlflowClient

given = json.load(sys.stdin)["given"]
mlflow.set_tracking_uri(given["tracking"])
mlflow.set_registry_uri(given["url"])
client = MlflowClient()
said = {}
if given["step"] == "log":
    code = Path(given["folder"]) / "doubler.py"
    code.write_text(
        "import mlflow\n"
        "class Doubler(mlflow.pyfunc.PythonModel):\n"
        "    def predict(self, context, model_input, params=None):\n"
        "        return [2 * value for value in model_input]\n"
        "mlflow.models.set_model(Doubler())\n"
    )
    place = f"{given['url']}/api/2.0/mlflow-artifacts/artifacts/exp"
    mlflow.set_experiment(experiment_id=client.create_experiment("exp", artifact_location=place))
    with mlflow.start_run():
        info = mlflow.pyfunc.log_model(
            name="model", python_model=str(code), registered_model_name="nlp.doubler"
        )
    version = client.get_model_version("nlp.doubler", "1")
    said["source"] = version.source == f"models:/{info.model_id}"
    client.copy_model_version("models:/nlp.doubler/1", "copied")
else:
    said["uri"] = client.get_model_version_download_uri("nlp.doubler", "1")
    for name in ("nlp.doubler@production", "copied/1"):
        said[name] = mlflow.pyfunc.load_model(f"models:/{name}").predict([3])
print(json.dumps(said))
