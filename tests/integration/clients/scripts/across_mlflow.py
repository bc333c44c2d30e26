"""Writes a model through MLflow's client, or reads models as it shows them."""

from __future__ import annotations

import json
import sys

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

given = json.load(sys.stdin)["given"]
client = MlflowClient(tracking_uri=given["tracking"], registry_uri=given["url"])
if "write" in given:
    fields = given["write"]
    name = fields["name"]
    client.create_registered_model(name, fields["model_tags"], fields["model_description"])
    made = client.create_model_version(
        name,
        fields["source"],
        run_id=fields["run_id"],
        tags=fields["tags"],
        run_link=fields["run_link"],
        description=fields["description"],
    )
    client.set_registered_model_alias(name, fields["alias"], made.version)
if "alias" in given:
    client.set_registered_model_alias(*given["alias"])


def plain(entity):
    return {
        key: value
        for key, value in dict(entity).items()
        if key not in {"latest_versions", "aliases"}
    }


found = {}
for name in given["read"]:
    try:
        model = client.get_registered_model(name)
    except MlflowException:
        continue
    version = client.get_model_version(name, "1")
    found[name] = {
        "model": {**plain(model), "aliases": dict(model.aliases)},
        "version": plain(version),
        "uri": client.get_model_version_download_uri(name, version.version),
    }
names = sorted(one.name for one in client.search_registered_models())
print(json.dumps({"found": found, "names": names}, default=str))
