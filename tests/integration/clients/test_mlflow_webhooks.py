"""Webhooks with MLflow's own client, and a real receiver: what it is told, also when it or the server was down."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Final, cast

import httpx
import pytest
from support import commit, git, run_program
from support.scripted_http import Answer, Asked, scripted_server
from support.wire_clients import ServerProcess, run_client, running_server

from registry_tool.manifests.problems import JSON

ENV: Final = {"MLFLOW_ALLOW_FILE_STORE": "true", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
SECRET: Final = "whsec_some-secret"
API: Final = "/api/2.0/mlflow"
CREATED: Final = {"entity": "REGISTERED_MODEL", "action": "CREATED"}


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@pytest.fixture
def registry(tmp_path: Path, port: int) -> Path:
    """A bare registry whose policy allows the receiver."""
    work = tmp_path / "work"
    assert run_program("init", str(work), "--name", "models", cwd=tmp_path).code == 0
    hosts = (
        f"schema: serve/v1\nfetch:\n  schemes: [http]\n  hosts: ['127.0.0.1:{port}', 169.254.1.1]\n"
    )
    (work / "serve.yaml").write_text(hosts)
    commit(work, "Allow the receiver")
    git(tmp_path, "clone", "--quiet", "--bare", str(work), "models.git")
    git(tmp_path / "models.git", "remote", "remove", "origin")
    return tmp_path / "models.git"


def _run(server: ServerProcess, folder: Path, do: str, **given: JSON) -> JSON:
    own: dict[str, JSON] = {"do": do, "secret": SECRET, **given}
    tracking = f"file://{folder / 'tracking'}"
    return run_client(
        "mlflow", "mlflow_webhooks.py", env=ENV, url=server.url, tracking=tracking, given=own
    )


def _register(server: ServerProcess, url: str, *events: dict[str, str]) -> str:
    body = {"name": "hook", "url": url, "events": events or [CREATED], "secret": SECRET}
    made = httpx.post(f"{server.url}{API}/webhooks", json=body)
    assert made.status_code == 200, made.text
    return str(made.json()["webhook"]["webhook_id"])


def _create(server: ServerProcess, name: str) -> None:
    made = httpx.post(f"{server.url}{API}/registered-models/create", json={"name": name})
    assert made.status_code == 200, made.text


def _names(asked: list[Asked]) -> list[str]:
    return [json.loads(one.body)["data"]["name"] for one in asked]


@pytest.mark.long
def test_the_client_manages_webhooks_and_is_told_of_everything(
    registry: Path, tmp_path: Path, port: int
) -> None:
    """ML-10."""
    with (
        scripted_server(lambda _: Answer(200, b"thanks"), port=port) as receiver,
        running_server(registry, "--api", "mlflow") as server,
    ):
        said = cast(
            "dict[str, JSON]", _run(server, tmp_path, "manage", receiver=f"{receiver.url}/in")
        )
        every = cast("list[list[str]]", said["created"])[2]
        assert len(every) == 15
        assert said["created"] == [
            "deploy",
            f"{receiver.url}/in",
            every,
            "Deploys.",
            "ACTIVE",
            None,
        ]
        assert said["read"] == ["deploy", f"{receiver.url}/in", every, "Deploys.", "ACTIVE"]
        assert said["listed"] == [["other"], ["deploy"], ""]
        assert said["updated"] == [
            "third",
            f"{receiver.url}/in",
            ["prompt.created"],
            "x",
            "DISABLED",
        ]
        assert said["times"] is True
        assert cast("list[JSON]", said["deleted"])[0] == "RESOURCE_DOES_NOT_EXIST"
        assert said["tests"] == [[True, 200, "thanks", None]] * 16
        refused = cast("list[list[str]]", said["refused"])
        assert [code for code, _ in refused] == [
            *["INVALID_PARAMETER_VALUE"] * 4, "RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE",
        ]  # fmt: skip
        assert "Allowed schemes are: http." in refused[1][1]
        _run(server, tmp_path, "change")
        asked = receiver.wait_until(
            lambda asked: any(
                b'"prompt_alias", "action": "deleted"' in one.body for one in asked[16:]
            )
        )
        # The client sets one more tag, in a thread of its own.
        asked = [one for one in asked if b"_mlflow_experiment_ids" not in one.body]
        told = asked[16:]
        deliveries: list[JSON] = [[dict(one.headers), one.body.decode()] for one in asked]
        verified = cast("list[list[JSON]]", _run(server, tmp_path, "verify", deliveries=deliveries))
    assert [one[1:] for one in verified[:16]] == [[True, True, True, True]] * 16
    assert [one[1:4] for one in verified[16:]] == [[True, True, True]] * 14
    assert [one[0] for one in verified[16:]] == [
        "registered_model.created", "model_version.created", "model_version_tag.set", "model_version_tag.deleted",
        "model_version_alias.created", "model_version_alias.deleted", "prompt.created", "prompt_version.created",
        "prompt_tag.set", "prompt_tag.deleted", "prompt_version_tag.set", "prompt_version_tag.deleted",
        "prompt_alias.created", "prompt_alias.deleted",
    ]  # fmt: skip
    assert len({one.headers["x-mlflow-delivery-id"] for one in asked}) == 30
    data = [json.loads(one.body)["data"] for one in told]
    assert data[1] == {
        "name": "lang-id", "version": "1", "source": "s3://bucket/1", "run_id": "a" * 32, "tags": {"a": "1"},
        "description": "First.",
    }  # fmt: skip
    assert data[4] == {"name": "lang-id", "alias": "Champion", "version": "1"}
    assert data[7]["template"] == "Hello {{name}}"
    assert data[7]["description"] == "Start"


def test_a_server_that_is_killed_between_commit_and_delivery_loses_nothing(
    registry: Path, port: int
) -> None:
    """The receiver is down, the server is killed with SIGKILL, and both come back; what others push is told, too."""
    with running_server(registry, "--api", "mlflow") as server:
        number = _register(server, f"http://127.0.0.1:{port}/in")
        _create(server, "first")
        _create(server, "second")
        server.kill()
    work = registry.parent / "pushed"
    git(registry.parent, "clone", "--quiet", str(registry), str(work))
    words = ("model", "add", "default/pushed", "--owner", "Ada <ada@example.org>", "--commit")
    ran = run_program(*words, cwd=work)
    assert ran.code == 0, ran.err
    git(work, "push", "--quiet", "--no-verify", "origin", "HEAD:main")
    with scripted_server(port=port) as receiver:
        with running_server(registry, "--api", "mlflow") as server:
            assert _names(receiver.wait_for(3)) == ["first", "second", "pushed"]
            found = httpx.get(f"{server.url}{API}/webhooks/{number}").json()["webhook"]
            assert found["url"].endswith("/in")
            _create(server, "third")
            receiver.wait_for(4)
            server.kill()
        with running_server(registry, "--api", "mlflow") as server:
            _create(server, "fourth")
            asked = receiver.wait_for(5)
    # At least once: the last one before the kill may come twice, then with the same id.
    ids = {one.headers["x-mlflow-delivery-id"]: one for one in asked}
    assert _names([*ids.values()])[:4] == ["first", "second", "pushed", "third"]


def test_a_receiver_that_fails_three_times_gets_the_message_once_more(
    registry: Path, port: int
) -> None:
    answers = [Answer(503), Answer(429, b"", {"Retry-After": "1"}), Answer(500)]

    def answer(_: Asked) -> Answer:
        return answers.pop(0) if answers else Answer(204)

    with (
        scripted_server(answer, port=port) as receiver,
        running_server(registry, "--api", "mlflow") as server,
    ):
        _register(server, f"{receiver.url}/in")
        _create(server, "first")
        _create(server, "second")
        asked = receiver.wait_for(5, seconds=60)
    assert _names(asked) == ["first"] * 4 + ["second"]
    assert len({one.headers["x-mlflow-delivery-id"] for one in asked[:4]}) == 1
    assert len({one.headers["x-mlflow-timestamp"] for one in asked[:4]}) >= 3
    assert "webhook hook: its receiver answered with status 503; it is tried again" in "\n".join(
        server.log
    )


def test_who_may_not_review_everything_and_replicas_have_no_webhooks(
    registry: Path, tmp_path: Path
) -> None:
    tokens = tmp_path / "tokens.jsonl"
    own = run_program(
        "serve", "token", "add", "Bob", "--email", "b@example.org", "--scope", "review:nlp,write", "--tokens", str(tokens),
        cwd=tmp_path,
    ).out.strip()  # fmt: skip
    with running_server(registry, "--api", "mlflow", "--tokens", str(tokens)) as server:
        answer = httpx.get(f"{server.url}{API}/webhooks", auth=("", own))
        assert (answer.status_code, answer.json()["error_code"]) == (403, "PERMISSION_DENIED")
        assert "webhooks need the scope review for all namespaces" in answer.text
    with running_server(
        registry, "--read-only", "--writer", "https://models.example.org"
    ) as server:
        answer = httpx.get(f"{server.url}{API}/webhooks")
        assert answer.status_code == 403
        assert "register them at https://models.example.org" in answer.text
