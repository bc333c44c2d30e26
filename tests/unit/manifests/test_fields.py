from __future__ import annotations

from collections import Counter

import pytest

from registry_tool.manifests.data import get, member, text
from registry_tool.manifests.fields import (
    LISTED_MODEL,
    LISTED_VERSION,
    MODEL_FIELDS,
    VERSION_FIELDS,
    Field,
    in_write_order,
)
from registry_tool.manifests.problems import JSON
from registry_tool.manifests.schema import schema_data

# What the path of a manifest says, and what `catalog` derives from it.
GIVEN_BY_THE_PLACE = {
    "model": {"schema", "name", "namespace"},
    "version": {"schema", "model", "version"},
    "metadata": {"schema"},
}
KINDS = {"string": "text", "array": "words records", "object": "free part"}


def _resolved(kind: str, value: JSON) -> JSON:
    while isinstance(value, dict) and "$ref" in value:
        value = get(
            dict(schema_data(f"{kind}/v1")), *str(value["$ref"]).removeprefix("#/").split("/")
        )
    return value


def _schema(kind: str, field: Field) -> JSON:
    value: JSON = dict(schema_data(f"{kind}/v1"))
    for step in field.path:
        value = _resolved(kind, get(value, "properties", step))
    return value


@pytest.mark.parametrize("kind", GIVEN_BY_THE_PLACE)
def test_every_property_of_a_schema_has_a_row(kind: str) -> None:
    fields = MODEL_FIELDS if kind == "model" else VERSION_FIELDS
    known = {f.name for f in fields if kind in f.files and "." not in f.name}
    assert known == set(member(schema_data(f"{kind}/v1"), "properties")) - GIVEN_BY_THE_PLACE[kind]


@pytest.mark.parametrize("field", [*MODEL_FIELDS, *VERSION_FIELDS], ids=lambda f: f.name)
def test_a_row_has_the_kind_of_its_schema(field: Field) -> None:
    for kind in field.files:
        schema = _schema(kind, field)
        # An enumeration of texts needs no type.
        expected = text(schema, "type") or "string"
        assert field.kind in KINDS[expected].split()


def test_new_manifests_are_written_in_the_order_of_their_schema() -> None:
    for kind, fields in (("model", MODEL_FIELDS), ("version", VERSION_FIELDS)):
        keys = [*member(schema_data(f"{kind}/v1"), "properties")]
        assert [key for key in keys if key not in GIVEN_BY_THE_PLACE[kind]] == [
            *in_write_order(fields, kind)
        ]


@pytest.mark.parametrize("fields", [MODEL_FIELDS, VERSION_FIELDS], ids=["model", "version"])
def test_names_filters_and_options_are_unique(fields: tuple[Field, ...]) -> None:
    names = Counter(f.name for f in fields)
    filters = Counter(f.filter for f in fields if f.filter)
    flags = Counter(f.option.flag for f in fields if f.option)
    assert {count for counter in (names, filters, flags) for count in counter.values()} == {1}


def test_summaries_keep_text_and_labels() -> None:
    assert {f.kind for f in (*LISTED_MODEL, *LISTED_VERSION)} == {"text"}
    filtered = {f.name: f for f in (*MODEL_FIELDS, *VERSION_FIELDS) if f.filter and not f.is_listed}
    assert set(filtered) == {"labels"}
    assert filtered["labels"].match == "member"
