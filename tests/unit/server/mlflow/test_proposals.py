"""MLflow's protocol where requests are proposed: statuses, headers, and what is told of a conflict."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
from support import commit, git, write_files
from support.mlflow_wire import MlflowWire, mlflow_wire, subject_with
from support.written_trains import bare_registry

from registry_tool.manifests.problems import JSON
from registry_tool.names import ModelName

BRANCH: Final = "serve/ada@example.org"
SOURCE: Final = "s3://bucket/model"
NAME: Final = "nlp.lang-id"
THIRD: Final = "models/nlp/lang-id/versions/3/version.yaml"


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    return bare_registry(tmp_path, {"serve.yaml": "schema: serve/v1\nwrite: branch\n"})


def _post(wire: MlflowWire, path: str, **fields: JSON) -> dict[str, str]:
    """The headers of a call that must succeed."""
    answer = wire.send("POST", f"/api/2.0/mlflow/{path}", json=fields)
    assert answer.status_code == 200, answer.text
    return {name: value for name, value in answer.headers.items() if name.startswith("registry-")}


def _work(tmp_path: Path, bare: Path) -> Path:
    git(tmp_path, "clone", "--quiet", str(bare), "work")
    return tmp_path / "work"


def test_a_write_says_that_it_was_proposed(bare: Path) -> None:
    with mlflow_wire(bare) as wire:
        headers = {"registry-proposal": BRANCH}
        assert _post(wire, "model-versions/create", name=NAME, source=SOURCE) == headers
        said = wire.version(NAME, "3")
        assert said["status"] == "PENDING_REGISTRATION"
        assert said["status_message"] == f"proposed on {BRANCH}; it is READY once that is merged"
        assert _post(wire, "registered-models/alias", name=NAME, alias="a", version="3") == headers


def test_a_change_of_a_published_version_is_told_and_it_stays_ready(bare: Path) -> None:
    with mlflow_wire(bare) as wire:
        _post(wire, "model-versions/set-tag", name=NAME, version="2", key="a", value="b")
        said = wire.version(NAME, "2")
        assert (said["status"], said["status_message"]) == (
            "READY", f"a change of it is proposed on {BRANCH}",
        )  # fmt: skip
        assert "status_message" not in wire.version(NAME, "1")


def test_a_version_that_cannot_be_merged_has_failed(bare: Path, tmp_path: Path) -> None:
    with mlflow_wire(bare) as wire:
        _post(wire, "model-versions/create", name=NAME, source=SOURCE)
        work = _work(tmp_path, bare)
        text = (work / "models/nlp/lang-id/versions/2/version.yaml").read_text()
        write_files(work, {THIRD: text.replace('"2"', '"3"')})
        commit(work, "Another version 3")
        git(work, "push", "--quiet", "origin", "HEAD:main")
        wire.service.live.look()
        wire.service._proposals.look()  # type: ignore[union-attr]
        said = wire.version(NAME, "3")
        assert (said["status"], said["source"]) == ("FAILED_REGISTRATION", SOURCE)
        assert "another version 3 of nlp/lang-id was published" in str(said["status_message"])
        headers = _post(wire, "model-versions/create", name=NAME, source=SOURCE)
        assert headers == {
            "registry-proposal": f"{BRANCH},2", "registry-proposal-conflict": BRANCH,
        }  # fmt: skip
        assert wire.version(NAME, "3")["status"] == "READY"
        assert wire.version(NAME, "3").get("source") != SOURCE
        assert wire.version(NAME, "4")["status"] == "PENDING_REGISTRATION"


def test_an_unchanged_answer_is_one_of_the_same_published_state(bare: Path, tmp_path: Path) -> None:
    with mlflow_wire(bare) as wire:
        _post(wire, "model-versions/create", name=NAME, source=SOURCE)
        url = f"/api/2.0/mlflow/registered-models/get?name={NAME}"
        etag = wire.send("GET", url).headers["etag"]
        assert wire.send("GET", url, headers={"If-None-Match": etag}).status_code == 304
        work = _work(tmp_path, bare)
        place = work / "models/nlp/lang-id/model.yaml"
        place.write_text(place.read_text() + "labels: [new]\n")
        commit(work, "Label")
        git(work, "push", "--quiet", "origin", "HEAD:main")
        wire.service.live.look()
        assert wire.send("GET", url, headers={"If-None-Match": etag}).status_code == 200


def test_what_needs_review_is_proposed_where_others_are_committed(tmp_path: Path) -> None:
    bare = bare_registry(tmp_path)
    with mlflow_wire(bare, subject_with("write,delete")) as wire:
        assert _post(wire, "model-versions/create", name=NAME, source=SOURCE) == {}
        done = wire.send(
            "DELETE", "/api/2.0/mlflow/model-versions/delete", json={"name": NAME, "version": "1"}
        )
        assert (done.status_code, done.headers["registry-proposal"]) == (200, BRANCH)
        gone = wire.ask("GET", "model-versions/get", name=NAME, version="1")
        assert gone.said[:2] == (404, "RESOURCE_DOES_NOT_EXIST")
        published = wire.service.snapshot.version(ModelName("nlp", "lang-id"), "1")
        assert published is not None
        assert published.is_listed
