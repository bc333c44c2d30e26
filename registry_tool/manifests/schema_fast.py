"""JSON Schema, read as it stands: the verdict on a few files without the start of a compiled validator.

Loading jsonschema-rs costs a fifth of a cold ``registry resolve``, which asks about four small files. This reader knows
the keywords that our own schemas use and refuses any other, so it can never pass over one; tests hold its verdicts
to those of jsonschema-rs and of ``jsonschema``. Semantics: JSON Schema 2020-12, core and validation vocabularies,
https://json-schema.org/draft/2020-12/json-schema-validation
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final, cast

from registry_tool.manifests.problems import JSON

__all__ = ["Interpreter", "ecma_pattern", "same", "unknown_keywords"]

Schema = Mapping[str, JSON]
# Asks a schema within the schema.
_Holds = Callable[[JSON, JSON], bool]
_Keyword = Callable[[_Holds, Schema, JSON], bool]


@lru_cache(maxsize=512)
def ecma_pattern(pattern: str) -> re.Pattern[str]:
    """A pattern as ECMA-262 reads it: Python's ``$`` would also match before a final line feed."""
    return re.compile(pattern[:-1] + r"\Z" if pattern.endswith("$") else pattern)


def _is_number(data: JSON) -> bool:
    return isinstance(data, int | float) and not isinstance(data, bool)


def _is_integer(data: JSON) -> bool:
    return _is_number(data) and (isinstance(data, int) or cast("float", data).is_integer())


_TYPES: Final[Mapping[str, Callable[[JSON], bool]]] = {
    "object": lambda data: isinstance(data, dict),
    "array": lambda data: isinstance(data, list),
    "string": lambda data: isinstance(data, str),
    "number": _is_number,
    "integer": _is_integer,
    "boolean": lambda data: isinstance(data, bool),
    "null": lambda data: data is None,
}


