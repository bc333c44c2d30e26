"""MLflow's calls for webhooks in this process, and what messages say of changes that other people made."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from support import commit, git, write_files
from support.manifests import alias_yaml, model_yaml, version_yaml
from support.mlflow_wire import MlflowWire, mlflow_wire, subject_with
from support.scripted_http import Answer, scripted_server
from support.written_trains import bare_registry

from registry_tool.manifests.problems import JSON
from registry_tool.server.mlflow.webhook_events import ACTIONS, MlflowWebhooks, example_message
from registry_tool.server.service import ServiceOptions, open_service

POLICY = "schema: serve/v1\nfetch:\n  schemes: [http]\n  hosts: [{}]\n"
ONE: dict[str, JSON] = {"entity": "MODEL_VERSION", "action": "CREATED"}
NUMBERS: dict[str, JSON] = {"entity": 3, "action": 4}
PROMPT = "mlflow.prompt.is_prompt"


@pytest.fixture
def wire(tmp_path: Path) -> Iterator[MlflowWire]:
    with mlflow_wire(
        bare_registry(tmp_path, {"serve.yaml": POLICY.format("hooks.localhost")})
    ) as found:
        yield found


def _hook(wire: MlflowWire, **fields: JSON) -> dict[str, JSON]:
    given: dict[str, JSON] = {
        "name": "hook",
        "url": "http://hooks.localhost/in",
        "events": [ONE],
        **fields,
    }
    reply = wire.ask("POST", "webhooks", **{k: v for k, v in given.items() if v is not None})
    assert reply.status == 200, reply
    return cast("dict[str, JSON]", reply.data["webhook"])


@pytest.fixture(autouse=True)
def _resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    """``hooks.localhost`` is this machine, also where the system does not say so."""
    import socket

    known = socket.getaddrinfo

    def resolve(host: str, *args: object, **more: object) -> object:
        return known("127.0.0.1" if host == "hooks.localhost" else host, *args, **more)  # type: ignore[arg-type]  # as given

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


def test_a_webhook_is_created_read_changed_and_deleted(wire: MlflowWire) -> None:
    made = _hook(wire, description="What.", secret="s", events=[ONE, NUMBERS, ONE])
    number = str(made["webhook_id"])
    assert made == {
        "webhook_id": number, "name": "hook", "url": "http://hooks.localhost/in", "status": "ACTIVE",
        "events": [ONE, {"entity": "MODEL_VERSION_TAG", "action": "SET"}], "description": "What.",
        "creation_timestamp": made["creation_timestamp"], "last_updated_timestamp": made["creation_timestamp"],
    }  # fmt: skip
    assert wire.ask("GET", f"webhooks/{number}").data == {"webhook": made}
    changed = wire.ask("PATCH", f"webhooks/{number}", status="DISABLED", name="new").data["webhook"]
    assert cast("dict[str, JSON]", changed) | {"last_updated_timestamp": 0} == {
        **made, "status": "DISABLED", "name": "new", "last_updated_timestamp": 0,
    }  # fmt: skip
    assert wire.ask("DELETE", f"webhooks/{number}").data == {}
    gone = (404, "RESOURCE_DOES_NOT_EXIST", f"Webhook with ID {number} not found.")
    for method, path in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/test")):
        assert wire.ask(method, f"webhooks/{number}{path}").said == gone
    assert wire.ask("GET", "webhooks").data == {}


def test_webhooks_are_listed_by_pages_the_newest_first(wire: MlflowWire) -> None:
    made = [str(_hook(wire, name=f"h{number}")["name"]) for number in range(5)]
    found: list[str] = []
    token = ""
    for _ in range(3):
        data = wire.ask("GET", "webhooks", max_results=2, page_token=token).data
        found += [
            str(cast("dict[str, JSON]", one)["name"])
            for one in cast("list[JSON]", data["webhooks"])
        ]
        token = str(data.get("next_page_token", ""))
    assert (sorted(found), token) == (made, "")
    for wrong in (0, -1, 1001):
        reply = wire.ask("GET", "webhooks", max_results=wrong)
        assert reply.status == (200 if wrong == 0 else 400)
    assert wire.ask("GET", "webhooks", page_token="!").said[1] == "INVALID_PARAMETER_VALUE"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": None}, "Missing value for required parameter 'name'"),
        ({"url": None}, "Missing value for required parameter 'url'"),
        ({"events": []}, "Missing value for required parameter 'events'"),
        ({"events": [{"entity": "MODEL_VERSION", "action": "DELETED"}]}, "Invalid action 'deleted' for entity 'model_version'. Valid actions are: ['created']"),
        ({"events": [{"entity": "x", "action": "CREATED"}]}, "Invalid webhook event"),
        ({"events": [{"entity": 0, "action": 1}]}, "Invalid webhook event"),
        ({"events": [{"entity": 99, "action": 1}]}, "Invalid webhook event"),
        ({"events": [{}]}, "Invalid webhook event"),
        ({"events": "x"}, "Invalid value \"x\" for parameter 'events'"),
        ({"name": "a b"}, "Webhook name 'a b' is invalid."),
        ({"name": "x" * 64}, "is invalid."),
        ({"name": "hook\n"}, "is invalid."),
        ({"status": "GONE"}, "Invalid webhook status: 'GONE'"),
        ({"description": "x" * 1001}, "'description' exceeds"),
        ({"secret": "x" * 1001}, "'secret' exceeds"),
        ({"url": "https://hooks.localhost/"}, "Invalid webhook URL scheme: 'https'. Allowed schemes are: http."),
        ({"url": "file:///etc/passwd"}, "Invalid webhook URL scheme: 'file'"),
        ({"url": "hooks.localhost"}, "Invalid webhook URL scheme: ''"),
        ({"url": "http://evil.example/"}, "the host evil.example is not allowed here"),
        ({"url": "http://hooks.localhost:99/"}, "the host hooks.localhost:99 is not allowed here"),
        ({"url": "http://a:b@hooks.localhost/"}, "contains a user name or a password"),
        ({"url": "http://hooks.localhost/" + "x" * 500}, "'url' exceeds"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_in_the_words_of_mlflow(
    wire: MlflowWire, fields: dict[str, JSON], said: str
) -> None:
    given: dict[str, JSON] = {
        "name": "hook",
        "url": "http://hooks.localhost/in",
        "events": [ONE],
        **fields,
    }
    reply = wire.ask("POST", "webhooks", **{k: v for k, v in given.items() if v is not None})
    assert reply.said[:2] == (400, "INVALID_PARAMETER_VALUE")
    assert said in reply.said[2]
    assert wire.ask("GET", "webhooks").data == {}


def test_at_most_a_hundred_are_kept(wire: MlflowWire) -> None:
    for _ in range(100):
        _hook(wire, status="DISABLED")
    reply = wire.ask("POST", "webhooks", name="one", url="http://hooks.localhost/", events=[ONE])
    assert reply.said == (
        400,
        "INVALID_PARAMETER_VALUE",
        "There are 100 webhooks; no more can be registered.",
    )


def test_without_a_policy_this_machine_and_http_are_refused(tmp_path: Path) -> None:
    with mlflow_wire(bare_registry(tmp_path)) as wire:
        for url, said in (
            (
                "http://93.184.215.14/",
                "Invalid webhook URL scheme: 'http'. Allowed schemes are: https.",
            ),
            (
                "https://127.0.0.1/",
                "127.0.0.1 is 127.0.0.1, an address that this server may not connect to",
            ),
            ("https://[::ffff:10.0.0.1]/", "an address that this server may not connect to"),
            ("https://hooks.localhost/", "an address that this server may not connect to"),
        ):
            reply = wire.ask("POST", "webhooks", name="hook", url=url, events=[ONE])
            assert reply.status == 400
            assert said in reply.said[2]


def test_a_test_answers_what_the_receiver_says(tmp_path: Path) -> None:
    answers = [
        Answer(200, b"thanks"),
        Answer(500, b"x" * 100_000),
        Answer(302, b"", {"Location": "http://x/"}),
    ]
    with scripted_server(lambda _: answers.pop(0)) as receiver:
        host = receiver.url.removeprefix("http://")
        policy = {"serve.yaml": POLICY.format(f"'{host}'")}
        with mlflow_wire(bare_registry(tmp_path, policy)) as wire:
            number = _hook(wire, url=receiver.url)["webhook_id"]
            result = [wire.ask("POST", f"webhooks/{number}/test").data["result"] for _ in range(3)]
    assert result[0] == {"success": True, "response_status": 200, "response_body": "thanks"}
    assert result[1] == {
        "success": False,
        "response_status": 500,
        "response_body": "x" * (64 << 10),
    }
    assert result[2] == {"success": False, "response_status": 302}


def test_a_test_that_gets_no_answer_says_why(wire: MlflowWire) -> None:
    number = _hook(wire)["webhook_id"]
    result = cast(
        "dict[str, JSON]", wire.ask("POST", f"webhooks/{number}/test", event=NUMBERS).data["result"]
    )
    assert result["success"] is False
    assert "hooks.localhost did not answer" in str(result["error_message"])
    assert (
        wire.ask("POST", f"webhooks/{number}/test", event={"entity": 1, "action": 3}).status == 400
    )


def test_only_who_may_review_everything_has_webhooks(tmp_path: Path) -> None:
    bare = bare_registry(tmp_path)
    for scopes, status in ((["read"], 403), (["review:nlp", "write"], 403), (["review"], 200)):
        with mlflow_wire(bare, subject_with(*scopes)) as wire:
            assert wire.ask("GET", "webhooks").status == status


def test_two_servers_of_one_registry_do_not_both_deliver(tmp_path: Path) -> None:
    bare = bare_registry(tmp_path, {"serve.yaml": POLICY.format("hooks.localhost")})
    with mlflow_wire(bare) as first:
        number = str(_hook(first)["webhook_id"])
        with mlflow_wire(bare) as second:
            reply = second.ask("GET", "webhooks")
            assert (reply.status, reply.data["error_code"]) == (503, "TEMPORARILY_UNAVAILABLE")
            assert second.ask("GET", "registered-models/search").status == 200
    with mlflow_wire(bare) as third:
        assert third.ask("GET", f"webhooks/{number}").status == 200


# --- messages


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A checkout of a small registry without a server."""
    bare_registry(tmp_path)
    return tmp_path / "source"


