"""Writes a model version through TrueFoundry's SDK, sets a tag, or reads models as it shows them."""

from __future__ import annotations

import json
import sys

import truefoundry_sdk as sdk

given = json.load(sys.stdin)["given"]
client = sdk.TrueFoundry(base_url=given["url"], api_key="tfy_local")
if "write" in given:
    manifest = sdk.ModelManifest.model_validate(given["write"])
    client.models.create_or_update(manifest=manifest)
if "tag" in given:
    name, tag = given["tag"]
    version = next(iter(client.model_versions.list(name=name)))
    client.model_versions.apply_tags(model_version_id=version.id, tags=[tag])


def plain(value):
    return json.loads(value.model_dump_json())


found, names = {}, []
for model in client.models.list(limit=100):
    repo = model.fqn.split("/")[1]
    name = model.name if repo == "default" else f"{repo}/{model.name}"
    names.append(name)
    if name in given["read"]:
        versions = list(client.model_versions.list(model_id=model.id, limit=100))
        version = min(versions, key=lambda one: one.manifest.version)
        found[name] = {"repo": repo, "model": plain(model), "version": plain(version)}
print(json.dumps({"found": found, "names": sorted(names)}, default=str))
