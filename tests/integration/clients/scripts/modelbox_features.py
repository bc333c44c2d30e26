"""What the client of ModelBox can do, by the ids of its features."""

import contextlib
import hashlib
import json
import sys
from pathlib import Path

import grpc
from modelbox.modelbox import Event, EventSource, MLFramework, ModelBox

given = json.load(sys.stdin)
NAMESPACE = "ai/langtech/translation"
box = ModelBox(addr=given["target"])
found = {}


def new_model(name="yolo", namespace=NAMESPACE, description="Finds things."):
    return box.new_model(
        name, "ada@example.org", namespace, "detection", description, metadata={"a": 1}
    )


def code(work):
    try:
        work()
    except grpc.RpcError as exc:
        return exc.code().name
    return "OK"


content = bytes(range(256)) * 2000
weights = str(Path(given["folder"]) / "weights.bin")
Path(weights).write_bytes(content)
checksum = hashlib.md5(content).hexdigest()

model = new_model()
found["MB-1"] = [model.id == new_model().id, code(lambda: new_model(description="Other."))]
default = new_model("small", "")
found["MB-2"] = [one.namespace for one in box.models("default").models]
found["MB-3"] = [len(box.models("unused").models), len(box.experiments("unused").experiments)]
version = model.new_model_version(
    "v1",
    name="YOLO v1",
    description="First.",
    unique_tags=["Best so far!"],
    framework=MLFramework.TENSORFLOW,
)
again = model.new_model_version(
    "v1",
    name="YOLO v1",
    description="First.",
    unique_tags=["Best so far!"],
    framework=MLFramework.TENSORFLOW,
)
found["MB-4"] = [len(version.id), version.id == again.id]
plain = model.new_model_version("v2")
found["MB-6"] = [code(lambda: model.new_model_version("v3", unique_tags=["best so far!"]))]
found["MB-8"] = [
    [one.name, one.owner, one.task, one.description] for one in box.models(NAMESPACE).models
]
# The client reads a list as if it were one version, so the call itself works and its own code fails.
found["MB-8 versions"] = len(box._client.list_model_versions(model.id).models.id)
with contextlib.suppress(TypeError):
    model.model_versions()

version.log_metrics({"loss": 0.5, "acc": 0.97}, step=2, wallclock=1_700_000_002)
version.log_metrics({"loss": 0.75}, step=1, wallclock=1_700_000_009)
found["MB-9"] = {
    key: [[one.step, one.wallclock_time, round(one.value, 6)] for one in values]
    for key, values in version.all_metrics().items()
}
version.update_metadata("team", {"name": "speech", "size": [1, 2.5, None, True]})
version.update_metadata("team", "vision")
version.update_metadata("more", {"a": []})
found["MB-10"] = [version.metadata().metadata, model.metadata().metadata]
number = version.upload_artifact([weights]).artifact_ids[weights]
found["MB-11"] = [len(number), version.upload_artifact([weights]).artifact_ids[weights] == number]
found["MB-12"] = version.track_artifacts([given["tracked"]]).num_artifacts_tracked
found["MB-13"] = [
    [
        one.parent == version.id,
        Path(one.path).name,
        one.checksum == checksum,
        one.id == number,
    ]
    for one in version.artifacts
]
copy = str(Path(given["folder"]) / "copy.bin")
answer = version.download_artifact(number, copy)
found["MB-14"] = [
    answer.checksum == checksum,
    Path(copy).read_bytes() == content,
]
found["MB-15"] = [one.mime_type.name for one in version.artifacts]

experiment = box.new_experiment("first tries", "ada", NAMESPACE, "run-7", MLFramework.PYTORCH)
same = box.new_experiment("first tries", "ada", NAMESPACE, "run-7", MLFramework.PYTORCH)
read = box.experiment(experiment.id)
checkpoint = experiment.new_checkpoint(5, {"loss": 0.25})
checkpoint.upload_artifact([weights])
experiment.log_metrics({"loss": 0.5}, step=3, wallclock=3)
found["MB-17"] = [
    experiment.id == same.id,
    [read.name, read.owner, read.namespace, read.external_id, read.framework.name],
    [one.id == checkpoint.id and one.epoch == 5 for one in experiment.checkpoints()],
    [one.name for one in box.experiments(NAMESPACE).experiments],
    len(checkpoint.artifacts),
    {key: [one.value for one in values] for key, values in experiment.all_metrics().items()},
]
found["MB-16"] = [read.framework.name]
for owner in (version, experiment, checkpoint, model):
    owner.log_event(Event("deployed", EventSource("ci"), 0, {"k": ["v"]}))
found["MB-18"] = [
    [[one.name, one.source.name, one.metadata] for one in owner.events()]
    for owner in (version, experiment, checkpoint, model)
]
print(json.dumps(found))
