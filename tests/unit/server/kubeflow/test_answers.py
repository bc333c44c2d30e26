"""Answers of the Kubeflow protocol to single requests: errors word for word, identity, updates, lists."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote

import pytest
from support.served_apps import Reply, ServedApp, serve_app
from support.written_trains import bare_registry

from registry_tool.access.subjects import Subject, parse_grants
from registry_tool.edits.sealing import seal
from registry_tool.manifests.problems import JSON
from registry_tool.names import ModelName, Reference
from registry_tool.server.kubeflow import build_face
from registry_tool.server.sealing import Sealer
from registry_tool.writer.request import Person, WriteRequest

PREFIX: Final = "/api/model_registry/v1alpha3"
LATER: Final = 10**15


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedApp]:
    """A registry with one model of each kind, that tests add to."""
    with serve_app(
        bare_registry(tmp_path_factory.mktemp("shared")), build_face, prefix=PREFIX
    ) as app:
        assert (
            app.ask("POST", "registered_models", {"name": "taken", "externalId": "taken"}).status
            == 201
        )
        model: JSON = {"name": "v", "registeredModelId": "4"}
        assert app.ask("POST", "model_versions", model).data["id"] == "5"
        artifact: JSON = {
            "artifactType": "model-artifact",
            "name": "m",
            "uri": "s3://b/m",
            "externalId": "art",
        }
        assert app.ask("POST", "model_versions/5/artifacts", artifact).status == 201
        yield app


class Case(NamedTuple):
    """A request, and what it is answered."""

    request: str
    status: int
    message: str
    body: JSON = None
    content: bytes | None = None


CASES: Final = {
    "unknown field": Case(
        "POST registered_models", 400, 'json: unknown field "ext_id"', {"name": "x", "ext_id": "1"}
    ),
    "unknown field of a version": Case(
        "POST model_versions", 400, 'json: unknown field "ext_id"',
        {"name": "x", "registeredModelId": "4", "ext_id": "1"},
    ),
    "no name": Case("POST registered_models", 422, "required field 'name' is zero value.", {}),
    "no name of a version": Case(
        "POST model_versions", 422, "required field 'name' is zero value.", {"registeredModelId": "4"}
    ),
    "an empty name": Case("POST registered_models", 422, "required field 'name' is zero value.", {"name": ""}),
    "a taken name": Case("POST registered_models", 409, "already exists", {"name": "taken"}),
    "a look-alike name": Case("POST registered_models", 409, "already exists", {"name": "Taken"}),
    "a taken version": Case(
        "POST model_versions", 409, "already exists", {"name": "v", "registeredModelId": "4"}
    ),
    "a taken external id": Case(
        "POST registered_models", 409, "already used", {"name": "x", "externalId": "taken"}
    ),
    "a taken external id of a version": Case(
        "POST model_versions", 409, "already used",
        {"name": "x", "registeredModelId": "4", "externalId": "taken"},
    ),
    "a taken external id of an environment": Case(
        "POST serving_environments", 409, "already used", {"name": "x", "externalId": "taken"}
    ),
    "a taken external id of an artifact": Case(
        "POST artifacts", 409, "already used",
        {"artifactType": "doc-artifact", "name": "x", "externalId": "art"},
    ),
    "a taken artifact": Case(
        "POST model_versions/5/artifacts", 409, "already exists",
        {"artifactType": "model-artifact", "name": "m", "uri": "s3://b/m"},
    ),
    "an unknown model": Case(
        "POST model_versions", 404, "not found", {"name": "x", "registeredModelId": "77777"}
    ),
    "a name in an update": Case("PATCH registered_models/4", 400, 'json: unknown field "name"', {"name": "x"}),
    "a model in an update": Case(
        "PATCH model_versions/5", 400, 'json: unknown field "registeredModelId"', {"registeredModelId": "1"}
    ),
    "another type of artifact": Case(
        "PATCH artifacts/3", 400, "is a model artifact", {"artifactType": "doc-artifact"}
    ),
    "a version that is a model": Case("GET model_versions/4", 404, "not found"),
    "id 0": Case("GET registered_models/0", 400, "is not an id"),
    "id -1": Case("GET registered_models/-1", 400, "is not an id"),
    "id 007": Case("GET registered_models/007", 400, "is not an id"),
    "id 9999999999": Case("GET registered_models/9999999999", 400, "is not an id"),
    "id abc": Case("GET registered_models/abc", 400, "is not an id"),
    "an unknown id": Case("GET registered_models/99999", 404, "not found"),
    "an unknown name": Case("GET registered_model?name=nothing", 404, "not found"),
    "no parameter": Case("GET registered_model", 400, "supply either name or externalId"),
    "two parameters": Case("GET registered_model?name=a&externalId=b", 400, "supply either name or externalId"),
    "a version without its model": Case("GET model_version?name=v", 400, "supply either (name and parent"),
    "a null byte": Case("GET registered_model?name=a%00b", 400, "null byte"),
    "a null byte in a body": Case("POST registered_models", 400, "null byte", {"name": "a\0"}),
    "no JSON": Case("POST registered_models", 400, "invalid JSON", content=b"{"),
    "no UTF-8": Case("POST registered_models", 400, "invalid JSON", content=b'{"name": "\xff"}'),
    "a list": Case("POST registered_models", 400, "an object is expected", content=b"[1]"),
    "a wrong type": Case("POST registered_models", 400, "json: cannot unmarshal", {"name": 1}),
    "a wrong state": Case("POST registered_models", 400, "json: cannot unmarshal", {"name": "x", "state": "OFF"}),
    "300 characters": Case("POST registered_models", 400, "300 characters", {"name": "x" * 300}),
    "an invisible name": Case("POST registered_models", 400, "U+202E", {"name": "a\u202eb"}),
    "a property without a type": Case(
        "POST registered_models", 400, "metadataType", {"name": "x", "customProperties": {"a": {"int_value": "1"}}}
    ),
    "a property that is too large": Case(
        "POST registered_models", 400, "32-bit",
        {"name": "x", "customProperties": {"a": {"metadataType": "MetadataIntValue", "int_value": "2147483648"}}},
    ),
    "an unknown type of artifact": Case("POST artifacts", 400, "not supported", {"artifactType": "picture"}),
    "no type of artifact": Case("POST artifacts", 422, "required field 'artifactType'", {"name": "x"}),
    "a metric without a value": Case(
        "POST artifacts", 422, "required field 'value'", {"artifactType": "metric", "name": "x"}
    ),
    "page size -1": Case("GET registered_models?pageSize=-1", 400, "pageSize"),
    "page size null": Case("GET registered_models?pageSize=null", 400, "pageSize"),
    "a huge page size": Case("GET registered_models?pageSize=99999999999", 400, "pageSize"),
    "a wrong direction": Case("GET registered_models?sortOrder=UP", 400, "sortOrder"),
    "a bad token": Case("GET registered_models?nextPageToken=abc", 400, "page token"),
    "a bad token of artifacts": Case("GET artifacts?nextPageToken=abc", 400, "page token"),
    "a bad filter": Case("GET registered_models?filterQuery=name%3D'a", 400, "invalid filter query"),
    "NOT": Case("GET registered_models?filterQuery=NOT%20name%3D'a'", 400, "invalid filter query"),
    "an unknown method": Case("DELETE registered_models/4", 405, "not allowed"),
    "TRACE": Case("TRACE registered_models", 405, "not allowed"),
    "an unknown path": Case("GET nothing", 404, "not found"),
    "experiments in v1": Case("GET /api/model_registry/v1/experiments", 404, "not found"),
}  # fmt: skip
PHRASES: Final = {
    400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 409: "Conflict", 422: "Bad Request",
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_refusals_are_in_kubeflows_words(case: Case, shared: ServedApp) -> None:
    method, path = case.request.split(" ", 1)
    before = shared.service.snapshot.commit
    found = shared.ask(method, path, case.body, content=case.content)
    assert (found.status, found.data["code"]) == (case.status, PHRASES[case.status])
    assert case.message in str(found.data["message"])
    assert found.data.keys() == {"code", "message"}
    assert shared.service.snapshot.commit == before


def test_the_root_is_not_found(shared: ServedApp) -> None:
    assert shared.ask("GET", "/").status == 404


def _items(reply: Reply) -> list[dict[str, JSON]]:
    assert reply.status == 200, reply.data
    assert reply.data.keys() == {"items", "size", "pageSize", "nextPageToken"}
    items = reply.data["items"]
    assert isinstance(items, list)
    assert reply.data["size"] == len(items)
    return [one for one in items if isinstance(one, dict)]


def _names(reply: Reply) -> list[JSON]:
    return [one["name"] for one in _items(reply)]


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedApp]:
    """A registry with five models of different properties; the first was changed last."""
    with serve_app(
        bare_registry(tmp_path_factory.mktemp("listed")), build_face, prefix=PREFIX
    ) as app:
        for number in range(5):
            properties: JSON = {
                "accuracy": {"metadataType": "MetadataDoubleValue", "double_value": number / 10},
                "team name": {
                    "metadataType": "MetadataStringValue",
                    "string_value": f"t{number % 2}",
                },
                "layers": {"metadataType": "MetadataIntValue", "int_value": str(number)},
            }
            body: JSON = {
                "name": f"m{number}",
                "externalId": f"e {number}",
                "customProperties": properties,
            }
            assert app.ask("POST", "registered_models", body).status == 201
        first = app.ask("GET", "registered_model?name=m0").data["id"]
        assert app.ask("PATCH", f"registered_models/{first}", {"description": "new"}).status == 200
        version: JSON = {"name": "v", "registeredModelId": str(first)}
        made = app.ask("POST", "model_versions", version).data["id"]
        for number in range(5):
            artifact: JSON = {
                "artifactType": "doc-artifact",
                "name": f"d{number}",
                "uri": f"s3://b/{number}",
            }
            app.ask("POST", f"model_versions/{made}/artifacts", artifact)
        yield app


FILTERS: Final = {
    "name = 'm1'": ["m1"],
    'name="m1" OR name = "m3"': ["m1", "m3"],
    "externalId = 'e 2'": ["m2"],
    "name LIKE 'm%' AND accuracy > 0.2": ["m3", "m4"],
    "`team name` = 't1'": ["m1", "m3"],
    "`team name`.string_value ILIKE 'T0'": ["m0", "m2", "m4"],
    "layers.int_value IN (1, 4)": ["m1", "m4"],
    "layers.string_value = '1'": [],
    "id IN ('4', '5')": ["m0", "m1"],
    "id >= 7": ["m3", "m4"],
    "(accuracy < 0.1 or accuracy >= 0.4) and state = 'LIVE'": ["m0", "m4"],
    "name != 'm1' AND name like 'm%'": ["m0", "m2", "m3", "m4"],
    "description = 'new'": ["m0"],
}


@pytest.mark.parametrize("query", FILTERS)
def test_filters_choose(query: str, listed: ServedApp) -> None:
    found = listed.ask("GET", f"registered_models?filterQuery={quote(query)}")
    assert _names(found) == FILTERS[query]


def _pages(app: ServedApp, path: str, size: int) -> list[JSON]:
    found: list[JSON] = []
    token = ""
    while True:
        reply = app.ask("GET", f"{path}&pageSize={size}&nextPageToken={token}")
        names = _names(reply)
        assert reply.data["pageSize"] == size
        assert len(names) <= size
        found += names
        token = str(reply.data["nextPageToken"])
        if not token:
            return found


@pytest.mark.parametrize("order", ["ID", "CREATE_TIME", "LAST_UPDATE_TIME", "WHATEVER"])
@pytest.mark.parametrize("direction", ["ASC", "DESC"])
@pytest.mark.parametrize("size", [1, 2, 7])
def test_pages_have_everything_in_order(
    order: str, direction: str, size: int, listed: ServedApp
) -> None:
    expected = ["lang-id", "m0", "m1", "m2", "m3", "m4"]
    if order == "LAST_UPDATE_TIME":
        expected = ["lang-id", "m1", "m2", "m3", "m4", "m0"]
    expected = ["nlp.lang-id" if one == "lang-id" else one for one in expected]
    path = f"registered_models?orderBy={order}&sortOrder={direction}"
    found = _pages(listed, path, size)
    assert found == (expected if direction == "ASC" else expected[::-1])
    artifacts = f"artifacts?artifactType=doc-artifact&orderBy={order}&sortOrder={direction}"
    names = [f"d{number}" for number in range(5)]
    assert _pages(listed, artifacts, size) == (names if direction == "ASC" else names[::-1])


def test_a_token_of_another_list_is_refused(listed: ServedApp) -> None:
    token = listed.ask("GET", "registered_models?pageSize=1").data["nextPageToken"]
    assert listed.ask("GET", f"model_versions?nextPageToken={token}").status == 400
    assert listed.ask("GET", f"artifacts?nextPageToken={token}").status == 400
    filtered = f"registered_models?filterQuery=name%3D'm1'&nextPageToken={token}"
    assert listed.ask("GET", filtered).status == 400


def test_an_unchanged_list_is_not_sent_again(listed: ServedApp) -> None:
    first = listed.ask("GET", "registered_models")
    tag = first.headers["etag"]
    again = listed.ask("GET", "registered_models", headers={"If-None-Match": tag})
    assert (again.status, again.headers["etag"]) == (304, tag)
    other = listed.ask("GET", "registered_models?pageSize=1", headers={"If-None-Match": tag})
    assert other.status == 200


def test_updates_move_the_time_of_their_object_only(tmp_path: Path) -> None:
    with serve_app(bare_registry(tmp_path), build_face, prefix=PREFIX) as app:
        model = app.ask("POST", "registered_models", {"name": "m"}).data
        of_model = f"registered_models/{model['id']}"
        version = app.ask("POST", f"{of_model}/versions", {"name": "v"}).data
        of_version = f"model_versions/{version['id']}"
        artifact: JSON = {"artifactType": "model-artifact", "name": "a", "uri": "s3://b/a"}
        made = app.ask("POST", f"{of_version}/artifacts", artifact).data
        app.ask(
            "POST", f"{of_version}/artifacts", {"artifactType": "metric", "name": "x", "value": 1}
        )
        assert app.ask("GET", of_model).data == model
        assert app.ask("GET", of_version).data == version
        assert app.ask("GET", f"artifacts/{made['id']}").data == made
        for path in (of_model, of_version, f"artifacts/{made['id']}"):
            before = app.ask("GET", path).data
            for body in ({"description": "d"}, {"description": "d"}, {}):
                after = app.ask("PATCH", path, dict(body)).data
                time, created = "lastUpdateTimeSinceEpoch", "createTimeSinceEpoch"
                assert int(str(after[time])) > int(str(before[time]))
                assert after[created] == before[created]
                before = after
        assert app.ask("GET", of_model).data["description"] == "d"


def test_what_is_sealed_changes_no_output(tmp_path: Path) -> None:
    with serve_app(bare_registry(tmp_path), build_face, prefix=PREFIX) as app:
        model = app.ask("POST", "registered_models", {"name": "m"}).data["id"]
        for name in ("v1", "v2", "empty"):
            version = app.ask("POST", f"registered_models/{model}/versions", {"name": name}).data[
                "id"
            ]
            if name != "empty":
                body: JSON = {"artifactType": "model-artifact", "name": "a", "uri": "s3://b/a"}
                app.ask("POST", f"model_versions/{version}/artifacts", body)
        sealer = Sealer(app.service)
        assert list(sealer.list_due(0)) == []
        assert [str(one) for one in asyncio.run(sealer.seal_due(LATER))] == [
            "default/m@v1",
            "default/m@v2",
        ]
        second = app.service.snapshot.record(6)
        assert second is not None
        assert b'"same_as":"default/m@v1"' in second.record
        artifact = _items(app.ask("GET", "model_versions/5/artifacts"))[0]
        path = f"model_artifacts/{artifact['id']}"
        refused = app.ask("PATCH", path, {"uri": "s3://other/a"})
        assert (refused.status, refused.data["code"]) == (400, "Bad Request")
        assert "register a new model version" in str(refused.data["message"])
        more: JSON = {"artifactType": "model-artifact", "name": "b", "uri": "s3://b/b"}
        assert app.ask("POST", "model_versions/5/artifacts", more).status == 400
        parameter: JSON = {"artifactType": "parameter", "name": "p", "value": "1"}
        assert app.ask("POST", "model_versions/5/artifacts", parameter).status == 400
        document: JSON = {"artifactType": "doc-artifact", "name": "d", "uri": "s3://b/d"}
        assert app.ask("POST", "model_versions/5/artifacts", document).status == 201
        for words in ("one", "two"):
            assert app.ask("PATCH", path, {"description": words}).data["description"] == words
        for value in (0.5, 0.25):
            metric: JSON = {"artifactType": "metric", "name": "late", "value": value, "step": 1}
            assert app.ask("POST", "model_versions/5/artifacts", metric).data["value"] == value
        for state in ("ARCHIVED", "LIVE"):
            assert app.ask("PATCH", "model_versions/5", {"state": state}).data["state"] == state
        author = app.ask("PATCH", "model_versions/5", {"author": "B", "externalId": "new id"}).data
        assert (author["author"], author["externalId"]) == ("B", "new id")
        assert app.ask("GET", "model_version?externalId=new%20id").data["id"] == "5"


def test_an_attached_artifact_keeps_its_id(tmp_path: Path) -> None:
    with serve_app(bare_registry(tmp_path), build_face, prefix=PREFIX) as app:
        model = app.ask("POST", "registered_models", {"name": "m"}).data["id"]
        alone = app.ask("POST", "model_artifacts", {"name": "a", "uri": "s3://b/a"}).data
        for name in ("v1", "v2"):
            version = app.ask("POST", f"registered_models/{model}/versions", {"name": name}).data[
                "id"
            ]
            attached = app.ask("POST", f"model_versions/{version}/artifacts", alone)
            assert (attached.status, attached.data["id"]) == (200, alone["id"])
            assert [
                one["id"] for one in _items(app.ask("GET", f"model_versions/{version}/artifacts"))
            ] == [alone["id"]]
            found = app.ask("GET", f"model_artifact?name=a&parentResourceId={version}")
            assert found.data["id"] == alone["id"]
        assert app.ask("POST", "model_versions/9999/artifacts", alone).status == 404
        assert (
            len(_items(app.ask("GET", "model_artifacts?filterQuery=uri%20LIKE%20's3://b/%25'")))
            == 1
        )


def test_who_may_not_review_proposes_and_what_is_not_seen_is_not_there(
    tmp_path: Path,
) -> None:
    bare = bare_registry(tmp_path)
    eve = Subject("Eve", "eve@example.org", grants=parse_grants(["write:default"]))
    with serve_app(bare, build_face, prefix=PREFIX, subject=eve) as app:
        model = app.ask("POST", "registered_models", {"name": "m"}).data
        assert app.ask("GET", "registered_models/1").status == 404
        assert app.ask("GET", "registered_model?name=nlp.lang-id").status == 404
        assert _names(app.ask("GET", "registered_models")) == ["m"]
        assert _items(app.ask("GET", "artifacts")) == []
        path = f"registered_models/{model['id']}"
        proposed = app.ask("PATCH", path, {"state": "ARCHIVED"})
        assert (proposed.status, proposed.data["state"]) == (200, "ARCHIVED")
        branch = "serve/eve@example.org"
        assert proposed.headers["registry-proposal"] == branch
        shown: JSON = {"metadataType": "MetadataStringValue", "string_value": branch}
        assert proposed.data["customProperties"] == {"registry_proposal": shown}
        assert app.service.snapshot.models[ModelName("default", "m")].state == "live"
    reader = Subject("Bob", "bob@example.org", grants=parse_grants(["read"]))
    with serve_app(bare, build_face, prefix=PREFIX, subject=reader) as app:
        assert app.ask("POST", "registered_models", {"name": "n"}).status == 403
        assert (
            app.ask("PATCH", f"registered_models/{model['id']}", {"description": "d"}).status == 403
        )


def test_a_repeated_request_gets_the_first_answer(tmp_path: Path) -> None:
    with serve_app(bare_registry(tmp_path), build_face, prefix=PREFIX) as app:
        key = {"Idempotency-Key": "k1"}
        first = app.ask("POST", "registered_models", {"name": "m"}, headers=key)
        again = app.ask("POST", "registered_models", {"name": "m"}, headers=key)
        assert (first.status, again.status, again.data) == (201, 201, first.data)
        assert app.ask("POST", "registered_models", {"name": "n"}, headers=key).status == 409


def test_models_of_other_namespaces_have_their_namespace_in_front(tmp_path: Path) -> None:
    with serve_app(bare_registry(tmp_path), build_face, prefix=PREFIX) as app:
        found = app.ask("GET", "registered_model?name=nlp.lang-id").data
        assert found["name"] == "nlp.lang-id"
        artifact = _items(app.ask("GET", "model_versions/2/artifacts"))[0]
        assert artifact["uri"] == "registry:nlp/lang-id@1/model.bin"
        version = app.ask(
            "POST", f"registered_models/{found['id']}/versions", {"name": "mine"}
        ).data
        assert version["name"] == "mine"
        record = app.service.snapshot.record(int(str(version["id"])))
        assert getattr(record, "version", "") == "3"
        assert app.ask("POST", "registered_models", {"name": "nlp.lang-id"}).status == 409
        assert (
            app.ask("POST", "registered_models", {"name": "resnet50.v2"}).data["name"]
            == "resnet50.v2"
        )
        assert app.ask("GET", "registered_model?name=lang-id").status == 404


def test_metrics_of_runs_keep_their_history(tmp_path: Path) -> None:
    with serve_app(bare_registry(tmp_path), build_face, prefix=PREFIX) as app:
        experiment = app.ask("POST", "experiments", {"name": "e"}).data["id"]
        assert app.ask("POST", "experiments", {"name": "e"}).status == 409
        run = app.ask("POST", f"experiments/{experiment}/experiment_runs", {}).data
        assert run["experimentId"] == experiment
        for step in range(3):
            body: JSON = {
                "artifactType": "metric",
                "name": "loss",
                "value": 1 / (step + 1),
                "step": step,
            }
            assert (
                app.ask("POST", f"experiment_runs/{run['id']}/artifacts", body).data["step"] == step
            )
        history = _items(app.ask("GET", f"experiment_runs/{run['id']}/metric_history?name=loss"))
        assert [one["step"] for one in history] == [0, 1, 2]
        ids = f"experimentRunIds={run['id']}"
        assert len(_items(app.ask("GET", f"experiment_runs/metric_history?{ids}"))) == 3
        assert len(_items(app.ask("GET", f"experiment_runs/{run['id']}/artifacts"))) == 1
        renamed = app.ask(
            "PATCH", f"experiment_runs/{run['id']}", {"name": "new", "status": "FINISHED"}
        )
        assert (renamed.data["name"], renamed.data["status"]) == ("new", "FINISHED")


def test_steps_are_text_in_v1_and_numbers_in_v1alpha3(shared: ServedApp) -> None:
    metric: JSON = {"artifactType": "metric", "name": "s", "value": 1.5, "step": "7"}
    made = shared.ask("POST", "/api/model_registry/v1/artifacts", metric).data
    assert made["step"] == "7"
    assert shared.ask("GET", f"artifacts/{made['id']}").data["step"] == 7


@pytest.mark.parametrize("shared_field", ["name", "externalId"])
def test_of_creates_at_once_one_wins(shared_field: str, tmp_path: Path) -> None:
    with serve_app(bare_registry(tmp_path), build_face, prefix=PREFIX) as app:

        def create(number: int) -> int:
            body: dict[str, JSON] = {"name": f"m{number}", "externalId": f"e{number}"}
            return app.ask("POST", "registered_models", {**body, shared_field: "same"}).status

        with ThreadPoolExecutor(8) as pool:
            statuses = sorted(pool.map(create, range(8)))
        assert statuses == [201, *[409] * 7]
        assert len(_items(app.ask("GET", "registered_models"))) == 2


def test_a_serving_container_finds_the_newest_model_artifact(tmp_path: Path) -> None:
    """What KServe's storage container asks: the first of the answers counts."""
    with serve_app(bare_registry(tmp_path), build_face, prefix=PREFIX) as app:
        model = app.ask("POST", "registered_models", {"name": "m"}).data["id"]
        for name in ("v1", "v2"):
            version = app.ask("POST", f"registered_models/{model}/versions", {"name": name}).data[
                "id"
            ]
            for uri in ("old", "new"):
                body: JSON = {
                    "artifactType": "model-artifact",
                    "name": uri,
                    "uri": f"s3://{name}/{uri}",
                }
                app.ask("POST", f"model_versions/{version}/artifacts", body)
        versions = _items(app.ask("GET", f"registered_models/{model}/versions?sortOrder=DESC"))
        assert versions[0]["name"] == "v2"
        path = f"model_versions/{versions[0]['id']}/artifacts?orderBy=CREATE_TIME&sortOrder=DESC"
        assert _items(app.ask("GET", path))[0]["uri"] == "s3://v2/new"


