"""Answers are kept until the registry changes, for one subject and one URL, within a bound."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.responses import Response
from starlette.types import Message, Scope
from support.manifests import registry_yaml
from support.mlflow_wire import mlflow_wire
from support.served_apps import serve_app
from support.written_trains import bare_registry

from registry_tool.access.subjects import Subject
from registry_tool.live.layers import Layers
from registry_tool.live.records import ModelRecord
from registry_tool.live.snapshot import Snapshot
from registry_tool.manifests.problems import JSON
from registry_tool.names import ModelName
from registry_tool.server.http.kept_answers import KeptAnswers
from registry_tool.server.kubeflow import build_face
from registry_tool.server.kubeflow.render import Item, Renderer
from registry_tool.server.mlflow.lookup import Lookup
from registry_tool.server.mlflow.reads import ModelReads

ADA = Subject("Ada", "ada@example.org")
GET = "/api/2.0/mlflow/registered-models/get"


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the models that were rendered for an answer."""
    found: list[str] = []
    answer = ModelReads.answer_model

    def counted(self: ModelReads, lookup: Lookup, model: ModelRecord) -> Response:
        found.append(model.name.name)
        return answer(self, lookup, model)

    monkeypatch.setattr(ModelReads, "answer_model", counted)
    return found


def test_an_answer_is_made_once_until_something_is_written(
    make_registry: Callable[..., Path], made: list[str]
) -> None:
    with mlflow_wire(make_registry({"registry.yaml": registry_yaml()})) as wire:
        wire.ask("POST", "registered-models/create", name="a")
        made.clear()
        first, again = (wire.send("GET", f"{GET}?name=a") for _ in range(2))
        assert made == ["a"]
        assert (again.content, again.headers) == (first.content, first.headers)
        wire.ask("PATCH", "registered-models/update", name="a", description="Changed.")
        made.clear()
        changed = wire.send("GET", f"{GET}?name=a")
        assert made == ["a"]
        assert changed.json()["registered_model"]["description"] == "Changed."
        assert changed.headers["etag"] != first.headers["etag"]


def test_an_answer_about_a_model_outlives_writes_to_others(
    make_registry: Callable[..., Path], made: list[str]
) -> None:
    with mlflow_wire(make_registry({"registry.yaml": registry_yaml()})) as wire:
        for name in ("a", "b"):
            wire.ask("POST", "registered-models/create", name=name)
        first = wire.send("GET", f"{GET}?name=a")
        wire.ask("PATCH", "registered-models/update", name="b", description="Changed.")
        made.clear()
        again = wire.send("GET", f"{GET}?name=a")
        assert (made, again.content, again.headers) == ([], first.content, first.headers)
        tag = {"if-none-match": first.headers["etag"]}
        assert wire.send("GET", f"{GET}?name=a", headers=tag).status_code == 304
        wire.ask("POST", "registered-models/rename", name="b", new_name="c")
        made.clear()
        assert wire.send("GET", f"{GET}?name=a").content == first.content
        assert made == ["a"]  # a name led elsewhere
        wire.ask("POST", "registered-models/set-tag", name="a", key="k", value="v")
        assert wire.send("GET", f"{GET}?name=a", headers=tag).status_code == 200


def test_a_client_that_has_the_answer_is_told_so(
    make_registry: Callable[..., Path], made: list[str]
) -> None:
    with mlflow_wire(make_registry({"registry.yaml": registry_yaml()})) as wire:
        wire.ask("POST", "registered-models/create", name="a")
        first = wire.send("GET", f"{GET}?name=a")
        made.clear()
        tag = {"if-none-match": first.headers["etag"]}
        unchanged = wire.send("GET", f"{GET}?name=a", headers=tag)
        assert (unchanged.status_code, unchanged.content, made) == (304, b"", [])
        assert unchanged.headers["etag"] == first.headers["etag"]
        assert unchanged.headers["vary"] == first.headers["vary"]
        assert "content-type" not in unchanged.headers
        assert (
            wire.send("GET", f"{GET}?name=a", headers={"if-none-match": '"x"'}).status_code == 200
        )


def test_what_is_missing_is_asked_for_again(
    make_registry: Callable[..., Path], made: list[str]
) -> None:
    with mlflow_wire(make_registry({"registry.yaml": registry_yaml()})) as wire:
        assert wire.send("GET", f"{GET}?name=a").status_code == 404
        wire.ask("POST", "registered-models/create", name="a")
        assert wire.send("GET", f"{GET}?name=a").status_code == 200
        assert wire.send("HEAD", f"{GET}?name=a").content == b""
        assert wire.send("GET", f"{GET}?name=b").status_code == 404


def test_kubeflows_answers_are_kept_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown, show = list[Item](), Renderer.show

    def counted(self: Renderer, item: Item) -> dict[str, JSON]:
        shown.append(item)
        return show(self, item)

    monkeypatch.setattr(Renderer, "show", counted)
    prefix = "/api/model_registry/v1alpha3"
    with serve_app(bare_registry(tmp_path), build_face, prefix=prefix) as app:
        first, again = (app.ask("GET", "registered_models?pageSize=5") for _ in range(2))
        assert (first.status, first.data, again.headers) == (200, again.data, first.headers)
        assert len(shown) == first.data["size"] != 0
        made = app.ask("POST", "registered_models", {"name": "new"})
        assert made.status == 201
        names = [one["name"] for one in app.ask("GET", "registered_models").data["items"]]  # type: ignore[index,union-attr,call-overload]  # a list of objects
        assert "new" in names


