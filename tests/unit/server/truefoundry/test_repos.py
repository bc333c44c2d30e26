"""ML repos, applied manifests and the session."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, cast

import pytest
from support.manifests import registry_yaml
from support.served_apps import ServedApp, serve_app

from registry_tool.manifests.problems import JSON
from registry_tool.server.service import ServiceOptions
from registry_tool.server.truefoundry import build_face

PREFIX: Final = "/api/ml/v1"
REPO: Final[dict[str, JSON]] = {
    "type": "ml-repo",
    "name": "Speech-Team",
    "storage_integration_fqn": "acme:store",
    "description": "Speech.",
    "collaborators": [{"subject": "user:ada@example.org", "role_id": "mlf-project-admin"}],
}
VERSION: Final[dict[str, JSON]] = {
    "type": "model-version",
    "name": "lang-id",
    "ml_repo": "Speech-Team",
    "metadata": {},
    "source": {"type": "external", "uri": "s3://bucket/1"},
}


@pytest.fixture
def app(make_registry: Callable[..., Path]) -> Iterator[ServedApp]:
    folder = make_registry({"registry.yaml": registry_yaml()})
    with serve_app(folder, build_face, prefix=PREFIX) as served:
        yield served


def data(app: ServedApp, method: str, path: str, body: JSON = None) -> dict[str, JSON]:
    reply = app.ask(method, path, body)
    assert reply.status == 200, reply.data
    return cast("dict[str, JSON]", reply.data.get("data"))


def repos(app: ServedApp, query: str = "") -> list[str]:
    found = cast("list[dict[str, dict[str, JSON]]]", data(app, "GET", f"ml-repos{query}"))
    return [str(one["manifest"]["name"]) for one in found]


def test_a_repo_is_made_listed_changed_and_gets_its_namespace_with_the_first_model(
    app: ServedApp,
) -> None:
    made = data(app, "PUT", "ml-repos", {"manifest": REPO})
    assert made["manifest"] == REPO
    assert made["tenant_name"] == "acme-models"
    assert repos(app) == ["Speech-Team"]
    assert repos(app, "?name=Speech-Team") == ["Speech-Team"]
    assert repos(app, "?name=speech-team") == []
    changed: dict[str, JSON] = {k: v for k, v in REPO.items() if k != "description"}
    again = data(app, "PUT", "ml-repos", {"manifest": changed})
    assert again["manifest"] == changed
    version = data(app, "PUT", "model-versions", {"manifest": VERSION})
    assert version["ml_repo_id"] == made["id"]
    assert version["fqn"] == "model:acme-models/Speech-Team/lang-id:1"
    assert data(app, "GET", f"ml-repos/{made['id']}") == again
    assert app.service.snapshot.namespaces.keys() == {"speech-team-1747c77c"}
    refused = app.ask("DELETE", f"ml-repos/{made['id']}")
    assert (refused.status, str(refused.data["message"]).partition("\n")[0]) == (
        422, "the ML repo Speech-Team is a namespace of the registry, which stays",
    )  # fmt: skip


def test_a_repo_without_models_can_be_deleted(app: ServedApp) -> None:
    made = data(app, "PUT", "ml-repos", {"manifest": REPO})
    assert app.ask("DELETE", f"ml-repos/{made['id']}").status == 200
    assert app.ask("GET", f"ml-repos/{made['id']}").status == 404
    assert repos(app) == []


def test_t24_a_dry_run_answers_as_if_it_were_written(app: ServedApp) -> None:
    before = app.service.snapshot.commit
    for manifest in (REPO, VERSION):
        reply = app.ask("PUT", "apply", {"manifest": manifest, "dryRun": True})
        assert (reply.status, reply.data) == (200, {"action": "CREATE"})
    assert data(app, "PUT", "ml-repos", {"manifest": REPO, "dryRun": True})["manifest"] == REPO
    assert app.service.snapshot.commit == before
    applied = app.ask("PUT", "apply", {"manifest": {**VERSION, "version_alias": "v1"}})
    assert applied.data["action"] == "CREATE"
    before = app.service.snapshot.commit
    named: dict[str, JSON] = {**VERSION, "version": 1, "version_alias": "v1"}
    edit = app.ask("PUT", "apply", {"manifest": {**named, "description": "New."}, "dryRun": True})
    assert edit.data == {"action": "UPDATE", "existingManifest": {**named, "step": 0}}
    for bad in ({**named, "step": 3}, {**VERSION, "version_alias": "v1"}, {**VERSION, "name": "/"}):
        assert app.ask("PUT", "apply", {"manifest": bad, "dryRun": True}).status == 422
    assert app.service.snapshot.commit == before


GATED: Final = """schema: registry/v1
name: models
stages:
  vetted:
    require:
      - {metric: accuracy, min: 0.9}