def test_filters_and_bodies_that_are_made_to_hurt(shared: ServedApp) -> None:
    terms = quote(" OR ".join(f"name = 'n{number}'" for number in range(1001)))
    assert shared.ask("GET", f"registered_models?filterQuery={terms}").status == 400
    deep = quote("(" * 60 + "name = 'a'" + ")" * 60)
    assert shared.ask("GET", f"registered_models?filterQuery={deep}").status == 400
    pattern = quote("name LIKE '" + "%a" * 40 + "'")
    assert shared.ask("GET", f"registered_models?filterQuery={pattern}").status == 200
    nested = b'{"name": ' + b"[" * 2000 + b"]" * 2000 + b"}"
    assert shared.ask("POST", "registered_models", content=nested).status == 400
    value = {"metadataType": "MetadataStringValue", "string_value": "x" * 300_000}
    large: JSON = {"name": "large", "customProperties": {"a": dict(value)}}
    refused = shared.ask("POST", "registered_models", large)
    assert (refused.status, refused.data["code"]) == (400, "Bad Request")


def test_an_archived_draft_stays_archived(tmp_path: Path) -> None:
    with serve_app(bare_registry(tmp_path), build_face, prefix=PREFIX) as app:
        app.ask("POST", "registered_models", {"name": "m"})
        app.ask("POST", "registered_models/4/versions", {"name": "v"})
        body: JSON = {"artifactType": "model-artifact", "name": "a", "uri": "s3://b/a"}
        app.ask("POST", "model_versions/5/artifacts", body)
        assert (
            app.ask("PATCH", "model_versions/5", {"state": "ARCHIVED"}).data["state"] == "ARCHIVED"
        )
        assert asyncio.run(Sealer(app.service).seal_due(LATER)) == []
        local = Person("Ada", "ada@example.org")
        sealed = WriteRequest(seal(Reference(ModelName("default", "m"), "v")), local)
        asyncio.run(app.service.write(sealed))
        assert app.ask("GET", "model_versions/5").data["state"] == "ARCHIVED"
        for state in ("LIVE", "ARCHIVED", "LIVE"):
            assert app.ask("PATCH", "model_versions/5", {"state": state}).data["state"] == state
