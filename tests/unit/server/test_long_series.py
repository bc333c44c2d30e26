"""Long series: points move in batches to the DVC remote, and all of them read back in order, whoever logged them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Final, cast

import pytest
from support import git
from support.manifests import registry_yaml
from support.programs import Ran
from support.served_apps import Reply, ServedApp, serve_app
from support.served_registries import wait_until

from registry_tool.manifests.problems import JSON
from registry_tool.server import long_series
from registry_tool.server.kubeflow import build_face as build_kubeflow
from registry_tool.server.truefoundry import build_face as build_truefoundry
from registry_tool.server.truefoundry import run_values

TRUEFOUNDRY: Final = "/api/svc/v1"
KUBEFLOW: Final = "/api/model_registry/v1alpha3"


@pytest.fixture
def storage(tmp_path: Path) -> Path:
    folder = tmp_path / "storage"
    folder.mkdir()
    return folder


@pytest.fixture
def folder(make_registry: Callable[..., Path], storage: Path) -> Path:
    config = f"[core]\n    remote = storage\n['remote \"storage\"']\n    url = {storage}\n"
    return make_registry({"registry.yaml": registry_yaml(), ".dvc/config": config})


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of five points, and one of three of a size."""
    monkeypatch.setattr(long_series, "_FULL", 5)
    monkeypatch.setattr(long_series, "_FAN", 3)
    monkeypatch.setattr(long_series, "_SMALL", 200)
    monkeypatch.setattr(run_values, "_MOST_BATCHES", 4)


@contextmanager
def served(folder: Path, kind: str) -> Iterator[ServedApp]:
    build, prefix = (
        (build_kubeflow, KUBEFLOW) if kind == "kubeflow" else (build_truefoundry, TRUEFOUNDRY)
    )
    with serve_app(folder, build, prefix=prefix) as app:
        yield app


def ok(reply: Reply) -> dict[str, JSON]:
    assert reply.status < 300, reply.data
    return reply.data


def dicts(value: JSON) -> list[dict[str, JSON]]:
    return cast("list[dict[str, JSON]]", value)


def start_run(app: ServedApp) -> str:
    manifest: JSON = {"type": "ml-repo", "name": "speech", "storage_integration_fqn": "a:b"}
    repo = cast("dict[str, JSON]", ok(app.ask("PUT", "ml-repos", {"manifest": manifest}))["data"])
    made = ok(app.ask("POST", "runs", {"experiment_id": repo["id"], "name": "first"}))
    return str(cast("dict[str, dict[str, JSON]]", made["run"])["info"]["run_id"])


def files_of(folder: Path, kind: str) -> list[str]:
    return git(folder, "ls-tree", "-r", "--name-only", "HEAD", f"objects/{kind}").split()


def read_series(folder: Path, kind: str) -> str:
    return "".join(git(folder, "show", f"HEAD:{path}") for path in files_of(folder, kind))


def test_a_run_of_truefoundry(folder: Path, storage: Path, cli: Callable[..., Ran]) -> None:
    with served(folder, "truefoundry") as app:
        uuid = start_run(app)
        for step in range(60):
            point: JSON = {"key": "loss", "value": step / 4, "timestamp": 1000 + step, "step": step}
            ok(app.ask("POST", f"runs/{uuid}/metrics", point))
        more: JSON = {
            "metrics": [{"key": "f1", "value": 0.5, "timestamp": 1, "step": 30}],
            "params": [{"key": "lr", "value": "1"}],
            "tags": [{"key": "a", "value": "b"}],
        }
        ok(app.ask("POST", f"runs/{uuid}/batch", more))
        # A later value of an earlier step is not the last one.
        ok(app.ask("POST", f"runs/{uuid}/metrics", {"key": "loss", "value": 9, "timestamp": 1, "step": 3}))  # fmt: skip
    assert len(files_of(folder, "truefoundry/run-batch")) == 5
    (series,) = files_of(folder, "truefoundry/run-series")
    assert 0 < len(git(folder, "show", f"HEAD:{series}")) < 2500
    git(folder.parent, "clone", "--quiet", str(folder), "clone")
    with served(folder.parent / "clone", "truefoundry") as app:
        run = cast("dict[str, JSON]", ok(app.ask("GET", f"runs/{uuid}"))["run"])
        data = cast("dict[str, JSON]", run["data"])
        assert data["metrics"] == [
            {"key": "f1", "value": 0.5, "timestamp": 1, "step": 30},
            {"key": "loss", "value": 14.75, "timestamp": 1059, "step": 59},
        ]
        assert (data["params"], data["tags"]) == ([{"key": "lr", "value": "1"}], [{"key": "a", "value": "b"}])  # fmt: skip
        history = dicts(ok(app.ask("GET", f"runs/{uuid}/metrics/history?metric_key=loss"))["metrics"])  # fmt: skip
        whole = [(one["step"], one["timestamp"], one["value"]) for one in history]
        expected = [(step, 1000 + step, step / 4) for step in range(60)]
        assert whole == [*expected[:3], (3, 1, 9.0), *expected[3:]]
        found = dicts(ok(app.ask("POST", f"runs/{uuid}/metrics/list", {"step": 30}))["metric_collections"])  # fmt: skip
        assert {str(one["key"]): len(dicts(one["metrics"])) for one in found} == {
            "loss": 1,
            "f1": 1,
        }
        searched = ok(app.ask("POST", "runs/search", {"filter": "metrics.loss > 14"}))["runs"]
        assert len(dicts(searched)) == 1
        manifest: JSON = {
            "type": "model-version", "name": "m", "ml_repo": "speech", "metadata": {}, "run_id": uuid, "step": 30,
            "source": {"type": "external", "uri": "s3://b/c"},
        }  # fmt: skip
        version = cast("dict[str, JSON]", ok(app.ask("PUT", "model-versions", {"manifest": manifest}))["data"])  # fmt: skip
        assert [one["key"] for one in dicts(version["metrics"])] == ["loss", "f1"]
    assert cli("check", "--all", cwd=folder).code == 0
    used = {path.parent.name + path.name for path in storage.rglob("*") if path.is_file()}
    assert len(used) >= 3


