"""Model versions through TrueFoundry's SDK, of any release: put, get, list, tags, delete."""

import json
import sys
import urllib.request

from truefoundry_sdk import TrueFoundry

given = json.load(sys.stdin)["given"]
client = TrueFoundry(base_url=given["url"], api_key="tfy_local")


def put(manifest):
    """A PUT as the document's curl example makes it; SDK 0.3 has no function for it."""
    request = urllib.request.Request(
        f"{given['url']}/api/{given['api']}/v1/model-versions",
        data=json.dumps({"manifest": manifest}).encode(),
        headers={"Authorization": "Bearer tfy_local", "Content-Type": "application/json"},
        method="PUT",
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["data"]


manifest = {
    "type": "model-version",
    "name": "lang_id",
    "ml_repo": "speech",
    "metadata": {"accuracy": 0.97, ".truefoundry": {"size": 1}},
    "source": {"type": "external", "uri": "s3://bucket/lang-id/1"},
    "framework": {"type": "transformers", "pipeline_tag": "text-classification"},
}
first = put({**manifest, "version_alias": "v1.0.0"})
second = put({**manifest, "run_id": "r1", "step": 3})
said = {"first": [first["fqn"], first["manifest"]["version"], first["deployable"]]}
got = client.model_versions.get(id=first["id"]).data
said["got"] = [got.fqn, got.manifest.metadata, got.manifest.version_alias]
by_name = client.model_versions.get_by_fqn(fqn=second["fqn"]).data
said["by fqn"] = by_name.id == second["id"]
by_alias = client.model_versions.get_by_fqn(fqn="model:models/speech/lang_id:v1.0.0").data
said["by alias"] = by_alias.id == first["id"]
said["listed"] = [one.fqn for one in client.model_versions.list(name="lang_id", limit=1)]


def find(**filters):
    """The numbers of the versions that a list with filters has."""
    return [one.manifest.version for one in client.model_versions.list(**filters)]


said["found"] = {
    "fqn": find(fqn=second["fqn"]),
    "name and version": find(name="lang_id", version=1),
    "model": find(model_id=got.model_id, offset=1),
    "repo": find(ml_repo_id=got.ml_repo_id),
    "run": find(run_ids=["r1"], run_steps=[3]),
    "other run": find(run_ids=["r2"]),
}
client.model_versions.apply_tags(model_version_id=second["id"], tags=["candidate"])
said["found"]["tag"] = find(tag="candidate")
said["tags"] = client.model_versions.get(id=second["id"]).data.tags
try:
    client.model_versions.apply_tags(model_version_id=first["id"], tags=["candidate"])
except Exception as exc:
    said["taken"] = [exc.status_code, exc.body["message"]]
client.model_versions.apply_tags(model_version_id=first["id"], tags=["candidate"], force=True)
said["moved"] = client.model_versions.get(id=first["id"]).data.tags
model = client.models.get(id=got.model_id).data
said["model"] = [model.fqn, model.latest_version.fqn]
client.model_versions.delete(id=second["id"])
try:
    client.model_versions.get(id=second["id"])
except Exception as exc:
    said["deleted"] = exc.status_code
said["next"] = put(manifest)["manifest"]["version"]
print(json.dumps(said))