def _told(work: Path, base: str, head: str = "HEAD") -> list[tuple[str, dict[str, JSON]]]:
    with open_service(work, ServiceOptions(read_only=True)) as service:
        found = MlflowWebhooks(service).read(
            git(work, "rev-parse", base), git(work, "rev-parse", head)
        )
        again = MlflowWebhooks(service).read(
            git(work, "rev-parse", base), git(work, "rev-parse", head)
        )
    assert found == again
    messages = [json.loads(one.body) for published in found for one in published.messages]
    return [(f"{one['entity']}.{one['action']}", one["data"]) for one in messages]


def _model(**metadata: JSON) -> str:
    return model_yaml(description="What.", metadata=metadata)


def test_what_people_push_is_told_in_order(work: Path) -> None:
    folder = "models/nlp/new"
    write_files(
        work,
        {
            f"{folder}/model.yaml": _model(team="nlp"), f"{folder}/title.yaml": "schema: title/v1\ntitle: Neu & schön\n",
            f"{folder}/versions/1/version.yaml": version_yaml(), f"{folder}/aliases/live.yaml": alias_yaml("1"),
            f"{folder}/versions/1/metadata.yaml": "schema: metadata/v1\nmetadata:\n  a: '1'\n  n: 2\n",
        },
    )  # fmt: skip
    commit(work, "Add")
    told = _told(work, "HEAD~")
    assert [kind for kind, _ in told] == ["registered_model.created", "model_version.created", "model_version_alias.created"]  # fmt: skip
    name = "nlp.Neu & schön"
    assert told[0][1] == {"name": name, "tags": {"team": "nlp"}, "description": "What."}
    assert (told[1][1]["name"], told[1][1]["version"]) == (name, "1")
    assert cast("dict[str, JSON]", told[1][1]["tags"]) | {"a": "1", "n": "2"} == told[1][1]["tags"]
    assert told[2][1] == {"name": name, "alias": "live", "version": "1"}


