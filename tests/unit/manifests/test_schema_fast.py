"""The interpreter of schemas says what the compiled validator says, of good files, of bad ones and of odd schemas."""

from __future__ import annotations

import copy
import subprocess
import sys
from functools import lru_cache

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.corpus_cases import examples

from registry_tool.manifests.problems import JSON
from registry_tool.manifests.schema import fast_validator, schema_data, schema_ids
from registry_tool.manifests.schema_fast import Interpreter, unknown_keywords
from registry_tool.manifests.yaml.fast import load_fast

GOOD = examples("good")
_scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 40), st.floats(-2, 40, allow_nan=False), st.just(1e30), st.just(2.0),
    st.text(max_size=6), st.sampled_from(["1", "1.0.0", "nlp/lang-id", "a" * 65, "a\n", "sha256:" + "0" * 64, "git", "ü"]),
)  # fmt: skip
_any = st.recursive(
    _scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)


@lru_cache
def compiled(schema_id: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(schema_data(schema_id))


def places(data: JSON, at: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Every place within some data."""
    inner: list[tuple[str | int, JSON]] = []
    if isinstance(data, dict):
        inner = list(data.items())
    elif isinstance(data, list):
        inner = list(enumerate(data))
    return [at, *(place for step, value in inner for place in places(value, (*at, step)))]


def changed(data: JSON, at: tuple[str | int, ...], how: str, value: JSON, name: str) -> JSON:
    """Some data with something else at one place."""
    if not at:
        return value
    made = copy.deepcopy(data)
    holder: JSON = made
    for step in at[:-1]:
        holder = holder[step]  # type: ignore[index]  # a place within it
    if isinstance(holder, dict):
        last = str(at[-1])
        if how == "drop":
            del holder[last]
        elif how == "rename":
            holder[name] = holder.pop(last)
        else:
            holder[last] = value
    elif isinstance(holder, list):
        if how == "drop":
            del holder[int(at[-1])]
        elif how == "rename":
            holder.append(holder[int(at[-1])])
        else:
            holder[int(at[-1])] = value
    return made


# Three verdicts an example, for what an example costs is Hypothesis' work around it.
@settings(max_examples=500)
@given(draw=st.data())
def test_a_file_with_something_else_in_it_gets_the_same_verdict(draw: st.DataObject) -> None:
    example = draw.draw(st.sampled_from(GOOD))
    data = load_fast(example.data)
    if not isinstance(data, dict):
        return
    at = places(data)
    names = sorted({str(place[-1]) for place in at if place})
    changes = st.tuples(
        st.sampled_from(at),
        st.sampled_from(["drop", "rename", "put"]),
        _any,
        st.sampled_from(names),
    )
    interpreter = Interpreter(schema_data(example.schema_id))
    for change in draw.draw(st.lists(changes, min_size=3, max_size=3)):
        found = changed(data, *change)
        verdict = compiled(example.schema_id).is_valid(found)
        assert interpreter.is_valid(found) == verdict


_keywords: dict[str, st.SearchStrategy[JSON]] = {
    "type": st.sampled_from(["object", "array", "string", "number", "integer", "boolean", "null"]),
    "const": _any,
    "enum": st.lists(_any, min_size=1, max_size=3),
    "minimum": st.integers(-1, 3),
    "maximum": st.floats(0, 3, allow_nan=False),
    "minLength": st.integers(0, 3),
    "maxLength": st.integers(0, 3),
    "pattern": st.sampled_from(["^a$", "a", "^[0-9]*$", "b|c"]),
    "minItems": st.integers(0, 2),
    "maxItems": st.integers(0, 2),
    "uniqueItems": st.booleans(),
    "minProperties": st.integers(0, 2),
    "maxProperties": st.integers(0, 2),
    "required": st.lists(st.text(max_size=1), max_size=2, unique=True),
}
_leaves = st.fixed_dictionaries({}, optional=_keywords)
_schemas = st.recursive(
    _leaves | st.booleans(),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            **_keywords,
            "properties": st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
            "additionalProperties": inner,
            "propertyNames": inner,
            "items": inner,
            "not": inner,
            "if": inner,
            "then": inner,
            "else": inner,
            "allOf": st.lists(inner, min_size=1, max_size=2),
            "anyOf": st.lists(inner, min_size=1, max_size=2),
            "dependentRequired": st.just({"a": ["b"]}),
        },
    ),
    max_leaves=5,
)
_instances = st.recursive(
    _scalars | st.sampled_from(["a", "b", "aa"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(max_examples=500)
@given(schema=_schemas, instances=st.lists(_instances, min_size=3, max_size=3))
def test_any_schema_of_these_keywords_means_what_the_standard_says(
    schema: JSON, instances: list[JSON]
) -> None:
    if not isinstance(schema, dict):
        return
    validator, interpreter = jsonschema_rs.Draft202012Validator(schema), Interpreter(schema)
    for data in instances:
        assert interpreter.is_valid(data) == validator.is_valid(data)


@pytest.mark.parametrize("schema_id", sorted(schema_ids()))
def test_every_keyword_of_our_schemas_is_understood(schema_id: str) -> None:
    assert unknown_keywords(schema_data(schema_id)) == set()


def test_a_keyword_that_is_not_understood_is_told() -> None:
    schema: JSON = {"properties": {"a": {"anyOf": [{"multipleOf": 2}]}}, "oneOf": []}
    assert unknown_keywords(schema) == {"multipleOf", "oneOf"}


def test_a_long_list_is_not_compared_pair_by_pair() -> None:
    schema: dict[str, JSON] = {"uniqueItems": True, "maxItems": 10}
    assert not Interpreter(schema).is_valid(list(range(100_000)))


def test_the_compiled_validator_comes_when_there_is_much_to_ask() -> None:
    code = (
        "import sys; from registry_tool.manifests.schema import fast_validator\n"
        "ask = lambda: fast_validator('tag/v1').is_valid({'schema': 'tag/v1', 'model': 'a/b', 'version': '1'})\n"
        "print(ask(), 'jsonschema_rs' in sys.modules, {ask() for _ in range(100)}, 'jsonschema_rs' in sys.modules)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert (ran.stderr, ran.stdout.split()) == ("", ["True", "False", "{True}", "True"])
    assert fast_validator("tag/v1") is fast_validator("tag/v1")
