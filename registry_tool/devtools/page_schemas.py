"""The schemas of the data next to pages, generated from the views: ``python -m registry_tool.devtools.page_schemas [--check]``.

Each kind of page has one in ``schemas/pages/<kind>/``. Descriptions are those of the docstrings.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
import types
import typing
from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Final, Literal, Union

from registry_tool.manifests.problems import JSON
from registry_tool.web.pages.kinds import PAGE_KINDS

__all__ = ["main", "render_schemas"]

_FOLDER: Final = Path("schemas/pages")
_RUN: Final = "python -m registry_tool.devtools.page_schemas"
_ATTRIBUTE: Final = re.compile(r"^    (\w+): (.*(?:\n      .*)*)", re.MULTILINE)
_SCALARS: Final[dict[type, JSON]] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    # JSON has no other numbers.
    float: {"anyOf": [{"type": "number"}, {"enum": ["NaN", "Infinity", "-Infinity"]}]},
    type(None): {"type": "null"},
}


def _clean(text: str) -> str:
    return " ".join(text.split()).replace("``", "`")


def _describe(kind: type) -> tuple[str, dict[str, str]]:
    """The first paragraph of a class's docstring, and what it says of attributes."""
    text = inspect.cleandoc(kind.__doc__ or "")
    return _clean(text.partition("\n\n")[0]), {
        found[1]: _clean(found[2]) for found in _ATTRIBUTE.finditer(text)
    }


def _is_any(arguments: tuple[object, ...]) -> bool:
    """True for the parts of ``JSON``: what may be a mapping and a list may be anything."""
    return {dict, list} <= {typing.get_origin(one) for one in arguments}


class _Definitions:
    """Objects of a schema, each once."""

    def __init__(self) -> None:
        self.found: dict[str, JSON] = {}

    def describe(self, kind: object) -> dict[str, JSON]:
        """The schema of a type."""
        origin, arguments = typing.get_origin(kind), typing.get_args(kind)
        if kind is object or _is_any(arguments):
            return {}
        if origin is Literal:
            return {"enum": [*arguments]}
        if origin in {Union, types.UnionType}:
            return {"anyOf": [self.describe(one) for one in arguments]}
        if origin is dict:
            return {"type": "object", "additionalProperties": self.describe(arguments[1])}
        return self._describe_tuple(arguments) if origin is tuple else self._describe_class(kind)

    def _describe_class(self, kind: object) -> dict[str, JSON]:
        if not isinstance(kind, type):
            raise TypeError(f"{kind} has no schema")
        scalar = _SCALARS.get(kind)
        return dict(scalar) if isinstance(scalar, dict) else self._refer(kind)

    def _describe_tuple(self, arguments: tuple[object, ...]) -> dict[str, JSON]:
        if len(arguments) == 2 and arguments[1] is Ellipsis:  # noqa: PLR2004
            return {"type": "array", "items": self.describe(arguments[0])}
        parts: list[JSON] = [self.describe(one) for one in arguments]
        count = len(parts)
        return {"type": "array", "prefixItems": parts, "items": False, "minItems": count}

    def _refer(self, kind: type) -> dict[str, JSON]:
        if kind.__name__ not in self.found:
            self.found[kind.__name__] = None
            self.found[kind.__name__] = self.describe_object(kind)
        return {"$ref": f"#/$defs/{kind.__name__}"}

    def describe_object(self, kind: type) -> dict[str, JSON]:
        """The schema of a dataclass or a named tuple."""
        if not (is_dataclass(kind) or hasattr(kind, "_fields")):
            raise TypeError(f"{kind} has no schema")
        about, attributes = _describe(kind)
        hints = typing.get_type_hints(kind)
        names = getattr(kind, "_fields", None) or [field.name for field in fields(kind)]
        properties: dict[str, JSON] = {}
        for name in names:
            said = {"description": attributes[name]} if name in attributes else {}
            properties[name] = {**said, **self.describe(hints[name])}
        return {
            "description": about, "type": "object", "additionalProperties": False,
            "required": [*names], "properties": properties,
        }  # fmt: skip


def _render(name: str, kind: type) -> str:
    definitions = _Definitions()
    body = definitions.describe_object(kind)
    properties, required = body["properties"], body["required"]
    first: dict[str, JSON] = {"schema": {"const": f"pages/{name}/v1"}}
    schema: dict[str, JSON] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Data of a page: {name}",
        **body,
        "required": ["schema", *(required if isinstance(required, list) else ())],
        "properties": {**first, **(properties if isinstance(properties, dict) else {})},
    }
    if definitions.found:
        schema["$defs"] = dict(sorted(definitions.found.items()))
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def render_schemas() -> Iterator[tuple[Path, str]]:
    """Each file with its text."""
    for name, kind in PAGE_KINDS.items():
        yield _FOLDER / name / "v1.schema.json", _render(name, kind.view)


def main(arguments: Sequence[str] = ()) -> int:
    """Write the schemas; with ``--check`` compare them with the committed ones."""
    exit_code = 0
    for path, text in render_schemas():
        if "--check" not in arguments:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        elif not path.is_file() or path.read_text(encoding="utf-8") != text:
            sys.stderr.write(f"{path} is out of date; run: {_RUN}\n")
            exit_code = 1
    return exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
