"""Views as plain data, for the JSON next to each page."""

from __future__ import annotations

import json
import math
from typing import Final

from registry_tool.installation import package_of_extra
from registry_tool.manifests.problems import JSON

__all__ = ["plain_view", "write_json"]


_NAMES: Final[dict[type, tuple[str, ...]]] = {}


def _field_names(kind: type) -> tuple[str, ...]:
    found = _NAMES.get(kind)
    if found is None:
        named: tuple[str, ...] = getattr(kind, "_fields", ())
        found = _NAMES[kind] = named or tuple(getattr(kind, "__dataclass_fields__", ()))
    return found


def plain_view(value: object) -> JSON:
    """A view as plain data: dataclasses and named tuples become mappings, numbers that JSON lacks become their names."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else _name_number(value)
    if isinstance(value, dict):
        return {str(key): plain_view(one) for key, one in value.items()}
    if isinstance(value, tuple | list) and not hasattr(value, "_fields"):
        return [plain_view(one) for one in value]
    return {name: plain_view(getattr(value, name)) for name in _field_names(type(value))}


def _name_number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def write_json(view: object, schema: str) -> bytes:
    """A view as one line of JSON that names its schema; the halves of surrogate pairs are replaced.

    Args:
        view: A dataclass. Its numbers are finite: what is not is text to the readers of manifests.
        schema: The name of the schema.

    Raises:
        MissingPackageError: orjson is not installed.
    """
    with package_of_extra("the catalog site", "site"):
        import orjson
    parts = {name: getattr(view, name) for name in _field_names(type(view))}
    try:
        options = orjson.OPT_APPEND_NEWLINE
        return orjson.dumps({"schema": schema, **parts}, plain_view, options)
    except TypeError:  # half of a surrogate pair, or an integer of more than 64 bits
        plain = {"schema": schema, **{name: plain_view(part) for name, part in parts.items()}}
        text = json.dumps(plain, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        return text.encode("utf-8", "replace") + b"\n"
