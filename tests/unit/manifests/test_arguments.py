"""What a program gives is judged by the schema in the call."""

from __future__ import annotations

from pathlib import PurePath
from typing import cast

import pytest

from registry_tool.errors import UsageError
from registry_tool.manifests.arguments import check_fields, check_license, check_manifest
from registry_tool.manifests.problems import JSON
from registry_tool.manifests.schema import partial_mismatches


class Text(str):
    """A text of a type of its own, as enums and some libraries have them."""

    __slots__ = ()


@pytest.mark.parametrize(
    ("schema_id", "fields", "words"),
    [
        ("model/v2", {"task": "asr "}, 'task does not match the schema; found "asr "; expected one line'),
        ("model/v2", {"taks": "asr"}, 'unknown field "taks" in model.yaml'),
        ("version/v1", {"framework": {"type": "sklearn", "best": 1}}, 'unknown field "best" in framework'),
        ("metadata/v1", {"labels": ["a", "a"]}, "each item once"),
    ],
)  # fmt: skip
def test_a_field_that_cannot_be_valid(schema_id: str, fields: dict[str, JSON], words: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_fields(schema_id, fields)
    assert words in caught.value.message


def test_what_is_missing_is_not_asked_for() -> None:
    check_fields("model/v2", {})
    check_fields("version/v1", {"metrics": [{"key": "a", "value": 1}]})
    check_fields("evidence/v1", {"kind": "evaluation"})


def test_a_whole_manifest_is_asked_for_all() -> None:
    with pytest.raises(UsageError, match="the note has no `schema`"):
        check_manifest("evidence/v1", {"kind": "note"}, called="the note")


def test_an_entry_is_named_and_not_counted() -> None:
    with pytest.raises(UsageError, match=r"^metric 'a': step does not match the schema; found -1"):
        check_fields(
            "version/v1", {"metrics": [{"key": "a", "value": 1, "step": -1}]}, of="metric 'a'"
        )


def test_a_licence_is_an_expression() -> None:
    check_license("Apache-2.0 OR MIT")
    with pytest.raises(UsageError, match="'Apache 2' is not an SPDX licence expression"):
        check_license("Apache 2")


@pytest.mark.parametrize(
    "value", ["model", "nothing", 3, "\ud800", b"model", PurePath("model"), Text("model")]
)
def test_the_verdict_on_a_field_does_not_depend_on_how_many_were_checked_before(
    monkeypatch: pytest.MonkeyPatch, value: object
) -> None:
    """After some fields a compiled validator answers, which takes no types of a program."""
    fields: dict[str, JSON] = {
        "artifacts": [{"name": "x", "role": cast("JSON", value), "uri": "x:x"}]
    }
    found = []
    for asked in (0, 1000):
        monkeypatch.setattr("registry_tool.manifests.schema._Sparing._asked", asked)
        found.append(partial_mismatches("version/v1", fields))
    assert found[0] == found[1]
    assert (found[0] == []) == (str(value) == "model" and isinstance(value, str))
