"""Every field of MLflow's models and versions: written, or only read."""

import json
import sys

import mlflow
from mlflow import MlflowClient

given = json.load(sys.stdin)
mlflow.set_tracking_uri(given["tracking"])
mlflow.set_registry_uri(given["url"])
client = MlflowClient()
NAMES = ("Wörter (v2), 1280x1280 🚀", "plain")
TAGS = {"a/b.c d": "ü", "empty": "", "json": '{"x": [1, 2]}', "long": "x" * 50_000}
VERSION = {
    "source": "s3://bucket/a b/ü", "run_id": "7" * 32, "run_link": "https://example.org/run/7?x=1#y",
    "description": "Line one.\n\nLine three: 'quoted' \"twice\" # no comment\n",
}  # fmt: skip
if given["given"]["step"] == "write":
    for name in NAMES:
        client.create_registered_model(name, TAGS, VERSION["description"])
        client.create_model_version(name, tags=TAGS, **VERSION)
        client.create_model_version(name, "models:/m-" + "0" * 32)
        client.set_registered_model_alias(name, "Prod_1", "1")
        client.transition_model_version_stage(name, "2", "Staging")
found = {}
for name in NAMES:
    model = client.get_registered_model(name)
    values = dict(model)
    values["latest_versions"] = [dict(v) for v in model.latest_versions]
    found[name] = {f"model.{key}": value for key, value in values.items()}
    for number in ("1", "2"):
        version = dict(client.get_model_version(name, number))
        found[name] |= {f"version {number}.{key}": value for key, value in version.items()}
one = client.get_model_version(NAMES[0], "1")
model = client.get_registered_model(NAMES[0])
same = {key: getattr(one, key) == value for key, value in VERSION.items()}
same |= {"tags": one.tags == TAGS, "aliases": list(one.aliases) == ["Prod_1"]}
same |= {"model.tags": model.tags == TAGS, "model.name": model.name == NAMES[0]}
same |= {"model.description": model.description == VERSION["description"]}
fields = {key.partition(".")[0].split()[0] + "." + key.partition(".")[2] for key in found[NAMES[0]]}
print(
    json.dumps(
        {"fields": json.loads(json.dumps(found, default=str)), "given": same, "count": len(fields)}
    )
)
