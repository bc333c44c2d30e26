"""JSON Schema, read as it stands: the verdict on a few files without the start of a compiled validator.

Loading jsonschema-rs costs a fifth of a cold ``registry resolve``, which asks about four small files. This reader knows
the keywords that our own schemas use and refuses any other, so it can never pass over one; tests hold its verdicts
to those of jsonschema-rs and of ``jsonschema``. Semantics: JSON Schema 2020-12, core and validation vocabularies,
https://json-schema.org/draft/2020-12/json-schema-validation
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache, partial
from operator import ge, le
from typing import Final, cast

from registry_tool.manifests.problems import JSON

__all__ = ["Interpreter", "ecma_pattern", "same", "unknown_keywords"]

Schema = Mapping[str, JSON]
# A keyword is a condition of its own, or says which schemas apply to which data, or depends on verdicts.
_Condition = Callable[[Schema, JSON], bool]
_Applications = Iterable[tuple[JSON, JSON]]
_Applicator = Callable[[Schema, JSON], _Applications]
_Verdict = Callable[[JSON, JSON], bool]
_Choice = Callable[[_Verdict, Schema, JSON], bool]


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


def _has_type(schema: Schema, data: JSON) -> bool:
    wanted = schema["type"]
    if isinstance(wanted, str):
        return _TYPES[wanted](data)
    return any(_TYPES[one](data) for one in cast("list[str]", wanted))


def _has_required(schema: Schema, data: JSON) -> bool:
    return not isinstance(data, dict) or all(
        name in data for name in cast("list[str]", schema["required"])
    )


def _has_dependent(schema: Schema, data: JSON) -> bool:
    needs = cast("dict[str, list[str]]", schema["dependentRequired"])
    return not isinstance(data, dict) or all(
        needed in data
        for name, all_needed in needs.items()
        if name in data
        for needed in all_needed
    )


def _has_unique_items(schema: Schema, data: JSON) -> bool:
    if not schema["uniqueItems"] or not isinstance(data, list):
        return True
    if "maxItems" in schema and len(data) > cast("float", schema["maxItems"]):
        return False  # as that keyword says; a hostile list is not compared pair by pair
    return not any(same(one, other) for n, one in enumerate(data) for other in data[:n])


def _matches(schema: Schema, data: JSON) -> bool:
    return not isinstance(data, str) or bool(ecma_pattern(str(schema["pattern"])).search(data))


def _is_one_of(schema: Schema, data: JSON) -> bool:
    return any(same(one, data) for one in cast("list[JSON]", schema["enum"]))


_Fits = Callable[[float, float], bool]


def _has_bound(word: str, fits: _Fits, schema: Schema, data: JSON) -> bool:
    """A bound on a number."""
    if isinstance(data, bool) or not isinstance(data, int | float):
        return True
    return fits(data, cast("float", schema[word]))


def _has_length(word: str, kind: type, fits: _Fits, schema: Schema, data: JSON) -> bool:
    """A bound on the length of text (in code points), of a list or of a mapping."""
    return not isinstance(data, kind) or fits(len(cast("str", data)), cast("float", schema[word]))


_CONDITIONS: Final[Mapping[str, _Condition]] = {
    "type": _has_type,
    "required": _has_required,
    "dependentRequired": _has_dependent,
    "uniqueItems": _has_unique_items,
    "pattern": _matches,
    "const": lambda schema, data: same(schema["const"], data),
    "enum": _is_one_of,
    "minimum": partial(_has_bound, "minimum", ge),
    "maximum": partial(_has_bound, "maximum", le),
    "minLength": partial(_has_length, "minLength", str, ge),
    "maxLength": partial(_has_length, "maxLength", str, le),
    "minItems": partial(_has_length, "minItems", list, ge),
    "maxItems": partial(_has_length, "maxItems", list, le),
    "minProperties": partial(_has_length, "minProperties", dict, ge),
    "maxProperties": partial(_has_length, "maxProperties", dict, le),
}


def _apply_to_properties(schema: Schema, data: JSON) -> _Applications:
    known = cast("Schema", schema["properties"])
    if not isinstance(data, dict):
        return ()
    return [(known[name], value) for name, value in data.items() if name in known]


def _apply_to_others(schema: Schema, data: JSON) -> _Applications:
    known = cast("Schema", schema.get("properties", {}))
    rest = schema["additionalProperties"]
    if not isinstance(data, dict):
        return ()
    return [(rest, value) for name, value in data.items() if name not in known]


def _apply_to_names(schema: Schema, data: JSON) -> _Applications:
    names = schema["propertyNames"]
    return [(names, name) for name in data] if isinstance(data, dict) else ()


def _apply_to_items(schema: Schema, data: JSON) -> _Applications:
    each = schema["items"]
    return [(each, item) for item in data] if isinstance(data, list) else ()


def _apply_all(schema: Schema, data: JSON) -> _Applications:
    return [(one, data) for one in cast("list[JSON]", schema["allOf"])]


_APPLICATORS: Final[Mapping[str, _Applicator]] = {
    "properties": _apply_to_properties,
    "additionalProperties": _apply_to_others,
    "propertyNames": _apply_to_names,
    "items": _apply_to_items,
    "allOf": _apply_all,
}


def _passes_branch(is_valid: _Verdict, schema: Schema, data: JSON) -> bool:
    branch = "then" if is_valid(data, schema["if"]) else "else"
    return branch not in schema or is_valid(data, schema[branch])


_CHOICES: Final[Mapping[str, _Choice]] = {
    "if": _passes_branch,
    "anyOf": lambda is_valid, schema, data: any(
        is_valid(data, one) for one in cast("list[JSON]", schema["anyOf"])
    ),
    "not": lambda is_valid, schema, data: not is_valid(data, schema["not"]),
}
_ANNOTATIONS: Final = frozenset({"$schema", "$id", "title", "description", "examples", "default"})
# Asked where they belong: with what refers, and with `if`.
_SILENT: Final = _ANNOTATIONS | {"$ref", "$defs", "then", "else"}
_KNOWN: Final = frozenset({*_CONDITIONS, *_APPLICATORS, *_CHOICES, *_SILENT})
_OF_SCHEMAS: Final = ("properties", "$defs")
_LISTS_OF_SCHEMAS: Final = ("allOf", "anyOf")
_SCHEMA_IN: Final = ("items", "additionalProperties", "propertyNames", "not", "if", "then", "else")


class Interpreter:
    """A schema that is asked for verdicts.

    Args:
        schema: The whole document; references are to its own ``$defs``.
    """

    def __init__(self, schema: Schema) -> None:
        self._root = schema

    def is_valid(self, instance: JSON, within: JSON = None) -> bool:
        """True when the data passes.

        Args:
            instance: The data.
            within: A schema of the document; None for the whole.
        """
        # A list of what is still to be checked, not recursion: data of any depth takes one frame.
        waiting = [(cast("JSON", self._root) if within is None else within, instance)]
        while waiting:
            schema, data = waiting.pop()
            if not isinstance(schema, dict):
                if not schema:
                    return False
                continue
            for word in schema:
                if word in _CONDITIONS:
                    if not _CONDITIONS[word](schema, data):
                        return False
                elif word in _APPLICATORS:
                    waiting += _APPLICATORS[word](schema, data)
                elif word == "$ref":
                    waiting.append((self._follow(str(schema["$ref"])), data))
                elif word not in _SILENT and not _CHOICES[word](self.is_valid, schema, data):
                    return False
        return True

    def _follow(self, reference: str) -> JSON:
        found = cast("JSON", self._root)
        for step in reference.removeprefix("#/").split("/"):
            found = cast("dict[str, JSON]", found)[step]
        return found


def unknown_keywords(schema: JSON) -> set[str]:
    """The keywords of a schema, and of all within it, that are not understood here."""
    if not isinstance(schema, dict):
        return set()
    found = schema.keys() - _KNOWN
    inner: list[JSON] = [schema[word] for word in _SCHEMA_IN if word in schema]
    for word in _OF_SCHEMAS:
        inner += cast("Schema", schema.get(word, {})).values()
    for word in _LISTS_OF_SCHEMAS:
        inner += cast("list[JSON]", schema.get(word, []))
    return found.union(*map(unknown_keywords, inner))