def test_tags_are_told_by_their_difference(work: Path) -> None:
    place = "models/nlp/lang-id/versions/1/metadata.yaml"
    for metadata in ("  a: '1'\n  b: x\n", "  a: '2'\n  c: [1]\n"):
        write_files(work, {place: f"schema: metadata/v1\nmetadata:\n{metadata}"})
        commit(work, "Tag")
    (work / place).unlink()
    commit(work, "Remove")
    data = {"name": "nlp.lang-id", "version": "1"}
    assert _told(work, "HEAD~3") == [
        ("model_version_tag.set", {**data, "key": "a", "value": "1"}),
        ("model_version_tag.set", {**data, "key": "b", "value": "x"}),
        ("model_version_tag.set", {**data, "key": "a", "value": "2"}),
        ("model_version_tag.deleted", {**data, "key": "b"}),
        ("model_version_tag.set", {**data, "key": "c", "value": "[1]"}),
        ("model_version_tag.deleted", {**data, "key": "a"}),
        ("model_version_tag.deleted", {**data, "key": "c"}),
    ]


def test_a_new_reason_or_pin_of_an_alias_is_no_message(work: Path) -> None:
    place = "models/nlp/lang-id/aliases/live.yaml"
    for text in (alias_yaml("1"), alias_yaml("1") + "reason: Because.\n"):
        write_files(work, {place: text})
        commit(work, "Alias")
    (work / place).unlink()
    commit(work, "Remove")
    data = {"name": "nlp.lang-id", "alias": "live"}
    assert _told(work, "HEAD~3") == [
        ("model_version_alias.created", {**data, "version": "1"}), ("model_version_alias.deleted", data),
    ]  # fmt: skip


