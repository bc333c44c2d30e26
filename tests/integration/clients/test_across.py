"""What was written through one client is read with the same values by the other, the command line and the library."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple, cast

import pytest
from support import commit, git, run_program
from support.wire_clients import ServerProcess, run_client, running_server
from support.wire_fields import (
    FIELDS,
    KUBEFLOW_MODEL,
    MLFLOW_MODEL,
    READERS,
    WireField,
    read_place,
)
from support.written_trains import bare_registry

from registry_tool.api.registry import open_registry
from registry_tool.manifests.problems import JSON

# What each writer's model is called by the protocols, and by the command line with its version.
MODELS: Final = {
    "kubeflow": ("from kubeflow", ("from kubeflow", "from kubeflow@v 1", "--title")),
    "mlflow": ("from mlflow", ("from mlflow", "from mlflow@champion", "--title")),
    "registry": ("nlp.lang-id", ("nlp/lang-id", "nlp/lang-id@1")),
}
ENV: Final = {"MLFLOW_ALLOW_FILE_STORE": "true", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
NAMES: Final = sorted(name for name, _ in MODELS.values())


class Across(NamedTuple):
    """What every reader shows.

    Attributes:
        views: By reader, then by writer.
        names: The models that each client lists.
        clone: A clone of what was written.
    """

    views: Mapping[str, Mapping[str, JSON]]
    names: Mapping[str, JSON]
    clone: Path


def _tracking(folder: Path) -> str:
    return f"file://{folder / 'tracking'}"


def _ask(client: str, server: ServerProcess, folder: Path, **given: JSON) -> dict[str, JSON]:
    asked: JSON = {**given, "url": server.url, "port": server.port, "tracking": _tracking(folder)}
    found = run_client(client, f"across_{client}.py", env=ENV, given=asked)
    return cast("dict[str, JSON]", found)


def _program(clone: Path, *arguments: str) -> JSON:
    done = run_program(*arguments, "--format", "json", cwd=clone)
    assert done.code == 0, done.err
    found: JSON = json.loads(done.out)
    return found


def _shown(clone: Path, model: str, version: str, *options: str) -> dict[str, JSON]:
    return {
        "model": _program(clone, "show", model, *options),
        "version": _program(clone, "show", version, *options),
        "resolved": _program(clone, "resolve", version, *options),
    }


@pytest.fixture(scope="module")
def across(tmp_path_factory: pytest.TempPathFactory) -> Across:
    """Models written by three writers, read by three readers from a server over a fresh clone."""
    folder = tmp_path_factory.mktemp("across")
    bare = bare_registry(folder)
    with running_server(bare) as server:
        _ask("kubeflow", server, folder, write=KUBEFLOW_MODEL, read=[])
        _ask("mlflow", server, folder, write=MLFLOW_MODEL, read=[])
        _ask("mlflow", server, folder, alias=["from kubeflow", "blessed", "1"], read=[])
    git(folder, "clone", "--quiet", "--bare", str(bare), "again.git")
    git(folder / "again.git", "remote", "remove", "origin")
    git(folder, "clone", "--quiet", str(bare), "clone")
    clone = folder / "clone"
    with running_server(folder / "again.git", "--read-only") as server:
        found = {one: _ask(one, server, folder, read=[*NAMES]) for one in ("kubeflow", "mlflow")}
    views = {
        reader: {
            writer: cast("dict[str, JSON]", found[reader]["found"])[name]
            for writer, (name, _) in MODELS.items()
        }
        for reader in found
    }
    shown: dict[str, JSON] = {writer: _shown(clone, *how) for writer, (_, how) in MODELS.items()}
    return Across(
        {**views, "registry": shown}, {one: said["names"] for one, said in found.items()}, clone
    )


CASES: Final = [
    pytest.param(field, writer, reader, id=f"{field.title}: {writer} to {reader}")
    for field in FIELDS
    for writer, expected in field.expected.items()
    for reader in expected
]


@pytest.mark.parametrize(("field", "writer", "reader"), CASES)
def test_a_field_reads_as_it_was_written(
    across: Across, field: WireField, writer: str, reader: str
) -> None:
    place = field.places[READERS.index(reader)]
    assert (read_place(across.views[reader][writer], place) or None) == field.expected[writer][
        reader
    ]


def test_each_client_lists_what_the_others_wrote(across: Across) -> None:
    assert across.names == {"kubeflow": NAMES, "mlflow": NAMES}
    rows = _program(across.clone, "list")
    assert isinstance(rows, list)
    assert {read_place(row, "title") or read_place(row, "model") for row in rows} == {
        "from kubeflow", "from mlflow", "nlp/lang-id",
    }  # fmt: skip
    with open_registry(across.clone) as registry:
        found = {model.title for model in registry.models()}
        assert found == {"from kubeflow", "from mlflow", "lang-id"}


@pytest.mark.parametrize("writer", MODELS)
@pytest.mark.parametrize("what", ["model", "version"])
def test_times_are_the_same_in_both_protocols(across: Across, writer: str, what: str) -> None:
    other = read_place(across.views["kubeflow"][writer], f"{what}.create_time_since_epoch")
    own = read_place(across.views["mlflow"][writer], f"{what}.creation_timestamp")
    assert str(own) == other


_CONFIG: Final = """[core]
    remote = storage
