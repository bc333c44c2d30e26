"""A team's schema is asked with bounds: whatever it says, an answer comes, and the same on every machine."""

from __future__ import annotations

import json

import pytest

from registry_tool.manifests.patterns import InvalidPatternError, PatternTooSlowError, matcher
from registry_tool.manifests.problems import JSON
from registry_tool.manifests.schema import schema_data, schema_ids
from registry_tool.manifests.schema_fast import ecma_pattern
from registry_tool.manifests.team_schema import (
    InvalidTeamSchemaError,
    TooManyStepsError,
    list_patterns,
    load_team_schema,
    measure_width,
    team_mismatches,
)


def _asked(schema: JSON, data: JSON) -> list[str]:
    return [m.keyword for m in team_mismatches(json.dumps(schema).encode(), data)]


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        (r"^\d+$", "12", True),
        (r"^\d+$", "\u0663", False),  # digits are those of ASCII
        (r"^\w+$", "\u00e9", False),
        (r"^a$", "a\n", False),  # `$` is the end, not before a last line feed
        (r"^\u0041\cA\x42$", "A\x01B", True),
        (r"^\p{L}+$", "\u00e9", True),
        (r"^.$", "\U0001f600", True),
        (r"^.$", "\n", False),
        (r"a\/b", "xa/by", True),
        (r"^(a+)+$", "a" * 50_000 + "b", False),
        (r"^(?!-)[a-z]+(?<!-)$", "abc", True),
        # Python's own, in published schemas.
        (r"^(?P<n>a|b)-(?P=n)$", "b-b", True),
        (r"^(?P<n>a|b)-(?P=n)$", "a-b", False),
        (r"^a(?#a comment)b$", "ab", True),
        (r"^[(?#)]+(?#c)$", "(#)", True),
        (r"^(?>a|ab)c$", "ac", True),
        (r"^(?>a|ab)c$", "abc", False),
        (r"^(x)(?>a+)+(y)\2\1$", "xaayyx", True),
        (r"^(x)(?>a+)+(y)\2\1$", "xaayxy", False),
        (r"^(a)\1$", "aa", True),
        (r"^a\Z", "a", True),
    ],
)
def test_patterns_mean_what_ecma_says(pattern: str, text: str, matches: bool) -> None:  # noqa: FBT001
    assert matcher(pattern).search(text) is matches


def test_a_pattern_that_looks_around_is_given_up_after_so_many_steps() -> None:
    looking = matcher(r"^(?:(?=a)a+)+$")
    assert not looking.is_linear
    assert looking.search("a" * 60)
    with pytest.raises(PatternTooSlowError):
        looking.search("a" * 60 + "b")


@pytest.mark.parametrize("pattern", ["(", "a{2,1}", "(?P=x)", "(x{1,1000}){1,1000}", "\\"])
def test_what_is_no_pattern_is_said_so(pattern: str) -> None:
    with pytest.raises(InvalidPatternError):
        matcher(pattern)
    with pytest.raises(InvalidTeamSchemaError, match="not a regular expression"):
        team_mismatches(json.dumps({"pattern": pattern}).encode(), "x")


def test_our_own_patterns_are_linear_and_mean_the_same_to_both_validators() -> None:
    samples = [
        "",
        "a",
        "A-b",
        "1",
        "a/b",
        "a@b.c",
        "0" * 40,
        "2026-01-01",
        "\u0663",
        "x\n",
        "é",
        "../a",
    ]
    for schema_id in schema_ids():
        for pattern in list_patterns(schema_data(schema_id)):
            found = matcher(pattern.text)
            assert found.is_linear
            for sample in samples:
                assert found.search(sample) is bool(ecma_pattern(pattern.text).search(sample))


def _doubled(times: int) -> dict[str, JSON]:
    defs: dict[str, JSON] = {
        f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}, {"$ref": f"#/$defs/d{n + 1}"}]}
        for n in range(times)
    }
    return {"$ref": "#/$defs/d0", "$defs": {**defs, f"d{times}": {"type": "object"}}}


_MANY: list[JSON] = [{"a": n} for n in range(20_000)]


@pytest.mark.parametrize(
    ("schema", "data"),
    [
        (_doubled(30), {}),
        ({**_doubled(30), "unevaluatedProperties": False}, {"a": 1}),
        ({"$ref": "#"}, {}),
        ({"allOf": [{"$ref": "#"}]}, {}),
        ({"items": {"enum": list(range(20_000))}}, [-1] * 20_000),
        ({"patternProperties": {f"x{n}": True for n in range(3_000)}}, {f"k{n}": 1 for n in range(3_000)}),
    ],
    ids=["doubled", "unevaluated", "itself", "itself-inside", "enum", "patterns"],
)  # fmt: skip
def test_what_takes_too_many_steps_is_given_up(schema: JSON, data: JSON) -> None:
    with pytest.raises(InvalidTeamSchemaError):
        _asked(schema, data)


