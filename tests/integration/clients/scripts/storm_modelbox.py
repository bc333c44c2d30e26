"""One user of ModelBox's client in a storm: creates models and versions, logs a metric, uploads a file."""

from __future__ import annotations

from pathlib import Path

import grpc
from modelbox.modelbox import MLFramework, ModelBox
from storm_client import StormUser

# A call that the end of the server broke is UNAVAILABLE or CANCELLED; one that waited too long is to be repeated too.
AGAIN = {
    grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.ABORTED,
}  # fmt: skip


def is_final(error):
    return not isinstance(error, grpc.RpcError) or error.code() not in AGAIN


user = StormUser("b", is_final)
box = ModelBox(addr=user.given["target"])


def register(name, mark, file):
    """Every call does nothing the second time: its ids are made from what is given."""
    model = box.new_model(name, f"{mark}m", "default", "storm", "")
    version = model.new_model_version(
        "v1", description=f"{mark}v", framework=MLFramework.PYTORCH, unique_tags=[]
    )
    version.log_metrics({"loss": 0.25}, step=1, wallclock=1_700_000_000)
    version.upload_artifact([file])
    return True


for mark in user.marks():
    place = Path(user.given["folder"]) / f"upload-{user.number}.bin"
    content = mark.encode() * 1000
    place.write_bytes(content)
    if user.until_done(register, f"storm-modelbox-{mark[5:-1]}", mark, str(place)):
        user.created(f"{mark}m", f"{mark}v")
        user.stored(content)
user.finish()
