"""What is rendered is kept within a bound, until its record or the names around it are other ones."""

from __future__ import annotations

import pytest
from support.live_steps import NOW, Branch
from support.manifests import (
    model_files,
    namespace_yaml,
    registry_yaml,
    tracked_artifact,
    version_files,
)

from registry_tool.access.authenticate import local_subject
from registry_tool.live.moving import move
from registry_tool.live.records import ModelRecord, VersionRecord
from registry_tool.live.snapshot import Snapshot
from registry_tool.names import ModelName
from registry_tool.server.mlflow.lookup import Lookup
from registry_tool.server.mlflow.render import Renderer
from registry_tool.server.views import SubjectView

LANG = ModelName("nlp", "lang-id")
HOME = "models/nlp/lang-id"


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The versions that were rendered anew."""
    found: list[str] = []
    render = Renderer._version_data

    def counted(
        self: Renderer, lookup: Lookup, model: ModelRecord, version: VersionRecord
    ) -> dict[str, object]:
        found.append(version.version)
        return render(self, lookup, model, version)

    monkeypatch.setattr(Renderer, "_version_data", counted)
    return found


@pytest.fixture
def branch() -> Branch:
    found = Branch()
    found.commit({"registry.yaml": registry_yaml(), "models/nlp/namespace.yaml": namespace_yaml()})
    found.commit(model_files())
    for number in range(2, 11):
        found.commit(version_files(str(number), artifacts=[tracked_artifact(f"s3://b/{number}")]))
    return found


def _render(renderer: Renderer, snapshot: Snapshot, writing: str = "default") -> list[bytes]:
    view = SubjectView(snapshot, snapshot.commit)
    lookup = Lookup(view, local_subject("Ada", "ada@example.org"), writing)
    versions = snapshot.versions(snapshot.models[LANG])
    return [renderer.version(lookup, version) for version in versions]


def test_what_does_not_fit_does_not_drive_out_what_is_kept(branch: Branch, made: list[str]) -> None:
    snapshot = branch.snapshot()
    fresh = _render(Renderer(most=0), snapshot)
    made.clear()
    renderer = Renderer(most=sum(len(one) + 280 for one in fresh[:5]))
    for _ in range(4):
        assert _render(renderer, snapshot) == fresh
    assert len(made) <= 10 + 3 * 6  # half of them is kept, in each of the further rounds


def test_a_version_is_rendered_again_when_what_it_says_changes(
    branch: Branch, made: list[str]
) -> None:
    renderer, before = Renderer(), branch.snapshot()
    _render(renderer, before)
    made.clear()
    branch.commit(model_files("nlp/other"))
    other = move(before, [branch.steps[-1]], NOW)
    _render(renderer, other)
    assert made == []
    for files, count in (
        ({f"{HOME}/versions/3/metadata.yaml": "schema: metadata/v1\nlabels: [edge]\n"}, 1),
        ({f"{HOME}/title.yaml": "schema: title/v1\ntitle: Languages\n"}, 10),
        ({"serve.yaml": "schema: serve/v1\nmlflow: {stages: {Production: production}}\n"}, 10),
        ({"registry.yaml": registry_yaml(version_scheme="free")}, 10),
    ):
        made.clear()
        other = move(other, [branch.commit(files)], NOW)
        found = _render(renderer, other)
        assert len(made) == count, files
        assert found == _render(Renderer(), other)
    made.clear()
    _render(renderer, other, "nlp")
    assert len(made) == 10


def test_a_title_of_a_line_that_was_left_is_forgotten(branch: Branch) -> None:
    renderer, before = Renderer(), branch.snapshot()
    files = {f"{HOME}/title.yaml": "schema: title/v1\ntitle: Languages\n"}
    for moment in (100, 200):  # the same place on two lines
        step = branch.commit(files, when=branch.steps[-1].when + moment)
        branch.steps.pop()
        other = move(before, [step], NOW)
        assert _render(renderer, other) == _render(Renderer(), other)
