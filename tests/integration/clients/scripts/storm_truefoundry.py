"""One user of TrueFoundry's SDK in a storm: puts versions of a model, and moves a tag to each."""

from __future__ import annotations

import truefoundry_sdk as sdk
from storm_client import StormUser
from truefoundry_sdk.core import ApiError


def is_final(error):
    """A connection that broke has no status."""
    return isinstance(error, ApiError) and error.status_code not in {None, 429, 502, 503}


user = StormUser("t", is_final)
client = sdk.TrueFoundry(base_url=user.given["url"], api_key="tfy_local")
NAME = f"storm-truefoundry-{user.number}"


def put(mark, attempts):
    """Put the version with a description, unless an earlier attempt has; then tag it."""
    attempts.append(mark)
    known = list(client.model_versions.list(name=NAME, limit=1000)) if len(attempts) > 1 else []
    found = next((one for one in known if one.manifest.description == mark), None)
    if found is None:
        source = {"type": "external", "uri": f"s3://bucket/{mark[5:-1]}"}
        fields = {"type": "model-version", "name": NAME, "metadata": {}, "description": mark}
        manifest = sdk.ModelManifest.model_validate(
            {**fields, "source": source, "framework": {"type": "onnx"}}
        )
        found = client.models.create_or_update(manifest=manifest).data
    client.model_versions.apply_tags(model_version_id=found.id, tags=["newest"], force=True)
    return True


for mark in user.marks():
    if user.until_done(put, f"{mark}v", []):
        user.created(f"{mark}v")
user.finish()
