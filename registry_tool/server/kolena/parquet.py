"""Parquet files within bounds. This is the only module that imports pyarrow, whose types do not leave it.

A file is described by its sender: columns, rows and sizes are compared with limits before anything is decoded. Text is read with
its dictionary and unfolded only when its whole size is known, because a dictionary of one value stands for any number of rows.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final, Literal, NamedTuple

from registry_tool.installation import package_of_extra
from registry_tool.server.kolena.errors import IncorrectUsageError

with package_of_extra("the protocol of Kolena", "serve-kolena"):
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

__all__ = ["Column", "Table", "check_file", "read_files"]

Value = str | int | bool | None

_MOST_COLUMNS: Final = 64
_MOST_ROWS: Final = 10_000_000
_MOST_BYTES: Final = 2 << 30  # of all columns, decoded: as much as the client sends at once
_MOST_LISTED: Final = 20_000  # entries of one list of the footer: columns, row groups
_LONGEST_LISTED: Final = 16 << 20  # bytes of one text of the footer
_INDEX: Final = re.compile(r"__index_level_[0-9]+__")  # what pandas adds
_SHOWN: Final = 60
_FAILURES: Final = (pa.ArrowException, OSError, ValueError, LookupError, TypeError, MemoryError)


class Column(NamedTuple):
    """A column of a file.

    Attributes:
        name: Its name.
        kind: ``text``; ``whole``, a number; ``flag``, true or false.
        has_nulls: True where a row may have no value.
        is_optional: True where a file may lack it: then no row has a value.
    """

    name: str
    kind: Literal["text", "whole", "flag"] = "text"
    has_nulls: bool = False
    is_optional: bool = False


_TYPES: Final[Mapping[str, Any]] = {"text": pa.large_string(), "whole": pa.int64(), "flag": pa.bool_()}  # fmt: skip


class Table:
    """Rows with named columns; immutable.

    Args:
        data: A table of Arrow.
    """

    def __init__(self, data: object) -> None:
        self._data: Any = data

    @classmethod
    def build(cls, columns: Sequence[Column], values: Mapping[str, Sequence[Value]]) -> Table:
        """A table of Python's values; a column without values has none in any row.

        Raises:
            UnicodeEncodeError: A text has half a character.
        """
        rows = max((len(one) for one in values.values()), default=0)
        arrays = [
            pa.array(values[column.name], _TYPES[column.kind]) if column.name in values
            else pa.nulls(rows, _TYPES[column.kind])
            for column in columns
        ]  # fmt: skip
        return cls(pa.table(arrays, names=[column.name for column in columns]))

    @property
    def rows(self) -> int:
        """The number of rows."""
        found: int = self._data.num_rows
        return found

    @property
    def size(self) -> int:
        """The bytes of all values."""
        found: int = self._data.nbytes
        return found

    def values(self, column: str) -> list[Value]:
        """The values of a column."""
        found: list[Value] = self._data[column].to_pylist()
        return found

    def texts(self, column: str) -> list[str]:
        """The values of a column of texts without nulls."""
        found: list[str] = self._data[column].to_pylist()
        return found

    def has_only(self, column: str, *values: Value) -> bool:
        """True where no row has another value in a column; no value is allowed."""
        data = self._data[column].drop_null()
        others = pc.invert(pc.is_in(data, value_set=pa.array(values, data.type)))
        return not pc.any(others).as_py()

    def select(self, *columns: str) -> Table:
        """Some columns, in this order."""
        return Table(self._data.select(columns))

    def take(self, rows: Sequence[int]) -> Table:
        """Some rows, in this order."""
        return Table(self._data.take(pa.array(rows, pa.int64())))

    def slice(self, start: int, stop: int) -> Table:
        """The rows from one to before another."""
        return Table(self._data.slice(start, stop - start))

    def replace(self, column: str, values: Sequence[Value]) -> Table:
        """The same with other values in a column."""
        names: list[str] = self._data.column_names
        array = pa.array(values, self._data[column].type)
        return Table(self._data.set_column(names.index(column), column, array))

    def add(self, column: Column, values: Sequence[Value]) -> Table:
        """The same with one column more."""
        return Table(self._data.append_column(column.name, pa.array(values, _TYPES[column.kind])))

    def followed_by(self, other: Table) -> Table:
        """Its rows and those of another table with the same columns."""
        return Table(pa.concat_tables([self._data, other._data.select(self._data.column_names)]))

    def has_column(self, column: str) -> bool:
        """True where it has a column."""
        return bool(column in self._data.column_names)

    def _keep(self, column: str, which: Literal["min", "max"]) -> Table:
        if pc.count_distinct(self._data[column], mode="all").as_py() == self.rows:
            return self
        numbered = pa.table([self._data[column], pa.array(range(self.rows))], names=["key", "row"])
        found = numbered.group_by("key").aggregate([("row", which)])[f"row_{which}"]
        return Table(self._data.take(found.take(pc.sort_indices(found))))

    def keep_first(self, column: str) -> Table:
        """Of the rows with the same value in a column only the first, in their order."""
        return self._keep(column, "min")

    def keep_last(self, column: str) -> Table:
        """Of the rows with the same value in a column only the last, in their order."""
        return self._keep(column, "max")

    def without(self, column: str, other: Table) -> Table:
        """The rows whose value in a column no row of another table has there."""
        known = pc.is_in(self._data[column], value_set=other._data[column].combine_chunks())
        return Table(self._data.filter(pc.invert(known)))

    def joined(self, column: str, other: Table) -> Table:
        """The rows whose value in a column is also in another table, with the other columns of its row; in their order.

        Args:
            column: The column.
            other: The other table, in which each value of the column occurs once.
        """
        places = pc.index_in(self._data[column], value_set=other._data[column].combine_chunks())
        is_known = pc.is_valid(places)
        found, rows = self._data.filter(is_known), other._data.take(places.filter(is_known))
        for name in rows.column_names:
            if name != column:
                found = found.append_column(name, rows[name])
        return Table(found)

    def write(self, sink: IO[bytes]) -> None:
        """Write it as a Parquet file."""
        pq.write_table(self._data, sink, compression="zstd", write_statistics=False)

    def encode(self) -> bytes:
        """It as a Parquet file."""
        sink = io.BytesIO()
        self.write(sink)
        return sink.getvalue()


def _refuse(exc: BaseException) -> IncorrectUsageError:
    said = (str(exc).splitlines() or [type(exc).__name__])[0]
    return IncorrectUsageError(f"the upload is not a Parquet file that can be read: {said[:200]}")


def _open(source: Path | IO[bytes], texts: Sequence[str] = ()) -> Any:
    return pq.ParquetFile(
        source,
        read_dictionary=[*texts],
        thrift_string_size_limit=_LONGEST_LISTED,
        thrift_container_size_limit=_MOST_LISTED,
    )


def _measure(file: Any) -> int:
    """The decoded bytes of a file, as it says.

    Raises:
        IncorrectUsageError: It has too many columns, rows or bytes.
    """
    about = file.metadata
    if about.num_columns > _MOST_COLUMNS:
        raise IncorrectUsageError(
            f"the upload has {about.num_columns} columns; at most {_MOST_COLUMNS} are accepted"
        )
    groups = (about.row_group(number) for number in range(about.num_row_groups))
    size: int = sum(
        g.column(n).total_uncompressed_size for g in groups for n in range(g.num_columns)
    )
    if about.num_rows > _MOST_ROWS:
        raise IncorrectUsageError(f"the upload has {about.num_rows} rows; at most {_MOST_ROWS} are accepted")  # fmt: skip
    if size > _MOST_BYTES:
        raise _too_large()
    return size


def _too_large() -> IncorrectUsageError:
    return IncorrectUsageError(
        f"the upload has more than {_MOST_BYTES >> 30} GiB when it is decoded; send it in several loads"
    )


def check_file(source: IO[bytes]) -> None:
    """Check that a file is Parquet, and says to be within the limits; nothing is decoded.

    Raises:
        IncorrectUsageError: It is not.
    """
    try:
        _measure(_open(source))
    except _FAILURES as exc:
        raise _refuse(exc) from None


def _check_names(names: Sequence[str], columns: Sequence[Column]) -> None:
    known = {column.name for column in columns}
    lacking = [c.name for c in columns if c.name not in names and not c.is_optional]
    unknown = [name for name in names if name not in known and not _INDEX.fullmatch(name)]
    if lacking:
        raise IncorrectUsageError(f"the upload has no column {lacking[0]!a}")
    if unknown or len(set(names)) < len(names):
        name = unknown[0] if unknown else next(n for n in names if names.count(n) > 1)
        what = f"the upload has the column {name[:_SHOWN]!a}" + ("" if unknown else " twice")
        raise IncorrectUsageError(f"{what}; expected {', '.join(sorted(known))}")


def _read_text(data: Any, left: int) -> tuple[Any, int]:
    """A column of texts, and its bytes.

    Raises:
        IncorrectUsageError: It is larger than what is left.
    """
    chunks, total = [], 0
    for chunk in data.chunks:
        if pa.types.is_dictionary(chunk.type):
            words = chunk.dictionary
            words.validate(full=True)
            lengths = pc.take(pc.binary_length(words), chunk.indices)
            total += pc.sum(pc.cast(lengths, pa.int64())).as_py() or 0
        else:
            chunk.validate(full=True)
            total += chunk.nbytes
        if total > left:
            raise _too_large()
        plain = chunk.dictionary_decode() if pa.types.is_dictionary(chunk.type) else chunk
        chunks.append(plain.cast(pa.large_string()))
    return pa.chunked_array(chunks, pa.large_string()), total


def _is_text(kind: Any) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _check_type(kind: Any, column: Column) -> None:
    is_one = {
        "text": _is_text(kind),
        "whole": pa.types.is_integer(kind),
        "flag": pa.types.is_boolean(kind),
    }[column.kind]
    if not (is_one or pa.types.is_null(kind)):
        raise IncorrectUsageError(f"the column {column.name} is of the type {str(kind)[:_SHOWN]}; expected {column.kind}")  # fmt: skip


def _read_column(data: Any, column: Column, left: int) -> tuple[Any, int]:
    if pa.types.is_null(data.type):
        found, size = pa.chunked_array([pa.nulls(len(data), _TYPES[column.kind])]), 0
    elif column.kind == "text":
        found, size = _read_text(data, left)
    else:
        found, size = data.cast(_TYPES[column.kind]), data.nbytes
    if found.null_count and not column.has_nulls:
        raise IncorrectUsageError(f"the column {column.name} has rows without a value")
    return found, size


def _read_file(source: Path, columns: Sequence[Column], left: int) -> tuple[Any, int]:
    file = _open(source)
    if _measure(file) > left:
        raise _too_large()
    schema = file.schema_arrow
    _check_names(schema.names, columns)
    present = [column for column in columns if column.name in schema.names]
    for column in present:
        _check_type(schema.field(column.name).type, column)
    words = [one.name for one in present if _is_text(schema.field(one.name).type)]
    data = _open(source, words).read(columns=[column.name for column in present])
    arrays, total = [], 0
    for column in columns:
        if column in present:
            array, size = _read_column(data[column.name], column, left - total)
        else:
            array, size = pa.chunked_array([pa.nulls(data.num_rows, _TYPES[column.kind])]), 0
        arrays.append(array)
        total += size
    return pa.table(arrays, names=[column.name for column in columns]), total


def read_files(sources: Sequence[Path], columns: Sequence[Column]) -> Table:
    """The rows of several files, one after the other; of none an empty table.

    Args:
        sources: The files.
        columns: The columns that they have; others are refused, except the index of pandas.

    Raises:
        IncorrectUsageError: A file is not Parquet, has other columns, or is too large.
    """
    tables, left = [], _MOST_BYTES
    for source in sources:
        try:
            found, size = _read_file(source, columns, left)
        except IncorrectUsageError:
            raise
        except _FAILURES as exc:
            raise _refuse(exc) from None
        tables.append(found)
        left -= size
    return Table(pa.concat_tables(tables)) if tables else Table.build(columns, {})
