"""Typed manifests against the schemas: the same fields, the same verdict on every small change, a lossless round trip."""

from __future__ import annotations

import copy
import types
from collections.abc import Iterator
from functools import lru_cache
from typing import Annotated, Union, get_args, get_origin

import jsonschema_rs
import pytest
from pydantic import ValidationError
from pydantic.fields import FieldInfo
from support.corpus_cases import Example, examples

from registry_tool.errors import InvalidManifestError
from registry_tool.manifests.models.base import Part
from registry_tool.manifests.models.lifecycle import AliasManifest, StatusManifest, TagManifest
from registry_tool.manifests.models.model import MetadataManifest
from registry_tool.manifests.models.registry import RegistryManifest
from registry_tool.manifests.models.table import MANIFESTS
from registry_tool.manifests.models.version import VersionManifest
from registry_tool.manifests.problems import JSON
from registry_tool.manifests.schema import schema_data
from registry_tool.manifests.yaml.explain import explain
from registry_tool.manifests.yaml.fast import Unsure, load_fast

GOOD = examples("good")
SCHEMAS = sorted(MANIFESTS)


def load(example: Example) -> JSON:
    data = load_fast(example.data)
    return explain(example.data).data if isinstance(data, Unsure) else data


def good(kind: str, case: str) -> JSON:
    return load(next(e for e in GOOD if e.id == f"{kind}/good/{case}"))


def case_id(example: Example) -> str:
    return f"{example.kind}/{example.name}"


@pytest.mark.parametrize("example", GOOD, ids=case_id)
def test_reading_and_writing_back_changes_nothing(example: Example) -> None:
    data = load(example)
    written = MANIFESTS[example.schema_id].from_data(data).to_data()
    assert written == data
    assert isinstance(data, dict)
    assert sorted(written) == sorted(data)


# --- fields and which of them are required, schema beside class


def parts_in(annotation: object) -> set[type[Part]]:
    """The classes of parts a field may hold."""
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        return {annotation} if issubclass(annotation, Part) else set()
    if get_origin(annotation) in (Annotated, Union, types.UnionType, tuple, dict):
        return set[type[Part]]().union(*(parts_in(a) for a in get_args(annotation)))
    return set()


def parts_of(field: FieldInfo) -> set[type[Part]]:
    return parts_in(field.annotation)


def shapes_in(schema: JSON, definitions: dict[str, JSON]) -> Iterator[dict[str, JSON]]:
    """The object schemas with fields of their own that a property may hold."""
    if not isinstance(schema, dict):
        return
    if "$ref" in schema:
        yield from shapes_in(definitions[str(schema["$ref"]).rsplit("/", 1)[1]], definitions)
    elif "properties" in schema:
        yield schema
    else:
        yield from shapes_in(schema.get("items"), definitions)
        yield from shapes_in(schema.get("additionalProperties"), definitions)


def compare(part: type[Part], schema: dict[str, JSON], definitions: dict[str, JSON]) -> int:
    """Fields, required ones and defaults of a class and a schema are the same, all the way down."""
    properties, required = schema["properties"], schema.get("required", [])
    assert isinstance(properties, dict)
    assert isinstance(required, list)
    fields = {field.alias or name: field for name, field in part.model_fields.items()}
    assert set(fields) == set(properties), part
    assert {name for name, field in fields.items() if field.is_required()} == set(required), part
    count = 1
    for name, inner in properties.items():
        assert isinstance(inner, dict)
        if "default" in inner:
            assert fields[name].get_default() == inner["default"], (part, name)
        classes = parts_of(fields[name])
        shapes = list(shapes_in(inner, definitions))
        assert len(classes) == len(shapes), (part, name)
        count += sum(
            compare(c, s, definitions)
            for c, s in zip(sorted(classes, key=repr), shapes, strict=True)
        )
    return count


@pytest.mark.parametrize("schema_id", SCHEMAS)
def test_class_has_the_fields_of_its_schema(schema_id: str) -> None:
    schema = schema_data(schema_id)
    definitions = schema.get("$defs", {})
    assert isinstance(definitions, dict)
    assert compare(MANIFESTS[schema_id], schema, definitions) >= 1


def test_comparison_reaches_the_parts() -> None:
    schema = schema_data("version/v1")
    definitions = schema["$defs"]
    assert isinstance(definitions, dict)
    assert compare(VersionManifest, schema, definitions) >= 15


def test_comparison_sees_a_field_that_only_the_schema_has() -> None:
    schema = copy.deepcopy(schema_data("version/v1"))
    definitions = schema["$defs"]
    assert isinstance(definitions, dict)
    file = definitions["file"]
    assert isinstance(file, dict)
    assert isinstance(file["properties"], dict)
    file["properties"]["mode"] = {"type": "string"}
    with pytest.raises(AssertionError, match="FileEntry"):
        compare(VersionManifest, schema, definitions)


# --- every small change of every good example

VALUES: tuple[JSON, ...] = (
    None, True, 0, -1, 2, 1.0, 0.5, 2**53, "", "x", "x\n", "latest", "..", "1.0", [], ["x"], [{}], {}, {"x": 1},
)  # fmt: skip
EXPLAINED = 5  # one of so many


