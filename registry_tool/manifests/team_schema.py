"""A team's own JSON Schemas: asked with bounds that count steps, so that a verdict is the same on every machine.

A schema comes from a registry and may be hostile: patterns that go back for ever, references that double thirty times,
lists that are compared pair by pair. Every keyword that is asked spends steps; a document that needs more than
``STEPS`` cannot be judged by that schema. See docs/decisions/0032.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple, cast
from urllib.parse import unquote

from registry_tool.manifests.patterns import InvalidPatternError, PatternTooSlowError, matcher
from registry_tool.manifests.problems import JSON, JSONPath
from registry_tool.manifests.schema import Mismatch, found_mismatches
from registry_tool.manifests.schema_fast import same

if TYPE_CHECKING:
    from jsonschema import ValidationError
    from jsonschema.protocols import Validator
    from jsonschema_rs import Draft202012Validator as RustValidator

__all__ = [
    "STEPS",
    "WIDTH",
    "InvalidTeamSchemaError",
    "Pattern",
    "TooManyStepsError",
    "list_patterns",
    "load_team_schema",
    "measure_width",
    "team_mismatches",
]

STEPS: Final = 300_000
# How many sub-schemas may look at one and the same value.
WIDTH: Final = 1_000
# Keywords inside each other; far below where Python's own stack ends, whatever its version.
_NESTED: Final = 200
_MISMATCHES: Final = 1_000
_ONE: Final = (
    "additionalProperties", "propertyNames", "not", "if", "then", "else", "items", "contains", "unevaluatedItems",
    "unevaluatedProperties", "contentSchema",
)  # fmt: skip
_LISTS: Final = ("allOf", "anyOf", "oneOf", "prefixItems")
_MAPS: Final = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
_IN_PLACE: Final = frozenset(
    {"not", "if", "then", "else", "allOf", "anyOf", "oneOf", "dependentSchemas"}
)


class InvalidTeamSchemaError(ValueError):
    """A team's own schema is not a usable JSON Schema."""


class TooManyStepsError(InvalidTeamSchemaError):
    """A document needs more steps than a schema may take."""


class Pattern(NamedTuple):
    """A regular expression in a schema.

    Attributes:
        path: Where it stands; of ``patternProperties`` the path of the member whose key it is.
        text: The expression.
    """

    path: JSONPath
    text: str


def load_team_schema(source: bytes) -> dict[str, JSON]:
    """The schema that a file holds.

    Raises:
        InvalidTeamSchemaError: It is not JSON, or no mapping.
    """
    try:
        schema = json.loads(source)
    except (ValueError, RecursionError) as exc:
        raise InvalidTeamSchemaError(f"it is not JSON: {exc}") from exc
    if not isinstance(schema, dict):
        raise InvalidTeamSchemaError("it is not a JSON Schema: expected a mapping")
    return cast("dict[str, JSON]", schema)


def _parts(schema: Mapping[str, JSON]) -> Iterator[tuple[str, JSONPath, JSON]]:
    """The sub-schemas that stand in a schema: the keyword, the path from here, the sub-schema."""
    for word in _ONE:
        if word in schema:
            yield word, (word,), schema[word]
    for word in _LISTS:
        listed = schema.get(word)
        for number, one in enumerate(listed if isinstance(listed, list) else ()):
            yield word, (word, number), one
    for word in _MAPS:
        named = schema.get(word)
        for name, one in named.items() if isinstance(named, dict) else ():
            yield word, (word, name), one


def _subschemas(schema: JSON, path: JSONPath = ()) -> Iterator[tuple[JSONPath, dict[str, JSON]]]:
    """Every sub-schema with its path, those included that only a reference reaches, wherever they stand."""
    # Of each: its path, itself, and the resource that its references start from.
    left: list[tuple[JSONPath, JSON, JSON]] = [(path, schema, schema)]
    seen: set[int] = set()
    while left:
        here, one, resource = left.pop()
        if not isinstance(one, dict) or id(one) in seen:
            continue
        seen.add(id(one))
        yield here, one
        resource = one if isinstance(one.get("$id"), str) else resource
        for base in (resource, schema):
            left += [(at, part, resource) for at, part in _references(base, one)]
        # Taken before what a reference reaches, so that a path is the plain one where there is one.
        left += [((*here, *inner), part, resource) for _, inner, part in _parts(one)]


