"""The index of unique values names every file that a search of the tree would find."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support import commit, git, new_repository, write_files
from support.manifests import small_registry, version_yaml

from registry_tool.catalog.catalog import Catalog
from registry_tool.git.objects.pool import ObjectPool, PooledTree
from registry_tool.git.repository import Repository
from registry_tool.manifests.data import text
from registry_tool.manifests.layout import MODELS, OBJECTS
from registry_tool.names import ModelName
from registry_tool.writer.memory import ManifestMemory, WriterCatalog

MODEL = "models/nlp/lang-id"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A registry whose records write their external ids in every way that YAML knows."""
    forms = ["plain-1", "'single-2'", '"double-3"', '"esc\\u0061ped"', "|-\n  block-5", "with # 6"]
    files = dict(small_registry())
    for number, form in enumerate(forms, 11):
        record = version_yaml(str(number)).rstrip("\n")
        files[f"{MODEL}/versions/{number}/version.yaml"] = f"{record}\nexternal_id: {form}\n"
    files[f"{MODEL}/drafts/30/version.yaml"] = version_yaml("30", external_id="of-draft")
    files[f"{MODEL}/versions/31/version.yaml"] = version_yaml("31").replace(
        "identity: ", '"identity" : '
    )
    return new_repository(tmp_path / "registry", files)


@pytest.fixture
def catalog(folder: Path) -> Iterator[WriterCatalog]:
    repository = Repository.open(folder)
    yield _catalog(repository, ManifestMemory())
    repository.close()


def _catalog(repository: Repository, memory: ManifestMemory) -> WriterCatalog:
    pool = ObjectPool(repository.git, repository.reader)
    root = git(Path(repository.source), "rev-parse", "HEAD^{tree}")
    return WriterCatalog(PooledTree(pool, root), memory)


def _identities(catalog: Catalog) -> dict[str, str]:
    model = catalog.model(ModelName("nlp", "lang-id"))
    assert model is not None
    views = {name: model.version(name) for name in model.versions}
    return {name: text(view.data, "identity") for name, view in views.items() if view is not None}


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("plain-1", "11"),
        ("single-2", "12"),
        ("double-3", "13"),
        ("escaped", "14"),
        ("block-5", "15"),
        ("with", "16"),
    ],
)
def test_external_ids_in_every_form(catalog: WriterCatalog, value: str, number: str) -> None:
    found = set(catalog.find_mentions([value], under=[MODELS]))
    assert f"{MODEL}/versions/{number}/version.yaml" in found


def test_external_ids_in_the_data_of_other_protocols(folder: Path) -> None:
    kept = {
        f"{MODEL}/wire.yaml": 'schema: wire/v1\nkubeflow: {external_id: "in wire, ü"}\n',
        f"{MODEL}/versions/11/wire.yaml": "schema: wire/v1\nkubeflow:\n  artifacts:\n    metric:acc:\n      externalId: |-\n        two\n        lines\n",
        "objects/kubeflow/experiment/84/first-tries-22aeb203.yaml": (
            "schema: object/v1\napi: kubeflow\nkind: experiment\ntitle: T\ndata: {external_id: of-object}\n"
        ),
    }
    write_files(folder, kept)
    commit(folder)
    repository = Repository.open(folder)
    catalog = _catalog(repository, ManifestMemory())
    for path, value in zip(kept, ("in wire, ü", "two\nlines", "of-object"), strict=True):
        assert path in set(catalog.find_mentions([value], under=[MODELS, OBJECTS]))
        plain = Catalog(catalog.tree)  # searches the files
        assert path in set(plain.find_mentions([value], under=[MODELS, OBJECTS]))
    repository.close()


def test_drafts_claim_values_too(catalog: WriterCatalog) -> None:
    record = f"{MODEL}/drafts/30/version.yaml"
    assert record in set(catalog.find_mentions(["of-draft"], under=[MODELS]))
    document = catalog.layout.locate(record)
    assert document is not None
    found = catalog.document(record, document)
    assert found is not None
    identity = text(found.data, "identity")
    assert record in set(catalog.find_mentions([identity], under=[MODEL]))


@pytest.mark.parametrize("many", [0, 10_000])
def test_identities_of_a_model(
    catalog: WriterCatalog, monkeypatch: pytest.MonkeyPatch, many: int
) -> None:
    monkeypatch.setattr("registry_tool.writer.memory._MANY", many)
    known = _identities(catalog)
    assert len(known) >= 9
    for name, identity in known.items():
        found = set(catalog.find_mentions([identity], under=[MODEL]))
        assert f"{MODEL}/versions/{name}/version.yaml" in found


def test_what_changes_later_is_added(folder: Path) -> None:
    repository = Repository.open(folder)
    memory = ManifestMemory()
    before = _catalog(repository, memory)
    assert list(before.find_mentions(["later"], under=[MODELS])) == []
    path = f"{MODEL}/versions/40/version.yaml"
    write_files(folder, {path: version_yaml("40", external_id="later")})
    commit(folder)
    after = _catalog(repository, memory)
    memory.add(after, [path, "notes.md"])
    assert list(after.find_mentions(["later"], under=[MODELS])) == [path]
    fork = memory.fork()
    assert list(_catalog(repository, fork).find_mentions(["later"], under=[MODELS])) == [path]
    repository.close()