@pytest.mark.parametrize(
    ("schema", "data", "found"),
    [
        ({"uniqueItems": True}, _MANY, []),
        ({"uniqueItems": True}, [*_MANY, {"a": 7.0}], ["uniqueItems"]),
        ({"uniqueItems": True}, [1, True, "1", None, [1], {"a": 1}], []),
        ({"required": ["a"], "maxProperties": 1}, {"b": 1, "c": 2}, ["required", "maxProperties"]),
        ({"patternProperties": {"^x": {"type": "integer"}}, "additionalProperties": False},
         {"x1": "a", "y": 1}, ["additionalProperties", "type"]),
        ({"properties": {"a": True}, "allOf": [{"properties": {"b": True}}], "unevaluatedProperties": False},
         {"a": 1, "b": 2}, []),
        ({"properties": {"a": True}, "unevaluatedProperties": False}, {"a": 1, "b": 2}, ["unevaluatedProperties"]),
        ({"if": {"required": ["a"]}, "then": {"properties": {"a": True}}, "unevaluatedProperties": False},
         {"a": 1}, []),
        ({"$defs": {"tree": {"type": "object", "additionalProperties": {"$ref": "#/$defs/tree"}}},
          "$ref": "#/$defs/tree"}, {"a": {"b": {"c": {}}}}, []),
    ],
)  # fmt: skip
def test_within_the_bounds_it_is_json_schema(schema: JSON, data: JSON, found: list[str]) -> None:
    assert _asked(schema, data) == found


def test_a_list_of_mixed_values_in_a_schema_is_not_compared_pair_by_pair() -> None:
    mixed: list[JSON] = [str(n) if n % 2 else [n] for n in range(20_000)]
    with pytest.raises(InvalidTeamSchemaError, match="not a JSON Schema"):
        _asked({"required": mixed}, {})


def test_no_more_mismatches_than_anybody_reads() -> None:
    assert len(_asked({"items": {"type": "string"}}, list(range(5_000)))) == 1_000


def test_a_deep_schema_is_given_up_alike_everywhere() -> None:
    schema: JSON = {"type": "object"}
    for _ in range(300):
        schema = {"allOf": [schema]}
    with pytest.raises(TooManyStepsError, match="200 levels"):
        _asked(schema, {})


def test_width() -> None:
    assert measure_width({"type": "object"}) == 1
    assert measure_width(load_team_schema(json.dumps(_doubled(5)).encode())) == 126
    assert measure_width({"$ref": "#"}) == float("inf")
    assert measure_width({"properties": {"a": {"$ref": "#"}}}) == 2


def _nested(levels: int) -> JSON:
    found: JSON = 'a "word"'
    for _ in range(levels):
        found = [found]
    return found


@pytest.mark.timeout(20)
def test_items_are_told_apart_in_time_that_does_not_double_with_each_level() -> None:
    assert _asked({"uniqueItems": True}, [_nested(60), _nested(59)]) == []
    assert _asked({"uniqueItems": True}, [_nested(60), _nested(60)]) == ["uniqueItems"]
    alike: list[JSON] = [{"a": 1, "b": 2}, {"b": 2.0, "a": 1.0}]
    assert _asked({"uniqueItems": True}, alike) == ["uniqueItems"]
    assert _asked({"uniqueItems": True}, ["[1]", [1], {"a": "1"}, {"a": 1}, '{"a":1}']) == []


@pytest.mark.parametrize(
    ("schema", "data"),
    [
        ({"$ref": "#/x", "x": {"pattern": "("}}, "a"),
        ({"$ref": "#/x", "x": {"minimum": "a"}}, 3),
        ({"$ref": "#/x", "x": 3}, 3),
        ({"$id": "http://[/", "$ref": "x"}, 1),
        ({"multipleOf": 0.1}, 10**400),
    ],
)
def test_what_a_library_cannot_use_is_a_broken_schema(schema: JSON, data: JSON) -> None:
    with pytest.raises(InvalidTeamSchemaError):
        _asked(schema, data)


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/x/y", "x": {"y": {"pattern": "(?=a)"}}},
        {"properties": {"a": {"$ref": "#/x~1z/0"}}, "x/z": [{"items": {"pattern": "(?=a)"}}]},
        {"$defs": {"d": {"$id": "other", "$ref": "#/x", "x": {"pattern": "(?=a)"}}}, "$ref": "#/$defs/d"},
        {"$ref": "#/%78", "x": {"$ref": "#/z", "z": 1}, "z": {"pattern": "(?=a)"}},
    ],
)  # fmt: skip
def test_patterns_are_found_wherever_a_reference_leads(schema: JSON) -> None:
    assert [pattern.text for pattern in list_patterns(schema)] == ["(?=a)"]