def test_a_metric_of_kubeflow(folder: Path, cli: Callable[..., Ran]) -> None:
    with served(folder, "kubeflow") as app:
        experiment = ok(app.ask("POST", "experiments", {"name": "e"}))["id"]
        run = ok(app.ask("POST", "experiment_runs", {"name": "r", "experimentId": experiment}))["id"]  # fmt: skip
        for step in range(40):
            metric: JSON = {"artifactType": "metric", "name": "loss", "value": step / 4, "step": step, "timestamp": str(step)}  # fmt: skip
            ok(app.ask("POST", f"experiment_runs/{run}/artifacts", metric))
    assert "history_batches" in read_series(folder, "kubeflow/artifact")
    with served(folder, "kubeflow") as app:
        (shown,) = dicts(ok(app.ask("GET", f"experiment_runs/{run}/artifacts"))["items"])
        assert shown["value"] == 9.75
        assert not [key for key in shown if key.startswith("history")]
        path = f"experiment_runs/{run}/metric_history?name=loss"
        history = dicts(ok(app.ask("GET", path))["items"])
        assert [(one["step"], one["timestamp"], one["value"]) for one in history] == [
            (step, str(step), step / 4) for step in range(40)
        ]
        steps: list[JSON] = []
        token = ""
        while token or not steps:
            page = ok(app.ask("GET", f"{path}&pageSize=7&nextPageToken={token}"))
            steps += [one["step"] for one in dicts(page["items"])]
            token = str(page["nextPageToken"])
        assert steps == [*range(40)]
        assert app.ask("GET", f"{path}&nextPageToken=-1").status == 400
    assert cli("check", "--all", cwd=folder).code == 0


@pytest.mark.skipif(find_spec("grpc") is None, reason="needs the extra serve-modelbox")
def test_metrics_of_modelbox(folder: Path, storage: Path, cli: Callable[..., Ran]) -> None:
    from support.modelbox_wire import modelbox_wire

    with modelbox_wire(folder) as wire:
        owner = str(wire.get("CreateExperiment", name="e", namespace="nlp")["experiment_id"])
        values: list[dict[str, object]] = [
            {"step": step, "wallclock_time": 100 + step, "f_val": step / 4} for step in range(1, 41)
        ]
        values[7] = {"step": 8, "wallclock_time": 108, "s_tensor": "NaN\n"}
        values[8] = {"step": 9, "wallclock_time": 109, "b_tensor": b"\0\xff"}
        values[9] = {"step": 10, "wallclock_time": 110, "f_val": float("inf")}
        for value in values:
            wire.ask("LogMetrics", parent_id=owner, key="loss", value=value)
        wait_until(lambda: "batches" in read_series(folder, "modelbox/series"))
        before = wire.get("GetMetrics", parent_id=owner)
    git(folder.parent, "clone", "--quiet", str(folder), "clone")
    with modelbox_wire(folder.parent / "clone") as wire:
        assert wire.get("GetMetrics", parent_id=owner) == before
    found = dicts(dicts(before["metrics"])[0]["values"])
    assert [int(str(one["step"])) for one in found] == [*range(1, 41)]
    assert [int(str(one["wallclock_time"])) for one in found] == [*range(101, 141)]
    assert found[7]["s_tensor"] == "NaN\n"
    assert found[8]["b_tensor"] == "AP8="
    assert found[9]["f_val"] == "Infinity"
    assert cli("check", "--all", cwd=folder).code == 0


def test_without_a_remote_the_points_stay(make_registry: Callable[..., Path]) -> None:
    folder = make_registry({"registry.yaml": registry_yaml()}, name="plain")
    with served(folder, "truefoundry") as app:
        uuid = start_run(app)
        for step in range(20):
            ok(app.ask("POST", f"runs/{uuid}/metrics", {"key": "a", "value": step, "step": step}))
        history = dicts(ok(app.ask("GET", f"runs/{uuid}/metrics/history?metric_key=a"))["metrics"])
    assert [one["step"] for one in history] == [*range(20)]
    assert "batches" not in read_series(folder, "truefoundry/run-series")


def test_a_file_that_is_lost_is_said(folder: Path, storage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    with served(folder, "truefoundry") as app:
        uuid = start_run(app)
        for step in range(20):
            ok(app.ask("POST", f"runs/{uuid}/metrics", {"key": "a", "value": step, "step": step}))
    for path in [*storage.rglob("*")]:
        if path.is_file():
            path.chmod(0o600)
            path.unlink()
    monkeypatch.setenv("REGISTRY_CACHE", str(tmp_path / "empty"))
    with served(folder, "truefoundry") as app:
        assert app.ask("GET", f"runs/{uuid}").status == 200
        reply = app.ask("GET", f"runs/{uuid}/metrics/history?metric_key=a")
        assert reply.status in {404, 502, 503}
        assert "message" in reply.data
