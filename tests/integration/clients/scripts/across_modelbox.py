"""Writes a model with a file through ModelBox's client, or reads models as it shows them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from modelbox.modelbox import MLFramework, ModelBox

given = json.load(sys.stdin)["given"]
box = ModelBox(addr=given["target"])
NAMESPACE = "default"


def list_versions(model):
    """The client's messages have room for one version in a list, and its own method looks for an attribute in vain."""
    found = box._client.list_model_versions(model.id).models
    return [found] if found.id else []


if "write" in given:
    fields = given["write"]
    model = box.new_model(
        fields["name"],
        fields["owner"],
        NAMESPACE,
        fields["task"],
        fields["description"],
        metadata=fields["metadata"],
    )
    version = model.new_model_version(
        fields["version"],
        description=fields["version_description"],
        framework=MLFramework.PYTORCH,
        unique_tags=fields["tags"],
    )
    version.update_metadata("team", fields["version_metadata"]["team"])
    version.log_metrics({"loss": 0.25}, step=3, wallclock=1_700_000_003)
    if "file" in fields:
        version.upload_artifact([fields["file"]])
found = {}
models = box.models(NAMESPACE).models
for model in models:
    if model.name not in given["read"]:
        continue
    shown = {
        key: getattr(model, key)
        for key in ("id", "name", "owner", "namespace", "task", "description")
    }
    shown["metadata"] = model.metadata().metadata
    found[model.name] = {"model": shown}
    for one in list_versions(model):
        found[model.name]["version"] = {
            "id": one.id,
            "version": one.version,
            "name": one.name,
            "description": one.description,
            "framework": MLFramework.from_proto(one.framework).name,
            "tags": list(one.unique_tags),
            "files": [
                {"path": Path(file.path).name, "address": file.path, "checksum": file.checksum}
                for file in one.files
            ],
            "created": one.created_at.ToMilliseconds(),
        }
print(json.dumps({"found": found, "names": sorted(one.name for one in models)}))
