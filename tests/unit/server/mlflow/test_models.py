"""Registered models, versions, aliases, tags, stages: one test for each feature id of MLflow's protocol."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, cast

import pytest
from support import git
from support.manifests import registry_yaml, small_registry
from support.mlflow_wire import MlflowWire, mlflow_wire, subject_with

from registry_tool.edits.drafts import add_draft
from registry_tool.edits.versions import VersionRecord
from registry_tool.manifests.problems import JSON
from registry_tool.names import ModelName
from registry_tool.server.mlflow import reads
from registry_tool.writer.request import Person, WriteRequest

SOURCE: Final = "s3://bucket/model"


@pytest.fixture
def wire(make_registry: Callable[..., Path]) -> Iterator[MlflowWire]:
    with mlflow_wire(make_registry({"registry.yaml": registry_yaml()})) as found:
        yield found


def add_model(wire: MlflowWire, name: str = "lang-id", versions: int = 0) -> None:
    assert wire.ask("POST", "registered-models/create", name=name).status == 200
    for number in range(versions):
        reply = wire.ask("POST", "model-versions/create", name=name, source=f"{SOURCE}/{number}")
        assert reply.status == 200, reply.data


def texts(value: JSON, key: str) -> list[str]:
    return [str(one[key]) for one in cast("list[dict[str, JSON]]", value)]


def numbers(reply_data: dict[str, JSON]) -> list[str]:
    return texts(reply_data.get("model_versions", []), "version")


def test_ml_1_a_model_is_created_described_renamed_deleted_and_made_again(wire: MlflowWire) -> None:
    created = wire.ask(
        "POST", "registered-models/create",
        name="Wörter & Sätze", description="First.", tags=[{"key": "team", "value": "nlp"}, {"key": "empty", "value": ""}],
    )  # fmt: skip
    assert created.status == 200
    model = wire.model("Wörter & Sätze")
    assert model == created.data["registered_model"]
    assert model["description"] == "First."
    assert model["tags"] == [{"key": "empty", "value": ""}, {"key": "team", "value": "nlp"}]
    changed = wire.ask("PATCH", "registered-models/update", name="Wörter & Sätze", description="")
    assert changed.status == 200
    assert "description" not in wire.model("Wörter & Sätze")
    renamed = wire.ask(
        "POST", "registered-models/rename", name="Wörter & Sätze", new_name="words.v2"
    )
    assert renamed.status == 200
    assert wire.model("words.v2")["creation_timestamp"] == model["creation_timestamp"]
    assert int(str(wire.model("words.v2")["last_updated_timestamp"])) > int(
        str(model["last_updated_timestamp"])
    )
    assert wire.ask("GET", "registered-models/get", name="Wörter & Sätze").status == 404
    add_model(wire, "other", versions=1)
    for name in ("words.v2", "other"):
        assert wire.ask("DELETE", "registered-models/delete", name=name).status == 200
        assert wire.ask("DELETE", "registered-models/delete", name=name).status == 404
    assert wire.ask("GET", "model-versions/get", name="other", version="1").status == 404
    add_model(wire, "other", versions=1)
    assert wire.version("other", "1")["version"] == "1"


def test_ml_2_versions_are_created_read_described_and_deleted_and_numbers_stay_used(
    wire: MlflowWire,
) -> None:
    add_model(wire)
    given: dict[str, JSON] = {
        "name": "lang-id", "source": "runs:/0123/model", "run_id": "0123", "run_link": "https://example.org/run",
        "description": "First.", "model_id": "m-1", "tags": [{"key": "a b", "value": "1"}],
    }  # fmt: skip
    created = wire.ask("POST", "model-versions/create", **given)
    assert created.status == 200, created.data
    version = wire.version("lang-id", "1")
    assert {key: version[key] for key in given} == given
    assert (version["status"], version["current_stage"]) == ("READY", "None")
    assert wire.ask("POST", "model-versions/create", **given).status == 200  # an equal one
    update = wire.ask(
        "PATCH", "model-versions/update", name="lang-id", version="1", description="Better."
    )
    assert update.data["model_version"]["description"] == "Better."  # type: ignore[index,call-overload]  # JSON
    wire.ask("PATCH", "model-versions/update", name="lang-id", version="1", description="")
    assert "description" not in wire.version("lang-id", "1")
    wire.ask("PATCH", "model-versions/update", name="lang-id", version="1", description="Again.")
    assert wire.version("lang-id", "1")["description"] == "Again."
    assert wire.ask("DELETE", "model-versions/delete", name="lang-id", version="2").status == 200
    assert wire.ask("DELETE", "model-versions/delete", name="lang-id", version="2").status == 404
    assert (
        wire.ask("POST", "model-versions/create", name="lang-id", source=SOURCE).data[
            "model_version"
        ]["version"]  # type: ignore[index,call-overload]  # JSON
        == "3"
    )


def test_ml_3_aliases_are_set_moved_deleted_and_go_with_their_version(wire: MlflowWire) -> None:
    add_model(wire, versions=3)
    for alias, version in (("Champion", "1"), ("Prod_1", "1"), ("_odd-", "2"), ("Champion", "2")):
        done = wire.ask(
            "POST", "registered-models/alias", name="lang-id", alias=alias, version=version
        )
        assert done.status == 200, done.data
    got = wire.ask("GET", "registered-models/alias", name="lang-id", alias="Champion")
    assert got.data["model_version"] == wire.version("lang-id", "2")
    assert sorted(cast("list[str]", wire.version("lang-id", "2")["aliases"])) == [
        "Champion",
        "_odd-",
    ]
    listed = {(a["alias"], a["version"]) for a in cast("list[dict[str, str]]", wire.model("lang-id")["aliases"])}  # fmt: skip
    assert listed == {("Champion", "2"), ("Prod_1", "1"), ("_odd-", "2")}
    for _ in range(2):
        done = wire.ask("DELETE", "registered-models/alias", name="lang-id", alias="Prod_1")
        assert done.status == 200
    wire.ask("DELETE", "model-versions/delete", name="lang-id", version="2")
    gone = wire.ask("GET", "registered-models/alias", name="lang-id", alias="Champion")
    assert gone.said == (
        400,
        "INVALID_PARAMETER_VALUE",
        "Registered model alias Champion not found.",
    )
    latest = wire.ask("GET", "registered-models/alias", name="lang-id", alias="LATEST")
    assert latest.data["model_version"] == wire.version("lang-id", "3")


@pytest.mark.parametrize("kind", ["registered-models", "model-versions"])
def test_ml_4_tags_are_set_overwritten_and_deleted(wire: MlflowWire, kind: str) -> None:
    add_model(wire, versions=1)
    which: dict[str, JSON] = {"name": "lang-id"}
    which |= {} if kind == "registered-models" else {"version": "1"}
    for key, value in (("a/b.c", "1"), ("a/b.c", "2"), ("empty", ""), ("json", '{"x": 1}')):
        assert wire.ask("POST", f"{kind}/set-tag", **which, key=key, value=value).status == 200
    read = wire.model if kind == "registered-models" else lambda name: wire.version(name, "1")
    tags = read("lang-id")["tags"]
    assert dict(zip(texts(tags, "key"), texts(tags, "value"), strict=True)) == {
        "a/b.c": "2", "empty": "", "json": '{"x": 1}',
    }  # fmt: skip
    for _ in range(2):
        assert wire.ask("DELETE", f"{kind}/delete-tag", **which, key="a/b.c").status == 200
    assert texts(read("lang-id")["tags"], "key") == ["empty", "json"]


def test_ml_5_models_and_versions_are_searched_ordered_and_paged(wire: MlflowWire) -> None:
    add_model(wire, "b", versions=3)
    add_model(wire, "a", versions=1)
    wire.ask("POST", "model-versions/set-tag", name="b", version="2", key="team", value="nlp")
    wire.ask("POST", "registered-models/create", name="p", tags=[{"key": "mlflow.prompt.is_prompt", "value": "true"}])  # fmt: skip
    models = wire.ask("GET", "registered-models/search").data
    assert texts(models["registered_models"], "name") == ["a", "b"]
    prompts = "tags.`mlflow.prompt.is_prompt` = 'true'"
    found = wire.ask("GET", "registered-models/search", filter=prompts).data
    assert texts(found["registered_models"], "name") == ["p"]
    search = "model-versions/search"
    assert numbers(wire.ask("GET", search, filter="name = 'b'").data) == ["2", "3", "1"]
    ordered: JSON = ["version_number ASC"]
    assert numbers(wire.ask("GET", search, filter="name = 'b'", order_by=ordered).data) == ["1", "2", "3"]  # fmt: skip
    assert numbers(wire.ask("GET", search, filter="tags.team = 'nlp'").data) == ["2"]
    assert numbers(wire.ask("GET", search, filter=f"source_path = '{SOURCE}/2'").data) == ["3"]
    assert numbers(wire.ask("GET", search, filter="name = 'b' AND version_number > 1").data) == ["2", "3"]  # fmt: skip
    assert wire.ask("GET", search, filter="name = 'none'").data == {"model_versions": []}
    pages, token = [], ""
    while True:
        page = wire.ask("GET", search, max_results=3, **({"page_token": token} if token else {}))
        pages.append(len(cast("list[JSON]", page.data["model_versions"])))
        token = str(page.data.get("next_page_token", ""))
        if not token:
            break
    assert pages == [3, 1]


def test_ml_6_stages_are_moved_and_others_archived(wire: MlflowWire) -> None:
    add_model(wire, versions=3)
    move = "model-versions/transition-stage"
    for version, archives in (("1", False), ("2", False), ("3", True)):
        done = wire.ask(
            "POST", move, name="lang-id", version=version, stage="production", archive_existing_versions=archives,
        )  # fmt: skip
        assert done.status == 200, done.data
    stages = [wire.version("lang-id", n)["current_stage"] for n in "123"]
    assert stages == ["Archived", "Archived", "Production"]
    assert wire.version("lang-id", "1")["last_updated_timestamp"] == wire.version("lang-id", "3")["last_updated_timestamp"]  # fmt: skip
    latest = wire.ask("POST", "registered-models/get-latest-versions", name="lang-id").data
    assert numbers(latest) == ["3", "2"]
    one = wire.ask("GET", "registered-models/get-latest-versions", name="lang-id", stages=["Archived"])  # fmt: skip
    assert numbers(one.data) == ["2"]


def test_ml_6_a_stage_with_an_alias_is_that_alias(make_registry: Callable[..., Path]) -> None:
    serve = "schema: serve/v1\nmlflow:\n  stages:\n    Production: production\n"
    folder = make_registry({"registry.yaml": registry_yaml(), "serve.yaml": serve})
    with mlflow_wire(folder) as wire:
        add_model(wire, versions=2)
        for version in "12":
            done = wire.ask(
                "POST", "model-versions/transition-stage", name="lang-id", version=version, stage="Production",
            )  # fmt: skip
            assert done.status == 200, done.data
        assert wire.version("lang-id", "2")["aliases"] == ["production"]
        assert wire.version("lang-id", "2")["current_stage"] == "Production"
        assert wire.version("lang-id", "1")["current_stage"] == "None"
        done = wire.ask("POST", "model-versions/transition-stage", name="lang-id", version="2", stage="None")  # fmt: skip
        assert done.status == 200, done.data
        assert "aliases" not in wire.version("lang-id", "2")


def test_ml_7_the_download_uri_of_a_tracked_version_is_its_source(wire: MlflowWire) -> None:
    add_model(wire, versions=1)
    found = wire.ask("GET", "model-versions/get-download-uri", name="lang-id", version="1")
    assert found.data == {"artifact_uri": f"{SOURCE}/0"}


def test_ml_8_a_prompt_has_no_source(wire: MlflowWire) -> None:
    tag: JSON = [{"key": "mlflow.prompt.is_prompt", "value": "true"}]
    wire.ask("POST", "registered-models/create", name="greet", tags=tag)
    text: JSON = [*cast("list[JSON]", tag), {"key": "mlflow.prompt.text", "value": "Hello {{name}} " * 5000}]  # fmt: skip
    made = wire.ask("POST", "model-versions/create", name="greet", source="dummy-source", tags=text)
    assert made.status == 200, made.data
    assert wire.version("greet", "1")["source"] == "dummy-source"


def test_models_of_all_namespaces_have_names(make_registry: Callable[..., Path]) -> None:
    with mlflow_wire(make_registry(small_registry())) as wire:
        model = wire.model("nlp.lang-id")
        assert model["name"] == "nlp.lang-id"
        assert texts(model["latest_versions"], "version") == ["2"]
        assert wire.ask("GET", "registered-models/get", name="lang-id").status == 404
        add_model(wire, "nlp.other", versions=1)
        assert wire.service.snapshot.model_shown("nlp", "other") is not None
        add_model(wire, "catalog.schema.model", versions=1)
        assert wire.model("catalog.schema.model")["name"] == "catalog.schema.model"


def test_what_a_subject_may_not_read_does_not_exist(make_registry: Callable[..., Path]) -> None:
    with mlflow_wire(make_registry(small_registry()), subject_with("read:default")) as wire:
        gone = wire.ask("GET", "registered-models/get", name="nlp.lang-id")
        assert gone.status == 404
        assert wire.ask("GET", "registered-models/search").data == {"registered_models": []}
        denied = wire.ask("POST", "registered-models/create", name="x")
        assert denied.said[:2] == (403, "PERMISSION_DENIED")
    with mlflow_wire(make_registry(small_registry(), name="b"), subject_with("write,delete")) as wire:  # fmt: skip
        done = wire.ask("DELETE", "registered-models/delete", name="nlp.lang-id")
        assert done.status == 200, "a deletion needs a review, so it is proposed"
        assert wire.ask("GET", "registered-models/get", name="nlp.lang-id").status == 404
        assert wire.service.snapshot.models[ModelName("nlp", "lang-id")].state == "live"


def test_an_unchanged_answer_is_not_sent_again(wire: MlflowWire) -> None:
    add_model(wire, versions=1)
    url = "/api/2.0/mlflow/model-versions/search?filter=name%3D'lang-id'"
    first = wire.send("GET", url)
    headers = {"if-none-match": first.headers["etag"]}
    assert wire.send("GET", url, headers=headers).status_code == 304
    wire.ask("POST", "registered-models/set-tag", name="lang-id", key="a", value="b")
    assert wire.send("GET", url, headers=headers).status_code == 200


GATED: Final = """schema: registry/v1
name: models
stages:
  production:
    require:
      - {metric: accuracy, min: 0.9}