def places(data: JSON, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield at
    members = (
        data.items()
        if isinstance(data, dict)
        else enumerate(data)
        if isinstance(data, list)
        else ()
    )
    for step, value in members:
        yield from places(value, (*at, step))


def holder_at(data: JSON, at: tuple[str | int, ...]) -> JSON:
    for step in at:
        if isinstance(data, dict):
            data = data[str(step)]
        elif isinstance(data, list):
            data = data[int(step)]
    return data


def copy_to(data: JSON, at: tuple[str | int, ...]) -> tuple[JSON, JSON]:
    """Some data whose containers on the way to a place are copied, and the last of them; the rest is shared."""
    changed = holder = copy.copy(data)
    for step in at:
        inner = copy.copy(holder_at(holder, (step,)))
        put(holder, step, inner)
        holder = inner
    return changed, holder


def put(holder: JSON, step: str | int, value: JSON) -> None:
    if isinstance(holder, dict):
        holder[str(step)] = value
    elif isinstance(holder, list):
        holder[int(step)] = value


def with_value(data: JSON, at: tuple[str | int, ...], value: JSON) -> JSON:
    changed, holder = copy_to(data, at[:-1])
    put(holder, at[-1], value)
    return changed


def without(data: JSON, at: tuple[str | int, ...]) -> JSON:
    changed, holder = copy_to(data, at[:-1])
    if isinstance(holder, dict):
        del holder[str(at[-1])]
    elif isinstance(holder, list):
        del holder[int(at[-1])]
    return changed


def small_changes(data: JSON) -> Iterator[tuple[str, JSON]]:
    for at in places(data):
        if at:
            yield f"without {at}", without(data, at)
            for value in VALUES:
                yield f"{value!r} at {at}", with_value(data, at, value)
        if isinstance(holder_at(data, at), dict):
            yield f"one more at {at}", with_value(data, (*at, "surplus"), "x")


@lru_cache
def fast(schema_id: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(schema_data(schema_id))


def refused_by_class(schema_id: str, data: JSON) -> bool:
    try:
        MANIFESTS[schema_id].from_data(data)
    except InvalidManifestError:
        return True
    return False


@pytest.mark.parametrize("example", GOOD, ids=case_id)
def test_schema_and_class_agree_on_every_small_change(example: Example) -> None:
    schema_id, data = example.schema_id, load(example)
    allowed: list[tuple[str, JSON]] = []
    refused: list[tuple[str, JSON]] = []
    for what, changed in small_changes(data):
        is_valid = fast(schema_id).is_valid(changed)
        (allowed if is_valid else refused).append((what, changed))
    assert [what for what, changed in allowed if refused_by_class(schema_id, changed)] == []
    # A refusal is explained by the slow validator: at each place some of the twenty changes, and in each part of a file.
    some = refused[::EXPLAINED]
    assert [what for what, changed in some if not refused_by_class(schema_id, changed)] == []


# --- what a program sees


def test_fields_are_typed() -> None:
    version = VersionManifest.from_data(good("version", "full"))
    assert version.framework is not None
    assert version.framework.library_name == "sentence-transformers"
    assert [a.name for a in version.artifacts if a.nfiles] == ["weights", "many"]
    assert version.artifacts[1].files[1].path == "tokenizer/vocab.txt"
    assert [m.value for m in version.metrics[:3]] == [0.97, 1, ""]
    assert version.schema_ == "version/v1"


def test_whole_number_of_a_metric_stays_whole() -> None:
    value = VersionManifest.from_data(good("version", "full")).metrics[1].value
    assert type(value) is int


def test_policy_keeps_its_words() -> None:
    stage = RegistryManifest.from_data(good("registry", "full")).stages["production"]
    assert (stage.from_, stage.soak) == ("staging", "2d")
    assert [g.not_ for g in stage.require if g.approvals] == ["author"]


def test_absent_fields_have_their_defaults() -> None:
    alias = AliasManifest.from_data(good("alias", "minimal"))
    assert (alias.pinned, alias.reason) == (False, None)
    assert MetadataManifest.from_data(good("metadata", "minimal")).labels == ()


def test_a_manifest_cannot_be_changed() -> None:
    tag = TagManifest.from_data(good("tag", "minimal"))
    with pytest.raises(ValidationError, match="frozen"):
        setattr(tag, "version", "5")  # noqa: B010 (a type checker refuses the plain form, as it should)


def test_the_message_names_file_field_and_remedy() -> None:
    data = {"schema": "status/v1", "state": "gone", "reason": "It is."}
    with pytest.raises(InvalidManifestError) as caught:
        StatusManifest.from_data({**data}, path="models/a/b/versions/1/status.yaml")
    assert caught.value.message == (
        "models/a/b/versions/1/status.yaml: state does not match the schema; "
        'found "gone"; expected one of "active", "deprecated", "withdrawn", "erased"'
    )
    assert "registry check" in caught.value.remedy


def test_the_message_names_the_missing_field() -> None:
    data: JSON = {"schema": "status/v1", "state": "withdrawn"}
    with pytest.raises(InvalidManifestError, match="StatusManifest: the file has no `reason`"):
        StatusManifest.from_data(data)


def test_null_is_not_absence() -> None:
    data: JSON = {"schema": "alias/v1", "model": "a/b", "version": "1", "reason": None}
    with pytest.raises(InvalidManifestError, match="reason does not match the schema; found null"):
        AliasManifest.from_data(data)


@pytest.mark.parametrize("data", [None, [], "tag/v1", 4, {}])
def test_what_is_no_mapping_of_fields_is_refused(data: JSON) -> None:
    with pytest.raises(InvalidManifestError):
        TagManifest.from_data(data)


def test_the_table_names_each_class_by_its_schema_line() -> None:
    for schema_id, manifest in MANIFESTS.items():
        assert manifest.schema_id == schema_id
        if schema_id != "dvc/v1":
            assert get_args(manifest.model_fields["schema_"].annotation) == (schema_id,)
