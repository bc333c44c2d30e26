"""The schemas, on the examples of tests/corpus/schemas/<kind>.yaml: four validators, one verdict."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import jsonschema_rs
import pytest
from jsonschema import Draft202012Validator
from support.corpus_cases import VERDICTS, Example, examples

from registry_tool import names
from registry_tool.errors import InvalidManifestError
from registry_tool.manifests.models.table import MANIFESTS
from registry_tool.manifests.problems import JSON
from registry_tool.manifests.schema import mismatches, schema_data, schema_ids
from registry_tool.manifests.schema_fast import Interpreter
from registry_tool.manifests.yaml.explain import explain
from registry_tool.manifests.yaml.fast import Unsure, load_fast

CASES = examples()
SCHEMAS = sorted(MANIFESTS)

NAMES = {
    "namespace_name": names.NAMESPACE_PATTERN,
    "pointer_name": names.POINTER_PATTERN,
    "model_name": names.MODEL_PATTERN,
    "version_name": names.VERSION_PATTERN,
    "artifact_name": names.ARTIFACT_PATTERN,
}
ANY_JSON = {"default", "meta"}  # members whose value may be any JSON at all


def load(example: Example) -> JSON:
    data = load_fast(example.data)
    return explain(example.data).data if isinstance(data, Unsure) else data


@lru_cache
def fast(schema_id: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(schema_data(schema_id))


def typed_accepts(schema_id: str, data: JSON) -> bool:
    try:
        MANIFESTS[schema_id].from_data(data)
    except InvalidManifestError:
        return False
    return True


def subschemas(node: JSON, at: tuple[str, ...] = ()) -> Iterator[tuple[str, dict[str, JSON]]]:
    """Every schema inside a schema, with its place; not what `const`, `enum` and `examples` hold."""
    assert isinstance(node, dict)
    yield "/".join(at), node
    for word in ("properties", "$defs"):
        members = node.get(word, {})
        assert isinstance(members, dict)
        for name, inner in members.items():
            yield from subschemas(inner, (*at, word, name))
    for word in ("items", "additionalProperties", "propertyNames", "not", "if", "then", "else"):
        if isinstance(node.get(word), dict):
            yield from subschemas(node[word], (*at, word))
    for word in ("allOf", "anyOf"):
        branches = node.get(word, [])
        assert isinstance(branches, list)
        for number, inner in enumerate(branches):
            yield from subschemas(inner, (*at, word, str(number)))


def is_condition(place: str) -> bool:
    return any(
        f"/{word}" in f"/{place}" for word in ("if", "then", "else", "not", "allOf", "anyOf")
    )


@pytest.mark.parametrize("example", CASES, ids=lambda e: e.id)
def test_verdict_of_every_reader_is_that_of_the_example(example: Example) -> None:
    schema_id, good, data = example.schema_id, example.verdict == "good", load(example)
    assert isinstance(data, dict)
    verdicts = {
        "jsonschema": not mismatches(schema_id, data),
        "jsonschema_rs": fast(schema_id).is_valid(data),
        "interpreter": Interpreter(schema_data(schema_id)).is_valid(data),
        "pydantic": typed_accepts(schema_id, data),
    }
    assert verdicts == dict.fromkeys(verdicts, good)


def test_corpus_is_large_and_covers_every_kind() -> None:
    covered = {(example.schema_id, example.verdict) for example in CASES}
    assert covered == {(schema_id, verdict) for schema_id in SCHEMAS for verdict in VERDICTS}
    assert sum(example.verdict == "bad" for example in CASES) >= 120


def test_each_bad_case_differs_from_every_good_one_and_each_other() -> None:
    seen: dict[str, str] = {}
    for example in CASES:
        key = f"{example.kind} {json.dumps(load(example), sort_keys=True)}"
        assert key not in seen, (example.id, seen.get(key))
        seen[key] = example.id


def members_used(data: JSON) -> set[str]:
    if isinstance(data, dict):
        return set(data).union(*(members_used(value) for value in data.values()))
    return set[str]().union(*(members_used(v) for v in data)) if isinstance(data, list) else set()


@pytest.mark.parametrize("schema_id", SCHEMAS)
def test_good_cases_use_every_field(schema_id: str) -> None:
    used = set[str]().union(
        *(members_used(load(e)) for e in examples("good") if e.schema_id == schema_id)
    )
    known = {
        place.rsplit("/", 1)[1]
        for place, _ in subschemas(schema_data(schema_id))
        if place.split("/")[-2:-1] == ["properties"] and not is_condition(place)
    }
    assert known <= used


def test_there_is_a_schema_and_a_type_for_each_kind() -> None:
    assert set(SCHEMAS) == schema_ids()


@pytest.mark.parametrize("schema_id", SCHEMAS)
def test_schema_is_a_schema(schema_id: str) -> None:
    Draft202012Validator.check_schema(schema := schema_data(schema_id))
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert "$id" not in schema


@pytest.mark.parametrize("schema_id", SCHEMAS)
def test_every_example_validates(schema_id: str) -> None:
    whole = schema_data(schema_id)
    assert whole["examples"]
    for place, schema in subschemas(whole):
        examples = schema.get("examples", [])
        assert isinstance(examples, list)
        validator = Draft202012Validator({**schema, "$defs": whole.get("$defs", {})})
        for example in examples:
            assert [e.message for e in validator.iter_errors(example)] == [], place


@pytest.mark.parametrize("schema_id", SCHEMAS)
def test_names_an_editor_shows(schema_id: str) -> None:
    schema = schema_data(schema_id)
    for named in (schema, *(definition for _, definition in _definitions(schema_id))):
        assert {"title", "description"} <= set(named)
    for place, inner in subschemas(schema):
        if place.split("/")[-2:-1] == ["properties"] and not is_condition(place):
            assert "description" in inner, place


@pytest.mark.parametrize("schema_id", SCHEMAS)
def test_every_value_is_bounded(schema_id: str) -> None:
    for place, schema in subschemas(schema_data(schema_id)):
        if is_condition(place):
            continue
        kinds = schema.get("type")
        if kinds == "string" or (isinstance(kinds, list) and "string" in kinds):
            assert {"maxLength", "enum", "const"} & set(schema), place
        elif kinds == "array":
            assert "maxItems" in schema, place
        elif kinds == "integer":
            assert {"minimum", "maximum"} <= set(schema), place
        elif kinds == "object":
            assert schema.get("additionalProperties") is False or "maxProperties" in schema, place
        elif "$ref" not in schema and kinds not in ("boolean", "number", ["number", "string"]):
            assert place.rsplit("/", 1)[-1] in ANY_JSON, place


@pytest.mark.parametrize("schema_id", SCHEMAS)
def test_patterns_mean_one_thing_to_every_engine(schema_id: str) -> None:
    for place, schema in subschemas(schema_data(schema_id)):
        if "pattern" not in schema:
            continue
        pattern = str(schema["pattern"])
        assert pattern.startswith("^"), place
        assert pattern.endswith("$"), place
        assert not re.search(r"\(\?[^:]|\\[1-9dDsSwWbBAZzpP]", pattern), place
        assert "format" not in schema, place
        re.compile(pattern)


@pytest.mark.parametrize("schema_id", SCHEMAS)
def test_references_stay_in_the_file_and_every_definition_is_used(schema_id: str) -> None:
    schema = schema_data(schema_id)
    definitions = schema.get("$defs", {})
    assert isinstance(definitions, dict)
    named = {str(s["$ref"]) for _, s in subschemas(schema) if "$ref" in s}
    assert named == {f"#/$defs/{name}" for name in definitions}


def test_definitions_of_one_name_are_one_definition() -> None:
    first: dict[str, tuple[str, JSON]] = {}
    for schema_id in SCHEMAS:
        definitions = schema_data(schema_id).get("$defs", {})
        assert isinstance(definitions, dict)
        for name, definition in definitions.items():
            home, expected = first.setdefault(name, (schema_id, definition))
            assert definition == expected, f"{name} in {schema_id} and {home}"
    assert set(NAMES) <= set(first)


def test_names_have_the_patterns_of_names_py() -> None:
    found = [
        (name, definition["pattern"])
        for schema_id in SCHEMAS
        for name, definition in _definitions(schema_id)
        if name in NAMES
    ]
    assert {name for name, _ in found} == set(NAMES)
    assert all(pattern == f"^{NAMES[name]}$" for name, pattern in found)


def _definitions(schema_id: str) -> Iterator[tuple[str, dict[str, JSON]]]:
    definitions = schema_data(schema_id).get("$defs", {})
    assert isinstance(definitions, dict)
    for name, definition in definitions.items():
        assert isinstance(definition, dict)
        yield name, definition


@pytest.mark.parametrize("schema_id", SCHEMAS)
def test_file_is_written_with_two_spaces(schema_id: str) -> None:
    path = Path(__file__).parents[3] / "schemas" / f"{schema_id}.schema.json"
    data = json.loads(path.read_bytes())
    text = json.dumps(data, indent=2, ensure_ascii=False) + "\n"
    assert path.read_text(encoding="utf-8") == text


def test_free_json_takes_anything_inside() -> None:
    deep: JSON = "x"
    for _ in range(40):
        deep = {"a": [deep]}
    data: JSON = {
        "schema": "metadata/v1",
        "metadata": {"a": deep, "b": [None, 1e300, -(2**53), True]},
    }
    assert fast("metadata/v1").is_valid(data)
    assert MANIFESTS["metadata/v1"].from_data(data).to_data() == data


VERSION: JSON = load(next(e for e in CASES if e.id == "version/good/minimal"))
METRIC: JSON = {"key": "a", "value": 1}
FILE: JSON = {"path": "a", "size": 1, "sha256": "0" * 64, "md5": "0" * 32}
FOLDER: dict[str, JSON] = {
    "name": "a", "role": "model", "path": "a", "size": 1, "sha256": "0" * 64, "md5": f"{'0' * 32}.dir",
    "nfiles": 1000,
}  # fmt: skip
TRACKED: JSON = {"name": "a", "role": "model", "uri": "s3://b/x"}


def long_lists() -> Iterator[tuple[str, int, dict[str, JSON]]]:
    """Lists at their limit and one beyond; too large to lie in the corpus as files."""
    assert isinstance(VERSION, dict)
    for extra in (0, 1):
        yield "artifacts", extra, {**VERSION, "artifacts": [TRACKED] * (1000 + extra)}
        yield "metrics", extra, {**VERSION, "metrics": [METRIC] * (10000 + extra)}
        packages: JSON = ["numpy"] * (2000 + extra)
        yield "packages", extra, {**VERSION, "environment": {"pip_packages": packages}}
        yield (
            "files",
            extra,
            {**VERSION, "artifacts": [{**FOLDER, "files": [FILE] * (1000 + extra)}]},
        )
        free: JSON = dict.fromkeys(map(str, range(1000 + extra)), 1)
        yield "parameters", extra, {**VERSION, "parameters": free}
        datasets: JSON = [{"uri": "s3://b"}] * (1000 + extra)
        yield "datasets", extra, {**VERSION, "lineage": {"datasets": datasets}}


@pytest.mark.parametrize(("what", "extra", "data"), [*long_lists()], ids=lambda v: str(v)[:12])
def test_long_lists_end_where_they_say(what: str, extra: int, data: JSON) -> None:
    verdicts = (fast("version/v1").is_valid(data), typed_accepts("version/v1", data))
    assert verdicts == (extra == 0,) * 2


LINE_FEEDS = sorted(
    (schema_id, name)
    for schema_id in SCHEMAS
    for name, definition in _definitions(schema_id)
    if "pattern" in definition
)


@pytest.mark.parametrize(("schema_id", "name"), LINE_FEEDS)
def test_no_name_may_end_in_a_line_feed(schema_id: str, name: str) -> None:
    definition = dict(_definitions(schema_id))[name]
    examples = definition["examples"]
    assert isinstance(examples, list)
    validator = jsonschema_rs.Draft202012Validator(definition)
    for example in examples:
        assert validator.is_valid(example)
        assert not validator.is_valid(f"{example}\n")