['remote "storage"']
    url = {storage}
"""
_REGISTRY: Final = """schema: registry/v1
name: models
remote: storage
stages:
  production: {}
"""


def test_logged_by_one_seen_by_the_other_promoted_loaded_fetched_and_pulled(tmp_path: Path) -> None:
    """The round trip: the bytes go through the server's proxy into the DVC remote."""
    registry = tmp_path / "registry"
    assert run_program("init", str(registry), "--name", "models", cwd=tmp_path).code == 0
    (tmp_path / "storage").mkdir()
    (registry / ".dvc/config").write_text(_CONFIG.replace("{storage}", str(tmp_path / "storage")))
    (registry / "registry.yaml").write_text(_REGISTRY)
    commit(registry, "Configure")
    added = run_program(
        "model", "add", "nlp/first", "--owner", "@acme/nlp", "--commit", cwd=registry
    )
    assert added.code == 0, added.err
    with running_server(registry) as server:
        asked: dict[str, JSON] = {
            "url": server.url, "tracking": _tracking(tmp_path), "folder": str(tmp_path),
        }  # fmt: skip
        log: JSON = {**asked, "step": "log"}
        run_client("mlflow", "across_round_trip.py", env=ENV, given=log)
        seen = _ask("kubeflow", server, tmp_path, read=["nlp.doubler"])
        model = cast("dict[str, JSON]", seen["found"])["nlp.doubler"]
        assert read_place(model, "version.name") == "1"
        address = read_place(model, "artifact.uri")
        done = run_program(
            "promote", "nlp/doubler@1", "--to", "production", "--commit", cwd=registry
        )
        assert done.code == 0, done.err
        load: JSON = {**asked, "step": "load"}
        loaded = run_client("mlflow", "across_round_trip.py", env=ENV, given=load)
    assert read_place(loaded, "copied/1") == [6]
    assert cast("dict[str, JSON]", loaded)["nlp.doubler@production"] == [6]
    assert isinstance(address, str)
    assert "doubler" in address or address.startswith("models:/")
    fetched = run_program("fetch", "nlp/doubler@production", "-o", "out", cwd=registry)
    assert fetched.code == 0, fetched.err
    assert [*(registry / "out").rglob("MLmodel")]
    git(tmp_path, "clone", "--quiet", str(registry), "clone")
    dvc = Path(sys.executable).with_name("dvc")
    pulled = subprocess.run(
        [dvc, "pull", "models/nlp/doubler/versions/1/model.dvc"],
        cwd=tmp_path / "clone", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert pulled.returncode == 0, pulled.stderr
    assert (tmp_path / "clone/models/nlp/doubler/versions/1/model/MLmodel").exists()


def test_the_registry_passes_the_check(across: Across) -> None:
    done = run_program("check", "--all", cwd=across.clone)
    assert done.code == 0, done.out
    assert git(across.clone, "fsck", "--full", "--no-dangling") == ""
