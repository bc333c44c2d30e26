"""Which stages hold for a model, in which order."""

from __future__ import annotations

import datetime as dt

import pytest
from support.manifests import namespace_yaml, registry_yaml

from registry_tool.catalog.catalog import Catalog
from registry_tool.git.tree import DictTree
from registry_tool.promotion.stages import list_stages, parse_soak


def catalog(**files: str) -> Catalog:
    names = {"registry": "registry.yaml", "nlp": "models/nlp/namespace.yaml"}
    return Catalog(DictTree({names[name]: text for name, text in files.items()}))


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("90m", dt.timedelta(minutes=90)),
        ("12h", dt.timedelta(hours=12)),
        ("2d", dt.timedelta(days=2)),
        ("1w", dt.timedelta(days=7)),
        ("0d", dt.timedelta()),
        ("", dt.timedelta()),
        ("two days", dt.timedelta()),
        ("9999999w", dt.timedelta(weeks=9999999)),
    ],
)
def test_soak(written: str, expected: dt.timedelta) -> None:
    assert parse_soak(written) == expected


def test_stages_stand_first_to_last_whatever_order_they_are_written_in() -> None:
    found = catalog(
        registry=registry_yaml(
            stages={"production": {"from": "canary"}, "canary": {"from": "staging"}, "staging": {}}
        )
    )
    assert [*list_stages(found, "nlp")] == ["staging", "canary", "production"]


def test_a_stage_of_the_namespace_stands_in_place_of_the_registrys() -> None:
    found = catalog(
        registry=registry_yaml(stages={"production": {"require": [{"approvals": 1}]}}),
        nlp=namespace_yaml(stages={"production": {"require": [{"approvals": 1}, {"signed": "commit"}]}, "edge": {}}),
    )  # fmt: skip
    stages = list_stages(found, "nlp")
    assert stages["production"].require == ({"approvals": 1}, {"signed": "commit"})
    assert "edge" in stages
    assert list_stages(found, "vision")["production"].require == ({"approvals": 1},)


def test_a_stage_is_guarded_when_something_must_hold() -> None:
    found = catalog(
        registry=registry_yaml(
            stages={"a": {}, "b": {"from": "a", "soak": "2d"}, "c": {"require": [{"approvals": 1}]}}
        )
    )
    stages = list_stages(found, "nlp")
    assert {name: stage.is_guarded for name, stage in stages.items()} == {
        "a": False,
        "c": True,
        "b": True,
    }
    assert (stages["b"].before, stages["b"].soak) == ("a", "2d")


@pytest.mark.parametrize("text", ["", "schema: registry/v1\nname: [\n"])
def test_a_registry_that_cannot_be_read_has_no_stages(text: str) -> None:
    assert list_stages(catalog(registry=text), "nlp") == {}


def test_a_circle_ends() -> None:
    stages: dict[str, object] = {"a": {"from": "b"}, "b": {"from": "a"}}
    found = catalog(registry=registry_yaml(stages=stages))  # type: ignore[arg-type]  # nested JSON
    assert {*list_stages(found, "nlp")} == {"a", "b"}
