"""Kubeflow's own clients, unmodified, against the server."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import git, run_program
from support.wire_clients import run_client, running_server
from support.written_trains import bare_registry

CLIENTS = ("kubeflow", "kubeflow-alpha")


@pytest.mark.parametrize("client", CLIENTS)
def test_register_model_reads_the_same_from_a_fresh_clone(client: str, tmp_path: Path) -> None:
    bare = bare_registry(tmp_path)
    asked = {
        "host": "http://127.0.0.1",
        "model": "lang id (v2)",
        "version": "v 1",
        "uri": "s3://b/m",
    }
    with running_server(bare) as server:
        first = run_client(client, "kubeflow_register.py", port=server.port, **asked)
        server.kill()
    git(tmp_path, "clone", "--quiet", "--bare", str(bare), "again.git")
    git(tmp_path / "again.git", "remote", "remove", "origin")
    with running_server(tmp_path / "again.git") as server:
        second = run_client(client, "kubeflow_register.py", port=server.port, read=True, **asked)
    assert first == second
    assert isinstance(first, dict)
    assert isinstance(version := first["version"], dict)
    assert version["custom_properties"] == {
        "accuracy": 0.97, "layers": 12, "quantized": True, "team": "speech",
    }  # fmt: skip
    checkout = tmp_path / "checkout"
    git(tmp_path, "clone", "--quiet", str(bare), "checkout")
    done = run_program("check", "--all", cwd=checkout)
    assert done.code == 0, done.err + done.out
