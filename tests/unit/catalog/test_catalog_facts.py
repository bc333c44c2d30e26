from __future__ import annotations

import pytest
from support.manifests import alias_yaml, evidence_yaml, metadata_yaml, small_registry, version_yaml

from registry_tool.catalog.catalog import (
    Catalog,
    ModelView,
    VersionView,
)
from registry_tool.git.tree import DictTree
from registry_tool.manifests.problems import JSON
from registry_tool.names import ModelName

FOLDER = "models/nlp/lang-id"


def model_of(files: dict[str, str]) -> ModelView:
    model = Catalog(DictTree(small_registry() | files)).model(ModelName("nlp", "lang-id"))
    assert model is not None
    return model


def first_of(files: dict[str, str]) -> VersionView:
    version = model_of(files).version("1")
    assert version is not None
    return version


@pytest.mark.parametrize(
    ("metrics", "last"),
    [
        ([{"value": 1, "step": 10}, {"value": 2, "step": 9}], 1),
        ([{"value": 1, "timestamp": 5}, {"value": 2, "timestamp": 4}], 1),
        ([{"value": 1}, {"value": 2}], 2),
        ([{"value": 1, "step": 0}, {"value": 2}], 1),
    ],
)
def test_last_metrics(metrics: list[dict[str, JSON]], last: int) -> None:
    named: list[JSON] = [{"key": "loss", **metric} for metric in metrics]
    record = version_yaml(metrics=named)
    assert first_of({f"{FOLDER}/versions/1/version.yaml": record}).metrics == {"loss": last}


def test_last_metrics_count_what_evidence_added() -> None:
    record = version_yaml(metrics=[{"key": "loss", "value": 2, "step": 1}])
    later = evidence_yaml(kind="metrics", metrics=[{"key": "loss", "value": 1, "step": 2}])
    files = {
        f"{FOLDER}/versions/1/version.yaml": record,
        f"{FOLDER}/versions/1/evidence/later.yaml": later,
    }
    assert first_of(files).metrics == {"loss": 1}


def test_metadata_lies_over_the_record() -> None:
    record = version_yaml(description="First.", metadata={"a": 1, "b": 1})
    view = first_of({f"{FOLDER}/versions/1/version.yaml": record})
    assert (view.description, view.labels, view.all_metadata) == (
        "First.",
        (),
        {"a": 1, "b": 1},
    )
    added = metadata_yaml(description="Second.", labels=["z", "a"], metadata={"b": 2})
    view = first_of(
        {
            f"{FOLDER}/versions/1/version.yaml": record,
            f"{FOLDER}/versions/1/metadata.yaml": added,
        }
    )
    assert (view.description, view.labels) == ("Second.", ("a", "z"))
    assert view.all_metadata == {"a": 1, "b": 2}


def test_pointers_that_cannot_be_read_are_left_out() -> None:
    model = model_of(
        {f"{FOLDER}/aliases/bad.yaml": "x: [", f"{FOLDER}/aliases/edge.yaml": alias_yaml("2")}
    )
    assert model.alias_targets() == {"edge": "2", "production": "1"}
    assert model.tag_targets() == {"first": "1"}
