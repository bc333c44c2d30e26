"""Protocol buffers, walked field by field without a schema compiler; only what is asked for is held in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from registry_tool.scanning.report import Budget
from registry_tool.scanning.stream import MalformedFileError, Stream

__all__ = ["Field", "fields"]

_VARINT: Final = 0
_BYTES: Final = 2
_FIXED: Final = {1: 8, 5: 4}
_LONGEST: Final = 10
_DEEPEST: Final = 32


class Field(NamedTuple):
    """One field.

    Attributes:
        kind: The message it stands in, as the shape calls it.
        number: Its number there.
        value: A number, or bytes; None where a message begins whose fields follow.
    """

    kind: str
    number: int
    value: int | bytes | None


class _Open(NamedTuple):
    kind: str
    end: int | None


def _varint(stream: Stream) -> int:
    found = 0
    for place in range(_LONGEST):
        byte = stream.take(1)[0]
        found |= (byte & 0x7F) << (7 * place)
        if not byte & 0x80:
            return found & ((1 << 64) - 1)
    raise MalformedFileError("a number does not end")


def _close(stack: list[_Open], at: int) -> None:
    """Leave the messages that end here."""
    while len(stack) > 1 and stack[-1].end is not None and at >= stack[-1].end:
        if at > stack[-1].end:
            raise MalformedFileError("a part is longer than its container")
        stack.pop()


def _end(stream: Stream, outer: _Open) -> int:
    """Where the part ends whose length stands here."""
    size = _varint(stream)
    end = stream.tell() + size
    if outer.end is not None and end > outer.end:
        raise MalformedFileError("a part is longer than its container")
    return end


def _enter(stack: list[_Open], kind: str, end: int) -> None:
    if len(stack) == _DEEPEST:
        raise MalformedFileError("its messages are nested too deeply")
    stack.append(_Open(kind, end))


def _read_wanted(
    stream: Stream, key: tuple[str, int], end: int, most: int | None
) -> Iterator[Field]:
    """Bytes that are asked for; others are passed over."""
    size = end - stream.tell()
    if most is None:
        stream.skip(size)
    elif size > most:
        raise MalformedFileError(f"a field has {size} bytes")
    else:
        yield Field(*key, stream.take(size))


def fields(
    stream: Stream,
    budget: Budget,
    *,
    messages: Mapping[tuple[str, int], str],
    wanted: Mapping[tuple[str, int], int],
    root: str,
) -> Iterator[Field]:
    """The fields of a message and of the messages in it, in the order of the bytes.

    Args:
        stream: The bytes.
        budget: Fields are taken from it.
        messages: By message and number: what the message in that field is called. These are entered.
        wanted: By message and number: how many bytes of such a field are held at most; a longer one is Malformed. Bytes
            in other fields are passed over.
        root: What the outermost message is called.

    Raises:
        MalformedFileError: The bytes are no such message.
        Spent: It has more fields than a scan reads.
    """
    stack = [_Open(root, stream.size)]
    while stream.peek(1):
        _close(stack, stream.tell())
        kind = stack[-1].kind
        budget.spend("fields")
        tag = _varint(stream)
        key, wire = (kind, tag >> 3), tag & 7
        if wire == _VARINT:
            yield Field(*key, _varint(stream))
        elif wire in _FIXED:
            stream.skip(_FIXED[wire])
        elif wire != _BYTES or not tag >> 3:
            raise MalformedFileError("it has a field of an unknown type")
        elif key in messages:
            _enter(stack, messages[key], _end(stream, stack[-1]))
            yield Field(*key, None)
        else:
            yield from _read_wanted(stream, key, _end(stream, stack[-1]), wanted.get(key))
    _close(stack, stream.tell())
    if len(stack) > 1:
        raise MalformedFileError("it ends too early")
