"""Where files may lie, and what a path is about."""

from __future__ import annotations

import pytest

from registry_tool.manifests.layout import MANIFEST_KINDS, Layout, Place, pointer_path
from registry_tool.names import ModelName

MODEL = ModelName("nlp", "lang-id")
TOP = "models/nlp/lang-id"
PLACES = {
    "registry.yaml": Place("registry"),
    "recipients.yaml": Place("recipients"),
    "keys/speech.yaml": Place("key", name="speech"),
    f"{TOP}/versions/1/key.yaml": Place("key", MODEL, "1"),
    "waivers/2026-11-21-A501-x.yaml": Place("waiver", name="2026-11-21-A501-x"),
    "models/nlp/namespace.yaml": Place("namespace", name="nlp"),
    f"{TOP}/model.yaml": Place("model", MODEL),
    f"{TOP}/CARD.md": Place("card", MODEL),
    f"{TOP}/testset.dvc": Place("dvc", MODEL, None, "testset"),
    f"{TOP}/tags/first.yaml": Place("tag", MODEL, None, "first"),
    f"{TOP}/aliases/production.yaml": Place("alias", MODEL, None, "production"),
    f"{TOP}/versions/1/version.yaml": Place("version", MODEL, "1"),
    f"{TOP}/versions/1.2+x/metadata.yaml": Place("metadata", MODEL, "1.2+x"),
    f"{TOP}/versions/1/status.yaml": Place("status", MODEL, "1"),
    f"{TOP}/versions/1/CARD.md": Place("card", MODEL, "1"),
    f"{TOP}/versions/1/model.bin.dvc": Place("dvc", MODEL, "1", "model.bin"),
    f"{TOP}/versions/1/evidence/e.yaml": Place("evidence", MODEL, "1", "e"),
    f"{TOP}/evidence/e.yaml": Place("evidence", MODEL, None, "e"),
    f"{TOP}/drafts/1/version.yaml": Place("version", MODEL, "1", is_draft=True),
    f"{TOP}/drafts/1/draft.yaml": Place("draft", MODEL, "1", is_draft=True),
    f"{TOP}/drafts/1/metadata.yaml": Place("metadata", MODEL, "1", is_draft=True),
    f"{TOP}/drafts/1/key.yaml": Place("key", MODEL, "1", is_draft=True),
    f"{TOP}/drafts/1/wire.yaml": Place("wire", MODEL, "1", is_draft=True),
    f"{TOP}/drafts/1/CARD.md": Place("card", MODEL, "1", is_draft=True),
    f"{TOP}/drafts/1/model.bin.dvc": Place("dvc", MODEL, "1", "model.bin", is_draft=True),
    "serve.yaml": Place("serve"),
    "models/nlp/title.yaml": Place("title", name="nlp"),
    f"{TOP}/title.yaml": Place("title", MODEL),
    f"{TOP}/titles/1.2+x.yaml": Place("title", MODEL, None, "1.2+x"),
    f"{TOP}/wire.yaml": Place("wire", MODEL),
    f"{TOP}/deletion.yaml": Place("deletion", MODEL),
    f"{TOP}/versions/1/wire.yaml": Place("wire", MODEL, "1"),
    f"{TOP}/versions/1/deletion.yaml": Place("deletion", MODEL, "1"),
    "objects/kubeflow/experiment/a1/first-tries-1f0c2d3e.yaml": Place(
        "object", name="kubeflow/experiment/first-tries-1f0c2d3e"
    ),
}
NOWHERE = (
    "title.yaml", "wire.yaml", f"{TOP}/versions/1/title.yaml", f"{TOP}/titles/a/b.yaml", f"{TOP}/titles/x.yml", "sub/serve.yaml",
    "objects", "objects/kubeflow/experiment/00/first-tries-1f0c2d3e.yaml", "objects/kubeflow/experiment/first-tries.yaml",
    "", "README.md", "registry.yml", "Registry.yaml", "sub/registry.yaml", "waivers/x.yml", "waivers/a/b.yaml", "models",
    "keys", "keys/a/b.yaml", "keys/speech.yml", f"{TOP}/key.yaml", "recipients.yml", "sub/recipients.yaml",
    "models/nlp", "models/namespace.yaml", "models/nlp/lang-id", f"{TOP}/namespace.yaml", f"{TOP}/version.yaml",
    f"{TOP}/model.yml", f"{TOP}/tags/x.yml", f"{TOP}/tags/a/b.yaml", f"{TOP}/aliases/x", f"{TOP}/versions/1",
    f"{TOP}/versions/version.yaml", f"{TOP}/versions/1/model.yaml", f"{TOP}/versions/1/model.bin",
    f"{TOP}/versions/1/deep/version.yaml", f"{TOP}/versions/1/deep/model.bin.dvc", f"{TOP}/versions/1/evidence/a/b.yaml",
    f"{TOP}/drafts/1/status.yaml", f"{TOP}/drafts/1/evidence/e.yaml", f"{TOP}/drafts/1/deletion.yaml", f"{TOP}/versions/1/draft.yaml",
    f"{TOP}/drafts/version.yaml", f"{TOP}/drafts/1/deep/m.dvc", f"{TOP}/versions/1/evidence/e.json", f"{TOP}/evidence/e.yml", f"{TOP}/evidence/a/b.yaml", f"{TOP}/other/x.yaml", "models//x/model.yaml/",
)  # fmt: skip


