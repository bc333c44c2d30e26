"""Kolena's models: a version of a model each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, cast

import pytest
from support import Ran
from support.kolena_wire import PREFIX, said
from support.served_apps import Reply, ServedApp, serve_app

from registry_tool.manifests.problems import JSON
from registry_tool.server.kolena import build_face

NAME: Final = "helpful-meadow-5 (YOLOR-D6, 1280x1280, pytorch-1.7)"
METADATA: Final[dict[str, JSON]] = {"framework": "pytorch", "seed": 7, "rates": [0.1, None, True]}


def create(app: ServedApp, name: str, **fields: JSON) -> Reply:
    given: dict[str, JSON] = {"name": name, "metadata": {}, "workflow": "lang", **fields}
    return app.ask("POST", "generic/model/create", given)


def load(app: ServedApp, name: str) -> Reply:
    return app.ask("PUT", "generic/model/load", {"name": name})


def load_all(app: ServedApp, *tags: str, workflow: str = "lang") -> list[str]:
    body: dict[str, JSON] = {"workflow": workflow, "tags": [*tags]}
    found = said(app.ask("PUT", "generic/model/load-all", body))["models"]
    return [str(one["name"]) for one in cast("list[dict[str, JSON]]", found)]


def test_a_token_is_exchanged_for_itself(app: ServedApp) -> None:
    found = said(app.ask("PUT", "token/login", {"api_token": "x", "version": "1.69.0"}))
    assert found == {"tenant": "acme-models", "access_token": "x", "token_type": "bearer"}
    for method, path in (("PUT", "event/profile"), ("POST", "event"), ("POST", "client-log/upload")):  # fmt: skip
        assert app.ask(method, path, {}).status == 200


def test_a_model_has_what_it_was_created_with(app: ServedApp) -> None:
    made = said(create(app, NAME, metadata=METADATA, tags=["edge", "Groß und neu"]))
    assert made == {
        "id": made["id"], "name": NAME, "metadata": METADATA, "tags": ["edge", "Groß und neu"], "workflow": "lang",
    }  # fmt: skip
    assert said(load(app, NAME)) == made
    record = app.service.snapshot.record(int(str(made["id"])))
    assert record is not None
    assert getattr(record, "version", "") == "1"


def test_a_name_is_unique_over_workflows(app: ServedApp) -> None:
    assert load(app, "lang-id").status == 404
    said(create(app, "lang-id"))
    assert create(app, "lang-id", workflow="other").status == 409
    assert create(app, "LANG-ID").status == 409


def test_a_version_of_another_client_has_the_workflow_of_the_newest_model(
    folder: Path, cli: Callable[..., Ran]
) -> None:
    for words in (
        ["model", "add", "nlp/lang-id", "--owner", "ada", "--task", "t"],
        ["version", "add", "nlp/lang-id", "--track", "s3://b/x", "--framework", "onnx"],
    ):
        assert cli(*words, "--commit", cwd=folder).code == 0
    with serve_app(folder, build_face, prefix=PREFIX) as app:
        said(create(app, "first", workflow="older"))
        said(create(app, "second"))
        found = said(load(app, "nlp.lang-id@1"))
    assert (found["name"], found["workflow"]) == ("nlp.lang-id@1", "lang")


def test_models_of_a_workflow_have_all_wanted_tags(app: ServedApp) -> None:
    said(create(app, "a", tags=["edge", "Neu"]))
    said(create(app, "b", tags=["edge"]))
    said(create(app, "c", tags=["edge"], workflow="other"))
    assert load_all(app) == ["a", "b"]
    assert load_all(app, "edge") == ["a", "b"]
    assert load_all(app, "edge", "Neu") == ["a"]
    assert load_all(app, "edge", "no") == []


def test_a_model_gets_another_name_and_keeps_its_id(app: ServedApp) -> None:
    made = said(create(app, "lang-id", metadata=METADATA, tags=["edge", "Neu"]))
    changes: dict[str, JSON] = {"name": "Sprache 2", "metadata": {"seed": 8}, "tags": ["cloud"]}
    found = said(app.ask("PUT", "generic/model/edit", {"model_id": made["id"], **changes}))
    assert found == {**made, **changes}
    assert said(load(app, "Sprache 2")) == found
    assert load(app, "lang-id").status == 404
    said(create(app, "taken"))
    taken = app.ask("PUT", "generic/model/edit", {"model_id": made["id"], "name": "taken"})
    assert taken.status == 409


@pytest.mark.parametrize("name", ["", " ", "a\x1b[31m", "a\u202eb", "x" * 513])
def test_a_name_that_cannot_be_shown_is_refused(app: ServedApp, name: str) -> None:
    assert create(app, name).status == 422
