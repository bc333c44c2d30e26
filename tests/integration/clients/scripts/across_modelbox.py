"""Writes a model with a file through ModelBox's client, or reads models as it shows them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from modelbox.modelbox import MLFramework, ModelBox

given = json.load(sys.stdin)["given"]
box = ModelBox(addr=given["target"])
HOME = "default"


def write(fields):
    model = box.new_model(
        fields["name"], fields["owner"], HOME, fields["task"], fields["description"]
    )
    version = model.new_model_version(
        fields["version"],
        name=fields["version_name"],
        description=fields["version_description"],
        framework=MLFramework.PYTORCH,
        unique_tags=fields["tags"],
    )
    for key, value in fields["metadata"].items():
        version.update_metadata(key, value)
    version.log_metrics({"loss": 0.25}, step=3, wallclock=1_700_000_003)
    if "file" in fields:
        version.upload_artifact([fields["file"]])


def read(model):
    """The client's messages have room for one version in a list, and its own method looks for an attribute in vain."""
    shown = {
        key: getattr(model, key)
        for key in ("id", "name", "owner", "namespace", "task", "description")
    }
    shown["metadata"] = model.metadata().metadata
    one = box._client.list_model_versions(model.id).models
    if not one.id:
        return {"model": shown}
    version = {
        "id": one.id,
        "version": one.version,
        "name": one.name,
        "description": one.description,
        "framework": MLFramework.from_proto(one.framework).name,
        "tags": list(one.unique_tags),
        "metadata": {
            key: json.loads(json.dumps(plain(value)))
            for key, value in one.metadata.metadata.items()
        },
        "metrics": {
            key: [[value.step, value.wallclock_time, round(value.value, 6)] for value in values]
            for key, values in box._client.get_all_metrics(one.id).items()
        },
        "files": [
            {"path": Path(file.path).name, "address": file.path, "checksum": file.checksum}
            for file in one.files
        ],
        "created": one.created_at.ToMilliseconds(),
    }
    return {"model": shown, "version": version}


def plain(value):
    """A ``google.protobuf.Value``."""
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return {key: plain(one) for key, one in value.struct_value.fields.items()}
    if kind == "list_value":
        return [plain(one) for one in value.list_value.values]
    return None if kind == "null_value" else getattr(value, kind)


if "write" in given:
    write(given["write"])
found, names = {}, []
for namespace in given.get("namespaces", [HOME]):
    for model in box.models(namespace).models:
        name = model.name if namespace == HOME else f"{namespace}/{model.name}"
        names.append(name)
        if name in given["read"]:
            found[name] = read(model)
print(json.dumps({"found": found, "names": sorted(names)}))
