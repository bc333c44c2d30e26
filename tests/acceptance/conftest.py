"""Registries that the acceptance tests read, as users have them: committed, with bytes on a remote."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support import put_object
from support.manifests import (
    MODEL_BYTES,
    alias_yaml,
    evidence_yaml,
    metadata_yaml,
    small_registry,
    status_yaml,
    stored_artifact,
    tracked_artifact,
    version_files,
)

FOLDER = "models/nlp/lang-id"
THIRD_BYTES = b"nlp/lang-id@3"
VOCABULARY = b"a vocabulary\n"


def full_registry() -> dict[str, str]:
    """Three versions: 1 deprecated, 2 withdrawn, 3 with everything a record can say."""
    third = version_files(
        "3",
        artifacts=[
            stored_artifact(THIRD_BYTES),
            stored_artifact(VOCABULARY, name="vocab", role="tokenizer", path="vocab.bin"),
            tracked_artifact(),
        ],
        author="Speech team",
        description="Trained on more text.",
        environment={"python_version": "3.11", "pip_packages": ["fasttext==0.9.3"]},
        lineage={"base_model": "nlp/lang-id@1", "experiment": "run-7"},
        metrics=[
            {"key": "accuracy", "value": 0.91, "step": 1},
            {"key": "accuracy", "value": 0.97, "step": 2},
        ],
        parameters={"k": 1},
    )
    record = third[f"{FOLDER}/versions/3/version.yaml"]
    return {
        **small_registry(),
        **third,
        f"{FOLDER}/versions/1/status.yaml": status_yaml("deprecated", replaced_by="3"),
        f"{FOLDER}/versions/2/status.yaml": status_yaml("withdrawn", reason="It is wrong."),
        f"{FOLDER}/versions/3/metadata.yaml": metadata_yaml(labels=["edge"]),
        f"{FOLDER}/versions/3/evidence/holdout.yaml": evidence_yaml(
            "3", kind="evaluation", record=record, suite="holdout-2026", verdict="pass",
            dataset={"uri": "s3://bucket/eval.parquet"}, metrics=[{"key": "accuracy", "value": 0.97}],
        ),
        f"{FOLDER}/aliases/production.yaml": alias_yaml("3"),
    }  # fmt: skip


@pytest.fixture
def registry(make_registry: Callable[..., Path]) -> Path:
    """A checkout with three versions of ``nlp/lang-id``; ``production`` is 3, whose bytes are on the remote."""
    root = make_registry(full_registry())
    for content in (MODEL_BYTES, THIRD_BYTES, VOCABULARY):
        put_object(root, content)
    return root
