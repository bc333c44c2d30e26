"""The features that Kubeflow's documents state, each tried with the real client: id, and how it went."""

from __future__ import annotations

import asyncio
import json
import sys
import traceback

from model_registry import ModelRegistry
from model_registry.exceptions import StoreError
from model_registry.types import (
    ArtifactState,
    DocArtifact,
    ListOptions,
    ModelArtifact,
    ModelVersion,
    ModelVersionState,
    RegisteredModel,
    RegisteredModelState,
)
from model_registry.types.artifacts import DataSet, Metric, Parameter
from mr_openapi.exceptions import ApiException

given = json.load(sys.stdin)
registry = ModelRegistry(given["url"], author="Ada", is_secure=False)
api = registry._api
CHECKS = {}


def check(name):
    def register(function):
        CHECKS[name] = function
        return function

    return register


def run(coroutine):
    return asyncio.get_event_loop().run_until_complete(coroutine)


def raises(status, coroutine):
    try:
        run(coroutine)
    except ApiException as error:
        found = error
    else:
        raise AssertionError("nothing was refused")
    assert found.status == status, (found.status, found.body)
    return json.loads(found.body)


def new_model(name, **fields):
    return run(api.upsert_registered_model(RegisteredModel(name=name, **fields)))


def new_version(model, name, **fields):
    return run(api.upsert_model_version(ModelVersion(name=name, **fields), model.id))


def new_artifact(version, artifact):
    return run(api.upsert_model_version_artifact(artifact, version.id))


@check("K2 async client")
def async_client():
    async def together():
        made = [api.upsert_registered_model(RegisteredModel(name=f"k2 {n}")) for n in range(8)]
        return await asyncio.gather(*made)

    assert len({one.id for one in run(together())}) == 8


@check("K3 models")
def models():
    made = new_model(
        "k3", owner="O", description="D", external_id="k3 x", custom_properties={"a": 1}
    )
    assert (made.owner, made.description, made.external_id) == ("O", "D", "k3 x")
    assert made.state == RegisteredModelState.LIVE
    assert made.create_time_since_epoch
    assert made.last_update_time_since_epoch
    assert (
        raises(409, api.upsert_registered_model(RegisteredModel(name="k3")))["code"] == "Conflict"
    )


@check("K4 versions")
def versions():
    first, second = new_model("k4 a"), new_model("k4 b")
    made = new_version(first, "v", author="A", description="D", external_id="k4 x")
    assert (made.author, made.description, made.external_id) == ("A", "D", "k4 x")
    assert made.state == ModelVersionState.LIVE
    assert new_version(second, "v").id != made.id
    raises(409, api.upsert_model_version(ModelVersion(name="v"), first.id))


@check("K5 model artifact")
def model_artifact():
    version = new_version(new_model("k5"), "v")
    wanted = ModelArtifact(
        name="a", uri="s3://b/a", model_format_name="onnx", model_format_version="1", storage_key="k",
        storage_path="p", service_account_name="s", model_source_kind="1", model_source_class="2",
        model_source_group="3", model_source_id="4", model_source_name="5",
    )  # fmt: skip
    made = new_artifact(version, wanted)
    assert made.id
    same = {"id", "create_time_since_epoch", "last_update_time_since_epoch"}
    assert made.model_dump(exclude=same) == wanted.model_dump(exclude=same)


@check("K6 several artifacts")
def several_artifacts():
    version = new_version(new_model("k6"), "v")
    names = ["z", "a", "m"]
    for name in names:
        new_artifact(version, DocArtifact(name=name, uri="https://x/y"))
    listed = run(api.get_model_version_artifacts(version.id))
    assert [one.name for one in listed] == names


@check("K7 other artifacts")
def other_artifacts():
    version = new_version(new_model("k7"), "v")
    data = new_artifact(
        version,
        DataSet(
            name="d",
            uri="s3://b/d",
            digest="x",
            source_type="s3",
            source="y",
            schema="z",
            profile="p",
        ),
    )
    assert (data.digest, data.source_type, data.profile) == ("x", "s3", "p")
    parameter = new_artifact(version, Parameter(name="lr", value="0.1", parameter_type="number"))
    assert float(parameter.value) == 0.1
    if given["alpha"]:
        metric = new_artifact(version, Metric(name="acc", value=0.5, step=3))
        assert (metric.value, metric.step) == (0.5, 3)


@check("K8 K9 ids and reading back")
def reading_back():
    model = new_model("k9", custom_properties={"x": "y"})
    version = new_version(model, "v", custom_properties={"x": 1.5})
    artifact = new_artifact(
        version, ModelArtifact(name="a", uri="s3://b/a", custom_properties={"x": True})
    )
    assert run(api.get_registered_model_by_id(model.id)) == model
    assert run(api.get_model_version_by_id(version.id)) == version
    assert run(api.get_model_artifact_by_id(artifact.id)) == artifact


@check("K10 K11 finding")
def finding():
    model = new_model("k10", external_id="k10 m")
    version = new_version(model, "v", external_id="k10 v")
    artifact = new_artifact(version, ModelArtifact(name="a", uri="s3://b/a", external_id="k10 a"))
    assert registry.get_registered_model("k10") == model
    assert registry.get_model_version("k10", "v") == version
    assert run(api.get_model_artifact_by_params(name="a", model_version_id=version.id)) == artifact
    assert run(api.get_registered_model_by_params(external_id="k10 m")) == model
    assert run(api.get_model_version_by_params(external_id="k10 v")) == version
    assert run(api.get_model_artifact_by_params(external_id="k10 a")) == artifact
    assert registry.get_registered_model("nothing") is None
    assert registry.get_model_version("k10", "nothing") is None
    assert run(api.get_model_artifact_by_params(name="b", model_version_id=version.id)) is None
    assert run(api.get_registered_model_by_id("99999")) is None


