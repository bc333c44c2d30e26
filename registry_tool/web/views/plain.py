"""Views as plain data, for the JSON next to each page."""

from __future__ import annotations

import json
import math
from typing import Final

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


def _list_parts(value: object) -> dict[str, object]:
    """The fields of a dataclass, for an encoder that knows mappings and lists; named tuples would be lists to it."""
    parts: dict[str, object] = {name: getattr(value, name) for name in _field_names(type(value))}
    for name, part in parts.items():
        if isinstance(part, tuple) and part and hasattr(part[0], "_fields"):
            parts[name] = plain_view(part)
    return parts


_encode = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=_list_parts
).encode


def write_json(view: object, schema: str) -> bytes:
    """A view as one line of JSON that names its schema; the halves of surrogate pairs are replaced."""
    try:
        text = _encode({"schema": schema, **_list_parts(view)})
    except ValueError:  # NaN, which the encoder cannot name
        plain = plain_view(view)
        text = _encode({"schema": schema, **(plain if isinstance(plain, dict) else {})})
    return text.encode("utf-8", "replace") + b"\n"
