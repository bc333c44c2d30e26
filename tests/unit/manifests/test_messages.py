"""Words for every way a file can miss its schema."""

from __future__ import annotations

import json

import pytest
from support.corpus_cases import Example, examples
from support.manifests import model_yaml, version_yaml

from registry_tool.manifests.document import parse_document
from registry_tool.manifests.layout import Place
from registry_tool.manifests.messages import explain_mismatch
from registry_tool.manifests.problems import JSON, Problem, show_value
from registry_tool.manifests.schema import Mismatch, schema_data, schema_ids
from registry_tool.manifests.team_schema import team_mismatches
from registry_tool.manifests.yaml.explain import Text
from registry_tool.names import ModelName

# Keywords that only lead to others, or only describe.
STRUCTURE = {
    "$schema", "$id", "$ref", "$defs", "$comment", "title", "description", "examples", "default", "properties",
    "items", "allOf", "if", "then", "else", "format", "additionalProperties", "deprecated", "markdownDescription",
}  # fmt: skip


def _keywords(schema: JSON) -> set[str]:
    if isinstance(schema, list):
        return {key for item in schema for key in _keywords(item)}
    if not isinstance(schema, dict):
        return set()
    found = set(schema)
    for key, value in schema.items():
        if key in {"properties", "$defs"} and isinstance(value, dict):
            found |= {inner for item in value.values() for inner in _keywords(item)}
        elif key not in {"const", "enum", "examples", "default", "required", "dependentRequired"}:
            found |= _keywords(value)
    return found


def _problem(schema: dict[str, JSON], data: JSON) -> Problem:
    (mismatch,) = team_mismatches(json.dumps(schema).encode(), data)
    return explain_mismatch(mismatch, Text(data=data))


# For each keyword a schema, data that misses it, and what is said to be expected.
SAID: dict[str, tuple[dict[str, JSON], JSON, str]] = {
    "type": ({"type": ["string", "integer", "null"]}, [], "text or a whole number or nothing"),
    "enum": ({"enum": ["a", 1]}, "b", 'one of "a", 1'),
    "const": ({"const": "x/v1"}, "y", '"x/v1"'),
    "maxLength": ({"maxLength": 3}, "abcd", "at most 3 characters"),
    "minLength": ({"minLength": 1}, "", "at least 1 characters"),
    "maxItems": ({"maxItems": 1}, [1, 2], "at most 1 items"),
    "minItems": ({"minItems": 1}, [], "at least 1 items"),
    "maxProperties": ({"maxProperties": 0}, {"a": 1}, "at most 0 fields"),
    "minProperties": ({"minProperties": 1}, {}, "at least 1 fields"),
    "maximum": ({"maximum": 3}, 4, "at most 3"),
    "minimum": ({"minimum": 3}, 2, "at least 3"),
    "exclusiveMinimum": ({"exclusiveMinimum": 0}, 0, "more than 0"),
    "exclusiveMaximum": ({"exclusiveMaximum": 1}, 1, "less than 1"),
    "uniqueItems": ({"uniqueItems": True}, [1, 1], "each item once"),
    "contains": ({"contains": {"const": 1}}, [2], "at least one matching item"),
    "pattern": ({"pattern": "^a$"}, "b", "text that matches ^a$"),
    "required": ({"required": ["a", "b"]}, {}, ""),
    "additionalProperties": (
        {"properties": {"abc": True}, "additionalProperties": False}, {"abd": 1}, "one of abc",
    ),
    "not a choice": ({"not": {"enum": ["a", "b"]}}, "a", 'anything but "a", "b"'),
    "not one value": ({"not": {"const": "a"}}, "a", 'anything but "a"'),
    "not like": ({"not": {"pattern": "[.]dvc$"}}, "x.dvc", "no text that matches [.]dvc$"),
    "not": ({"not": {"required": ["a", "b"]}}, {"a": 1, "b": 2}, "one of `a` and `b`"),
}  # fmt: skip


@pytest.mark.parametrize("keyword", SAID)
def test_each_keyword_has_words(keyword: str) -> None:
    schema, data, expected = SAID[keyword]
    problem = _problem(schema, data)
    assert problem.code == "schema"
    assert problem.expected == expected