def test_prompts_have_messages_of_their_own(work: Path) -> None:
    folder = "models/nlp/greet"
    prompt = {PROMPT: "true", "_mlflow_prompt_type": "text"}
    write_files(work, {f"{folder}/model.yaml": _model(**prompt, a="1")})
    commit(work, "Prompt")
    metadata = (
        "metadata:\n  mlflow.prompt.text: Hello\n  mlflow.prompt.is_prompt: 'true'\n  c: '3'\n"
    )
    write_files(
        work,
        {
            f"{folder}/model.yaml": _model(**prompt, b="2"), f"{folder}/versions/1/version.yaml": version_yaml(),
            f"{folder}/versions/1/metadata.yaml": f"schema: metadata/v1\n{metadata}",
            f"{folder}/aliases/live.yaml": alias_yaml("1"),
        },
    )  # fmt: skip
    commit(work, "Version")
    told = _told(work, "HEAD~2")
    assert [kind for kind, _ in told] == [
        "prompt.created", "prompt_tag.deleted", "prompt_tag.set", "prompt_version.created", "prompt_alias.created",
    ]  # fmt: skip
    assert told[0][1] == {"name": "nlp.greet", "tags": {"a": "1"}, "description": "What."}
    assert told[3][1]["template"] == "Hello"
    assert PROMPT not in cast("dict[str, JSON]", told[3][1]["tags"])


def test_a_branch_that_is_rewound_is_told_as_its_difference(work: Path) -> None:
    write_files(work, {"models/nlp/lang-id/aliases/live.yaml": alias_yaml("1")})
    lost = commit(work, "Alias")
    git(work, "reset", "--quiet", "--hard", "HEAD~")
    assert _told(work, lost) == [
        ("model_version_alias.deleted", {"name": "nlp.lang-id", "alias": "live"})
    ]


def test_files_that_cannot_be_read_are_no_failure(work: Path) -> None:
    folder = "models/nlp/broken"
    write_files(
        work,
        {
            f"{folder}/model.yaml": "owner: [", f"{folder}/versions/1/version.yaml": "- 1", f"{folder}/title.yaml": "x",
            f"{folder}/versions/1/metadata.yaml": "{", f"{folder}/aliases/live.yaml": "version: {}",
            "models/nlp/lang-id/versions/1/metadata.yaml": "metadata: 7",
        },
    )  # fmt: skip
    commit(work, "Break")
    kinds = [kind for kind, _ in _told(work, "HEAD~")]
    assert kinds[:2] == ["registered_model.created", "model_version.created"]


def test_examples_name_all_kinds() -> None:
    for entity, actions in ACTIONS.items():
        for action in actions:
            message = example_message(f"{entity}.{action}", "2026-11-30T00:00:00+00:00")
            body = json.loads(message.body)
            assert (body["entity"], body["action"], message.kind) == (
                entity,
                action,
                f"{entity}.{action}",
            )
