"""Runs: what is logged to them, in the order and with the values of the client, and the metrics of the versions they made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, cast

import pytest
from support.manifests import registry_yaml
from support.served_apps import Reply, ServedApp, serve_app

from registry_tool.access.subjects import Subject, parse_grants
from registry_tool.manifests.problems import JSON
from registry_tool.server.truefoundry import build_face

PREFIX: Final = "/api/svc/v1"


@pytest.fixture
def app(make_registry: Callable[..., Path]) -> Iterator[ServedApp]:
    folder = make_registry({"registry.yaml": registry_yaml()})
    with serve_app(folder, build_face, prefix=PREFIX) as served:
        yield served


def ok(reply: Reply) -> dict[str, JSON]:
    assert reply.status == 200, reply.data
    return reply.data


def make_repo(app: ServedApp, name: str = "speech") -> str:
    manifest: JSON = {"type": "ml-repo", "name": name, "storage_integration_fqn": "a:b"}
    data = ok(app.ask("PUT", "ml-repos", {"manifest": manifest}))["data"]
    return str(cast("dict[str, JSON]", data)["id"])


def make_run(app: ServedApp, repo: str, **given: JSON) -> dict[str, JSON]:
    data = ok(app.ask("POST", "runs", {"experiment_id": repo, "name": "first", **given}))
    return cast("dict[str, dict[str, JSON]]", data["run"])["info"]


def logged(app: ServedApp, uuid: str) -> dict[str, JSON]:
    run = ok(app.ask("GET", f"runs/{uuid}"))["run"]
    return cast("dict[str, dict[str, JSON]]", run)["data"]


def test_a_run_is_made_updated_searched_and_deleted(app: ServedApp) -> None:
    repo = make_repo(app)
    tags: JSON = [{"key": "stage", "value": "train"}]
    info = make_run(app, repo, start_time=1700000000000.0, tags=tags, description="One.")
    uuid = str(info["run_id"])
    assert info.items() >= {
        "name": "first", "fqn": "acme-models/speech/first", "experiment_id": repo, "status": "RUNNING",
        "start_time": 1700000000000, "description": "One.", "lifecycle_stage": "active",
    }.items()  # fmt: skip
    assert make_run(app, repo)["name"] == "first-2"
    body: JSON = {"status": "FINISHED", "end_time": 1700000001000}
    changed = cast("dict[str, JSON]", ok(app.ask("PUT", f"runs/{uuid}", body))["run_info"])
    assert (changed["status"], changed["end_time"]) == ("FINISHED", 1700000001000)
    assert logged(app, uuid)["tags"] == tags
    other = make_repo(app, "vision")

    def names(**query: JSON) -> list[JSON]:
        found = cast("list[dict[str, dict[str, JSON]]]", ok(app.ask("POST", "runs/search", query))["runs"])  # fmt: skip
        return [run["info"]["name"] for run in found]

    assert names() == ["first-2", "first"]
    assert names(fqn="acme-models/speech/first") == ["first"]
    assert names(name="first-2", ml_repo_name="speech") == ["first-2"]
    assert names(experiment_ids=[other]) == []
    assert names(max_results=1, page_token="1") == ["first"]
    assert ok(app.ask("DELETE", f"runs/{uuid}")) == {}
    assert app.ask("GET", f"runs/{uuid}").status == 404
    assert names() == ["first-2"]


def test_what_is_logged_is_kept_in_order(app: ServedApp) -> None:
    uuid = str(make_run(app, make_repo(app))["run_id"])
    batch: JSON = {
        "metrics": [{"key": "loss", "value": 1.5, "timestamp": 5.0, "step": 0.0}, {"key": "loss", "value": 1, "timestamp": 6, "step": 1}],
        "params": [{"key": "lr", "value": "0.1"}],
        "tags": [{"key": "a", "value": "1"}, {"key": "b", "value": ""}],
    }  # fmt: skip
    ok(app.ask("POST", f"runs/{uuid}/batch", batch))
    ok(app.ask("POST", f"runs/{uuid}/metrics", {"key": "loss", "value": 0.5, "timestamp": 4, "step": 1}))  # fmt: skip
    ok(app.ask("POST", f"runs/{uuid}/parameters", {"key": "lr", "value": "0.1"}))
    ok(app.ask("POST", f"runs/{uuid}/tags", {"key": "a", "value": "2"}))
    ok(app.ask("POST", f"runs/{uuid}/tags/delete", {"key": "b"}))
    data = logged(app, uuid)
    assert data["metrics"] == [{"key": "loss", "value": 1.0, "timestamp": 6, "step": 1}]
    assert data["params"] == [{"key": "lr", "value": "0.1"}]
    assert data["tags"] == [{"key": "a", "value": "2"}]
    history = ok(app.ask("GET", f"runs/{uuid}/metrics/history?metric_key=loss"))["metrics"]
    assert [one["value"] for one in cast("list[dict[str, JSON]]", history)] == [1.5, 0.5, 1.0]
    found = ok(app.ask("POST", f"runs/{uuid}/metrics/list", {"step": 1}))["metric_collections"]
    (series,) = cast("list[dict[str, JSON]]", found)
    assert series["key"] == "loss"
    assert len(cast("list[JSON]", series["metrics"])) == 2


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("batch", {"metrics": [{"key": "", "value": 1}]}, "metrics.0.key"),
        ("batch", {"metrics": [{"key": "a", "value": "1"}]}, "metrics.0.value"),
        ("batch", {"metrics": [{"key": "a", "value": 1, "step": 1.5}]}, "metrics.0.step"),
        ("batch", {"metrics": [{"key": "a", "value": 1}] * 1001}, "metrics"),
        ("batch", {"params": [{"key": "lr", "value": "2"}]}, "params.lr"),
        ("parameters", {"key": "lr", "value": 1}, "value"),
        ("tags", {"key": "a\nb", "value": "1"}, "key"),
    ],
)
def test_bad_values_are_refused_with_their_field(
    app: ServedApp, path: str, body: dict[str, JSON], field: str
) -> None:
    uuid = str(make_run(app, make_repo(app))["run_id"])
    ok(app.ask("POST", f"runs/{uuid}/parameters", {"key": "lr", "value": "1"}))
    before = app.service.snapshot.commit
    reply = app.ask("POST", f"runs/{uuid}/{path}", body)
    assert (reply.status, str(reply.data["message"]).partition(": ")[0]) == (422, field)
    assert app.service.snapshot.commit == before


def test_t20_a_version_has_the_metrics_of_its_run_at_its_step(app: ServedApp) -> None:
    uuid = str(make_run(app, make_repo(app))["run_id"])
    metrics: JSON = [{"key": "f1", "value": step / 10, "timestamp": step, "step": step} for step in range(5)]  # fmt: skip
    ok(app.ask("POST", f"runs/{uuid}/batch", {"metrics": metrics}))
    manifest: JSON = {
        "type": "model-version", "name": "m", "ml_repo": "speech", "metadata": {}, "run_id": uuid, "step": 3,
        "source": {"type": "external", "uri": "s3://b/c"},
    }  # fmt: skip
    version = ok(app.ask("PUT", "model-versions", {"manifest": manifest}))["data"]
    expected = [{"key": "f1", "value": 0.3, "timestamp": 3, "step": 3}]
    assert cast("dict[str, JSON]", version)["metrics"] == expected


def test_runs_of_other_namespaces_do_not_exist(make_registry: Callable[..., Path]) -> None:
    folder = make_registry({"registry.yaml": registry_yaml()})
    with serve_app(folder, build_face, prefix=PREFIX) as app:
        uuid = str(make_run(app, make_repo(app))["run_id"])
    bob = Subject("Bob", "bob@example.org", "user", parse_grants(["write:vision"]))
    with serve_app(folder, build_face, prefix=PREFIX, subject=bob) as app:
        assert app.ask("GET", f"runs/{uuid}").status == 404
        assert ok(app.ask("POST", "runs/search", {}))["runs"] == []
        assert app.ask("POST", f"runs/{uuid}/tags", {"key": "a", "value": "b"}).status == 404
        manifest: JSON = {"type": "ml-repo", "name": "speech", "storage_integration_fqn": "a:b"}
        assert app.ask("PUT", "ml-repos", {"manifest": manifest}).status == 403


def run_names(app: ServedApp, **query: JSON) -> list[JSON]:
    found = ok(app.ask("POST", "runs/search", query))["runs"]
    return [run["info"]["name"] for run in cast("list[dict[str, dict[str, JSON]]]", found)]


@pytest.fixture
def measured(app: ServedApp) -> ServedApp:
    """Three runs: two with an accuracy, one with tags only."""
    repo = make_repo(app)
    for name, accuracy, model in (("one", 0.74, "LogisticRegression"), ("two", 0.8, "SVM")):
        uuid = make_run(app, repo, name=name)["run_id"]
        batch: JSON = {
            "metrics": [{"key": "accuracy", "value": value, "step": step} for step, value in enumerate((0.99, accuracy))],
            "params": [{"key": "model-type", "value": model}],
            "tags": [{"key": "TFY_INTERNAL_JOB_RUN_NAME", "value": f"job-{name}"}],
        }  # fmt: skip
        ok(app.ask("POST", f"runs/{uuid}/batch", batch))
    uuid = make_run(app, repo, name="three")["run_id"]
    ok(app.ask("PUT", f"runs/{uuid}", {"status": "FAILED"}))
    return app


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"filter": ""}, ["three", "two", "one"]),
        ({"filter": "metrics.accuracy > 0.75"}, ["two"]),
        ({"filter": "metric.accuracy <= .8"}, ["two", "one"]),
        ({"filter": "metrics.accuracy > 0.7 and params.`model-type` = 'SVM'"}, ["two"]),
        ({"filter": "params.\"model-type\" LIKE 'Log%'"}, ["one"]),
        ({"filter": "tags.TFY_INTERNAL_JOB_RUN_NAME = 'job-one'"}, ["one"]),
        ({"filter": "attributes.status = 'FAILED'"}, ["three"]),
        ({"filter": "status != 'FAILED' AND name ILIKE 'T%'"}, ["two"]),
        ({"filter": "params.absent = ''"}, []),
        ({"order_by": ["metric.accuracy DESC"]}, ["two", "one", "three"]),
        ({"order_by": ["metrics.accuracy", "name"]}, ["one", "two", "three"]),
        ({"order_by": ["attribute.name ASC"]}, ["one", "three", "two"]),
        ({"run_view_type": "DELETED_ONLY"}, []),
    ],
)
def test_runs_are_filtered_and_ordered(
    measured: ServedApp, given: dict[str, JSON], expected: list[str]
) -> None:
    assert run_names(measured, **given) == expected


@pytest.mark.parametrize(
    "given",
    [
        {"filter": "metrics.accuracy"}, {"filter": "metrics.accuracy > 'a'"}, {"filter": "params.a > 1"},
        {"filter": "metrics.a LIKE 1"}, {"filter": "files.a = 'b'"}, {"filter": "attributes.owner = 'b'"},
        {"filter": "params.a = 'b' or params.a = 'c'"}, {"filter": "params.a = 'b"}, {"filter": "a = 'b'; DROP"},
        {"filter": " AND ".join(["metrics.a > 1"] * 1001)}, {"filter": "and"}, {"filter": "metrics.a > 1 and"},
        {"order_by": ["metrics.a SIDEWAYS"]}, {"order_by": [""]}, {"order_by": ["files.a"]},
        {"filter": "(" * 1000}, {"filter": "x" * 200_000},
    ],
)  # fmt: skip
def test_filters_that_are_none_are_refused_with_their_field(
    app: ServedApp, given: dict[str, JSON]
) -> None:
    reply = app.ask("POST", "runs/search", given)
    (field,) = given
    assert (reply.status, str(reply.data["message"]).partition(": ")[0]) == (422, field)


def test_reads_have_a_tag_and_change_with_the_registry(app: ServedApp) -> None:
    repo = make_repo(app)
    uuid = make_run(app, repo)["run_id"]
    path = f"runs/{uuid}"
    paths = (path, f"{path}/metrics/history?metric_key=a", "ml-repos", f"ml-repos/{repo}", "models", "model-versions")  # fmt: skip
    for one in paths:
        first = app.ask("GET", one)
        tag = {"If-None-Match": first.headers["etag"]}
        assert first.headers["vary"] == "Authorization"
        again = app.ask("GET", one, headers=tag)
        assert (again.status, again.headers["etag"]) == (304, first.headers["etag"])
        assert app.ask("GET", one).data == first.data
    before = app.ask("GET", path)
    ok(app.ask("POST", f"{path}/tags", {"key": "a", "value": "b"}))
    after = app.ask("GET", path, headers={"If-None-Match": before.headers["etag"]})
    assert after.status == 200
    assert after.data != before.data
