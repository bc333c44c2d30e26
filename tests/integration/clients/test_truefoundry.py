"""TrueFoundry's own clients, unmodified, against the server: each id of its features is a check."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Final, cast

import pytest
from support import run_program
from support.wire_clients import ServerProcess, run_client, running_server

from registry_tool.manifests.problems import JSON

CLIENTS: Final = ("truefoundry", "truefoundry-sdk")


def said_by(
    client: str, script: str, server: ServerProcess, home: Path, **given: JSON
) -> dict[str, JSON]:
    """What a script of a client prints; ``home`` is the user's folder, where the client keeps its login."""
    env = {"HOME": str(home), "TFY_HOST": server.url, "TFY_API_KEY": "tfy_local"}
    asked: JSON = {**given, "url": server.url}
    # Its command line takes many seconds to start on a machine that is busy.
    found = run_client(client, script, env=env, timeout=500, given=asked)
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


@pytest.mark.parametrize("client", CLIENTS)
def test_the_sdk_puts_gets_lists_tags_and_deletes_versions(
    client: str, registry: Path, tmp_path: Path
) -> None:
    """T1, T16, T17, T18, T19, T23, T25, with SDK 0.6 and 0.3."""
    api = "svc" if client == "truefoundry" else "ml"
    with running_server(registry, "--api", "truefoundry") as server:
        said = said_by(client, "truefoundry_versions.py", server, tmp_path, api=api)
    name = "model:models/speech/lang_id"
    assert said == {
        "first": [f"{name}:1", 1, True],
        "got": [f"{name}:1", {"accuracy": 0.97, ".truefoundry": {"size": 1}}, "v1.0.0"],
        "by fqn": True,
        "by alias": True,
        "listed": [f"{name}:2", f"{name}:1"],
        "found": {
            "fqn": [2], "name and version": [1], "model": [1], "repo": [2, 1], "run": [2], "other run": [], "tag": [2],
        },
        "tags": ["candidate"],
        "taken": [422, "tags: 'candidate' is a tag of version 2; set force to move it"],
        "moved": ["candidate"],
        "model": [name, f"{name}:2"],
        "deleted": 404,
        "next": 3,
    }  # fmt: skip
    check_all(registry)
    log = subprocess.run(
        ["git", "log", "--reverse", "--format=%cn: %s"], cwd=registry, capture_output=True, text=True, check=True
    ).stdout.splitlines()  # fmt: skip
    assert log[1:4] == [
        "registry server: Add model speech/lang_id",
        "registry server: Add speech/lang_id@1",
        "registry server: Add draft speech/lang_id@2",
    ]


def test_the_command_line_logs_in_and_applies_manifests(registry: Path, tmp_path: Path) -> None:
    """T24, and the session of a user with a token."""
    tokens = tmp_path / "tokens.jsonl"
    done = run_program(
        "serve", "token", "add", "ada", "--email", "ada@example.org", "--scope", "write",
        "--tokens", str(tokens), cwd=tmp_path,
    )  # fmt: skip
    assert done.code == 0, done.err
    token = f"tfy_{done.out.strip()}"
    options = ("--api", "truefoundry", "--tokens", str(tokens))
    with running_server(registry, *options) as server:
        given: dict[str, JSON] = {"folder": str(tmp_path), "token": token}
        said = said_by("truefoundry", "truefoundry_cli.py", server, tmp_path, **given)
    codes = {name: one[0] for name, one in said.items() if isinstance(one, list)}
    assert codes == {
        "refused": 1, "login": 0, "dry run": 0, "apply": 0, "again": 1, "bad": 1, "other": 1,
    }, said  # fmt: skip
    words = {name: str(one[1]) for name, one in said.items() if isinstance(one, list)}
    assert "'ada@example.org'" in words["login"]
    assert "'v1.0' is the alias of version 1" in words["again"]
    assert "manifest.source.uri: the field is required" in words["bad"]
    assert "this server takes model-version and ml-repo" in words["other"]
    check_all(registry)
    log = subprocess.run(
        ["git", "log", "--format=%an: %s"], cwd=registry, capture_output=True, text=True, check=True
    ).stdout.splitlines()  # fmt: skip
    assert log[:3] == [
        "ada: Add speech/lang-id@1",
        "ada: Add model speech/lang-id",
        "ada: Add truefoundry/ml-repo/speech-05fb617a",
    ]


