from __future__ import annotations

from support.manifests import (
    DVC_CONFIG,
    metadata_yaml,
    model_files,
    registry_yaml,
    stored_artifact,
    tracked_artifact,
    version_files,
)

from registry_tool.catalog.catalog import Catalog
from registry_tool.catalog.compare import GROUPS, Comparison, Row, compare
from registry_tool.git.tree import DictTree
from registry_tool.manifests.problems import JSON
from registry_tool.names import ModelName


def compared(left: dict[str, JSON], right: dict[str, JSON]) -> Comparison:
    files = {
        "registry.yaml": registry_yaml(),
        ".dvc/config": DVC_CONFIG,
        **model_files(versions=()),
        **version_files("1", "nlp/lang-id", **left),
        **version_files("2", "nlp/lang-id", **right),
        "models/nlp/lang-id/versions/2/metadata.yaml": metadata_yaml(labels=["edge"]),
    }
    model = Catalog(DictTree(files)).model(ModelName("nlp", "lang-id"))
    assert model is not None
    first, second = model.version("1"), model.version("2")
    assert first is not None
    assert second is not None
    return compare(first, second)


def test_metrics_have_a_difference() -> None:
    found = compared(
        {
            "metrics": [
                {"key": "accuracy", "value": 0.5, "step": 1},
                {"key": "accuracy", "value": 0.25, "step": 2},
                {"key": "old", "value": 1},
                {"key": "grade", "value": "good"},
            ]
        },
        {
            "metrics": [
                {"key": "accuracy", "value": 0.75},
                {"key": "new", "value": 2},
                {"key": "grade", "value": "fair"},
            ]
        },
    )
    assert found.groups["metrics"] == (
        Row("accuracy", "changed", 0.25, 0.75, 0.5),
        Row("old", "removed", 1, None),
        Row("grade", "changed", "good", "fair"),
        Row("new", "added", None, 2),
    )


def test_artifacts() -> None:
    same = stored_artifact(b"vocabulary", name="vocab", path="vocab.bin", role="tokenizer")
    found = compared(
        {"artifacts": [stored_artifact(b"one"), same]},
        {"artifacts": [stored_artifact(b"three"), same, tracked_artifact()]},
    )
    changes = {row.name: row.change for row in found.groups["artifacts"]}
    assert changes == {"model": "changed", "vocab": "same", "eval": "added"}
    assert not found.same_identity


def test_packages_are_compared_by_name() -> None:
    found = compared(
        {
            "environment": {
                "python_version": "3.11",
                "pip_packages": ["NumPy==1.26.4", "torch>=2", "a_b"],
            }
        },
        {
            "environment": {
                "python_version": "3.12",
                "pip_packages": ["numpy==2.0.0", "a.b", "onnx"],
            }
        },
    )
    assert found.groups["packages"] == (
        Row("numpy", "changed", "==1.26.4", "==2.0.0"),
        Row("torch", "removed", ">=2", None),
        Row("a-b", "same", "", ""),
        Row("onnx", "added", None, ""),
    )
    assert found.groups["environment"] == (Row("python_version", "changed", "3.11", "3.12"),)


def test_nested_fields_have_dotted_names() -> None:
    found = compared(
        {
            "parameters": {"decode": {"beam": 4, "temperature": 0.5}},
            "lineage": {"datasets": [{"uri": "s3://b/d", "revision": "v1"}], "experiment": "e1"},
        },
        {
            "parameters": {"decode": {"beam": 8, "temperature": 0.5}},
            "lineage": {"datasets": [{"uri": "s3://b/d", "revision": "v2"}], "experiment": "e1"},
        },
    )
    assert found.groups["parameters"] == (
        Row("decode.beam", "changed", 4, 8, 4),
        Row("decode.temperature", "same", 0.5, 0.5, 0.0),
    )
    assert found.groups["lineage"] == (
        Row("experiment", "same", "e1", "e1"),
        Row("dataset s3://b/d", "changed", "v1", "v2"),
    )
    assert found.groups["labels"] == (Row("edge", "added", None, right=True),)


def test_one_identity() -> None:
    found = compared({}, {"same_as": "nlp/lang-id@1"})
    assert found.same_identity
    assert (found.left, found.right) == ("nlp/lang-id@1", "nlp/lang-id@2")
    assert tuple(found.groups) == GROUPS
