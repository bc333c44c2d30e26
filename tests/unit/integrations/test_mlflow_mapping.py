"""The mapping between MLflow's words and manifests, without a server and without MLflow."""

from __future__ import annotations

import re

import pytest

from registry_tool.edits.shown_aliases import choose_alias_path
from registry_tool.integrations.mlflow_mapping import (
    MlflowName,
    VersionOrigin,
    join_name,
    parse_stage,
    read_origin,
    read_stage,
    render_tag,
    render_tags,
    split_name,
    split_origin,
)
from registry_tool.manifests.problems import JSON
from registry_tool.names import POINTER_PATTERN

NAMESPACES = frozenset({"default", "nlp"})


@pytest.mark.parametrize(
    ("name", "namespace", "shown"),
    [
        ("lang-id", "default", "lang-id"),
        ("nlp.lang-id", "nlp", "lang-id"),
        ("nlp.a.b", "nlp", "a.b"),
        ("resnet50.v2", "default", "resnet50.v2"),
        ("catalog.schema.model", "default", "catalog.schema.model"),
        ("nlp.", "default", "nlp."),
        (".nlp", "default", ".nlp"),
        ("Wörter & Sätze", "default", "Wörter & Sätze"),
    ],
)
def test_a_name_is_a_namespace_and_a_shown_name(name: str, namespace: str, shown: str) -> None:
    assert split_name(name, NAMESPACES, "default") == MlflowName(namespace, shown)
    assert join_name(namespace, shown, "default") == name


def test_the_writing_namespace_has_bare_names() -> None:
    assert split_name("lang-id", NAMESPACES, "nlp") == MlflowName("nlp", "lang-id")
    assert split_name("default.x", NAMESPACES, "nlp") == MlflowName("default", "x")
    assert join_name("default", "x", "nlp") == "default.x"


@pytest.mark.parametrize(
    ("value", "text"),
    [("x", "x"), ("", ""), (1, "1"), (1.5, "1.5"), (True, "true"), (None, "null"), (["ü"], '["ü"]'), ({"a": 1}, '{"a": 1}')],
)  # fmt: skip
def test_a_value_is_a_tag(value: JSON, text: str) -> None:
    assert render_tag(value) == text
    assert render_tags({"b": value, "a": "1"})[1] == {"key": "b", "value": text}


@pytest.mark.parametrize(
    ("alias", "taken", "path"),
    [
        ("champion", "", "champion"),
        ("Champion", "", "champion"),
        ("Prod_1", "", "prod_1"),
        ("Champion", "champion", "champion-d0dc8a2a"),
        ("_odd-", "", "odd-4acb6525"),
        ("7", "", "7-7902699b"),
        ("ümlaut", "", "mlaut-e30af24e"),
    ],
)
def test_an_alias_has_a_path(alias: str, taken: str, path: str) -> None:
    assert choose_alias_path(alias, "integer", {taken}.__contains__) == path


@pytest.mark.parametrize("stage", ["None", "none", "STAGING", "production", "Archived", "x", ""])
def test_a_stage_in_any_case(stage: str) -> None:
    assert parse_stage(stage) == (stage.capitalize() if stage not in {"x", ""} else None)


@pytest.mark.parametrize(
    ("wire", "state", "aliases", "mapped", "stage"),
    [
        ({}, "active", (), {}, "None"),
        ({"stage": "Staging"}, "active", (), {}, "Staging"),
        ({"stage": "nonsense"}, "active", (), {}, "None"),
        ({}, "deprecated", (), {}, "Archived"),
        ({"stage": "None"}, "deprecated", (), {}, "None"),
        ({}, "active", ("prod",), {"Production": "prod"}, "Production"),
        ({"stage": "Production"}, "active", (), {"Production": "prod"}, "Archived"),
        ({"stage": "Staging"}, "active", ("prod",), {"Production": "prod"}, "Production"),
        ({}, "active", ("prod", "stag"), {"Production": "prod", "Staging": "stag"}, "Production"),
    ],
)
def test_a_stage_is_written_or_is_an_alias(
    wire: dict[str, JSON], state: str, aliases: tuple[str, ...], mapped: dict[str, str], stage: str
) -> None:
    assert read_stage(wire, state, aliases, mapped) == stage


@pytest.mark.parametrize("is_stored", [False, True])
@pytest.mark.parametrize(
    "origin",
    [
        VersionOrigin("s3://bucket/x", "7" * 32, "https://example.org/run", "m-1"),
        VersionOrigin("models:/m-1", "", "", "m-1"),
        VersionOrigin("s3://bucket/a b/ü\n", "a b", "", ""),
        VersionOrigin("dummy-source"),
        VersionOrigin("x" * 5000, "y" * 300),
        VersionOrigin("s3://" + "x" * 4000),
    ],
)
def test_an_origin_reads_back_as_it_was(origin: VersionOrigin, *, is_stored: bool) -> None:
    parts = split_origin(origin, is_stored=is_stored)
    artifacts: list[JSON] = [*parts.artifacts]
    if is_stored:
        artifacts.append({"path": "model"})
    record: dict[str, JSON] = {**parts.fields, "artifacts": artifacts}
    assert read_origin(record, parts.wire, "elsewhere") == origin


def test_a_version_of_other_clients_has_a_source_too() -> None:
    assert read_origin({"artifacts": [{"path": "a"}]}, {}, "here").source == "here"
    assert read_origin({"artifacts": [{"uri": "s3://x/y"}]}, {}, "here").source == "s3://x/y"
    assert read_origin({}, {}, "here").source == ""


def test_the_path_of_a_long_alias_is_a_valid_file_name() -> None:
    path = choose_alias_path("v" + "1.A-" * 60 + "b", "integer", set[str]().__contains__)
    assert re.fullmatch(POINTER_PATTERN, path)
