"""Typed access to the plain data of a manifest, without building an object for it.

The schema has checked the data; a missing field reads as empty. The order of measured values defines the last value of a metric.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from registry_tool.manifests.problems import JSON

__all__ = [
    "Data",
    "get",
    "in_order",
    "is_deeper_than",
    "last_values",
    "member",
    "metric_value",
    "records",
    "text",
    "texts",
    "whole",
]

Data = Mapping[str, JSON]
_NOTHING: Data = {}


def get(data: JSON | Data, *path: str) -> JSON:
    """The value at a path of member names, or None."""
    value: JSON | Data = data
    for step in path:
        # `dict` first: asking an abstract class is ten times slower, and this is asked of every field.
        if not isinstance(value, dict) and not isinstance(value, Mapping):
            return None
        value = value.get(step)
    if value is None or isinstance(value, (str, dict, list)):
        return value
    return dict(value) if isinstance(value, Mapping) else value


def is_deeper_than(levels: int, data: JSON) -> bool:
    """True for data with more levels of lists and objects; without recursion."""
    layer: list[JSON] = [data]
    for _ in range(levels):
        inside: list[JSON] = []
        for one in layer:
            if isinstance(one, dict):
                inside += one.values()
            elif isinstance(one, list):
                inside += one
        layer = inside
    return any(isinstance(one, dict | list) for one in layer)


def text(data: JSON | Data, *path: str) -> str:
    """The text at a path, or the empty string."""
    # One name in plain data is asked for a million times in a large check.
    value = data.get(path[0]) if len(path) == 1 and type(data) is dict else get(data, *path)
    return value if isinstance(value, str) else ""


def member(data: JSON | Data, *path: str) -> Data:
    """The mapping at a path, or an empty one."""
    value = get(data, *path)
    return value if isinstance(value, dict) else _NOTHING


def records(data: JSON | Data, *path: str) -> list[Data]:
    """The mappings of the list at a path; empty when there is no list."""
    value = get(data, *path)
    return [v for v in value if isinstance(v, dict)] if isinstance(value, list) else []


def texts(data: JSON | Data, *path: str) -> list[str]:
    """The strings of the list at a path; empty when there is no list."""
    value = get(data, *path)
    return [v for v in value if isinstance(v, str)] if isinstance(value, list) else []


def whole(data: JSON | Data, *path: str) -> int:
    """The whole number at a path, or 0."""
    value = get(data, *path)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _number(value: JSON) -> float:
    return value if isinstance(value, int | float) else -1  # `10.0` is a whole number in JSON


def _key(metric: Data) -> tuple[float, float]:
    return _number(metric.get("step")), _number(metric.get("timestamp"))


def in_order(metrics: Iterable[Data]) -> list[Data]:
    """Metrics by step; those without a step first, by timestamp. Equal ones keep their order."""
    return sorted(metrics, key=_key)


def metric_value(value: JSON) -> float | str | bytes:
    """A measured value as programs use it: a number, a text, or the bytes that ``{bytes: base64}`` stands for."""
    if isinstance(value, dict):
        import base64

        return base64.b64decode(text(value, "bytes"))
    return value if isinstance(value, int | float | str) else ""


def last_values(metrics: Iterable[Data]) -> dict[str, JSON]:
    """The last value of each metric, in the order in which they are named first."""
    found = list(metrics)
    first = {text(metric, "key"): metric.get("value") for metric in found}
    if len(first) == len(found):  # each was measured once, as nearly everywhere
        return first
    last = {text(metric, "key"): metric.get("value") for metric in in_order(found)}
    return {key: last[key] for key in first}