def same(one: JSON, other: JSON) -> bool:
    """Equality of JSON values: ``1`` is ``1.0``, and ``true`` is neither."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return one == other


def _list(said: JSON) -> list[JSON]:
    return cast("list[JSON]", said)


def _schema(said: JSON) -> Schema:
    return cast("Schema", said)


def _number(said: JSON) -> float:
    return cast("float", said)


def _type(_: _Holds, schema: Schema, data: JSON) -> bool:
    wanted = schema["type"]
    return any(_TYPES[str(one)](data) for one in (wanted if isinstance(wanted, list) else [wanted]))


def _properties(holds: _Holds, schema: Schema, data: JSON) -> bool:
    known = _schema(schema["properties"])
    return not isinstance(data, dict) or all(
        holds(known[name], value) for name, value in data.items() if name in known
    )


def _additional(holds: _Holds, schema: Schema, data: JSON) -> bool:
    known = _schema(schema.get("properties", {}))
    rest = schema["additionalProperties"]
    return not isinstance(data, dict) or all(
        holds(rest, value) for name, value in data.items() if name not in known
    )


def _property_names(holds: _Holds, schema: Schema, data: JSON) -> bool:
    names = schema["propertyNames"]
    return not isinstance(data, dict) or all(holds(names, name) for name in data)


def _required(_: _Holds, schema: Schema, data: JSON) -> bool:
    return not isinstance(data, dict) or all(name in data for name in _list(schema["required"]))


def _dependent(_: _Holds, schema: Schema, data: JSON) -> bool:
    return not isinstance(data, dict) or all(
        needed in data
        for name, all_needed in _schema(schema["dependentRequired"]).items()
        if name in data
        for needed in _list(all_needed)
    )


def _items(holds: _Holds, schema: Schema, data: JSON) -> bool:
    each = schema["items"]
    return not isinstance(data, list) or all(holds(each, item) for item in data)


def _unique(_: _Holds, schema: Schema, data: JSON) -> bool:
    if not schema["uniqueItems"] or not isinstance(data, list):
        return True
    if "maxItems" in schema and len(data) > _number(schema["maxItems"]):
        return False  # as that keyword says; a hostile list is not compared pair by pair
    return not any(same(one, other) for n, one in enumerate(data) for other in data[:n])


def _if(holds: _Holds, schema: Schema, data: JSON) -> bool:
    branch = "then" if holds(schema["if"], data) else "else"
    return branch not in schema or holds(schema[branch], data)


def _pattern(_: _Holds, schema: Schema, data: JSON) -> bool:
    return not isinstance(data, str) or bool(ecma_pattern(str(schema["pattern"])).search(data))


def _length(word: str, kind: type, *, most: bool) -> _Keyword:
    """A bound on the length of text (in code points), of a list or of a mapping."""

    def keyword(_: _Holds, schema: Schema, data: JSON) -> bool:
        if not isinstance(data, kind):
            return True
        size, bound = len(cast("str", data)), _number(schema[word])
        return size <= bound if most else size >= bound

    return keyword


_ANNOTATIONS: Final = frozenset({"$schema", "$id", "title", "description", "examples", "default"})
# Asked where they belong: with what refers, and with `if`.
_SILENT: Final = _ANNOTATIONS | {"$ref", "$defs", "then", "else"}
_KEYWORDS: Final[Mapping[str, _Keyword]] = {
    "type": _type,
    "properties": _properties,
    "additionalProperties": _additional,
    "propertyNames": _property_names,
    "required": _required,
    "dependentRequired": _dependent,
    "items": _items,
    "uniqueItems": _unique,
    "if": _if,
    "pattern": _pattern,
    "allOf": lambda holds, schema, data: all(holds(s, data) for s in _list(schema["allOf"])),
    "anyOf": lambda holds, schema, data: any(holds(s, data) for s in _list(schema["anyOf"])),
    "not": lambda holds, schema, data: not holds(schema["not"], data),
    "const": lambda _, schema, data: same(schema["const"], data),
    "enum": lambda _, schema, data: any(same(one, data) for one in _list(schema["enum"])),
    "minimum": lambda _, s, data: not _is_number(data) or _number(data) >= _number(s["minimum"]),
    "maximum": lambda _, s, data: not _is_number(data) or _number(data) <= _number(s["maximum"]),
    "minLength": _length("minLength", str, most=False),
    "maxLength": _length("maxLength", str, most=True),
    "minItems": _length("minItems", list, most=False),
    "maxItems": _length("maxItems", list, most=True),
    "minProperties": _length("minProperties", dict, most=False),
    "maxProperties": _length("maxProperties", dict, most=True),
}
_OF_SCHEMAS: Final = ("properties", "$defs")
_SCHEMA_IN: Final = ("items", "additionalProperties", "propertyNames", "not", "if", "then", "else")


class Interpreter:
    """A schema that is asked for verdicts.

    Args:
        schema: The whole document; references are to its own ``$defs``.
    """

    def __init__(self, schema: Schema) -> None:
        self._root = schema

    def is_valid(self, instance: JSON) -> bool:
        """True when the data passes."""
        return self._holds(cast("JSON", self._root), instance)

    def _holds(self, schema: JSON, data: JSON) -> bool:
        if isinstance(schema, bool):
            return schema
        said = _schema(schema)
        if "$ref" in said and not self._holds(self._referred(str(said["$ref"])), data):
            return False
        return all(_KEYWORDS[word](self._holds, said, data) for word in said if word not in _SILENT)

    def _referred(self, reference: str) -> JSON:
        found = cast("JSON", self._root)
        for step in reference.removeprefix("#/").split("/"):
            found = cast("dict[str, JSON]", found)[step]
        return found


def unknown_keywords(schema: JSON) -> set[str]:
    """The keywords of a schema, and of all within it, that are not understood here."""
    if not isinstance(schema, dict):
        return set()
    found = schema.keys() - _KEYWORDS.keys() - _SILENT
    inner: list[JSON] = [schema[word] for word in _SCHEMA_IN if word in schema]
    for word in _OF_SCHEMAS:
        inner += _schema(schema.get(word, {})).values()
    inner += [*_list(schema.get("allOf", [])), *_list(schema.get("anyOf", []))]
    return found.union(*map(unknown_keywords, inner))