def _references(base: JSON, schema: dict[str, JSON]) -> Iterator[tuple[JSONPath, JSON]]:
    for word in ("$ref", "$dynamicRef"):
        reference = schema.get(word)
        if isinstance(reference, str) and reference.startswith("#/"):
            yield tuple(_split_pointer(reference)), _follow(base, reference)


def list_patterns(schema: JSON, path: JSONPath = ()) -> Iterator[Pattern]:
    """Every regular expression of a schema."""
    for here, one in _subschemas(schema, path):
        if isinstance(one.get("pattern"), str):
            yield Pattern((*here, "pattern"), str(one["pattern"]))
        named = one.get("patternProperties")
        for name in named if isinstance(named, dict) else ():
            yield Pattern((*here, "patternProperties", name), name)


def _split_pointer(reference: str) -> list[str]:
    """The steps of a JSON pointer, https://www.rfc-editor.org/rfc/rfc6901."""
    steps = unquote(reference.removeprefix("#")).split("/")[1:]
    return [step.replace("~1", "/").replace("~0", "~") for step in steps]


def _follow(root: JSON, reference: str) -> JSON:
    """What a reference within the document points to; True, which asks nothing, where it cannot be found."""
    found = root
    if not reference.startswith("#/") and reference != "#":
        return True
    for plain in _split_pointer(reference):
        if isinstance(found, dict) and plain in found:
            found = found[plain]
        elif isinstance(found, list) and plain.isdigit() and int(plain) < len(found):
            found = found[int(plain)]
        else:
            return True
    return found


def measure_width(schema: dict[str, JSON]) -> float:
    """How many sub-schemas look at one value at most; infinite where one looks at it through itself."""
    known: dict[int, float] = {}

    def width(one: JSON) -> float:
        if not isinstance(one, dict):
            return 1
        if id(one) not in known:
            known[id(one)] = float("inf")  # what comes back to it while it is counted
            inner = [part for word, _, part in _parts(one) if word in _IN_PLACE]
            if isinstance(one.get("$ref"), str):
                inner.append(_follow(schema, str(one["$ref"])))
            known[id(one)] = 1 + sum(map(width, inner))
        return known[id(one)]

    def everything(one: JSON) -> Iterator[JSON]:
        yield one
        for _, _, part in _parts(one) if isinstance(one, dict) else ():
            yield from everything(part)

    try:
        return max(map(width, everything(schema)))
    except RecursionError:
        return float("inf")


class _Meter:
    """What one document has spent on one schema."""

    def __init__(self, data: JSON) -> None:
        # Messages quote the value they are about, so a large document makes each of them dearer.
        self.dear = 1 + _weight(data) // 2_000
        self.spent = 0
        self.nested = 0

    def spend(self, steps: int) -> None:
        self.spent += steps
        if self.spent > STEPS:
            raise TooManyStepsError(f"it takes more than {STEPS:,} steps")


_METER: Final[ContextVar[_Meter]] = ContextVar("meter")
_Keyword = Callable[..., "Iterable[ValidationError] | None"]


