"""MLflow's own client, unmodified, against the server: each id of its features is a check."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final, cast

import pytest
from support import run_program
from support.wire_clients import ServerProcess, run_client, running_server

from registry_tool.manifests.problems import JSON

# Tracking is a folder, because the small client has no database.
ENV: Final = {"MLFLOW_ALLOW_FILE_STORE": "true", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}

FIELDS: Final = 29
EXPECTED: Final[dict[str, JSON]] = {
    "ML-1": ["Second.", "renamed", "not found", "1"],
    "ML-2": ["1", "2", "Better.", "not found", "3"],
    "ML-3": ["2", {"Champion": "2", "Prod_1": "1"}, "gone", "Registered model alias Champion not found."],
    "ML-4": [{"team": "nlp", "empty": ""}, {"a b": "2"}, {}],
    "ML-5": [["b", "a"], ["3", "2", "1"], ["2"], [2, 1], ["1"]],
    "ML-6": [["Archived", "Production", "None"], ["Archived 1", "None 3", "Production 2"]],
    "ML-7": "s3://bucket/1",
    "ML-8": ["Hello {{name}}", "Hi {{name}}", 2, ["greet"], [["copied", "1", "models:/tagged/1"]]],
}  # fmt: skip


def said_by(script: str, server: ServerProcess, folder: Path, **given: JSON) -> dict[str, JSON]:
    """What a script of the client prints."""
    tracking = f"file://{folder / 'tracking'}"
    found = run_client("mlflow", script, env=ENV, url=server.url, tracking=tracking, given=given)
    return cast("dict[str, JSON]", found)


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    """A new registry, as ``registry init`` makes one."""
    folder = tmp_path / "models"
    done = run_program("init", str(folder), "--name", "models", cwd=tmp_path)
    assert done.code == 0, done.err
    return folder


def check_all(folder: Path) -> None:
    done = run_program("check", "--all", cwd=folder)
    assert done.code == 0, done.out + done.err


def test_the_main_job_works_with_only_the_registry_uri_changed(
    registry: Path, tmp_path: Path
) -> None:
    """ML-8, ML-9."""
    with running_server(registry, "--api", "mlflow") as server:
        said = said_by("mlflow_main_job.py", server, tmp_path)
    assert said["logged"] == ["1", said["model id"]]
    assert said["registered"] == ["2", "READY", True]
    assert said["alias"] == "1"
    assert said["predicted"] == [2, 4]
    assert said["copied"] == ["copied", "1", "models:/doubler/1"]
    assert said["loaded copy"] == [8]
    check_all(registry)
    log = subprocess.run(
        ["git", "log", "--format=%an %cn %s"], cwd=registry, capture_output=True, text=True, check=True
    ).stdout.splitlines()  # fmt: skip
    assert log[0].endswith("registry server Add default/copied@1")
    done = run_program("resolve", "doubler@champion", "--format", "json", cwd=registry)
    assert '"version": "1"' in done.out


def test_what_is_logged_to_the_proxy_is_fetched_by_everybody(
    registry: Path, tmp_path: Path
) -> None:
    """ML-7, ML-9, and the round trip: logged, promoted, loaded, fetched, pulled."""
    (tmp_path / "storage").mkdir()
    (registry / ".dvc" / "config").write_text(
        f"[core]\n    remote = storage\n['remote \"storage\"']\n    url = {tmp_path / 'storage'}\n"
    )
    for step in (
        ("git", "commit", "-qam", "Add the storage"),
        (sys.executable, "-m", "registry_tool", "model", "add", "nlp/first", "--owner", "team", "--commit"),
    ):  # fmt: skip
        subprocess.run(step, cwd=registry, check=True, capture_output=True)
    with running_server(registry, "--api", "mlflow") as server:
        logged = said_by("mlflow_proxy.py", server, tmp_path, step="log", place=str(tmp_path))
        assert logged["source"] is True
        done = run_program("alias", "set", "nlp/doubler@1", "production", "--commit", cwd=registry)
        assert done.code == 0, done.err
    with running_server(registry, "--api", "mlflow") as server:  # on another port
        loaded = said_by("mlflow_proxy.py", server, tmp_path, step="load")
    assert loaded["nlp.doubler@production"] == [6]
    assert loaded["copied/1"] == [6]
    check_all(registry)
    done = run_program("fetch", "nlp/doubler@production", "-o", "out", cwd=registry)
    assert done.code == 0, done.err
    fetched = {path.name for path in (registry / "out").rglob("*") if path.is_file()}
    assert {"MLmodel", "doubler.py"} <= fetched
    pointer = "models/nlp/doubler/versions/1/model.dvc"
    subprocess.run(["git", "checkout", "-q", "."], cwd=registry, check=True)
    pulled = subprocess.run(
        [Path(sys.executable).with_name("dvc"), "pull", pointer], cwd=registry, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert pulled.returncode == 0, pulled.stderr
    assert (registry / "models/nlp/doubler/versions/1/model/MLmodel").exists()


def test_every_feature_of_the_client_works(registry: Path, tmp_path: Path) -> None:
    """ML-1 to ML-8, by id."""
    with running_server(registry, "--api", "mlflow") as server:
        said = said_by("mlflow_features.py", server, tmp_path)
    assert said == EXPECTED
    check_all(registry)


def test_every_field_reads_back_equal_over_a_fresh_clone(registry: Path, tmp_path: Path) -> None:
    """What the client wrote, read again from another server that has only a clone."""
    bare = tmp_path / "served.git"
    subprocess.run(["git", "clone", "-q", "--bare", registry, bare], check=True)
    subprocess.run(["git", "remote", "rm", "origin"], cwd=bare, check=True)
    with running_server(bare, "--api", "mlflow") as server:
        written = said_by("mlflow_fields.py", server, tmp_path, step="write")
        server.kill()
    clone = tmp_path / "clone.git"
    subprocess.run(["git", "clone", "-q", "--bare", bare, clone], check=True)
    subprocess.run(["git", "remote", "rm", "origin"], cwd=clone, check=True)
    cache = {"XDG_CACHE_HOME": str(tmp_path / "other-cache")}
    with running_server(clone, "--api", "mlflow", env=cache) as server:
        read = said_by("mlflow_fields.py", server, tmp_path, step="read")
    assert read["fields"] == written["fields"]
    assert read["given"] == written["given"], "as it was given to the client"
    assert read["count"] == FIELDS


def test_a_proposal_is_pending_until_it_is_merged(registry: Path, tmp_path: Path) -> None:
    """The client registers on a branch; others see it after the merge."""
    (registry / "serve.yaml").write_text("schema: serve/v1\nwrite: branch\n")
    for step in (("add", "serve.yaml"), ("commit", "-qm", "Serve")):
        subprocess.run(["git", *step], cwd=registry, check=True)
    bare = tmp_path / "served.git"
    subprocess.run(["git", "clone", "-q", "--bare", registry, bare], check=True)
    subprocess.run(["git", "remote", "rm", "origin"], cwd=bare, check=True)
    with running_server(bare, "--api", "mlflow") as server:
        said = said_by("mlflow_proposal.py", server, tmp_path, served=str(bare), work=str(registry))
    assert said == {
        "registered": ["1", "PENDING_REGISTRATION"],
        "read": "PENDING_REGISTRATION",
        "found": ["lang-id"],
        "merged": "READY",
    }
