"""Files that a client of Kolena should not upload, as one table: what the chunk is answered, or else the call that names the load."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache
from typing import Final, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from support.kolena_wire import edit_rows, encode_rows

__all__ = [
    "LOADS",
    "BadLoad",
    "make_aborting_file",
    "make_footer",
    "make_long_text",
    "make_repeated_text",
    "make_rows",
]

_MAGIC: Final = b"PAR1"
_MILLION: Final = 1_000_000


class BadLoad(NamedTuple):
    """A row.

    Attributes:
        name: What is wrong with the file.
        build: Makes it.
        words: What the answer says.
        is_chunk: True where the chunk is refused; False where the call that names the load is.
    """

    name: str
    build: Callable[[], bytes]
    words: str
    is_chunk: bool = True


def _encode(table: pa.Table, **options: object) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return sink.getvalue()


@cache
def make_rows(count: int = 3) -> bytes:
    """A file of samples without a fault."""
    return encode_rows(edit_rows(*((f'{{"n": {n}}}', "{}", "1") for n in range(count))))


def _change(**columns: list[object] | None) -> bytes:
    """The same with other columns; None removes one."""
    table = pq.read_table(io.BytesIO(make_rows()))
    for name, values in columns.items():
        if name in table.column_names:
            table = table.drop_columns([name])
        if values is not None:
            table = table.append_column(name, pa.array(values))
    return _encode(table)


def _double() -> bytes:
    table = pq.read_table(io.BytesIO(make_rows()))
    return _encode(table.append_column("remove", pa.array([False] * 3)))


def _varint(number: int) -> bytes:
    found = bytearray()
    while number >= 0x80:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*found, number])


def make_footer(columns: int) -> bytes:
    """A file of no rows with many columns, written by hand: pyarrow would take minutes.

    The footer is Thrift's compact form of ``FileMetaData``: version, schema, number of rows, row groups.
    """
    leaf = b"\x15\x00\x25\x02\x18\x01a\x00"  # BOOLEAN, OPTIONAL, named a
    root = b"\x48\x01s\x15" + _varint(2 * columns) + b"\x00"
    schema = b"\x19\xfc" + _varint(columns + 1) + root + leaf * columns
    footer = b"\x15\x02" + schema + b"\x16\x00" + b"\x19\x0c" + b"\x00"
    return _MAGIC + footer + len(footer).to_bytes(4, "little") + _MAGIC


def _replace_truths(column: pa.Array, **options: object) -> bytes:
    """Samples with other ground truths, without values that a reader could compare instead."""
    table = pq.read_table(io.BytesIO(make_rows(len(column)))).drop_columns(["ground_truth"])
    given = {"compression": "zstd", "write_statistics": False, "store_schema": False, **options}
    return _encode(table.append_column("ground_truth", column), **given)


def make_repeated_text(length: int, rows: int) -> bytes:
    """Samples whose ground truth is one text: a small file of as many bytes as the two numbers multiply to."""
    column = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), ["x" * length])
    return _replace_truths(column, dictionary_pagesize_limit=length + 100)


def make_long_text(length: int) -> bytes:
    """A sample whose ground truth is one page of a column: a small file of that many bytes."""
    return _replace_truths(pa.array(["x" * length]), use_dictionary=False)


def _break_footer() -> bytes:
    whole, start = make_rows(), _find_footer(make_rows())
    return whole[:start] + b"\xff" * 16 + whole[start + 16 :]


def _drop_pages() -> bytes:
    whole, start = make_rows(), _find_footer(make_rows())
    return _MAGIC + b"\0" * (start - 4) + whole[start:]


@cache
def make_aborting_file() -> bytes:
    """A file at which some releases of pyarrow end their process: statistics of a column do not fit its kind."""
    name = b"\x18\x0etest_case_name"
    return make_rows().replace(b"\x25\x02" + name, b"\x25\x06" + name, 1)


def _find_footer(content: bytes) -> int:
    return len(content) - 8 - int.from_bytes(content[-8:-4], "little")


def _null_rows(count: int) -> bytes:
    return _encode(pa.table({"remove": pa.nulls(count, pa.bool_())}), compression="zstd")


def _half_texts() -> bytes:
    """Text that is not UTF-8."""
    raw = pa.array([b"\xff\xfe"] * 3, pa.binary())
    table = pq.read_table(io.BytesIO(make_rows())).drop_columns(["test_sample"])
    broken = pa.Array.from_buffers(pa.string(), 3, raw.buffers())
    return _encode(table.append_column("test_sample", broken))


_NO_PARQUET: Final = "not a Parquet file"
LOADS: Final = (
    BadLoad("nothing", lambda: b"", _NO_PARQUET),
    BadLoad("text", lambda: b"test_sample,inference\n" * 100, _NO_PARQUET),
    BadLoad("only the magic", lambda: _MAGIC * 3, _NO_PARQUET),
    BadLoad("half a file", lambda: make_rows()[: len(make_rows()) // 2], _NO_PARQUET),
    BadLoad("a file without its end", lambda: make_rows()[:-1], _NO_PARQUET),
    BadLoad("a footer of 2 GB, as it says", lambda: make_rows()[:-8] + b"\xff\xff\xff\x7f" + _MAGIC, _NO_PARQUET),
    BadLoad("a broken footer", _break_footer, _NO_PARQUET),
    BadLoad("a file that ends the process that reads it", make_aborting_file, _NO_PARQUET),
    BadLoad("a million columns", lambda: make_footer(_MILLION), _NO_PARQUET),
    BadLoad("65 columns", lambda: make_footer(65), "65 columns; at most 64"),
    BadLoad("more than ten million rows", lambda: _null_rows(10 * _MILLION + 1), "10000001 rows; at most"),
    BadLoad("pages that are gone", _drop_pages, _NO_PARQUET, is_chunk=False),
    BadLoad("a page of 257 MiB in a few kB", lambda: make_long_text(257 << 20), "a page of 257 MiB", is_chunk=False),
    BadLoad("another column", lambda: _change(password=["x"] * 3), "the column 'password'", is_chunk=False),
    BadLoad("a column twice", _double, "the column 'remove' twice", is_chunk=False),
    BadLoad("no samples", lambda: _change(test_sample=None), "no column 'test_sample'", is_chunk=False),
    BadLoad("numbers for samples", lambda: _change(test_sample=[1, 2, 3]), "of the type int64", is_chunk=False),
    BadLoad("lists for samples", lambda: _change(test_sample=[["a"], ["b"], ["c"]]), "of the type list", is_chunk=False),
    BadLoad("a row without a sample", lambda: _change(test_sample=["a", None, "c"]), "rows without a value", is_chunk=False),
    BadLoad("text that is not UTF-8", _half_texts, "Invalid UTF8", is_chunk=False),
)  # fmt: skip