def add_storage(folder: Path, place: Path) -> None:
    """Give a registry a DVC remote."""
    place.mkdir()
    config = f"[core]\n    remote = storage\n['remote \"storage\"']\n    url = {place}\n"
    (folder / ".dvc" / "config").write_text(config)
    subprocess.run(["git", "commit", "-qam", "Add the storage"], cwd=folder, check=True)


def test_the_ml_client_does_its_main_job(registry: Path, tmp_path: Path) -> None:
    """T1, T3, T14, T15, T16, T17, T20, T21, T22, T26: a run, its model with files, and the snippet as it is."""
    add_storage(registry, tmp_path / "storage")
    with running_server(registry, "--api", "truefoundry") as server:
        said = said_by("truefoundry", "truefoundry_ml.py", server, tmp_path)
    fqn = "model:models/speech/lang-id:1"
    assert said == {
        "repos": ["speech"],
        "version": [fqn, 3, "First.", "nlp", "pytorch"],
        "changed": ["Changed.", "v1.0", True],
        "by name": fqn,
        "latest": fqn,
        "files": {"code/run.py": 9, "model.bin": 300_000},
        "versions": [fqn],
        "run": ["FINISHED", {"lr": "0.1"}, {"accuracy": [0.5, 0.9], "loss": [0.1]}, "train"],
        "metrics": [["accuracy", 0.9, 3], ["loss", 0.1, 3]],
        "snippet": [0, ["code", "model.bin"]],
        "deployable": True,
    }
    check_all(registry)
    done = run_program("fetch", "speech/lang-id@1", "-o", "out", cwd=registry)
    assert done.code == 0, done.err
    found = [one.stat().st_size for one in (registry / "out").rglob("model.bin")]
    assert found == [300_000]


GIVEN: Final = 157
FIELDS: Final = 841


def test_every_field_reads_back_equal_over_a_fresh_clone(registry: Path, tmp_path: Path) -> None:
    """T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12, T13, T14, T15, T20, T25, T26: what the client wrote, read from a clone."""
    add_storage(registry, tmp_path / "storage")
    bare, clone = tmp_path / "served.git", tmp_path / "clone.git"
    for source, target in ((registry, bare), (bare, clone)):
        subprocess.run(["git", "clone", "-q", "--bare", source, target], check=True)
        subprocess.run(["git", "remote", "rm", "origin"], cwd=target, check=True)
        cache = {"XDG_CACHE_HOME": str(tmp_path / target.name), "XDG_STATE_HOME": str(tmp_path / f"state-{target.name}")}  # fmt: skip
        with running_server(target, "--api", "truefoundry", env=cache) as server:
            if target is bare:
                given: dict[str, JSON] = {"step": "write"}
                written = said_by("truefoundry", "truefoundry_fields.py", server, tmp_path, **given)
                server.kill()
            else:
                given = {"step": "read", "written": written["written"]}
                read = said_by("truefoundry", "truefoundry_fields.py", server, tmp_path, **given)
    assert read["found"] == written["found"]
    assert set(cast("list[bool]", read["given"])) == {True}
    assert (read["counted"], read["count"]) == (GIVEN, FIELDS)
    checked = tmp_path / "checked"
    subprocess.run(["git", "clone", "-q", bare, checked], check=True)
    check_all(checked)


def test_the_client_uploads_a_file_in_parts(registry: Path, tmp_path: Path) -> None:
    """T26."""
    add_storage(registry, tmp_path / "storage")
    with running_server(registry, "--api", "truefoundry") as server:
        said = said_by("truefoundry", "truefoundry_parts.py", server, tmp_path)
    assert said == {"parts": 3, "equal": True}
    check_all(registry)
