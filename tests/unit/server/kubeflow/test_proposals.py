"""Kubeflow's protocol where requests are proposed: its client goes on with what it has proposed, and is told of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, cast

import pytest
from support import git
from support.served_apps import Reply, ServedApp, serve_app
from support.served_registries import wait_until
from support.written_trains import bare_registry

from registry_tool.access.subjects import Subject, parse_grants
from registry_tool.live.ids import BRANCH_START
from registry_tool.manifests.problems import JSON
from registry_tool.server.kubeflow import build_face
from registry_tool.server.sealing import Sealer
from registry_tool.writer.request import Person

LATER: Final = 10**14
ALPHA: Final = "/api/model_registry/v1alpha3"
ADA: Final = Subject("Ada", "ada@example.org", grants=parse_grants(["write"]))
BOB: Final = Subject("Bob", "bob@example.org", grants=parse_grants(["write"]))
BRANCH: Final = "serve/ada@example.org"
SHOWN: Final[JSON] = {"metadataType": "MetadataStringValue", "string_value": BRANCH}
ARTIFACT: Final[Mapping[str, JSON]] = {
    "artifactType": "model-artifact", "name": "a", "uri": "s3://b/a",
}  # fmt: skip


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    return bare_registry(tmp_path, {"serve.yaml": "schema: serve/v1\nwrite: branch\n"})


@contextmanager
def _app(bare: Path, subject: Subject = ADA) -> Iterator[ServedApp]:
    with serve_app(bare, build_face, prefix=ALPHA, subject=subject) as app:
        yield app


def _ok(reply: Reply, status: int = 200) -> dict[str, JSON]:
    assert reply.status == status, reply.data
    return reply.data


def _items(reply: Reply) -> list[dict[str, JSON]]:
    return cast("list[dict[str, JSON]]", _ok(reply)["items"])


def _register(app: ServedApp) -> tuple[str, str, str]:
    """A model, a version and an artifact; their ids."""
    model = str(_ok(app.ask("POST", "registered_models", {"name": "m"}), 201)["id"])
    body: JSON = {
        "name": "v",
        "customProperties": {"a": {**cast("dict[str, JSON]", SHOWN), "string_value": "b"}},
    }
    version = str(_ok(app.ask("POST", f"registered_models/{model}/versions", body), 201)["id"])
    added = app.ask("POST", f"model_versions/{version}/artifacts", {**ARTIFACT})
    return model, version, str(_ok(added, 201)["id"])


def _merge(bare: Path, app: ServedApp) -> None:
    git(bare, "update-ref", "refs/heads/main", f"refs/heads/{BRANCH}")
    app.service.live.look()


def test_the_author_reads_what_is_proposed_in_every_way(bare: Path) -> None:
    with _app(bare) as app:
        model, version, artifact = _register(app)
        assert min(map(int, (model, version, artifact))) >= BRANCH_START
        assert int(version) == int(model) + 1
        for path in (
            f"registered_models/{model}",
            "registered_model?name=m",
            f"model_versions/{version}",
            f"model_version?name=v&parentResourceId={model}",
            f"artifacts/{artifact}",
            f"model_artifact?name=a&parentResourceId={version}",
        ):
            found = _ok(app.ask("GET", path))
            assert cast("dict[str, JSON]", found["customProperties"])["registry_proposal"] == SHOWN
        names = [one["name"] for one in _items(app.ask("GET", "registered_models"))]
        assert names == ["nlp.lang-id", "m"]
        first = _ok(app.ask("GET", "registered_models?pageSize=1"))
        second = app.ask(
            "GET", f"registered_models?pageSize=1&nextPageToken={first['nextPageToken']}"
        )
        assert [one["id"] for one in _items(second)] == [model]
        for query, expected in (
            ("name='m'", [model]),
            (f"registry_proposal.string_value='{BRANCH}'", [model]),
            ("name='none'", []),
        ):
            chosen = app.ask("GET", f"registered_models?filterQuery={query}")
            assert [one["id"] for one in _items(chosen)] == expected
        assert "customProperties" not in _ok(app.ask("GET", "registered_models/1"))


def test_others_see_what_is_published(bare: Path) -> None:
    with _app(bare) as app:
        model, version, _ = _register(app)
        with _app(bare, BOB) as other:
            assert other.ask("GET", f"registered_models/{model}").status == 404
            assert other.ask("GET", f"model_versions/{version}").status == 404
            assert other.ask("GET", "registered_model?name=m").status == 404
            assert len(_items(other.ask("GET", "registered_models"))) == 1


def test_a_write_says_that_it_was_proposed(bare: Path) -> None:
    with _app(bare) as app:
        made = app.ask("POST", "registered_models", {"name": "m"})
        assert (made.status, made.headers["registry-proposal"]) == (201, BRANCH)
        assert "registry-proposal" not in app.ask("GET", "registered_model?name=m").headers
        model = made.data["id"]
        environment = app.ask("POST", "serving_environments", {"name": "e"})
        assert int(str(_ok(environment, 201)["id"])) == int(str(model)) + 1
        assert environment.headers["registry-proposal"] == BRANCH


def test_what_a_client_sends_back_of_a_proposal_is_no_data(bare: Path) -> None:
    with _app(bare) as app:
        model, version, artifact = _register(app)
        for path in (
            f"model_versions/{version}",
            f"artifacts/{artifact}",
            f"registered_models/{model}",
        ):
            shown = _ok(app.ask("GET", path))
            body = {
                key: value
                for key, value in shown.items()
                if key not in {"name", "registeredModelId", "author"}
            }
            again = _ok(app.ask("PATCH", path, {**body, "description": "new"}))
            assert again["customProperties"] == shown["customProperties"]
        assert "registry_proposal" not in git(bare, "log", "--patch", f"main..{BRANCH}")


def test_after_the_merge_the_ids_are_those_of_main_and_earlier_ones_lead_there(bare: Path) -> None:
    with _app(bare) as app:
        model, version, artifact = _register(app)
        etag = app.ask("GET", "registered_models").headers["etag"]
        _merge(bare, app)
        changed = app.ask("GET", "registered_models", headers={"If-None-Match": etag})
        assert changed.status == 200
        new = _ok(app.ask("GET", "registered_model?name=m"))
        assert int(str(new["id"])) < BRANCH_START
        assert "customProperties" not in new
        for path in (f"registered_models/{model}", f"registered_models/{new['id']}"):
            assert _ok(app.ask("GET", path))["id"] == new["id"]
        own = _ok(app.ask("GET", f"model_versions/{version}"))
        assert int(str(own["id"])) < BRANCH_START
        assert int(str(_ok(app.ask("GET", f"artifacts/{artifact}"))["id"])) < BRANCH_START
        # A client goes on with the id that it has, and with one that never was.
        more: JSON = {"name": "w", "registeredModelId": model}
        added = _ok(app.ask("POST", "model_versions", more), 201)
        assert added["registeredModelId"] == new["id"]
        assert int(str(added["id"])) > int(version)
        patched = app.ask("PATCH", f"registered_models/{model}", {"description": "d"})
        assert _ok(patched)["id"] == new["id"]
        unused = int(str(added["id"])) + 7
        assert app.ask("GET", f"registered_models/{unused}").status == 404


def test_a_rejected_proposal_is_not_found_any_more(bare: Path) -> None:
    with _app(bare) as app:
        model, _, _ = _register(app)
        git(bare, "update-ref", "-d", f"refs/heads/{BRANCH}")
        wait_until(lambda: app.ask("GET", f"registered_models/{model}").status == 404)
        other = _ok(app.ask("POST", "registered_models", {"name": "n"}), 201)
        assert other["id"] != model


def test_an_external_id_is_unique_within_what_is_proposed(bare: Path) -> None:
    with _app(bare) as app:
        _ok(app.ask("POST", "registered_models", {"name": "m", "externalId": "x"}), 201)
        refused = app.ask("POST", "registered_models", {"name": "n", "externalId": "x"})
        assert refused.status == 409
        assert _ok(app.ask("GET", "registered_model?externalId=x"))["name"] == "m"


def test_a_repeated_request_is_answered_as_the_first(bare: Path) -> None:
    with _app(bare) as app:
        key = {"Idempotency-Key": "once"}
        first = app.ask("POST", "registered_models", {"name": "m"}, headers=key)
        second = app.ask("POST", "registered_models", {"name": "m"}, headers=key)
        assert _ok(second, 201) == _ok(first, 201)
        assert second.headers["registry-proposal"] == BRANCH


def test_what_needs_review_is_proposed_where_others_are_committed(tmp_path: Path) -> None:
    with _app(bare_registry(tmp_path)) as app:
        model = _ok(app.ask("POST", "registered_models", {"name": "m"}), 201)
        path = f"registered_models/{model['id']}"
        archived = app.ask("PATCH", path, {"state": "ARCHIVED"})
        assert (_ok(archived)["state"], archived.headers["registry-proposal"]) == (
            "ARCHIVED",
            BRANCH,
        )
        assert _ok(app.ask("GET", path))["state"] == "ARCHIVED"
        assert app.service.snapshot.find("model", "shown", "m")[0].state == "live"
        # Back again is an edit of the same file, so it joins the proposal.
        live = app.ask("PATCH", path, {"state": "LIVE"})
        assert (_ok(live)["state"], live.headers["registry-proposal"]) == ("LIVE", BRANCH)
        assert _ok(app.ask("GET", path))["state"] == "LIVE"


def test_a_merged_draft_is_sealed_by_one_proposal_of_the_server(bare: Path) -> None:
    with _app(bare) as app:
        _register(app)
        sealer = Sealer(app.service)
        assert asyncio.run(sealer.seal_due(LATER)) == []
        _merge(bare, app)
        (sealed,) = asyncio.run(sealer.seal_due(LATER))
        assert str(sealed) == "default/m@v"
        own = "serve/registry@localhost"
        assert git(bare, "diff", "--name-only", "main", own).splitlines()
        assert asyncio.run(sealer.seal_due(LATER)) == []
        git(bare, "update-ref", "-d", f"refs/heads/{own}")
        server = Person.parse(app.service.snapshot.server_committer)
        wait_until(lambda: app.service.view_by(server).snapshot is app.service.snapshot)
        assert asyncio.run(sealer.seal_due(LATER)) == []
