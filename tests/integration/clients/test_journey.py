"""One model through all six protocols: registered, evaluated, aliased, promoted, read, fetched, each by its real client."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple, cast

import pytest
from support import git, new_repository, run_program
from support.wire_clients import ServerProcess, run_client, running_server
from support.wire_fields import read_place

from registry_tool.manifests.problems import JSON

NAME: Final = "lang-id"
CONTENT: Final = bytes(range(256)) * 400
REGISTRY: Final = """schema: registry/v1
name: models
remote: storage
stages:
  production:
    require:
      - {metric: kolena/holdout@1/judge/suite/accuracy, min: 0.9}
"""
CONFIG: Final = """[core]
    remote = storage
['remote "storage"']
    url = {storage}
"""
MODEL: Final[Mapping[str, JSON]] = {
    "name": NAME,
    "owner": "ada@example.org",
    "task": "language-identification",
    "description": "Tells languages.",
    "version": "1",
    "version_name": NAME,
    "version_description": "The first.",
    "metadata": {"team": "speech"},
    "tags": ["best-so-far"],
}
ENV: Final = {"MLFLOW_ALLOW_FILE_STORE": "true", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
READERS: Final = ("kubeflow", "mlflow", "truefoundry", "modelbox", "kolena", "mlsteam")


class Journey(NamedTuple):
    """What came of it.

    Attributes:
        registry: The repository.
        refused: What the promotion answered before the evaluation.
        views: What each client showed of the model, by client.
        again: The same from a server over a fresh clone, without the writer.
        files: What MLSteam's SDK fetched: sizes by path.
    """

    registry: Path
    refused: str
    views: Mapping[str, JSON]
    again: Mapping[str, JSON]
    files: JSON


def _ask(client: str, server: ServerProcess, folder: Path, **given: JSON) -> dict[str, JSON]:
    asked: JSON = {
        "read": [NAME], **given, "url": server.url, "port": server.port, "target": server.target,
        "tracking": f"file://{folder / 'tracking'}", "folder": str(folder),
    }  # fmt: skip
    script = f"across_{client}.py"
    return cast("dict[str, JSON]", run_client(client, script, env=ENV, given=asked))


def _registry(folder: Path, *arguments: str) -> str:
    done = run_program(*arguments, cwd=folder)
    assert done.code == 0, done.err + done.out
    return done.out


def _read_all(server: ServerProcess, folder: Path) -> dict[str, JSON]:
    found: dict[str, JSON] = {}
    for client in READERS:
        names: list[JSON] = ["lang-id@production"] if client == "kolena" else [NAME]
        said = cast("dict[str, JSON]", _ask(client, server, folder, read=names)["found"])
        found[client] = said[str(names[0])]
    return found


@pytest.fixture(scope="module")
def journey(tmp_path_factory: pytest.TempPathFactory) -> Journey:
    folder = tmp_path_factory.mktemp("journey")
    (folder / "storage").mkdir()
    registry = new_repository(
        folder / "registry",
        {
            "registry.yaml": REGISTRY,
            ".dvc/config": CONFIG.replace("{storage}", str(folder / "storage")),
        },
    )
    weights = folder / "weights.bin"
    weights.write_bytes(CONTENT)
    with running_server(registry, "--grpc-port", "0") as server:
        _ask("modelbox", server, folder, write={**MODEL, "file": str(weights)})
        early = run_program("promote", "default/lang-id@1", "--to", "production", cwd=registry)
        _ask("kolena", server, folder, evaluate="lang-id@1", read=[])
        _ask("truefoundry", server, folder, tag=[NAME, "candidate"])
        _registry(
            registry, "promote", "default/lang-id@candidate", "--to", "production", "--commit"
        )
        views = _read_all(server, folder)
        fetched = _ask("mlsteam", server, folder, fetch=[NAME, "1"])["files"]
    git(folder, "clone", "--quiet", "--bare", str(registry), "again.git")
    git(folder / "again.git", "remote", "remove", "origin")
    options = ("--grpc-port", "0", "--read-only")
    with running_server(folder / "again.git", *options) as server:
        again = _read_all(server, folder)
    return Journey(registry, early.out + early.err, views, again, fetched)


def test_the_gate_waits_for_the_evaluation(journey: Journey) -> None:
    assert "kolena/holdout@1/judge/suite/accuracy" in journey.refused


def test_all_show_one_model(journey: Journey) -> None:
    views = journey.views
    names = {
        client: read_place(views[client], place)
        for client, place in (
            ("kubeflow", "model.name"), ("mlflow", "model.name"), ("truefoundry", "model.name"),
            ("modelbox", "model.name"), ("mlsteam", "model.name"),
        )
    }  # fmt: skip
    assert set(names.values()) == {NAME}, names
    # The version that an alias leads to is fixed when Kolena's client loads it.
    assert read_place(views["kolena"], "version.name") == "lang-id@1"
    versions = {
        "kubeflow": read_place(views["kubeflow"], "version.name"),
        "mlflow": read_place(views["mlflow"], "version.version"),
        "truefoundry": str(read_place(views["truefoundry"], "version.manifest.version")),
        "modelbox": read_place(views["modelbox"], "version.version"),
        "mlsteam": read_place(views["mlsteam"], "version.version"),
    }
    assert set(versions.values()) == {"1"}, versions


def test_names_that_lead_to_it_are_the_same(journey: Journey) -> None:
    expected = {"candidate", "production"}
    mlflow = read_place(journey.views["mlflow"], "model.aliases")
    assert mlflow == dict.fromkeys(expected, "1")
    tags = read_place(journey.views["truefoundry"], "version.tags")
    assert isinstance(tags, list)
    assert set(map(str, tags)) == expected
    unique = read_place(journey.views["modelbox"], "version.tags")
    assert unique == ["best-so-far", *sorted(expected)]
    assert read_place(journey.views["mlsteam"], "version.aliases") == sorted(expected)
    assert read_place(journey.views["mlsteam"], "version.tags") == ["best-so-far"]


def test_it_was_created_at_one_moment(journey: Journey) -> None:
    views = journey.views
    kubeflow = read_place(views["kubeflow"], "version.create_time_since_epoch")
    mlflow = read_place(views["mlflow"], "version.creation_timestamp")
    modelbox = read_place(views["modelbox"], "version.created")
    assert kubeflow == str(mlflow) == str(modelbox)
    others = ((client, "version.created_at") for client in ("truefoundry", "mlsteam"))
    assert {_milliseconds(read_place(views[one], place)) for one, place in others} == {mlflow}


def _milliseconds(moment: JSON) -> int:
    return int(dt.datetime.fromisoformat(str(moment)).timestamp() * 1000 + 0.5)


def test_its_ids_are_the_same(journey: Journey) -> None:
    views = journey.views
    for what in ("model", "version"):
        ids = {
            read_place(views["truefoundry"], f"{what}.id"),
            read_place(views["mlsteam"], f"{what}.uuid"),
        }
        assert len(ids) == 1, ids
    number = read_place(views["kubeflow"], "version.id")
    assert number == str(read_place(views["kolena"], "version.id"))


def test_the_evaluation_is_shown_by_others(journey: Journey) -> None:
    metrics = read_place(journey.views["truefoundry"], "version.metrics")
    assert isinstance(metrics, list)
    found = {read_place(one, "key"): read_place(one, "value") for one in metrics}
    assert found["kolena/holdout@1/judge/suite/accuracy"] == 1.0
    assert found["loss"] == 0.25


def test_a_server_over_a_clone_answers_the_same(journey: Journey) -> None:
    for client in READERS:
        here, there = (json.dumps(side[client]) for side in (journey.views, journey.again))
        assert _without_port(here) == _without_port(there), client


def _without_port(text: str) -> str:
    return re.sub(r"127\.0\.0\.1:\d+", "HOST", text)


def test_its_bytes_are_those_that_were_registered(journey: Journey) -> None:
    assert journey.files == {"weights.bin": len(CONTENT)}


def test_it_is_about_ten_files_of_git(journey: Journey) -> None:
    listed = git(journey.registry, "ls-tree", "-r", "--name-only", "HEAD", "models/default/lang-id")
    assert 8 <= len(listed.split()) <= 12, listed
    models = git(journey.registry, "ls-tree", "-r", "--name-only", "HEAD", "models").split()
    assert sum(path.endswith("model.yaml") for path in models) == 1
    assert sum(path.endswith("version.yaml") for path in models) == 1


def test_the_registry_passes_the_check(journey: Journey) -> None:
    assert run_program("check", "--all", cwd=journey.registry).code == 0
    assert git(journey.registry, "fsck", "--full", "--no-dangling") == ""