def test_every_keyword_of_the_schemas_has_words() -> None:
    used = {keyword for name in schema_ids() for keyword in _keywords(schema_data(name))}
    spoken = {
        *SAID,
        "oneOf",
        "anyOf",
        "dependentRequired",
        "propertyNames",
        "unevaluatedProperties",
        "prefixItems",
    }
    assert used - STRUCTURE - spoken == set()


def test_what_depends_on_another_field() -> None:
    problem = _problem({"dependentRequired": {"a": ["b"]}}, {"a": 1})
    assert problem.message == "the file has `a` without `b`"
    assert problem.expected == "`b` together with `a`"
    assert problem.remedy == "add `b`, or delete `a`"


def test_a_description_speaks_where_there_is_one() -> None:
    schema: dict[str, JSON] = {"pattern": "^a$", "description": "The letter a."}
    assert _problem(schema, "b").expected == "the letter a"


@pytest.mark.parametrize("example", examples("bad"), ids=lambda e: f"{e.kind}/{e.name}")
def test_every_bad_example_is_told_in_words_of_its_own(example: Example) -> None:
    place = Place(example.kind, ModelName("nlp", "lang-id"), "1", "x")
    document = parse_document("x.yaml", place, example.data)
    assert document.problems  # an unquoted number for a text is taken as text, and told
    for problem in document.problems:
        assert problem.message.isprintable()
        assert problem.expected or problem.remedy or problem.code != "schema"
        assert "in the schema says" not in problem.expected, problem


def _of(source: str) -> Problem:
    kind = source.partition("/")[0].removeprefix("schema: ")
    place = Place(kind, ModelName("nlp", "lang-id"), "1")
    return next(
        p for p in parse_document("x", place, source.encode()).problems if p.code == "schema"
    )


def test_an_unknown_field_names_the_near_one_and_stands_at_its_key() -> None:
    problem = _of(model_yaml() + "descripton: x\n")
    assert problem.message == 'unknown field "descripton" in the file'
    assert problem.remedy == "did you mean `description`?"
    assert (problem.line, problem.column) == (7, 1)


def test_an_unknown_field_without_a_near_one_points_at_metadata() -> None:
    assert (
        _of(model_yaml() + "zzz: x\n").remedy
        == "delete it, or put it under `metadata`, which is free"
    )


def test_a_missing_field() -> None:
    problem = _of(model_yaml(owner=None))
    assert problem.message == "the file has no `owner`"
    assert problem.remedy == "add `owner`"


def test_a_wrong_choice_names_the_near_one() -> None:
    problem = _of(version_yaml(framework={"type": "pytroch"}))
    assert problem.message == "framework.type does not match the schema"
    assert problem.remedy == "did you mean `pytorch`?"
    assert problem.line == 6


def test_a_place_in_a_list() -> None:
    problem = _of(version_yaml(artifacts=[{"name": "a", "role": "nothing", "uri": "s3://b/x"}]))
    assert problem.message.startswith("artifacts[0].role")


def test_values_are_shown_short_and_harmless() -> None:
    assert show_value("\x1b[31mred\u202e") == '"\\u001b[31mred\\u202e"'
    assert len(show_value("x" * 1000)) == 80
    assert show_value({"a": [1, None]}) == '{"a": [1, null]}'


def test_a_mismatch_of_the_whole_file() -> None:
    problem = explain_mismatch(Mismatch((), "type", [], {"type": "object"}), Text())
    assert problem.message == "the file does not match the schema"
    assert problem.expected == "a mapping"


def test_a_text_of_a_certain_form_is_shown_by_an_example() -> None:
    source = b"schema: registry/v1\nname: acme\nstages:\n  a: {}\n  b: {from: a, soak: 2 days}\n"
    document = parse_document("registry.yaml", Place("registry"), source)
    (problem,) = document.problems
    assert problem.expected == (
        'how long the version must have been in that stage: minutes, hours, days or weeks, such as "2d"'
    )
