"""Field tables of ``docs/file-format.md``, from ``schemas/``: ``python tests/documents/field_tables.py`` rewrites them.

A table is between ``<!-- fields of KIND -->`` and ``<!-- end of fields -->``; that of value types between
``<!-- value types -->`` and the same end.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

__all__ = ["KINDS", "PAGE", "Field", "fields", "filled"]

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs" / "file-format.md"
KINDS: Final = tuple(
    sorted(path.parent.name for path in (ROOT / "schemas").glob("*/v1.schema.json"))
)
_TABLE = re.compile(
    r"(<!-- (?:fields of (\w+)|value types) -->\n).*?(<!-- end of fields -->)", re.DOTALL
)
Schema = dict[str, object]


class Field(NamedTuple):
    """One row: the path inside the manifest, ``[]`` for the items of a list and ``.*`` for any key of a mapping."""

    path: str
    type: str
    required: bool
    meaning: str


def _schema(kind: str) -> Schema:
    text = (ROOT / "schemas" / kind / "v1.schema.json").read_text(encoding="utf-8")
    loaded: Schema = json.loads(text)
    return loaded


def _mapping(value: object) -> Schema:
    return value if isinstance(value, dict) else {}


def _definition(schema: Schema, name: str) -> Schema:
    return _mapping(_mapping(schema["$defs"])[name])


def _resolved(schema: Schema, rule: Schema) -> Schema:
    """A rule with what its reference says; its own description wins."""
    reference = rule.get("$ref")
    if not isinstance(reference, str):
        return rule
    return {**_resolved(schema, _definition(schema, reference.rpartition("/")[2])), **rule}


def _type(schema: Schema, rule: Schema) -> str:  # noqa: PLR0911 - one line for each kind of rule
    rule = _resolved(schema, rule)
    if "const" in rule:
        return f"`{rule['const']}`"
    choices = rule.get("enum")
    if isinstance(choices, list):
        return ", ".join(f"`{choice}`" for choice in choices)
    kind = rule.get("type")
    if kind == "array":
        return f"list of {_type(schema, _mapping(rule.get('items')))}"
    if kind == "object":
        return "mapping"
    if isinstance(kind, list):
        return " or ".join("mapping" if one == "object" else str(one) for one in kind)
    title = rule.get("title")
    if "$ref" in rule and isinstance(title, str):
        return f"[{title}](#value-types)"
    return str(kind or "any JSON")


def _walk(schema: Schema, rule: Schema, path: str) -> Iterator[Field]:
    rule = _resolved(schema, rule)
    needed = rule.get("required")
    required = needed if isinstance(needed, list) else []
    for name, inner in _mapping(rule.get("properties")).items():
        one = _resolved(schema, _mapping(inner))
        place = f"{path}{name}"
        default = f" Default: `{json.dumps(one['default'])}`." if "default" in one else ""
        meaning = f"{one.get('description', one.get('title', ''))}{default}"
        yield Field(place, _type(schema, _mapping(inner)), name in required, meaning)
        items = _resolved(schema, _mapping(one.get("items")))
        yield from _walk(schema, one, f"{place}.")
        yield from _walk(schema, items, f"{place}[].")
        each = one.get("additionalProperties")
        if isinstance(each, dict) and each:
            yield from _walk(schema, _mapping(each), f"{place}.*.")


def fields(kind: str) -> list[Field]:
    """Every field of a kind of manifest, nested ones after the one they are in."""
    schema = _schema(kind)
    return list(_walk(schema, schema, ""))


def _cell(text: str) -> str:
    return re.sub(r"<(\w+)>", r"&lt;\1&gt;", text).replace("|", "\\|")


def _table(kind: str) -> str:
    rows = [
        f"| `{field.path}` | {_cell(field.type)} | {'yes' if field.required else ''} | {_cell(field.meaning)} |"
        for field in fields(kind)
    ]
    return "\n".join(
        ["| field | type | required | meaning |", "| --- | --- | --- | --- |", *rows, ""]
    )


def _value_types() -> str:
    """Every named type of one value; schemas that name a type alike must mean the same."""
    found: dict[str, str] = {}
    for kind in KINDS:
        schema = _schema(kind)
        for name in _mapping(schema["$defs"]):
            rule = _definition(schema, name)
            title = str(rule.get("title"))
            if rule.get("type") not in {"object", "array"} and "enum" not in rule:
                row = f"| {title} | {rule.get('type', 'any')} | {_cell(str(rule['description']))} |"
                assert found.setdefault(title, row) == row, f"{title}: {kind} has another meaning"
    return "\n".join(
        [
            "| type | JSON type | form |",
            "| --- | --- | --- |",
            *(found[t] for t in sorted(found)),
            "",
        ]
    )


def filled(page: str) -> str:
    """The page with its tables as the schemas say today."""
    return _TABLE.sub(
        lambda found: found[1] + (_table(found[2]) if found[2] else _value_types()) + found[3], page
    )


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
