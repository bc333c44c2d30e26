"""The contract: one JSON Schema per kind and version, asked fast (yes or no) or asked for words.

The schemas under ``schemas/`` are hand-written and never edited after a release. A fast validator gives the verdict
(jsonschema-rs, and for the first few files of a process our own interpreter); only a file that fails is given to
``jsonschema`` for places and words. Patterns mean what ECMA-262 says.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property, lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, cast

from registry_tool.manifests.data import get, text, texts
from registry_tool.manifests.problems import JSON, JSONPath
from registry_tool.manifests.schema_fast import Interpreter, ecma_pattern
from registry_tool.paths import resource

if TYPE_CHECKING:
    from jsonschema import ValidationError
    from jsonschema.protocols import Validator

__all__ = [
    "Mismatch",
    "Verdict",
    "allowed_values",
    "fast_validator",
    "found_mismatches",
    "mismatches",
    "partial_mismatches",
    "schema_data",
    "schema_ids",
]


class Verdict(Protocol):
    """A prepared validator."""

    def is_valid(self, instance: JSON) -> bool:
        """True when the data passes."""
        ...


class Mismatch(NamedTuple):
    """One place where data and schema differ.

    Attributes:
        path: Where in the data.
        keyword: The schema keyword that failed.
        value: What stands there.
        rule: The sub-schema that was not met.
        names: Members that are unknown or missing.
    """

    path: JSONPath
    keyword: str
    value: JSON
    rule: Mapping[str, JSON]
    names: tuple[str, ...] = ()


@lru_cache(maxsize=1)
def schema_ids() -> frozenset[str]:
    """Every schema this installation knows, such as ``version/v1``."""
    found = resource("schemas").glob("*/v*.schema.json")
    return frozenset(f"{p.parent.name}/{p.name.removesuffix('.schema.json')}" for p in found)


@lru_cache(maxsize=64)
def schema_data(schema_id: str) -> dict[str, JSON]:
    """The schema itself, as data."""
    source = resource(f"schemas/{schema_id}.schema.json").read_bytes()
    data: dict[str, JSON] = json.loads(source)
    return data


def allowed_values(schema_id: str, *path: str) -> tuple[str, ...]:
    """The texts that a schema allows for a property at a path of keys; empty where it lists none."""
    schema = schema_data(schema_id)
    rule: JSON = schema
    for step in (None, *path):
        rule = rule if step is None else get(rule, "properties", step)
        while reference := text(rule, "$ref"):
            rule = get(schema, *reference.removeprefix("#/").split("/"))
    return tuple(texts(rule, "enum"))


class _Sparing:
    """Says yes or no; the compiled validator is loaded when there is enough to ask it.

    It takes 10 ms to load and 3 to compile a schema, and then 8 µs for a version; the interpreter takes 0.3 ms at once.
    """

    _FEW: Final = 48
    _asked = 0  # of all schemas together, in this process

    def __init__(self, schema: dict[str, JSON]) -> None:
        self._schema = schema
        self._slow = Interpreter(schema)

    @cached_property
    def _fast(self) -> Verdict:
        import jsonschema_rs

        # The linear engine: all our own patterns are within what it can express.
        linear = jsonschema_rs.RegexOptions()
        validator: Verdict = jsonschema_rs.Draft202012Validator(
            self._schema, pattern_options=linear
        )
        return validator

    def is_valid(self, instance: JSON) -> bool:
        if _Sparing._asked < self._FEW:
            _Sparing._asked += 1
            return self._slow.is_valid(instance)
        try:
            return self._fast.is_valid(instance)
        except ValueError:  # what only a program can pass: a type of its own, half a character
            return self._slow.is_valid(instance)


@lru_cache(maxsize=64)
def fast_validator(schema_id: str) -> Verdict:
    """A prepared validator that only says yes or no."""
    return _Sparing(schema_data(schema_id))


def _pattern(
    _validator: Validator, pattern: str, instance: JSON, _schema: object
) -> Iterator[Exception]:
    from jsonschema import ValidationError

    if isinstance(instance, str) and not ecma_pattern(pattern).search(instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


@lru_cache(maxsize=64)
def _explaining_validator(schema_id: str) -> Validator:
    from jsonschema import Draft202012Validator, validators
    from referencing import Registry

    extend: Callable[..., type[Validator]] = validators.extend
    extended = extend(Draft202012Validator, {"pattern": _pattern})
    # An empty registry: a reference to another document fails instead of being fetched.
    return extended(schema_data(schema_id), registry=Registry())


@lru_cache(maxsize=64)
def _partial_schema(schema_id: str) -> dict[str, JSON]:
    """The schema without what its fields demand of each other."""
    left_out = {"required", "allOf"}
    return {key: value for key, value in schema_data(schema_id).items() if key not in left_out}


@lru_cache(maxsize=64)
def _partial_validator(schema_id: str) -> Verdict:
    return _Sparing(_partial_schema(schema_id))


def _names(keyword: str, instance: JSON, rule: Mapping[str, JSON]) -> tuple[str, ...]:
    if not isinstance(instance, dict):
        return ()
    properties, required = rule.get("properties"), rule.get("required")
    if keyword == "additionalProperties" and isinstance(properties, dict):
        return tuple(k for k in instance if k not in properties)
    if keyword == "required" and isinstance(required, list):
        return tuple(str(k) for k in required if k not in instance)
    return ()


def _dependent(instance: JSON, rule: Mapping[str, JSON], message: str) -> tuple[str, ...]:
    """The member that is missing, and the one that needs it; jsonschema names both only in its message."""
    needs = rule.get("dependentRequired")
    if isinstance(needs, dict) and isinstance(instance, dict):
        for name, needed in needs.items():
            for one in needed if isinstance(needed, list) and name in instance else ():
                if f"{one!r} is a dependency of {name!r}" == message:
                    return str(one), name
    return (message,)


def found_mismatches(errors: Iterable[ValidationError]) -> list[Mismatch]:
    """What the errors of a validator say, each once, in the order of the data's paths."""
    # By what is quick to compare; a hostile list gives as many errors as it has items.
    found: dict[tuple[JSONPath, str, tuple[str, ...]], list[Mismatch]] = {}
    for error in errors:
        rule = error.schema if isinstance(error.schema, dict) else {}
        keyword = str(error.validator)
        instance = cast("JSON", error.instance)
        names = _names(keyword, instance, rule)
        if keyword == "dependentRequired":
            names = _dependent(instance, rule, str(error.message))
        path: JSONPath = tuple(error.absolute_path)
        mismatch = Mismatch(path, keyword, instance, rule, names)
        alike = found.setdefault((path, keyword, names), [])
        if mismatch not in alike:
            alike.append(mismatch)
    return sorted(
        chain.from_iterable(found.values()), key=lambda m: [str(step).zfill(6) for step in m.path]
    )


def mismatches(schema_id: str, data: JSON) -> list[Mismatch]:
    """Every place where the data does not meet the schema, in the order of the data's paths."""
    return found_mismatches(_explaining_validator(schema_id).iter_errors(data))


def partial_mismatches(schema_id: str, data: JSON) -> list[Mismatch]:
    """As ``mismatches``, for some fields of a manifest: none is missing, and each is judged by itself."""
    if _partial_validator(schema_id).is_valid(data):
        return []
    validator = _explaining_validator(schema_id).evolve(schema=_partial_schema(schema_id))
    return found_mismatches(validator.iter_errors(data))