@check("K12 external ids")
def external_ids():
    model = new_model("k12", external_id="k12")
    raises(409, api.upsert_registered_model(RegisteredModel(name="k12 b", external_id="k12")))
    raises(409, api.upsert_model_version(ModelVersion(name="v", external_id="k12"), model.id))
    version = new_version(model, "v")
    new_artifact(version, ModelArtifact(name="a", uri="s3://b/a", external_id="k12"))
    again = ModelArtifact(name="b", uri="s3://b/b", external_id="k12")
    raises(409, api.upsert_model_version_artifact(again, version.id))


@check("K13 K14 K15 lists")
def lists():
    model = new_model("k13")
    for number in range(7):
        new_version(model, f"v{number}")
    names = [f"v{number}" for number in range(7)]
    pager = registry.get_model_versions("k13")
    assert [one.name for one in pager.page_size(2)] == names
    assert [one.name for one in pager.restart()] == names
    assert [one.name for one in pager.descending()] == names[::-1]
    first = pager.ascending().order_by_creation_time().page_size(3).next_page()
    assert [one.name for one in first] == names[:3]
    changed = run(api.get_model_version_by_params(registered_model_id=model.id, name="v2"))
    changed.description = "new"
    registry.update(changed)
    last = [
        one.name for one in registry.get_model_versions("k13").order_by_update_time().page_size(3)
    ]
    assert last == ["v0", "v1", "v3", "v4", "v5", "v6", "v2"]
    options = ListOptions(limit=3)
    assert len(run(api.get_model_versions(model.id, options))) == 3
    assert options.next_page_token
    assert len(run(api.get_registered_models())) >= 10
    assert run(api.get_model_artifacts())


@check("K16 K17 updates")
def updates():
    model = new_model("k16", owner="O", description="D")
    model.description = "E"
    after = registry.update(model)
    assert (after.owner, after.description, after.name) == ("O", "E", "k16")
    assert after.create_time_since_epoch == model.create_time_since_epoch
    assert int(after.last_update_time_since_epoch) > int(model.last_update_time_since_epoch)
    version = new_version(model, "v")
    version.author, version.external_id = "B", "k16 v"
    version.custom_properties = {"a": 2}
    changed = registry.update(version)
    assert (changed.author, changed.external_id, changed.custom_properties) == (
        "B",
        "k16 v",
        {"a": 2},
    )
    artifact = new_artifact(version, ModelArtifact(name="a", uri="s3://b/a"))
    artifact.uri = "s3://b/b"
    assert registry.update(artifact).uri == "s3://b/b"


@check("K18 custom properties")
def properties():
    wanted = {"int": 1, "float": 1.0, "bool": True, "text": "1", "a label": "", "label": ""}
    made = new_model("k18", custom_properties=wanted)
    assert made.custom_properties == wanted
    assert {key: type(one) for key, one in made.custom_properties.items()} == {
        key: type(one) for key, one in wanted.items()
    }


@check("K20 states")
def states():
    model = new_model("k20")
    model.state = RegisteredModelState.ARCHIVED
    assert registry.update(model).state == RegisteredModelState.ARCHIVED
    model.state = RegisteredModelState.LIVE
    assert registry.update(model).state == RegisteredModelState.LIVE
    version = new_version(model, "v")
    version.state = ModelVersionState.ARCHIVED
    assert registry.update(version).state == ModelVersionState.ARCHIVED
    for state in ArtifactState:
        made = new_artifact(version, ModelArtifact(name=state.value, uri="s3://b/a", state=state))
        assert made.state == state


@check("K21 K22 one call")
def one_call():
    wanted = {"version": "v", "model_format_name": "onnx", "model_format_version": "1"}
    registry.register_model("k21", "s3://b/a", **wanted)
    assert registry.get_registered_model("k21").owner == "Ada"
    assert registry.get_model_version("k21", "v").author == "Ada"
    try:
        registry.register_model("k21", "s3://b/a", **wanted)
    except StoreError:
        return
    raise AssertionError("registered twice")


@check("K30 experiments")
def experiments():
    if not given["alpha"]:
        return
    with registry.start_experiment_run(experiment_name="k30") as run_of:
        run_of.log_param("lr", 0.1)
        for step in range(3):
            run_of.log_metric("loss", 1 / (step + 1), step=step)
        run_of.log_dataset(
            name="d", source_type="s3", uri="s3://b/d", schema="", source="", profile=""
        )
    found = [one.name for one in registry.get_experiments()]
    assert "k30" in found
    logs = {one.name: one for one in registry.get_experiment_run_logs(run_id=run_of.info.id)}
    assert {"lr", "loss", "d"} <= set(logs)
    assert abs(logs["loss"].value - 1 / 3) < 1e-9


@check("K31 exceptions")
def exceptions():
    try:
        registry.get_model_versions("nothing at all").next_page()
    except StoreError:
        pass
    else:
        raise AssertionError("no StoreError")
    body = raises(404, api.upsert_model_version(ModelVersion(name="v"), "99999"))
    assert "not found" in body["message"]


results = {}
for name, function in CHECKS.items():
    try:
        function()
    except Exception:
        results[name] = traceback.format_exc()[-1500:]
    else:
        results[name] = "ok"
print(json.dumps(results))
