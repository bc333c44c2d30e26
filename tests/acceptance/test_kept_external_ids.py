"""External ids in the data of other protocols with the real program: one engine in the hook, CI, a push and the server."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from support import Ran, commit, git, run_program, write_files
from support.manifests import small_registry
from support.served_apps import serve_app
from support.written_trains import ADA

from registry_tool.api.changes.publish import RefusedByCheckError
from registry_tool.edits.wire import set_wire
from registry_tool.names import ModelName
from registry_tool.server.kubeflow import build_face
from registry_tool.writer.request import WriteRequest

Cli = Callable[..., Ran]
LANG = "models/nlp/lang-id"
ID = 'run 7: "first", ü\nsecond line'


def wire(value: str) -> str:
    return f"schema: wire/v1\nkubeflow:\n  external_id: {value}\n"


TAKEN = wire('"run 7: \\"first\\", ü\\nsecond line"')
AGAIN = wire('|-\n    run 7: "first", ü\n    second line')


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A bare repository with our hook; version 1 has an external id that our own field cannot hold."""
    bare = tmp_path / "bare.git"
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", str(bare))
    assert run_program("hooks", "install", "--server", str(bare), cwd=tmp_path).code == 0
    git(tmp_path, "clone", "--quiet", str(bare), "person")
    write_files(tmp_path / "person", {**small_registry(), f"{LANG}/versions/1/wire.yaml": TAKEN})
    commit(tmp_path / "person", "Start")
    git(tmp_path / "person", "push", "--quiet", "origin", "HEAD:main")
    return bare


def test_a_taken_id_is_refused_by_the_hook_ci_and_a_push(bare: Path, cli: Cli) -> None:
    person = bare.parent / "person"
    write_files(person, {f"{LANG}/versions/2/wire.yaml": AGAIN})
    git(person, "add", "--all")
    staged = cli("check", "--staged", cwd=person)
    assert staged.code == 1
    assert f"{LANG}/versions/2/wire.yaml:3:" in staged.out
    assert "R319" in staged.out
    commit(person, "past the hooks")
    for arguments in (("--base", "HEAD~1"), ("--all",)):
        ran = cli("check", *arguments, cwd=person)
        assert (ran.code, "R319" in ran.out) == (1, True), ran.out
    pushed = subprocess.run(
        ["git", "push", "origin", "HEAD:main"], cwd=person, capture_output=True, check=False
    )
    assert (pushed.returncode, b"R319" in pushed.stderr) == (1, True)


def test_a_taken_id_is_refused_by_the_server_and_by_its_writer(bare: Path) -> None:
    with serve_app(bare, build_face, prefix="/api/model_registry/v1") as app:
        body = {"name": "other", "externalId": ID}
        refused = app.ask("POST", "registered_models", body)
        assert (refused.status, "already used" in refused.data["message"]) == (409, True)  # type: ignore[operator]  # it is text
        made = app.ask("POST", "registered_models", {"name": "other", "externalId": "another"})
        assert made.status == 201
        # Past the look of the protocol, as another protocol may write it: the engine of the writer refuses.
        edit = set_wire(ModelName("nlp", "lang-id"), "2", "kolena", {"external_id": ID})
        with pytest.raises(RefusedByCheckError, match="R319"):
            asyncio.run(app.service.write(WriteRequest(edit, ADA)))


def test_what_is_published_with_one_id_stays_and_may_change(bare: Path, cli: Cli) -> None:
    person = bare.parent / "person"
    git(person, "config", "core.hooksPath", "none")
    write_files(person, {f"{LANG}/versions/2/wire.yaml": AGAIN})
    commit(person, "An older release let this in")
    git(bare, "config", "core.hooksPath", "none")
    git(person, "push", "--quiet", "origin", "HEAD:main")
    write_files(person, {f"{LANG}/versions/2/wire.yaml": f"{AGAIN}  updated: 1\n"})
    commit(person, "Edit it")
    for arguments in (("--base", "HEAD~1"), ("--all",)):
        ran = cli("check", *arguments, cwd=person)
        assert (ran.code, "warn R319" in ran.out) == (0, True), ran.out
