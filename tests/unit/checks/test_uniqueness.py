from __future__ import annotations

from support.manifests import model_files, small_registry, stored_artifact, version_files

from registry_tool.catalog.catalog import Catalog
from registry_tool.checks.uniqueness import Claims, UniqueValue, list_claims
from registry_tool.git.tree import DictTree
from registry_tool.manifests.document import Document

VERSION = "models/nlp/lang-id/versions/1/version.yaml"


def catalog_of(files: dict[str, str]) -> Catalog:
    return Catalog(DictTree(files))


def document(catalog: Catalog, path: str) -> Document:
    place = catalog.layout.locate(path)
    assert place is not None
    found = catalog.document(path, place)
    assert found is not None
    return found


def test_a_version_claims_its_identity_and_external_ids() -> None:
    artifact = stored_artifact(external_id="blob-1")
    files = version_files(external_id="run-1", artifacts=[artifact], identity=None)
    catalog = catalog_of(version_files(external_id="run-1", artifacts=[artifact]))
    record = document(catalog, VERSION)
    assert record.data is not None
    assert set(list_claims(record)) == {
        UniqueValue("subject", "run-1", VERSION, ("external_id",), "nlp/lang-id@1"),
        UniqueValue("identity", str(record.data["identity"]), VERSION, ("identity",)),
        UniqueValue(
            "artifact",
            "blob-1",
            VERSION,
            ("artifacts", 0, "external_id"),
            "nlp/lang-id@1 artifact:model",
        ),
    }
    assert list(list_claims(document(catalog_of(files), VERSION))) == []  # no identity: no data


def test_a_pointer_and_an_alias_claim_nothing() -> None:
    catalog = catalog_of(small_registry())
    for path in (
        "models/nlp/lang-id/aliases/production.yaml",
        VERSION.replace("version.yaml", "model.bin.dvc"),
    ):
        assert list(list_claims(document(catalog, path))) == []


def test_the_other_holders_of_a_value_are_found_in_the_tree() -> None:
    files = {
        **model_files(external_id="x-1"),
        **model_files("vision/eyes", external_id="x-1"),
        **model_files("vision/ears", external_id="x-2"),
    }
    catalog = catalog_of(files)
    claims = Claims.of([document(catalog, "models/nlp/lang-id/model.yaml")])
    assert list(claims.shared("subject")) == []
    claims.complete(catalog)
    [holders] = claims.shared("subject")
    assert [claim.path for claim in holders] == [
        "models/nlp/lang-id/model.yaml",
        "models/vision/eyes/model.yaml",
    ]


def test_a_value_that_stands_elsewhere_in_a_file_is_no_claim() -> None:
    files = {
        **model_files(external_id="x-1"),
        **model_files("vision/eyes", description="It follows x-1."),
        "models/vision/eyes/CARD.md": "x-1\n",
    }
    catalog = catalog_of(files)
    claims = Claims.of([document(catalog, "models/nlp/lang-id/model.yaml")])
    claims.complete(catalog)
    assert list(claims.shared("subject")) == []


def test_one_value_in_two_pools_is_not_shared() -> None:
    files = {
        **model_files(external_id="x-1"),
        **version_files("2", artifacts=[stored_artifact(external_id="x-1")]),
    }
    catalog = catalog_of(files)
    paths = [path for path in files if path.endswith(".yaml")]
    claims = Claims.of(document(catalog, path) for path in paths)
    assert list(claims.shared("subject")) == []
    assert list(claims.shared("artifact")) == []
