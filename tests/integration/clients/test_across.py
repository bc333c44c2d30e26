"""What was written through one client is read with the same values by all others, the command line and the library."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple, cast

import pytest
from support import commit, git, new_repository, run_program
from support.wire_clients import ServerProcess, run_client, running_server
from support.wire_fields import FIELDS, WireField, count_fields, read_place
from support.wire_models import FILE, READERS, REGISTRY, SHOWN_AS, WRITTEN

from registry_tool.api.registry import open_registry
from registry_tool.manifests.problems import JSON

CLIENTS: Final = READERS[:-1]
# The version of each writer's model on the command line.
VERSIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "kubeflow": ("from kubeflow", "v 1", "--title"),
    "mlflow": ("from mlflow", "champion", "--title"),
    "truefoundry": ("default/from-truefoundry", "1"),
    "modelbox": ("from modelbox", "gold", "--title"),
    "kolena": ("from kolena (YOLO, 1280x1280)", "1", "--title"),
    "mlsteam": ("from mlsteam", "v 1", "--title"),
    "registry": ("nlp/lang-id", "1"),
}
ENV: Final = {"MLFLOW_ALLOW_FILE_STORE": "true", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
COUNTS: Final = {
    "kubeflow": 18, "mlflow": 15, "truefoundry": 16, "modelbox": 18, "kolena": 7, "mlsteam": 15, "registry": 30,
}  # fmt: skip
"""How many fields of the table each protocol has."""


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
    asked: JSON = {
        "read": [], **given, "url": server.url, "port": server.port, "target": server.target,
        "tracking": _tracking(folder), "folder": str(folder), "namespaces": ["default", "nlp"],
    }  # fmt: skip
    found = run_client(client, f"across_{client}.py", env=ENV, given=asked)
    return cast("dict[str, JSON]", found)


def _program(clone: Path, *arguments: str) -> JSON:
    done = run_program(*arguments, "--format", "json", cwd=clone)
    assert done.code == 0, done.err
    found: JSON = json.loads(done.out)
    return found


def _shown(clone: Path, model: str, version: str, *options: str) -> dict[str, JSON]:
    reference = f"{model}@{version}"
    return {
        "model": _program(clone, "show", model, *options),
        "version": _program(clone, "show", reference, *options),
        "resolved": _program(clone, "resolve", reference, *options),
    }


def _make_registry(folder: Path) -> Path:
    (folder / "storage").mkdir()
    config = _CONFIG.replace("{storage}", str(folder / "storage"))
    source = new_repository(folder / "source", {**REGISTRY, ".dvc/config": config})
    git(folder, "clone", "--quiet", "--bare", str(source), "bare.git")
    git(folder / "bare.git", "remote", "remove", "origin")
    return folder / "bare.git"


def _write_all(server: ServerProcess, folder: Path) -> None:
    """Each client writes its model; what is a draft then gets an alias from another one, which seals it."""
    (folder / "weights.bin").write_bytes(FILE)
    for writer, fields in WRITTEN.items():
        more: dict[str, JSON] = (
            {"file": str(folder / "weights.bin")} if writer == "modelbox" else {}
        )
        _ask(writer, server, folder, write={**fields, **more})
    _ask("mlflow", server, folder, alias=["from kubeflow", "blessed", "1"])
    _ask("truefoundry", server, folder, tag=[SHOWN_AS["truefoundry"]["modelbox"], "gold"])


@pytest.fixture(scope="module")
def across(tmp_path_factory: pytest.TempPathFactory) -> Across:
    """Models written by seven writers, read by seven readers from a server over a fresh clone."""
    folder = tmp_path_factory.mktemp("across")
    bare = _make_registry(folder)
    with running_server(bare, "--grpc-port", "0") as server:
        _write_all(server, folder)
        server.kill()
    git(folder, "clone", "--quiet", "--bare", str(bare), "again.git")
    git(folder / "again.git", "remote", "remove", "origin")
    git(folder, "clone", "--quiet", str(bare), "clone")
    clone = folder / "clone"
    views: dict[str, Mapping[str, JSON]] = {}
    names: dict[str, JSON] = {}
    with running_server(folder / "again.git", "--read-only", "--grpc-port", "0") as server:
        for reader in CLIENTS:
            said = _ask(reader, server, folder, read=[*SHOWN_AS[reader].values()])
            found = cast("dict[str, JSON]", said["found"])
            views[reader] = {writer: found[name] for writer, name in SHOWN_AS[reader].items()}
            names[reader] = said.get("names")
    views["registry"] = {writer: _shown(clone, *how) for writer, how in VERSIONS.items()}
    return Across(views, names, clone)


CASES: Final = [
    pytest.param(field, writer, reader, value, id=f"{field.title}: {writer} to {reader}")
    for field in FIELDS
    for writer, reader, value in field.expected()
]


@pytest.mark.parametrize(("field", "writer", "reader", "value"), CASES)
def test_a_field_reads_as_it_was_written(
    across: Across, field: WireField, writer: str, reader: str, value: JSON
) -> None:
    found = read_place(across.views[reader][writer], field.shown[reader].place)
    assert (found or None) == value


def test_each_client_lists_what_the_others_wrote(across: Across) -> None:
    listing = [reader for reader in CLIENTS if across.names[reader] is not None]
    assert listing == [one for one in CLIENTS if one != "kolena"]
    for reader in listing:
        assert across.names[reader] == sorted(SHOWN_AS[reader].values())
    rows = _program(across.clone, "list")
    assert isinstance(rows, list)
    shown = {read_place(row, "title") or read_place(row, "model") for row in rows}
    titled = set(SHOWN_AS["mlsteam"].values()) - {"from-truefoundry"}
    assert shown == {*titled, "default/from-truefoundry"}
    with open_registry(across.clone) as registry:
        found = {model.title for model in registry.models()}
    assert found == {*titled, "from-truefoundry", "lang-id"} - {"nlp/lang-id"}


TIMES: Final = {
    "kubeflow": "{}.create_time_since_epoch", "mlflow": "{}.creation_timestamp", "truefoundry": "{}.created_at",
    "mlsteam": "{}.created_at",
}  # fmt: skip


def _milliseconds(written: JSON) -> int:
    text = str(written)
    if text.isdecimal():
        return int(text)
    return round(dt.datetime.fromisoformat(text).timestamp() * 1000)


@pytest.mark.parametrize("writer", READERS)
@pytest.mark.parametrize("what", ["model", "version"])
def test_times_are_the_same_in_every_protocol(across: Across, writer: str, what: str) -> None:
    times = {
        reader: _milliseconds(read_place(across.views[reader][writer], place.format(what)))
        for reader, place in TIMES.items()
    }
    if what == "version":
        created = read_place(across.views["modelbox"][writer], "version.created")
        times["modelbox"] = _milliseconds(created)
    assert len(set(times.values())) == 1, times


@pytest.mark.parametrize("writer", READERS)
def test_ids_of_one_form_are_the_same(across: Across, writer: str) -> None:
    views = {reader: across.views[reader][writer] for reader in CLIENTS}
    for what in ("model", "version"):
        theirs = read_place(views["truefoundry"], f"{what}.id")
        assert theirs == read_place(views["mlsteam"], f"{what}.uuid")
    number = read_place(views["kubeflow"], "version.id")
    assert number == str(read_place(views["kolena"], "version.id"))


def test_the_page_counts_the_fields_of_each_protocol() -> None:
    assert count_fields() == COUNTS


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