def _scope(path: str, method: str = "GET") -> Scope:
    return {"type": "http", "method": method, "path": path, "query_string": b"", "headers": []}


def _answer(size: int = 10, **headers: str) -> Response:
    return Response(b"x" * size, headers={"ETag": '"1"', **headers})


def _paths(kept: KeptAnswers, subject: Subject, state: Snapshot) -> list[str]:
    return [path for path in "abcdef" if kept.find(_scope(path), subject, state, state) is not None]


def test_answers_are_those_of_a_subject_and_a_state() -> None:
    kept, state, bob = KeptAnswers(), Snapshot(), Subject("Bob", "bob@example.org")
    kept.keep(_scope("a"), ADA, state, _answer(), published=state)
    kept.keep(_scope("b"), bob, state, _answer(), published=state)
    assert (_paths(kept, ADA, state), _paths(kept, bob, state)) == (["a"], ["b"])
    assert _paths(kept, ADA, Snapshot()) == []
    later = Snapshot()
    kept.keep(_scope("c"), ADA, later, _answer(), published=later)
    assert (_paths(kept, ADA, later), _paths(kept, bob, state)) == (["c"], [])


def test_a_state_with_proposals_is_that_of_its_subject() -> None:
    kept, state, proposed = KeptAnswers(), Snapshot(), Snapshot()
    bob = Subject("Bob", "bob@example.org")
    kept.keep(_scope("a"), ADA, proposed, _answer(), published=state)
    kept.keep(_scope("b"), bob, state, _answer(), published=state)
    assert (_paths(kept, ADA, proposed), _paths(kept, bob, state)) == (["a"], ["b"])
    assert (_paths(kept, ADA, state), _paths(kept, bob, proposed)) == ([], [])


def test_answers_about_a_model_are_those_of_its_mark() -> None:
    model = ModelName("nlp", "lang-id")
    state = Snapshot(marks=Layers({model: object()}))
    other = replace(state, marks=state.marks.after({ModelName("nlp", "other"): object()}))
    kept = KeptAnswers()
    kept.keep(_scope("a"), ADA, state, _answer(), published=state, model=model)
    assert _paths(kept, ADA, other) == ["a"]
    assert kept.find(_scope("a"), ADA, other, state) is None  # with proposals of the subject
    assert _paths(kept, ADA, replace(other, marks=other.marks.after({model: object()}))) == []
    assert _paths(kept, ADA, replace(other, naming=object())) == []
    assert _paths(kept, Subject("Bob", "bob@example.org"), other) == []


def test_answers_of_a_state_make_room_for_those_that_last() -> None:
    kept, state, model = KeptAnswers(most=8_000, largest=4000), Snapshot(), ModelName("nlp", "m")
    for path in "abc":
        kept.keep(_scope(path), ADA, state, _answer(1000), published=state)
    for path in "def":
        kept.keep(_scope(path), ADA, state, _answer(1000), published=state, model=model)
    assert _paths(kept, ADA, state) == ["d", "e", "f"]
    for path in "dd":  # one that replaces another takes no more room
        kept.keep(_scope(path), ADA, state, _answer(1000), published=state, model=model)
    assert _paths(kept, ADA, state) == ["d", "e", "f"]
    for path in "abc":
        kept.keep(_scope(path), ADA, state, _answer(1000), published=state, model=model)
    assert _paths(kept, ADA, state) == ["b", "c"]


def test_their_size_is_bounded() -> None:
    kept, state = KeptAnswers(most=8_000, largest=4000), Snapshot()
    kept.keep(_scope("a"), ADA, state, _answer(4001), published=state)
    assert _paths(kept, ADA, state) == []
    for path in "abcd":
        kept.keep(_scope(path), ADA, state, _answer(1000), published=state)
    assert _paths(kept, ADA, state) == ["a", "b", "c", "d"]
    kept.keep(_scope("e"), ADA, state, _answer(1000), published=state)
    assert _paths(kept, ADA, state) == ["e"]


def test_only_good_answers_to_get_are_kept() -> None:
    kept, state = KeptAnswers(), Snapshot()
    kept.keep(_scope("a", "HEAD"), ADA, state, _answer(), published=state)
    kept.keep(
        _scope("b"), ADA, state, Response(status_code=304, headers={"ETag": '"1"'}), published=state
    )
    kept.keep(_scope("c"), ADA, state, Response(b"x"), published=state)
    assert _paths(kept, ADA, state) == []


def test_an_answer_is_sent_as_it_was() -> None:
    kept, state, sent = KeptAnswers(), Snapshot(), list[Message]()
    kept.keep(_scope("a"), ADA, state, _answer(2, Vary="Authorization"), published=state)
    found = kept.find(_scope("a"), ADA, state, state)

    async def send(message: Message) -> None:
        sent.append(message)

    assert found is not None
    asyncio.run(found.send(_scope("a"), send))
    assert (sent[0]["status"], sent[1]["body"]) == (200, b"xx")
    assert (b"vary", b"Authorization") in sent[0]["headers"]
