"""Bounds on what a check spends on a team's schemas in all, however many there are."""

from __future__ import annotations

import json

import pytest
from support.manifests import model_yaml, namespace_yaml, registry_yaml

from registry_tool.checks.engine import check
from registry_tool.git.tree import DictTree
from registry_tool.manifests import team_schema
from registry_tool.manifests.problems import JSON


def test_many_schemas_that_are_given_up_cost_no_more_than_a_few(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[bytes] = []

    def given_up(source: bytes, _: object) -> list[object]:
        asked.append(source)
        raise team_schema.TooManyStepsError("it takes more than 300,000 steps")

    monkeypatch.setattr(team_schema, "team_mismatches", given_up)
    listed: JSON = [
        {"schema": f"schemas/{n}.json", "applies_to": "models", "field": "metadata"}
        for n in range(25)
    ]
    files = {
        "registry.yaml": registry_yaml(metadata_schemas=listed),
        "models/nlp/namespace.yaml": namespace_yaml(),
        **{f"models/nlp/m{n}/model.yaml": model_yaml(f"m{n}") for n in range(3)},
        **{f"schemas/{n}.json": json.dumps({"title": str(n)}) for n in range(25)},
    }
    found = [f for f in check(DictTree(files)).findings if f.rule == "M210"]
    assert len(found) == 75  # the verdict on each is the same
    assert len(asked) == 6
