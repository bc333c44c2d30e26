"""What comes out of compression, piece by piece: memory is bounded whatever the file says."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, Protocol

from registry_tool.scanning.report import Budget
from registry_tool.scanning.stream import MalformedFileError, Stream

__all__ = ["PACKED", "inflate"]

# An xz stream may ask for a dictionary of 4 GiB.
_MEMORY: Final = 128 << 20


class _Decompressor(Protocol):
    """What `bz2` and `lzma` offer."""

    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int = ...) -> bytes: ...


class _Deflated:
    """zlib's decompressor with the interface of the others."""

    def __init__(self, window: int) -> None:
        self._inner = zlib.decompressobj(window)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max_length)


PACKED: Final[Mapping[str, Callable[[], _Decompressor]]] = MappingProxyType(
    {
        "gzip": lambda: _Deflated(31),
        "zlib": lambda: _Deflated(15),
        "bzip2": bz2.BZ2Decompressor,
        "xz": lambda: lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=_MEMORY),
        "lzma": lambda: lzma.LZMADecompressor(format=lzma.FORMAT_ALONE, memlimit=_MEMORY),
    }
)


class _Inflating:
    """The bytes that a packed stream holds."""

    def __init__(self, packed: Stream, make: Callable[[], _Decompressor], budget: Budget) -> None:
        self._packed = packed
        self._make = make
        self._budget = budget
        self._current = make()

    def _piece(self, size: int) -> bytes:
        data = self._packed.some() if self._current.needs_input else b""
        if self._current.needs_input and not data:
            raise MalformedFileError("it ends too early")
        return self._current.decompress(data, size)

    def read(self, size: int) -> bytes:
        """At most so many bytes; none at the end."""
        try:
            while True:
                if self._current.eof:
                    left = self._current.unused_data.lstrip(b"\0")  # some writers pad with zeroes
                    if not left and not self._packed.peek(1):
                        return b""
                    self._current = self._make()  # one stream may follow on another
                    piece = self._current.decompress(left, size)
                else:
                    piece = self._piece(size)
                if piece:
                    self._budget.spend("unpacked", len(piece))
                    return piece
        except (OSError, EOFError, zlib.error, lzma.LZMAError) as exc:
            raise MalformedFileError("it cannot be decompressed") from exc


def inflate(packed: Stream, kind: str, budget: Budget) -> Stream:
    """What is packed in a stream.

    Args:
        packed: The bytes, from the beginning of the compression.
        kind: One of ``PACKED``.
        budget: What comes out is taken from it.
    """
    return Stream(_Inflating(packed, PACKED[kind], budget).read)
