"""A protected main branch on a Git server over smart HTTP: clients propose, a person merges, everyone sees it.

``REGISTRY_TRANSCRIPT=FILE`` keeps what was said.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, cast

import httpx
import pytest
from support import git, run_program, without
from support.git_servers import NGINX, missing, nginx_server
from support.served_registries import make_token
from support.wire_clients import ServerProcess, run_client, running_server
from support.written_trains import bare_registry

from registry_tool.live.ids import BRANCH_START
from registry_tool.manifests.problems import JSON

BRANCH: Final = "serve/ada@example.org"
PROPERTY: Final[dict[str, JSON]] = {"registry_proposal": BRANCH}
KUBEFLOW: Final = "/api/model_registry/v1"
MLFLOW: Final = "/api/2.0/mlflow"
# The account of the server may push branches; reviewers merge. What is pushed is checked for both.
HOOK: Final = """#!/bin/sh
pushed=$(cat)
case "$REMOTE_USER/$pushed" in
server/*\\ refs/heads/main*) echo "main is protected: open a merge request" >&2; exit 1 ;;
esac
printf '%s\\n' "$pushed" | "$(dirname "$0")/pre-receive.registry"
"""


class Place:
    """A registry on a Git server, tokens for two subjects, and a reviewer with a clone.

    Attributes:
        url: The address of the repository for the account of the server.
        work: The reviewer's clone.
    """

    def __init__(self, folder: Path, url: str, review_url: str) -> None:
        self.url = url
        self.work = folder / "work"
        self._folder = folder
        self._tokens = folder / "tokens.jsonl"
        self._token = {
            name: make_token(self._tokens, "write", "delete", name=name) for name in ("Ada", "Bob")
        }
        subprocess.run(["git", "clone", "--quiet", review_url, self.work], check=True)

    @contextmanager
    def served(self, *options: str) -> Iterator[ServerProcess]:
        """The server over the address of the repository, with a clone of its own."""
        env = {"XDG_STATE_HOME": str(self._folder / "state")}
        with running_server(self.url, "--tokens", str(self._tokens), *options, env=env) as server:
            yield server

    def say(self, line: str) -> None:
        """Keep a line of the transcript."""
        if place := os.environ.get("REGISTRY_TRANSCRIPT"):
            with Path(place).open("a", encoding="utf-8") as file:
                file.write(f"{line}\n")

    def mlflow(self, server: ServerProcess, who: str, step: str, model: str) -> dict[str, JSON]:
        """What MLflow's client says."""
        env = {
            "MLFLOW_ALLOW_FILE_STORE": "true", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
            "MLFLOW_TRACKING_TOKEN": self._token[who],
        }  # fmt: skip
        tracking = f"file://{self._folder / 'tracking'}"
        found = run_client(
            "mlflow", "proposals_mlflow.py", env=env, url=server.url, tracking=tracking,
            step=step, model=model,
        )  # fmt: skip
        self.say(f"{who}, MLflow: {step} {model}\n    {json.dumps(found)}")
        return cast("dict[str, JSON]", found)

    def kubeflow(self, server: ServerProcess, who: str, step: str, model: str) -> dict[str, JSON]:
        """What Kubeflow's client says."""
        found = run_client(
            "kubeflow", "proposals_kubeflow.py", url=server.url, token=self._token[who],
            step=step, model=model,
        )  # fmt: skip
        self.say(f"{who}, Kubeflow: {step} {model}\n    {json.dumps(found)}")
        return cast("dict[str, JSON]", found)

    def get(self, server: ServerProcess, path: str, who: str = "Ada") -> httpx.Response:
        """One request."""
        headers = {"Authorization": f"Bearer {self._token[who]}"}
        return httpx.get(f"{server.url}{path}", headers=headers)

    def git(self, *arguments: str) -> str:
        """What a command of the reviewer says."""
        said = git(self.work, *arguments)
        self.say(f"reviewer$ git {' '.join(arguments)}\n    {said}".rstrip())
        return said


@pytest.fixture
def place(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Place]:
    """A server with a registry whose ``serve.yaml`` has the parameter of the test as ``write``."""
    if what := missing(NGINX):
        without(what)
    monkeypatch.setenv("GIT_ALLOW_PROTOCOL", "file:http")
    root = tmp_path / "git"
    root.mkdir()
    policy = {"serve.yaml": f"schema: serve/v1\nwrite: {request.param}\n"}
    server = bare_registry(tmp_path, policy).rename(root / "models.git")
    git(server, "config", "http.receivepack", "true")
    done = run_program("hooks", "install", "--server", str(server), cwd=tmp_path)
    assert done.code == 0, done.err
    hook = server / "hooks/pre-receive"
    hook.rename(server / "hooks/pre-receive.registry")
    hook.write_text(HOOK)
    hook.chmod(0o755)
    with nginx_server(root, tmp_path / "nginx", {"server": "s", "grace": "g"}) as http:
        urls = (http.url("models.git", *who) for who in (("server", "s"), ("grace", "g")))
        yield Place(tmp_path, *urls)


def _wait_until_ready(place: Place, server: ServerProcess) -> float:
    """The seconds until a version is READY."""
    began = time.monotonic()
    while time.monotonic() - began < 20:
        answer = place.get(server, f"{MLFLOW}/model-versions/get?name=lang-id&version=1")
        if answer.json()["model_version"]["status"] == "READY":
            return time.monotonic() - began
    raise AssertionError("it was not READY")


def _ids(said: dict[str, JSON]) -> list[int]:
    found = [said[what] for what in ("model", "version", "artifact")]
    return [cast("list[int]", one)[0] for one in found]


@pytest.mark.parametrize("place", ["propose"], indirect=True)
def test_clients_propose_and_a_person_merges(place: Place) -> None:
    with place.served() as server:
        assert place.get(server, "/status").json()["mode"] == "propose"
        registered = place.mlflow(server, "Ada", "register", "lang-id")
        assert registered["registered"] == ["1", "PENDING_REGISTRATION"]
        status = ["PENDING_REGISTRATION", {"team": "nlp"}, f"proposed on {BRANCH}; it is READY once that is merged"]  # fmt: skip
        assert registered["version"] == status
        made = place.kubeflow(server, "Ada", "register", "sentiment")
        assert min(_ids(made)) >= BRANCH_START
        assert made["model"] == [_ids(made)[0], PROPERTY]
        assert made["version"] == [_ids(made)[1], {"accuracy": 0.97, **PROPERTY}]
        edited = place.kubeflow(server, "Ada", "edit", "sentiment")
        assert edited["edited"] == "Edited."
        # Each client sees what the other has proposed.
        own = place.mlflow(server, "Ada", "read", "lang-id")
        assert own["models"] == ["lang-id", "nlp.lang-id", "sentiment"]
        assert ["sentiment", "1", "PENDING_REGISTRATION"] in cast("list[JSON]", own["versions"])
        assert edited["models"] == own["models"]
        # Another subject does not.
        assert place.mlflow(server, "Bob", "read", "lang-id")["models"] == ["nlp.lang-id"]
        assert place.kubeflow(server, "Bob", "read", "sentiment")["models"] == ["nlp.lang-id"]
        server.kill()
    with place.served() as server:
        # After a crash, the same.
        assert _ids(place.kubeflow(server, "Ada", "read", "sentiment")) == _ids(made)
        assert place.mlflow(server, "Ada", "read", "lang-id") == own
        shown = place.get(server, "/status").json()["proposals"]
        assert [one["branch"] for one in shown] == [BRANCH]
        place.git("fetch", "--quiet", "origin")
        place.git("log", "--oneline", f"origin/main..origin/{BRANCH}")
        place.git("merge", "--quiet", "--no-ff", "-m", "Merge", f"origin/{BRANCH}")
        place.git("push", "--quiet", "origin", "main", f":{BRANCH}")
        waited = _wait_until_ready(place, server)
        place.say(f"READY after {waited:.2f} s")
        assert waited < 5
        merged = place.kubeflow(server, "Ada", "read", "sentiment")
        assert max(_ids(merged)) < BRANCH_START
        assert merged["version"] == [_ids(merged)[1], {"accuracy": 0.97}]
        ready = place.mlflow(server, "Bob", "read", "lang-id")
        assert ready["version"] == ["READY", {"team": "nlp"}, ""]
        # An id from before the merge leads to the object.
        old = place.get(server, f"{KUBEFLOW}/registered_models/{_ids(made)[0]}")
        assert old.json()["id"] == str(_ids(merged)[0])
        assert place.get(server, "/status").json()["proposals"] == []
        server.kill()
    with place.served() as server:
        old = place.get(server, f"{KUBEFLOW}/model_versions/{_ids(made)[1]}")
        assert old.json()["id"] == str(_ids(merged)[1])
        other = place.get(server, f"{KUBEFLOW}/model_versions/{_ids(made)[1]}", "Bob")
        assert other.status_code == 404
    done = run_program("check", "--all", cwd=place.work)
    place.say(f"reviewer$ registry check --all\n    {done.out}")
    assert done.code == 0, done.out + done.err


@pytest.mark.parametrize("place", ["commit"], indirect=True)
def test_a_main_branch_that_refuses_the_server_names_what_to_set(place: Place) -> None:
    with place.served("--push") as server:
        said = place.mlflow(server, "Ada", "register", "lang-id")["error"]
        assert isinstance(said, list)
        assert said[0] == "PERMISSION_DENIED"
        assert "main is protected" in str(said[1])
        assert "set `write: propose` in serve.yaml" in str(said[1])
        said = place.kubeflow(server, "Ada", "register", "sentiment")["error"]
        assert isinstance(said, list)
        assert said[0] == 403
        assert "set `write: propose` in serve.yaml" in str(said[1])
        assert place.kubeflow(server, "Ada", "read", "sentiment")["models"] == ["nlp.lang-id"]


def test_what_needs_review_is_proposed_where_the_rest_is_committed(tmp_path: Path) -> None:
    bare = bare_registry(tmp_path)
    place = Place(tmp_path, str(bare), str(bare))
    with place.served() as server:
        assert place.get(server, "/status").json()["mode"] == "commit"
        place.kubeflow(server, "Ada", "register", "sentiment")
        assert place.kubeflow(server, "Bob", "read", "sentiment")["models"] == [
            "nlp.lang-id",
            "sentiment",
        ]
        main = git(bare, "rev-parse", "main")
        archived = place.kubeflow(server, "Ada", "archive", "sentiment")
        assert archived["archived"] == "ARCHIVED"
        assert cast("list[JSON]", archived["model"])[1] == PROPERTY
        deleted = place.mlflow(server, "Ada", "delete", "nlp.lang-id")
        assert ["nlp.lang-id", "2", "READY"] not in cast("list[JSON]", deleted["versions"])
        kept = place.mlflow(server, "Bob", "read", "nlp.lang-id")
        assert ["nlp.lang-id", "2", "READY"] in cast("list[JSON]", kept["versions"])
        assert git(bare, "rev-parse", "main") == main
        place.git("fetch", "--quiet", "origin")
        assert len(place.git("log", "--oneline", f"origin/main..origin/{BRANCH}").splitlines()) == 2
