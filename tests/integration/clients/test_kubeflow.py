"""Kubeflow's own clients, unmodified, against the server: v1 (0.3.18) and v1alpha3 (0.3.9)."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Final

import pytest
from support import git, run_program
from support.served_registries import make_token
from support.wire_clients import run_client, running_server
from support.written_trains import bare_registry

from registry_tool.manifests.problems import JSON

CLIENTS: Final = ("kubeflow", "kubeflow-alpha")
FEATURES: Final = (
    "K2 async client", "K3 models", "K4 versions", "K5 model artifact", "K6 several artifacts", "K7 other artifacts",
    "K8 K9 ids and reading back", "K10 K11 finding", "K12 external ids", "K13 K14 K15 lists", "K16 K17 updates",
    "K18 custom properties", "K20 states", "K21 K22 one call", "K30 experiments", "K31 exceptions",
)  # fmt: skip


@pytest.fixture(scope="module", params=CLIENTS)
def results(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, JSON]:
    """What became of each feature, with one client."""
    folder = tmp_path_factory.mktemp("features")
    bare = bare_registry(folder)
    with running_server(bare) as server:
        is_alpha = request.param == "kubeflow-alpha"
        found = run_client(request.param, "kubeflow_features.py", url=server.url, alpha=is_alpha)
    git(folder, "clone", "--quiet", str(bare), "checkout")
    done = run_program("check", "--all", cwd=folder / "checkout")
    assert done.code == 0, done.out + done.err
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("feature", FEATURES)
def test_features(feature: str, results: dict[str, JSON]) -> None:
    assert results.keys() == set(FEATURES)
    assert results[feature] == "ok", results[feature]


@pytest.mark.parametrize("client", CLIENTS)
def test_register_model_reads_the_same_from_a_fresh_clone(client: str, tmp_path: Path) -> None:
    bare = bare_registry(tmp_path)
    name = "lang id (v2)"

    def ask(url: str, *, read: bool) -> JSON:
        return run_client(
            client, "kubeflow_register.py", url=url, read=read, model=name, version="v 1",
            uri="s3://b/m",
        )  # fmt: skip

    with running_server(bare) as server:
        first = ask(server.url, read=False)
        server.kill()
    git(tmp_path, "clone", "--quiet", "--bare", str(bare), "again.git")
    git(tmp_path / "again.git", "remote", "remove", "origin")
    with running_server(tmp_path / "again.git") as server:
        second = ask(server.url, read=True)
    assert first == second
    assert isinstance(first, dict)
    assert isinstance(version := first["version"], dict)
    assert version["custom_properties"] == {
        "accuracy": 0.97, "layers": 12, "quantized": True, "team": "speech",
    }  # fmt: skip
    git(tmp_path, "clone", "--quiet", str(bare), "checkout")
    done = run_program("check", "--all", cwd=tmp_path / "checkout")
    assert done.code == 0, done.err + done.out


@pytest.mark.parametrize("client", CLIENTS)
def test_k1_a_token_over_tls_is_the_author_of_the_commits(client: str, tmp_path: Path) -> None:
    bare, tokens = bare_registry(tmp_path), tmp_path / "tokens.jsonl"
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    token = make_token(tokens, "write:default")
    options = ("--tokens", str(tokens), "--cert", str(certificate), "--key", str(key))
    with running_server(bare, *options) as server:
        assert server.url.startswith("https://")
        found = run_client(
            client, "kubeflow_secure.py", port=server.port, token=token, ca=str(certificate)
        )
    assert found == {"good": "m", "wrong": 401, "none": "StoreError"}
    author = git(
        bare, "log", "-1", "--format=%an <%ae>|%cn|%(trailers:key=Registry-Api,valueonly)", "main"
    )
    assert author.strip() == "Bob <bob@example.org>|registry server|kubeflow"
