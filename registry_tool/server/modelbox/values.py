"""Messages read and made: plain values in, messages out."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from typing import Final, cast

from google.protobuf.message import Message

from registry_tool.errors import UsageError
from registry_tool.manifests.problems import JSON
from registry_tool.server.modelbox.descriptors import TIMESTAMP, VALUE, message_class

__all__ = [
    "build",
    "build_time",
    "build_value",
    "build_values",
    "read_bytes",
    "read_choice",
    "read_messages",
    "read_number",
    "read_numbers",
    "read_part",
    "read_text",
    "read_texts",
    "read_time",
    "read_values",
    "shorten",
]

_EXACT: Final = 2**53
_DEEPEST: Final = 50
_NANOS: Final = 1_000_000_000


def build(name: str, /, **fields: object) -> Message:
    """A message of the service, from the values of its fields."""
    return message_class(name)(**fields)


def read_text(message: Message, field: str) -> str:
    """A field of type string."""
    return str(getattr(message, field))


def read_bytes(message: Message, field: str) -> bytes:
    """A field of type bytes."""
    return bytes(getattr(message, field))


def read_number(message: Message, field: str) -> int:
    """A field with a whole number, or the number of an enum's value."""
    return int(getattr(message, field))


def read_part(message: Message, field: str) -> Message:
    """A field with a message; an empty one where it is not set."""
    return cast("Message", getattr(message, field))


def read_messages(message: Message, field: str) -> list[Message]:
    """A repeated field with messages."""
    return list(getattr(message, field))


def read_texts(message: Message, field: str) -> list[str]:
    """A repeated field with strings."""
    return [str(one) for one in getattr(message, field)]


def read_numbers(message: Message, field: str) -> dict[str, float]:
    """A map from strings to floats."""
    return {str(key): float(value) for key, value in getattr(message, field).items()}


def read_choice(message: Message, choice: str) -> str:
    """Which field of a choice is set; empty for none."""
    return message.WhichOneof(choice) or ""


def shorten(number: float) -> float:
    """A float of 32 bits as the shortest decimal that reads back as the same one: 0.97 and not 0.9700000286102295."""
    if not math.isfinite(number):
        return number
    wanted = struct.pack("f", number)
    for digits in range(6, 9):
        found = float(f"{number:.{digits}g}")
        if struct.pack("f", found) == wanted:
            return found
    return number


def build_time(milliseconds: int) -> Message:
    """A timestamp from milliseconds since 1970."""
    return message_class(TIMESTAMP)(
        seconds=milliseconds // 1000, nanos=milliseconds % 1000 * 1_000_000
    )


def read_time(message: Message, field: str) -> int:
    """A timestamp in nanoseconds since 1970; 0 where it is not set.

    Raises:
        UsageError: Its fraction of a second is none.
    """
    found = read_part(message, field)
    seconds, nanos = read_number(found, "seconds"), read_number(found, "nanos")
    if not 0 <= nanos < _NANOS:
        raise UsageError(f"{field} has {nanos} nanoseconds; 0 to 999999999 are possible")
    return seconds * _NANOS + nanos


def _read_value(value: Message, where: str, depth: int) -> JSON:
    kind = read_choice(value, "kind")
    if depth > _DEEPEST:
        raise UsageError(f"{where} is nested more than {_DEEPEST} levels deep")
    if kind == "number_value":
        return _read_real(float(getattr(value, kind)), where)
    if kind == "string_value":
        return read_text(value, kind)
    if kind == "bool_value":
        return bool(getattr(value, kind))
    if kind == "struct_value":
        fields = getattr(getattr(value, kind), "fields")  # noqa: B009 (a message has no typed attributes)
        return {str(key): _read_value(one, where, depth + 1) for key, one in fields.items()}
    if kind == "list_value":
        items = getattr(getattr(value, kind), "values")  # noqa: B009 (likewise)
        return [_read_value(one, where, depth + 1) for one in items]
    return None


def _read_real(number: float, where: str) -> JSON:
    """A number of 64 bits as JSON: whole ones are whole, because the message does not say which it was."""
    if not math.isfinite(number):
        raise UsageError(f"{where} is {number}, which JSON does not have", remedy="send it as text")
    return int(number) if number.is_integer() and abs(number) < _EXACT else number


def read_values(message: Message, field: str) -> dict[str, JSON]:
    """A map from strings to any JSON.

    Raises:
        UsageError: A value is not JSON, or nested too deep.
    """
    found = getattr(message, field)
    return {str(key): _read_value(value, f"{field} {key!a}", 0) for key, value in found.items()}


def build_value(value: JSON) -> Message:
    """Any JSON as a message."""
    kind = message_class(VALUE)
    if value is None:
        return kind(null_value=0)
    if isinstance(value, bool):
        return kind(bool_value=value)
    if isinstance(value, int | float):
        return kind(number_value=float(value))
    if isinstance(value, str):
        return kind(string_value=value)
    found = kind()
    if isinstance(value, dict):
        fields = read_part(found, "struct_value")
        fields.SetInParent()
        for key, one in value.items():
            getattr(fields, "fields")[key].CopyFrom(build_value(one))  # noqa: B009 (likewise)
        return found
    items = read_part(found, "list_value")
    items.SetInParent()
    getattr(items, "values").extend(build_value(one) for one in value)  # noqa: B009 (likewise)
    return found


def build_values(values: Mapping[str, JSON]) -> dict[str, Message]:
    """A map from strings to any JSON, for ``build``."""
    return {key: build_value(value) for key, value in values.items()}
