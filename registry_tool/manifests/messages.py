"""Messages for a mismatch between data and schema: the value found, the value expected, and how to fix it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

from registry_tool.manifests.problems import JSON, Problem, show_value
from registry_tool.manifests.schema import Mismatch
from registry_tool.manifests.yaml.explain import Text

__all__ = ["explain_mismatch"]

_TYPES = {
    "string": "text",
    "object": "a mapping",
    "array": "a list",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "nothing",
}
_LIMITS = {
    "maxLength": "at most {} characters",
    "minLength": "at least {} characters",
    "maxItems": "at most {} items",
    "minItems": "at least {} items",
    "maxProperties": "at most {} fields",
    "minProperties": "at least {} fields",
    "maximum": "at most {}",
    "minimum": "at least {}",
    "exclusiveMinimum": "more than {}",
    "exclusiveMaximum": "less than {}",
    "uniqueItems": "each item once",
    "contains": "at least one matching item",
}


def _field(mismatch: Mismatch) -> str:
    text = ""
    for step in mismatch.path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text or "the file"


def _type_words(wanted: JSON) -> str:
    kinds = wanted if isinstance(wanted, list) else [wanted]
    return " or ".join(_TYPES.get(str(kind), str(kind)) for kind in kinds)


def _nearest(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"did you mean `{close[0]}`?" if close else ""


def _choices(rule: Mapping[str, JSON]) -> list[JSON]:
    enum = rule.get("enum")
    return enum if isinstance(enum, list) else [rule.get("const")]


def _explain_unknown(mismatch: Mismatch, text: Text) -> Problem:
    properties = mismatch.rule.get("properties")
    known = sorted(properties) if isinstance(properties, dict) else []
    name = mismatch.names[0] if mismatch.names else ""
    at = text.key_places.get((*mismatch.path, name), text.place(mismatch.path))
    return Problem(
        "schema",
        f"unknown field {show_value(name)} in {_field(mismatch)}",
        *at,
        found=", ".join(show_value(n) for n in mismatch.names[:5]),
        expected="one of " + ", ".join(known) if known else "no other fields",
        remedy=_nearest(name, known) or "delete it, or put it under `metadata`, which is free",
    )


def _missing(mismatch: Mismatch, text: Text) -> Problem:
    names = ", ".join(f"`{name}`" for name in mismatch.names)
    return Problem(
        "schema", f"{_field(mismatch)} has no {names}", *text.place(mismatch.path),
        remedy=f"add {names}",
    )  # fmt: skip


def _dependent(mismatch: Mismatch, text: Text) -> Problem:
    needed, *by = mismatch.names
    if not by:
        return Problem(
            "schema", needed, *text.place(mismatch.path), found=show_value(mismatch.value)
        )
    at = text.key_places.get((*mismatch.path, by[0]), text.place(mismatch.path))
    return Problem(
        "schema", f"{_field(mismatch)} has `{by[0]}` without `{needed}`", *at,
        found=f"`{by[0]}` alone", expected=f"`{needed}` together with `{by[0]}`",
        remedy=f"add `{needed}`, or delete `{by[0]}`",
    )  # fmt: skip


def _name_refused(rule: JSON) -> str:
    """Words for what a value may not be."""
    if not isinstance(rule, dict):
        return ""
    if "enum" in rule or "const" in rule:
        return "anything but " + ", ".join(show_value(choice) for choice in _choices(rule))
    return f"no text that matches {rule['pattern']}" if "pattern" in rule else ""


def _example(mismatch: Mismatch) -> str:
    """What fits, where the description of a text says what it means and not how it is written."""
    examples = mismatch.rule.get("examples")
    if mismatch.keyword not in {"pattern", "format"} or not isinstance(examples, list):
        return ""
    return f", such as {show_value(examples[0])}" if examples else ""


def _name_expected(mismatch: Mismatch) -> str:
    keyword, rule = mismatch.keyword, mismatch.rule
    limit = rule.get(keyword)
    if keyword == "type":
        return _type_words(limit)
    if keyword in {"enum", "const"}:
        return (
            "one of " + ", ".join(show_value(c) for c in _choices(rule))
            if keyword == "enum"
            else show_value(limit)
        )
    if keyword in _LIMITS:
        return _LIMITS[keyword].format(limit)
    if keyword == "not" and (words := _name_refused(rule.get("not"))):
        return words
    described = rule.get("description") or rule.get("title")
    if isinstance(described, str):
        # It goes on after "expected:"; "SPDX" and the like keep their capitals.
        lower = (
            described[:1].lower()
            if described[1:2].islower() or described[1:2] == " "
            else described[:1]
        )
        return lower + described[1:].removesuffix(".") + _example(mismatch)
    return (
        f"text that matches {limit}"
        if keyword == "pattern"
        else f"a value that satisfies `{keyword}` of the schema"
    )


def _explain_excluded(mismatch: Mismatch, text: Text) -> Problem | None:
    """Words for ``not: {required: …}``: fields that have no place here, or not together."""
    refused = mismatch.rule.get("not")
    named = refused.get("required") if isinstance(refused, dict) else None
    if not isinstance(named, list) or not named:
        return None
    names = [str(name) for name in named]
    at = text.key_places.get((*mismatch.path, names[-1]), text.place(mismatch.path))
    listed = " and ".join(f"`{name}`" for name in names)
    where = _field(mismatch)
    if len(names) == 1:
        message, expected = f"{listed} is not allowed in {where} with these values", f"no {listed}"
    else:
        message, expected = f"{listed} exclude each other in {where}", f"one of {listed}"
    return Problem(
        "schema", message, *at, found=listed, expected=expected, remedy=f"delete `{names[-1]}`"
    )


def explain_mismatch(mismatch: Mismatch, text: Text) -> Problem:
    """The problem a mismatch is, with its place in the file."""
    if mismatch.keyword == "additionalProperties" and mismatch.names:
        return _explain_unknown(mismatch, text)
    if mismatch.keyword == "required" and mismatch.names:
        return _missing(mismatch, text)
    if mismatch.keyword == "dependentRequired":
        return _dependent(mismatch, text)
    excluded = _explain_excluded(mismatch, text) if mismatch.keyword == "not" else None
    if excluded is not None:
        return excluded
    value = mismatch.value
    remedy = ""
    if mismatch.keyword == "enum" and isinstance(value, str):
        remedy = _nearest(value, [str(c) for c in _choices(mismatch.rule)])
    return Problem(
        "schema", f"{_field(mismatch)} does not match the schema", *text.place(mismatch.path),
        found=show_value(value), expected=_name_expected(mismatch), remedy=remedy,
    )  # fmt: skip
