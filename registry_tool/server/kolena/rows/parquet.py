"""Parquet files within bounds. This is the only module that imports pyarrow, whose types do not leave it.

pyarrow ends the process at some broken footers, so a file from outside is read here only after ``file_checks`` has read it.

Columns, rows and sizes are compared with limits before anything is decoded: those of the footer, then those of the page headers,
because a footer may lie. A dictionary of one long text stands for any number of rows, so a column is read in batches of as many
rows as are bounded by the size of its dictionary, until the limit is reached.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final, Literal, NamedTuple

from registry_tool.installation import package_of_extra
from registry_tool.server.kolena.errors import IncorrectUsageError
from registry_tool.server.kolena.rows.page_headers import list_pages

with package_of_extra("the protocol of Kolena", "serve-kolena"):
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

__all__ = ["MOST_BYTES", "Column", "Table", "check_files", "check_footer", "read_files"]

Value = str | int | bool | None

_MOST_COLUMNS: Final = 64
_MOST_ROWS: Final = 10_000_000
MOST_BYTES: Final = 2 << 30
"""The maximum bytes of a file, and of its columns when they are decoded: as much as the client sends at once."""
_LARGEST_PAGE: Final = 256 << 20
_MOST_AT_ONCE: Final = (
    512 << 20
)  # bytes of a batch, if each of its rows is the longest of the dictionary
_MOST_ROWS_AT_ONCE: Final = 1 << 16
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

    def is_distinct(self, column: str) -> bool:
        """True where no value of a column of texts comes twice."""
        found: int = pc.count_distinct(self._data[column], mode="all").as_py()
        return found == self.rows

    def equals(self, other: Table) -> bool:
        """True where another table has the same columns with the same rows."""
        return bool(self._data.equals(other._data))

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
        if self.is_distinct(column):
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


def _open(source: IO[bytes]) -> Any:
    return pq.ParquetFile(
        source,
        thrift_string_size_limit=_LONGEST_LISTED,
        thrift_container_size_limit=_MOST_LISTED,
        pre_buffer=False,
    )


def _too_large() -> IncorrectUsageError:
    return IncorrectUsageError(
        f"the upload has more than {MOST_BYTES >> 30} GiB when it is decoded; send it in several loads"
    )


def _check_limits(file: Any, left: int = MOST_BYTES) -> None:
    """Compare what the footer of a file says with the limits.

    Raises:
        IncorrectUsageError: It has too many columns, rows or bytes.
    """
    about = file.metadata
    if about.num_columns > _MOST_COLUMNS:
        raise IncorrectUsageError(
            f"the upload has {about.num_columns} columns; at most {_MOST_COLUMNS} are accepted"
        )
    if about.num_rows > _MOST_ROWS:
        raise IncorrectUsageError(f"the upload has {about.num_rows} rows; at most {_MOST_ROWS} are accepted")  # fmt: skip
    if sum(chunk.total_uncompressed_size for chunk in _chunks(about)) > left:
        raise _too_large()


def _chunks(about: Any) -> Iterator[Any]:
    """What the footer says of each column of each row group."""
    for number in range(about.num_row_groups):
        group = about.row_group(number)
        yield from (group.column(place) for place in range(group.num_columns))


def _measure_dictionaries(file: Any, source: IO[bytes], left: int) -> dict[str, int]:
    """The bytes of the largest dictionary of each column; all pages are within the limits.

    Raises:
        IncorrectUsageError: The pages have more bytes than are left.
        ValueError: A page header is not one.
    """
    found: dict[str, int] = {}
    total = 0
    for chunk in _chunks(file.metadata):
        name = chunk.path_in_schema
        start = chunk.dictionary_page_offset if chunk.has_dictionary_page else None
        start = min(start or chunk.data_page_offset, chunk.data_page_offset)
        for page in list_pages(source, start, chunk.total_compressed_size):
            total += page.size
            if page.size > _LARGEST_PAGE:
                raise IncorrectUsageError(
                    f"the column {name} has a page of {page.size >> 20} MiB; at most {_LARGEST_PAGE >> 20} MiB are accepted"
                )
            if total > left:
                raise _too_large()
            if page.is_dictionary:
                found[name] = max(found.get(name, 0), page.size)
    return found


def _check_present(names: Sequence[str], columns: Sequence[Column]) -> None:
    lacking = [c.name for c in columns if c.name not in names and not c.is_optional]
    if lacking:
        raise IncorrectUsageError(f"the upload has no column {lacking[0]!a}")


def _check_only(names: Sequence[str], columns: Sequence[Column]) -> None:
    known = {column.name for column in columns}
    unknown = [name for name in names if name not in known and not _INDEX.fullmatch(name)]
    if unknown or len(set(names)) < len(names):
        name = unknown[0] if unknown else next(n for n in names if names.count(n) > 1)
        what = f"the upload has the column {name[:_SHOWN]!a}" + ("" if unknown else " twice")
        raise IncorrectUsageError(f"{what}; expected {', '.join(sorted(known))}")


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


def _read_batches(file: Any, column: Column, dictionary: int, left: int) -> Iterator[Any]:
    """A column, some rows at a time; each is checked.

    Args:
        file: The file.
        column: The column.
        dictionary: The bytes of its largest dictionary.
        left: The bytes that it may have.

    Raises:
        IncorrectUsageError: It has more, or rows without a value that must have one.
    """
    rows = min(max(_MOST_AT_ONCE // max(dictionary, 1), 1), _MOST_ROWS_AT_ONCE)
    for batch in file.iter_batches(rows, columns=[column.name], use_threads=False):
        found = batch.column(0)
        found.validate(full=True)
        left -= found.nbytes
        if left < 0:
            raise _too_large()
        if found.null_count and not column.has_nulls:
            raise IncorrectUsageError(f"the column {column.name} has rows without a value")
        yield found


class _OpenFile:
    """An open file within the limits.

    Args:
        source: The file.
        left: The bytes that its columns may have.

    Raises:
        IncorrectUsageError: It says that it has more.

    Attributes:
        names: The names of its columns.
        left: The bytes that columns not yet read may have.
    """

    def __init__(self, source: IO[bytes], left: int) -> None:
        self._source = source
        self._file = _open(source)
        _check_limits(self._file, left)
        self._schema = self._file.schema_arrow
        self.names: list[str] = self._schema.names
        self.left = left

    def _batches(self, columns: Sequence[Column]) -> Iterator[tuple[str, Any]]:
        """Columns that it has, some rows at a time, with their names; each is checked.

        Raises:
            IncorrectUsageError: One is missing, is not of its type, or is too large.
        """
        _check_present(self.names, columns)
        present = [column for column in columns if column.name in self.names]
        for column in present:
            _check_type(self._schema.field(column.name).type, column)
        dictionaries = _measure_dictionaries(self._file, self._source, self.left)
        for column in present:
            dictionary = dictionaries.get(column.name, 0)
            for batch in _read_batches(self._file, column, dictionary, self.left):
                self.left -= batch.nbytes
                yield column.name, batch

    def check(self, columns: Sequence[Column]) -> None:
        """Decode columns, some rows at a time, and keep nothing; there may be no others.

        Raises:
            IncorrectUsageError: There are, or one is missing, is not of its type, or is too large.
        """
        _check_only(self.names, columns)
        for _ in self._batches(columns):
            pass

    def read(self, columns: Sequence[Column]) -> Any:
        """A table of columns.

        Raises:
            IncorrectUsageError: One is missing, is not of its type, or is too large.
        """
        types = {column.name: _TYPES[column.kind] for column in columns}
        chunks: dict[str, list[Any]] = {}
        for name, batch in self._batches(columns):
            chunks.setdefault(name, []).append(batch.cast(types[name]))
        rows = self._file.metadata.num_rows
        found = [
            pa.chunked_array(chunks.get(name, []), kind)
            if name in self.names
            else pa.nulls(rows, kind)
            for name, kind in types.items()
        ]
        return pa.table(found, names=[*types])


@contextmanager
def _open_file(source: Path, left: int) -> Iterator[_OpenFile]:
    try:
        with source.open("rb") as file:
            yield _OpenFile(file, left)
    except _FAILURES as exc:
        raise _refuse(exc) from None


def check_footer(source: Path) -> None:
    """Check that a file is Parquet, and says to be within the limits; nothing is decoded.

    Raises:
        IncorrectUsageError: It is not.
    """
    with _open_file(source, MOST_BYTES):
        pass


def check_files(sources: Sequence[Path], columns: Sequence[Column]) -> None:
    """Check all of the files of one upload by decoding them.

    Args:
        sources: The files.
        columns: The columns that each has; others are refused, except the index of pandas.

    Raises:
        IncorrectUsageError: A file is not Parquet or has other columns, or they are too large together.
    """
    left = MOST_BYTES
    for source in sources:
        with _open_file(source, left) as file:
            file.check(columns)
            left = file.left


def read_files(sources: Sequence[Path], columns: Sequence[Column]) -> Table:
    """Some columns of files, one file after the other; of none an empty table. Other columns are not read.

    Raises:
        IncorrectUsageError: A file is not Parquet, lacks a column, or they are too large together.
    """
    tables, left = [], MOST_BYTES
    for source in sources:
        with _open_file(source, left) as file:
            tables.append(file.read(columns))
            left = file.left
    return Table(pa.concat_tables(tables)) if tables else Table.build(columns, {})
