"""TensorFlow Lite: the operators that a model names, read from its flatbuffer.

The fields are those of https://github.com/tensorflow/tensorflow/blob/master/tensorflow/compiler/mlir/lite/schema/schema.fbs.
"""

from __future__ import annotations

import struct
from typing import BinaryIO, Final

from registry_tool.scanning.code.named import NamedCode, report_code
from registry_tool.scanning.context import Look
from registry_tool.scanning.stream import MalformedFileError

__all__ = ["is_tflite", "scan_tflite"]

_ON_DISK: Final = 256 << 20
_OPERATORS: Final = 1
_CUSTOM_CODE: Final = 1
_MOST: Final = 10_000
_LONGEST: Final = 256
_MOST_FIELDS: Final = 4096


def is_tflite(head: bytes) -> bool:
    """True for bytes that begin as a model of TensorFlow Lite."""
    return head[4:8] == b"TFL3"


class _Flat:
    """Bytes that one can move about in, with the few kinds of value that are needed."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def bytes_at(self, at: int, size: int) -> bytes:
        if at < 0:
            raise MalformedFileError("an offset is negative")
        self._file.seek(at)
        found = self._file.read(size)
        if len(found) != size:
            raise MalformedFileError("an offset is beyond the end")
        return found

    def number(self, at: int, layout: str) -> int:
        (found,) = struct.unpack(layout, self.bytes_at(at, struct.calcsize(layout)))
        return int(found)

    def follow(self, at: int) -> int:
        return at + self.number(at, "<I")

    def field(self, table: int, number: int) -> int:
        """Where a field of a table lies; 0 where it has none."""
        shape = table - self.number(table, "<i")
        size = self.number(shape, "<H")
        place = 4 + 2 * number
        if size > _MOST_FIELDS or place + 2 > size:
            return 0
        offset = self.number(shape + place, "<H")
        return table + offset if offset else 0


def _custom_operators(flat: _Flat) -> set[str]:
    listed = flat.field(flat.follow(0), _OPERATORS)
    if not listed:
        return set()
    vector, found = flat.follow(listed), set()
    count = flat.number(vector, "<I")
    if count > _MOST:
        raise MalformedFileError(f"it has {count} operators")
    for at in range(count):
        code = flat.field(flat.follow(vector + 4 + 4 * at), _CUSTOM_CODE)
        if not code:
            continue
        text = flat.follow(code)
        size = flat.number(text, "<I")
        if size > _LONGEST:
            raise MalformedFileError("the name of an operator is too long")
        found.add(flat.bytes_at(text + 4, size).decode(errors="replace"))
    return found - {""}


def scan_tflite(look: Look) -> None:
    """Judge operators of TensorFlow that it takes over, and name those of a library of one's own."""
    if look.stream.file is not None:
        found = _custom_operators(_Flat(look.stream.file))
    else:
        with look.stream.on_disk(_ON_DISK) as file:
            found = _custom_operators(_Flat(file))
    for name in sorted(found):
        report_code(look, NamedCode("", "operation", name.removeprefix("Flex"), "TensorFlow Lite"))
    own = sorted(name for name in found if not name.startswith("Flex"))
    if own:
        look.finds("unsafe", f"operators {', '.join(own[:8])}: a custom library runs them")
    look.tells(format="tflite", custom=[*own[:8]])