def _weight(data: JSON) -> int:
    """How many values a value holds, itself among them; lines of text count too."""
    total, left = 0, [data]
    while left:
        one = left.pop()
        total += 1 + (len(one) // 64 if isinstance(one, str) else 0)
        if isinstance(one, dict):
            left += one.values()
        elif isinstance(one, list):
            left += one
    return total


def _count(word: str, keyword: _Keyword) -> _Keyword:
    cost = 5 if word in {"$ref", "$dynamicRef"} else 1  # a reference is looked up each time

    def ask(
        validator: Validator, said: JSON, instance: JSON, schema: JSON
    ) -> Iterator[ValidationError]:
        meter = _METER.get()
        meter.spend(max(cost, meter.dear) if isinstance(instance, dict | list) else cost)
        meter.nested += 1
        try:
            if meter.nested > _NESTED:
                raise TooManyStepsError(f"it is nested more than {_NESTED} levels deep")
            yield from keyword(validator, said, instance, schema) or ()
        finally:
            meter.nested -= 1

    return ask


def _search(pattern: str, text: str) -> bool:
    _METER.get().spend(1 + len(text) // 16)
    return matcher(pattern).search(text)


def _error(message: str) -> ValidationError:
    from jsonschema import ValidationError

    return ValidationError(message)


def _pattern(_: Validator, said: str, instance: JSON, __: JSON) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not _search(said, instance):
        yield _error(f"the text does not match {said!r}")


def _pattern_properties(
    validator: Validator, said: Mapping[str, JSON], instance: JSON, _: JSON
) -> Iterator[ValidationError]:
    for pattern, inner in said.items() if isinstance(instance, dict) else ():
        for name, value in cast("dict[str, JSON]", instance).items():
            if _search(pattern, name):
                yield from validator.descend(value, inner, path=name, schema_path=pattern)  # type: ignore[attr-defined] # the stub lacks it


def _is_named(name: str, schema: Mapping[str, JSON]) -> bool:
    properties, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    return name in cast("Mapping[str, JSON]", properties) or any(
        _search(pattern, name) for pattern in cast("Mapping[str, JSON]", patterns)
    )


def _additional(
    validator: Validator, said: JSON, instance: JSON, schema: Mapping[str, JSON]
) -> Iterator[ValidationError]:
    if not isinstance(instance, dict):
        return
    extra = [name for name in instance if not _is_named(name, schema)]
    if isinstance(said, dict):
        for name in extra:
            yield from validator.descend(instance[name], said, path=name)  # type: ignore[attr-defined] # the stub lacks it
    elif said is False and extra:
        yield _error("it has additional fields")


def _unique(_: Validator, said: JSON, instance: JSON, __: JSON) -> Iterator[ValidationError]:
    """Not pair by pair: equal values have equal canonical text, and ``1`` is ``1.0``."""
    if said and isinstance(instance, list):
        _METER.get().spend(_weight(instance))
        if len({_canonical(item) for item in instance}) < len(instance):
            yield _error("an item appears twice")


def _canonical(data: JSON) -> str:
    """Equal text for equal values; the parts are joined as they are, since quoting them doubles at every level."""
    if isinstance(data, float) and data.is_integer():
        return json.dumps(int(data))
    if isinstance(data, dict):
        members = (f"{json.dumps(key)}:{_canonical(data[key])}" for key in sorted(data))
        return f"{{{','.join(members)}}}"
    if isinstance(data, list):
        return f"[{','.join(map(_canonical, data))}]"
    return json.dumps(data)


def _check_unevaluated(
    validator: Validator, said: JSON, instance: JSON, schema: Mapping[str, JSON]
) -> Iterator[ValidationError]:
    if not isinstance(instance, dict):
        return
    known = _find_evaluated(validator, instance, schema)
    extra = [name for name in instance if name not in known]
    if any(not _holds(validator, instance[name], said) for name in extra):
        yield _error("it has fields that no part of the schema describes")


def _holds(validator: Validator, instance: JSON, schema: JSON) -> bool:
    return next(iter(validator.descend(instance, schema)), None) is None  # type: ignore[attr-defined] # the stub lacks it


def _find_evaluated(
    validator: Validator, instance: dict[str, JSON], schema: Mapping[str, JSON]
) -> set[str]:
    """The members that the schema, or a part of it that holds, has looked at."""
    _METER.get().spend(1 + len(instance))
    found = {name for name in instance if _is_named(name, schema)}
    if "additionalProperties" in schema:
        found |= instance.keys()
    if isinstance(schema.get("$ref"), str):
        resolved = validator._resolver.lookup(schema["$ref"])  # type: ignore[attr-defined] # noqa: SLF001 (as its keywords do)
        inside = validator.evolve(schema=resolved.contents, _resolver=resolved.resolver)
        if isinstance(resolved.contents, dict):
            found |= _find_evaluated(inside, instance, resolved.contents)
    parts = [part for word, _, part in _parts(schema) if word in {"allOf", "anyOf", "oneOf"}]
    if "if" in schema:
        holds = _holds(validator, instance, schema["if"])
        parts += [schema["if"]] if holds else []
        parts += [schema.get("then" if holds else "else", True)]
    dependent = schema.get("dependentSchemas")
    if isinstance(dependent, dict):
        parts += [part for name, part in dependent.items() if name in instance]
    for part in parts:
        if isinstance(part, dict) and _holds(validator, instance, part):
            if "unevaluatedProperties" in part:
                found |= instance.keys()
            found |= _find_evaluated(validator, instance, part)
    return found


def _enum(_: Validator, said: JSON, instance: JSON, __: JSON) -> Iterator[ValidationError]:
    choices = said if isinstance(said, list) else []
    _METER.get().spend(len(choices))
    if not any(same(choice, instance) for choice in choices):
        yield _error("the value is not one of those listed")


@lru_cache(maxsize=1)
def _validator_class() -> type[Validator]:
    from jsonschema import Draft202012Validator, validators

    usual: Mapping[str, _Keyword] = Draft202012Validator.VALIDATORS
    own: dict[str, _Keyword] = {
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional,
        "unevaluatedProperties": _check_unevaluated,
        "uniqueItems": _unique,
        "enum": _enum,
    }
    extend: Callable[..., type[Validator]] = validators.extend
    return extend(
        Draft202012Validator,
        {name: _count(name, own.get(name, ask)) for name, ask in usual.items()},
    )


@lru_cache(maxsize=1)
def _schema_validator() -> RustValidator:
    """Asks whether a schema is one; formats are not asked, for Python's own patterns were allowed once."""
    import jsonschema_rs
    from jsonschema import Draft202012Validator

    return jsonschema_rs.Draft202012Validator(
        Draft202012Validator.META_SCHEMA, validate_formats=False
    )


@lru_cache(maxsize=64)
def _validator(source: bytes) -> Validator:
    from referencing import Registry

    schema = load_team_schema(source)
    error = next(iter(_schema_validator().iter_errors(schema)), None)
    if error is not None:
        raise InvalidTeamSchemaError(f"it is not a JSON Schema: {error.message[:200]}")
    for pattern in list_patterns(schema):
        try:
            matcher(pattern.text)
        except InvalidPatternError as exc:
            raise InvalidTeamSchemaError(str(exc)) from exc
    # An empty registry: a reference to another document fails instead of being fetched.
    return _validator_class()(schema, registry=Registry())


def team_mismatches(source: bytes, data: JSON) -> list[Mismatch]:
    """Every place where data does not meet a team's own schema from the registry, at most 1,000.

    Raises:
        InvalidTeamSchemaError: The source is not a usable JSON Schema; it cannot refer to other documents.
        TooManyStepsError: This document takes more steps than are allowed.
    """
    from referencing.exceptions import Unresolvable

    try:
        validator = _validator(source)
        _METER.set(_Meter(data))
        return found_mismatches(islice(validator.iter_errors(data), _MISMATCHES))
    except Unresolvable as exc:
        raise InvalidTeamSchemaError(f"it refers to another document: {exc.ref}") from exc
    except PatternTooSlowError as exc:
        raise TooManyStepsError(f"the pattern {str(exc)!a} backtracks too often") from exc
    # A reference may reach what is no schema; an `$id` may be no address, and a number larger than any float.
    except (ValueError, TypeError, LookupError, ArithmeticError, RecursionError) as exc:
        if isinstance(exc, InvalidTeamSchemaError):
            raise
        raise InvalidTeamSchemaError(f"it cannot be used: {exc}") from exc
