"""Entries of artifacts and metrics."""

from __future__ import annotations

import pytest

from registry_tool.artifacts.entry_builder import artifact_words, metric_entry, tracked_entry
from registry_tool.errors import InvalidNameError, UsageError
from registry_tool.manifests.data import in_order, last_values
from registry_tool.manifests.problems import JSON


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("lid.176.ftz", {"role": "model", "file_type": "model", "format": {"name": "fastText"}}),
        ("a/MODEL.ONNX", {"role": "model", "file_type": "model", "format": {"name": "ONNX"}}),
        ("tokenizer.json", {"role": "tokenizer", "media_type": "application/json"}),
        (
            "eval.csv",
            {
                "role": "dataset",
                "file_type": "text",
                "media_type": "text/csv",
                "format": {"name": "CSV"},
            },
        ),
        ("weights", {"role": "model"}),
    ],
)
def test_a_file_s_name_says_what_it_is(path: str, words: dict[str, JSON]) -> None:
    assert artifact_words(path) == words


def test_a_given_role_wins() -> None:
    assert artifact_words("eval.csv", role="metrics")["role"] == "metrics"


def test_what_lies_elsewhere() -> None:
    assert tracked_entry("s3://bucket/data/eval.parquet?v=1") == {
        "name": "eval.parquet", "role": "dataset", "uri": "s3://bucket/data/eval.parquet?v=1",
    }  # fmt: skip
    entry = tracked_entry(
        "https://host/x/", name="eval", role="other", size=0, sha256="ab", etag="e"
    )
    assert entry == {
        "name": "eval", "role": "other", "uri": "https://host/x/", "size": 0, "sha256": "ab", "etag": "e",
    }  # fmt: skip
    with pytest.raises(InvalidNameError):
        tracked_entry("s3://bucket/ü")


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (0.5, 0.5), (7, 7), ("good", "good"), (b"\x00\xff", {"bytes": "AP8="}), (float("nan"), "NaN"),
        (float("inf"), "Infinity"), (float("-inf"), "-Infinity"),
    ],
)  # fmt: skip
def test_metric_values(value: float | str | bytes, kept: JSON) -> None:
    assert metric_entry("k", value) == {"key": "k", "value": kept}


def test_a_metric_is_not_true_or_false() -> None:
    with pytest.raises(UsageError, match="is not a metric"):
        metric_entry("k", True)


def test_steps_and_times() -> None:
    assert metric_entry("k", 1, step=0, wallclock=1.0006) == {
        "key": "k", "value": 1, "step": 0, "timestamp": 1001,
    }  # fmt: skip


def test_the_order_of_metrics() -> None:
    metrics: list[dict[str, JSON]] = [
        {"key": "a", "value": "step 10", "step": 10},
        {"key": "a", "value": "late", "timestamp": 2},
        {"key": "a", "value": "step 9, written as a float", "step": 9.0},
        {"key": "a", "value": "early", "timestamp": 1},
        {"key": "a", "value": "step 2, later", "step": 2, "timestamp": 9},
        {"key": "a", "value": "step 2", "step": 2},
        {"key": "a", "value": "nothing known"},
    ]
    assert [m["value"] for m in in_order(metrics)] == [
        "nothing known", "early", "late", "step 2", "step 2, later", "step 9, written as a float", "step 10",
    ]  # fmt: skip
    assert last_values(metrics) == {"a": "step 10"}
    assert last_values([{"key": "b", "value": 1}, *metrics, {"key": "b", "value": 2}]) == {
        "b": 2,
        "a": "step 10",
    }