"""


def test_t24_a_dry_run_is_checked_as_the_change_itself(make_registry: Callable[..., Path]) -> None:
    folder = make_registry({"registry.yaml": GATED}, name="gated")
    with serve_app(folder, build_face, prefix=PREFIX) as app:
        before = app.service.snapshot.commit
        gated: dict[str, JSON] = {**VERSION, "version_alias": "vetted"}
        dry = app.ask("PUT", "apply", {"manifest": gated, "dryRun": True})
        assert app.service.snapshot.commit == before
        real = app.ask("PUT", "apply", {"manifest": gated})
        assert (dry.status, dry.data) == (real.status, real.data)
        assert dry.status == 422
        assert "accuracy" in str(dry.data["message"])
        good = app.ask("PUT", "apply", {"manifest": {**VERSION, "version_alias": "v1"}})
        assert good.status == 200


def test_t24_a_replica_refuses_a_dry_run_as_it_refuses_writes(app: ServedApp) -> None:
    folder = app.service.registry.repository.source
    options = ServiceOptions(read_only=True, writer_url="http://writer:8080")
    with serve_app(Path(folder), build_face, prefix=PREFIX, options=options) as replica:
        for manifest in (REPO, VERSION):
            reply = replica.ask("PUT", "apply", {"manifest": manifest, "dryRun": True})
            assert (reply.status, "http://writer:8080" in str(reply.data["message"])) == (403, True)


def test_manifests_are_deleted_by_number_or_alias(app: ServedApp) -> None:
    for alias in ("v1", "v2"):
        app.ask("PUT", "apply", {"manifest": {**VERSION, "version_alias": alias}})
    for named in ({"version": 1}, {"version_alias": "v2"}):
        assert app.ask("POST", "delete", {"manifest": {**VERSION, **named}}).status == 200
        assert app.ask("POST", "delete", {"manifest": {**VERSION, **named}}).status == 404
    assert app.ask("POST", "delete", {"manifest": VERSION}).status == 404


@pytest.mark.parametrize("kind", ["service", None, 7])
def test_other_types_are_refused(app: ServedApp, kind: JSON) -> None:
    reply = app.ask("PUT", "apply", {"manifest": {"type": kind}})
    assert reply.status == 422
    assert str(reply.data["message"]).startswith("manifest.type: ")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "ab"}, "manifest.name"),
        ({"description": "d" * 513}, "manifest.description"),
        ({"collaborators": [{"subject": "user:a"}]}, "manifest.collaborators.0.role_id"),
        ({"storage_integration_fqn": 1}, "manifest.storage_integration_fqn"),
    ],
)
def test_bad_values_of_a_repo_are_refused(app: ServedApp, change: dict[str, JSON], field: str) -> None:  # fmt: skip
    reply = app.ask("PUT", "ml-repos", {"manifest": {**REPO, **change}})
    assert (reply.status, str(reply.data["message"]).partition(": ")[0]) == (422, field)


def test_the_session_names_the_user_and_the_tenant(app: ServedApp) -> None:
    user = cast("dict[str, JSON]", app.ask("GET", "session").data["user"])
    assert user["tenantName"] == "acme-models"
    assert (user["email"], user["subjectType"]) == ("ada@example.org", "user")
    assert app.ask("GET", "tenant-id?hostName=x").data["tenantName"] == "acme-models"
    assert "truefoundryCliMinVersion" in app.ask("GET", "min-cli-version").data
    assert app.ask("GET", "nothing").data == {
        "statusCode": 404, "message": "there is nothing at '/api/ml/v1/nothing': not found",
    }  # fmt: skip