@pytest.mark.parametrize("path", PLACES)
def test_what_a_path_is_about(path: str) -> None:
    assert Layout().locate(path) == PLACES[path]
    assert PLACES[path].kind in MANIFEST_KINDS | {"card"}


@pytest.mark.parametrize("path", NOWHERE)
def test_paths_without_a_meaning(path: str) -> None:
    assert Layout().locate(path) is None


@pytest.mark.parametrize("shard", [0, 1, 2])
def test_paths_that_are_made_are_found_again(shard: int) -> None:
    layout = Layout(shard)
    made = {
        f"{layout.model(MODEL)}/model.yaml": Place("model", MODEL),
        f"{layout.version(MODEL, '1')}/version.yaml": Place("version", MODEL, "1"),
        f"{layout.draft(MODEL, '1')}/version.yaml": Place("version", MODEL, "1", is_draft=True),
        layout.tag(MODEL, "first"): Place("tag", MODEL, None, "first"),
        layout.alias(MODEL, "production"): Place("alias", MODEL, None, "production"),
        layout.title(MODEL): Place("title", MODEL),
        layout.title(MODEL, "1"): Place("title", MODEL, None, "1"),
        layout.wire(MODEL): Place("wire", MODEL),
        layout.wire(MODEL, "1"): Place("wire", MODEL, "1"),
        layout.deletion(MODEL): Place("deletion", MODEL),
        layout.deletion(MODEL, "1"): Place("deletion", MODEL, "1"),
        layout.object("mlflow", "run", "a-1"): Place("object", name="mlflow/run/a-1"),
        f"{layout.namespace('nlp')}/namespace.yaml": Place("namespace", name="nlp"),
        pointer_path(layout.version(MODEL, "1"), "m.bin"): Place("dvc", MODEL, "1", "m.bin"),
    }
    assert {path: layout.locate(path) for path in made} == made
    assert all(path.startswith(layout.subject(place)) for path, place in made.items())
    assert layout.subject(Place("dvc", MODEL, "1", "m", is_draft=True)) == layout.draft(MODEL, "1")


def test_shards_are_the_first_digits_of_the_name_s_digest() -> None:
    # sha256("lang-id") begins with these; it must never change, or models would be lost.
    assert Layout(2).model(MODEL) == f"models/nlp/{Layout(2).find_shard('lang-id')}/lang-id"
    assert Layout(2).find_shard("lang-id") == "74"
    assert Layout(0).find_shard("lang-id") == ""


def test_a_model_in_a_wrong_shard_has_no_place() -> None:
    assert Layout(2).locate("models/nlp/zz/lang-id/model.yaml") is None
    assert Layout(2).locate("models/nlp/lang-id/model.yaml") is None
    assert Layout(2).locate("models/nlp/74") is None