"""


def test_the_gates_of_a_stage_hold_for_its_alias(make_registry: Callable[..., Path]) -> None:
    with mlflow_wire(make_registry({"registry.yaml": GATED})) as wire:
        add_model(wire, versions=1)
        given: dict[str, JSON] = {"name": "lang-id", "version": "1"}
        plain = wire.ask("POST", "registered-models/alias", **given, alias="candidate")
        assert plain.status == 200
        before = wire.service.snapshot.commit
        refused = wire.ask("POST", "registered-models/alias", **given, alias="production")
        assert refused.said[:2] == (400, "INVALID_PARAMETER_VALUE")
        assert "accuracy" in refused.said[2]
        assert wire.service.snapshot.commit == before
    folder = make_registry({"registry.yaml": GATED}, name="other")
    with mlflow_wire(folder, subject_with("write")) as wire:
        add_model(wire, versions=1)
        denied = wire.ask("POST", "registered-models/alias", **given, alias="production")
        assert denied.said[:2] == (403, "PERMISSION_DENIED")


def test_of_two_creates_of_one_name_one_wins(wire: MlflowWire) -> None:
    from concurrent.futures import ThreadPoolExecutor

    def create(_: int) -> int:
        return wire.ask("POST", "registered-models/create", name="twice").status

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(create, range(4))) == [200, 400, 400, 400]

    def add(number: int) -> int:
        fields: dict[str, JSON] = {"name": "twice", "source": f"{SOURCE}/{number % 2}"}
        return wire.ask("POST", "model-versions/create", **fields).status

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(add, range(8))) == [200] * 8
    latest = wire.ask("GET", "registered-models/alias", name="twice", alias="latest").data
    assert cast("dict[str, JSON]", latest["model_version"])["version"] == "8"


def test_models_of_other_schemes_have_numbers(make_registry: Callable[..., Path]) -> None:
    free = {"models/default/free/model.yaml": FREE.replace("SCHEME", "free")}
    semver = {"models/default/sem/model.yaml": FREE.replace("SCHEME", "semver").replace("free", "sem")}  # fmt: skip
    namespace = {"models/default/namespace.yaml": 'schema: namespace/v1\nowners: ["@team"]\n'}
    folder = make_registry({"registry.yaml": registry_yaml(), **free, **semver, **namespace})
    with mlflow_wire(folder) as wire:
        for number in ("1", "2"):
            made = wire.ask("POST", "model-versions/create", name="free", source=SOURCE)
            assert made.status == 200, made.data
            assert wire.version("free", number)["version"] == number
        refused = wire.ask("POST", "model-versions/create", name="sem", source=SOURCE)
        assert refused.said[:2] == (400, "INVALID_PARAMETER_VALUE")
        assert "registry version add default/sem VERSION" in refused.said[2]


FREE: Final = """schema: model/v1
name: free
namespace: default
owner: team
task: translation
description: A model.
version_scheme: SCHEME
"""


def test_a_proposal_is_pending_for_its_author_until_it_is_merged(
    make_registry: Callable[..., Path], tmp_path: Path
) -> None:
    serve = "schema: serve/v1\nwrite: branch\n"
    folder = make_registry({"registry.yaml": registry_yaml(), "serve.yaml": serve})
    bare = tmp_path / "bare.git"
    git(tmp_path, "clone", "-q", "--bare", str(folder), str(bare))
    git(bare, "remote", "rm", "origin")
    with mlflow_wire(bare) as wire:
        add_model(wire, versions=1)
        one = wire.version("lang-id", "1")
        assert one["status"] == "PENDING_REGISTRATION"
        add_model(wire, "second", versions=1)
        assert wire.version("lang-id", "1")["status"] == "PENDING_REGISTRATION"
        assert not wire.service.snapshot.models
        found = wire.ask("GET", "registered-models/search").data["registered_models"]
        assert texts(found, "name") == ["lang-id", "second"]
        git(folder, "pull", "-q", str(bare), "serve/ada@example.org")
        git(folder, "push", "-q", str(bare), "HEAD:main")
        wire.service.live.look()
        assert wire.version("lang-id", "1")["status"] == "READY"
        assert wire.service.snapshot.model_shown("default", "second") is not None


def test_a_draft_of_another_client_is_pending_until_an_alias_seals_it(wire: MlflowWire) -> None:
    add_model(wire)
    artifact: dict[str, JSON] = {"name": "model", "role": "model", "uri": SOURCE}
    draft = add_draft(ModelName("default", "lang-id"), "1", VersionRecord(artifacts=[artifact]))
    author = Person("Ada", "ada@example.org")
    asyncio.run(wire.service.write(WriteRequest(draft, author, may_review=True)))
    pending = wire.version("lang-id", "1")
    assert (pending["status"], pending["source"]) == ("PENDING_REGISTRATION", SOURCE)
    tagged = wire.ask("POST", "model-versions/set-tag", name="lang-id", version="1", key="a", value="b")  # fmt: skip
    assert tagged.status == 200, tagged.data
    staged = wire.ask("POST", "model-versions/transition-stage", name="lang-id", version="1", stage="Staging")  # fmt: skip
    assert staged.status == 200, staged.data
    sealed = wire.ask("POST", "registered-models/alias", name="lang-id", version="1", alias="champion")  # fmt: skip
    assert sealed.status == 200, sealed.data
    assert wire.version("lang-id", "1")["status"] == "READY"
    assert wire.version("lang-id", "1")["creation_timestamp"] == pending["creation_timestamp"]


def test_a_version_equal_to_a_deleted_one_can_be_created(wire: MlflowWire) -> None:
    add_model(wire, versions=1)
    assert wire.ask("DELETE", "model-versions/delete", name="lang-id", version="1").status == 200
    made = wire.ask("POST", "model-versions/create", name="lang-id", source=f"{SOURCE}/0")
    assert made.status == 200, made.data
    assert wire.version("lang-id", "2")["source"] == f"{SOURCE}/0"


def test_a_long_list_is_sent_in_parts(wire: MlflowWire, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "abcde":
        add_model(wire, name)
    path, sizes = "registered-models/search", (10, 3)
    wholes = [wire.ask("GET", path, max_results=size).data for size in sizes]
    monkeypatch.setattr(reads, "_AT_ONCE", 2)
    for size, whole in zip(sizes, wholes, strict=True):
        found = wire.send("GET", f"/api/2.0/mlflow/{path}?max_results={size}&asked=again")
        assert found.json() == whole
        assert "content-length" not in found.headers
        assert found.headers["etag"]
