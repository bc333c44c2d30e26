"""The sizes of the pages of a Parquet file, from their headers, before any is decoded.

The footer is only what the writer says; what a reader allocates follows from the headers. pyarrow does not show them, so the
fields that matter are read here: https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift in Thrift's
compact form, https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Final, NamedTuple

__all__ = ["Page", "list_pages"]

_FIRST_READ: Final = 1 << 12
_LONGEST: Final = 1 << 20  # bytes of a header: its statistics may repeat two values
_DEEPEST: Final = 8
_LONGEST_NUMBER: Final = 70  # bits
_STOP, _TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = (
    0,
    1,
    2,
    3,
    7,
    8,
    9,
    10,
    11,
    12,
)
_NUMBERS: Final = frozenset({4, 5, 6})  # i16, i32, i64
_MANY: Final = 15  # the length of a list follows
_DICTIONARY: Final = 2  # PageType.DICTIONARY_PAGE


class Page(NamedTuple):
    """One page.

    Attributes:
        is_dictionary: True for the words that other pages refer to.
        size: Its bytes when it is uncompressed.
    """

    is_dictionary: bool
    size: int


class _Header:
    """A page header in the making.

    Args:
        data: Its bytes, and what follows it.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.end = 0
        self.numbers: dict[int, int] = {}
        self._read_struct(0)

    def _byte(self) -> int:
        found = self._data[self.end]
        self.end += 1
        return found

    def _varint(self) -> int:
        found = shift = 0
        while True:
            byte = self._byte()
            found |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:  # noqa: PLR2004 (the bit that says that more bytes follow)
                return found
            if shift > _LONGEST_NUMBER:
                raise ValueError("a number in a page header is too long")

    def _number(self) -> int:
        found = self._varint()
        return (found >> 1) ^ -(found & 1)

    def _read_struct(self, depth: int) -> None:
        if depth > _DEEPEST:
            raise ValueError("a page header is nested too deep")
        field = 0
        while (head := self._byte()) != _STOP:
            kind, delta = head & 0xF, head >> 4
            field = field + delta if delta else self._number()
            if kind in _NUMBERS and not depth:
                self.numbers[field] = self._number()
            elif kind not in (_TRUE, _FALSE):
                self._skip(kind, depth)

    def _skip(self, kind: int, depth: int) -> None:
        if kind in _NUMBERS:
            self._varint()
        elif kind in (_TRUE, _FALSE, _BYTE):
            self.end += 1
        elif kind == _DOUBLE:
            self.end += 8
        elif kind == _BINARY:
            length = self._varint()
            self.end += length
        elif kind in (_LIST, _SET):
            head = self._byte()
            for _ in range(self._varint() if head >> 4 == _MANY else head >> 4):
                self._skip(head & 0xF, depth)
        elif kind == _STRUCT:
            self._read_struct(depth + 1)
        else:
            raise ValueError("a page header has a field of an unknown type")
        if self.end > len(self._data):
            raise IndexError


def _read_header(file: IO[bytes], offset: int) -> _Header:
    for length in (_FIRST_READ, _LONGEST):
        file.seek(offset)
        try:
            return _Header(file.read(length))
        except IndexError:
            continue
    raise ValueError("a page header has no end")


def list_pages(file: IO[bytes], start: int, length: int) -> Iterator[Page]:
    """The pages of a column in a row group.

    Args:
        file: The Parquet file.
        start: Where its first page is.
        length: The bytes of all its pages, with their headers.

    Raises:
        ValueError: A header is not one.
    """
    offset, end = start, start + length
    while offset < end:
        header = _read_header(file, offset)
        kind, size, stored = (header.numbers.get(field, -1) for field in (1, 2, 3))
        if size < 0 or stored < 0 or offset + header.end + stored > end:
            raise ValueError("the sizes in a page header cannot be right")
        yield Page(kind == _DICTIONARY, size)
        offset += header.end + stored
