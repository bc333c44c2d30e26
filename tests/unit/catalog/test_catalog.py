from __future__ import annotations

import pytest
from support.manifests import (
    evidence_yaml,
    model_files,
    registry_yaml,
    small_registry,
    status_yaml,
    version_files,
)

from registry_tool.catalog.catalog import Catalog, ModelView, require
from registry_tool.errors import InvalidManifestError
from registry_tool.git.tree import DictTree
from registry_tool.manifests.layout import Layout
from registry_tool.names import ModelName

FOLDER = "models/nlp/lang-id"
NAME = ModelName("nlp", "lang-id")


def catalog(files: dict[str, str] | None = None) -> Catalog:
    return Catalog(DictTree(small_registry() | (files or {})))


def lang_id(found: Catalog) -> ModelView:
    model = found.model(NAME)
    assert model is not None
    return model


def test_listings() -> None:
    found = catalog(model_files("vision/cats") | model_files("nlp/a-first"))
    assert found.namespaces() == ["nlp", "vision"]
    assert [str(n) for n in found.model_names()] == ["nlp/a-first", "nlp/lang-id", "vision/cats"]
    assert [str(n) for n in found.model_names("nlp")] == ["nlp/a-first", "nlp/lang-id"]
    assert list(found.model_names("none")) == []
    model = lang_id(found)
    assert (model.versions, model.aliases, model.tags) == (["1", "2"], ["production"], ["first"])


def test_what_is_not_there() -> None:
    found = catalog()
    assert found.model(ModelName("nlp", "none")) is None
    model = lang_id(found)
    assert (model.version("9"), model.alias("none"), model.tag("none")) == (None, None, None)
    assert found.namespace("none") is None


def test_an_empty_tree_is_an_empty_registry() -> None:
    empty = Catalog(DictTree({}))
    assert (empty.registry, dict(empty.settings), empty.scheme) == (None, {}, "integer")
    assert (empty.namespaces(), list(empty.models())) == ([], [])


def test_shards() -> None:
    shard = Layout(2).find_shard("lang-id")
    files = {"registry.yaml": registry_yaml(shard=2)}
    for path, text in model_files().items():
        files[path.replace("models/nlp/", f"models/nlp/{shard}/")] = text
    model = lang_id(Catalog(DictTree(files)))
    assert [str(n) for n in model.catalog.model_names()] == ["nlp/lang-id"]
    assert model.data["name"] == "lang-id"
    assert model.versions == ["1"]


def test_states() -> None:
    model = lang_id(catalog({f"{FOLDER}/versions/2/status.yaml": status_yaml("withdrawn")}))
    first, second = model.version("1"), model.version("2")
    assert first is not None
    assert second is not None
    assert (first.state, second.state) == ("active", "withdrawn")


def test_files_of_a_version() -> None:
    record = small_registry()[f"{FOLDER}/versions/1/version.yaml"]
    evidence = {
        f"{FOLDER}/versions/1/evidence/b.yaml": evidence_yaml(record=record),
        f"{FOLDER}/versions/1/evidence/a.yaml": evidence_yaml(record=record),
        f"{FOLDER}/versions/1/evidence/notes.txt": "no manifest",
    }
    version = lang_id(catalog(evidence)).version("1")
    assert version is not None
    assert [document.place.name for document in version.evidence()] == ["a", "b"]
    pointer = version.pointer("model.bin")
    assert pointer is not None
    assert pointer.data is not None
    assert version.pointer("other.bin") is None
    assert version.metadata is None
    assert str(version) == "nlp/lang-id@1"


def test_a_folder_that_is_a_file_is_no_version() -> None:
    model = lang_id(catalog({f"{FOLDER}/versions/README": "x", f"{FOLDER}/aliases/notes.txt": "x"}))
    assert model.versions == ["1", "2"]
    assert model.aliases == ["production"]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({f"{FOLDER}/versions/3/CARD.md": "# 3"}, "nlp/lang-id@3 has no manifest"),
        ({f"{FOLDER}/versions/3/version.yaml": "x: ["}, f"{FOLDER}/versions/3/version.yaml:1"),
    ],
)
def test_data_that_cannot_be_had(files: dict[str, str], message: str) -> None:
    version = lang_id(catalog(files)).version("3")
    assert version is not None
    with pytest.raises(InvalidManifestError, match=message):
        _ = version.data


def test_require_names_what_is_missing() -> None:
    with pytest.raises(InvalidManifestError, match="the thing has no manifest"):
        require(None, "the thing")


def test_documents_are_read_once() -> None:
    found = catalog(version_files("3"))
    assert found.model(NAME) is not found.model(NAME)
    assert lang_id(found).document is lang_id(found).document
