"""Parquet within bounds: what is read of a file, and what is refused before it is decoded."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.bad_loads import (
    LOADS,
    BadLoad,
    make_aborting_file,
    make_footer,
    make_repeated_text,
    make_rows,
)
from support.kolena_wire import encode_rows

from registry_tool.server.kolena.errors import IncorrectUsageError
from registry_tool.server.kolena.rows import parquet
from registry_tool.server.kolena.rows.file_checks import FileChecker
from registry_tool.server.kolena.rows.parquet import Column, check_files, check_footer, read_files
from registry_tool.server.kolena.rows.samples import UPLOADED

AB: Final = (Column("a"), Column("b", has_nulls=True))


def write(folder: Path, *contents: bytes) -> list[Path]:
    paths = [folder / f"{number}.parquet" for number in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    return paths


def columns(**values: Sequence[str | None]) -> bytes:
    return encode_rows(values)


@pytest.fixture(scope="module")
def checker() -> FileChecker:
    return FileChecker()


@pytest.mark.parametrize("row", LOADS, ids=[row.name for row in LOADS])
def test_a_bad_file_is_refused_where_the_table_says(
    row: BadLoad, checker: FileChecker, tmp_path: Path
) -> None:
    (path,) = write(tmp_path, row.build())
    if row.is_chunk:
        with pytest.raises(IncorrectUsageError, match=row.words):
            checker.check_footer(path)
        return
    checker.check_footer(path)
    with pytest.raises(IncorrectUsageError, match=row.words):
        checker.check_upload([path], UPLOADED)


def test_a_footer_by_hand_is_one(tmp_path: Path) -> None:
    check_footer(*write(tmp_path, make_footer(64)))


def test_columns_of_files_are_read_one_after_the_other(tmp_path: Path) -> None:
    paths = write(tmp_path, columns(a=["1", "2"], b=[None, "x"]), columns(b=["y"], a=["3"]))
    check_files(paths, AB)
    both = read_files(paths, AB)
    assert (both.texts("a"), both.values("b")) == (["1", "2", "3"], [None, "x", "y"])
    one = read_files(paths, AB[:1])
    assert (one.texts("a"), one.has_column("b")) == (["1", "2", "3"], False)
    assert read_files([], AB[1:]).values("b") == []
    with pytest.raises(IncorrectUsageError, match="no column 'd'"):
        read_files(paths, (Column("d"),))


def test_all_columns_are_checked_and_only_the_wanted_ones_are_read(tmp_path: Path) -> None:
    paths = write(tmp_path, columns(a=["1", None], b=["x", "y"]))
    assert read_files(paths, AB[1:]).values("b") == ["x", "y"]
    with pytest.raises(IncorrectUsageError, match="column a has rows without a value"):
        check_files(paths, AB)
    with pytest.raises(IncorrectUsageError, match="the column 'b'"):
        check_files(paths, (Column("a", has_nulls=True),))


def test_one_text_in_many_rows_ends_at_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = write(tmp_path, make_repeated_text(1 << 20, 40))
    assert paths[0].stat().st_size < 1 << 16
    monkeypatch.setattr(parquet, "_MOST_AT_ONCE", 4 << 20)  # four rows at once
    assert read_files(paths, UPLOADED).size > 40 << 20
    monkeypatch.setattr(parquet, "MOST_BYTES", 30 << 20)
    for work in (check_files, read_files):
        with pytest.raises(IncorrectUsageError, match="when it is decoded"):
            work(paths, UPLOADED)


def test_the_files_of_a_load_share_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = write(tmp_path, *[make_repeated_text(1 << 20, 10)] * 3)
    monkeypatch.setattr(parquet, "MOST_BYTES", 25 << 20)
    check_files(paths[:2], UPLOADED)
    with pytest.raises(IncorrectUsageError, match="when it is decoded"):
        check_files(paths, UPLOADED)


def test_a_footer_that_says_less_than_the_pages_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = write(tmp_path, make_rows())
    monkeypatch.setattr(parquet, "_check_limits", lambda *_: None)
    monkeypatch.setattr(parquet, "MOST_BYTES", 100)
    with pytest.raises(IncorrectUsageError, match="when it is decoded"):
        check_files(paths, UPLOADED)


# --- in a process of its own


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files") / "file"


def test_a_file_that_ends_the_child_is_refused_and_the_next_is_checked(
    checker: FileChecker, tmp_path: Path
) -> None:
    good, bad = write(tmp_path, make_rows(), make_aborting_file())
    checker.check_footer(good)
    with pytest.raises(IncorrectUsageError):
        checker.check_upload([bad], UPLOADED)
    checker.check_upload([good], UPLOADED)
    with pytest.raises(IncorrectUsageError, match="no column 'd'"):
        checker.check_stored("0" * 64, good, (Column("d"),))
    checker.check_stored("0" * 64, good, UPLOADED[:2])


@given(st.integers(0, len(make_rows()) - 1), st.binary(min_size=1, max_size=4))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_changed_bytes_are_refused_or_read(
    checker: FileChecker, place: Path, at: int, change: bytes
) -> None:
    whole = make_rows()
    place.write_bytes(whole[:at] + change + whole[at + len(change) :])
    with suppress(IncorrectUsageError):
        checker.check_footer(place)
        checker.check_upload([place], UPLOADED)


@given(st.binary(max_size=200))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_refused(checker: FileChecker, place: Path, content: bytes) -> None:
    for whole in (content, b"PAR1" + content + len(content).to_bytes(4, "little") + b"PAR1"):
        place.write_bytes(whole)
        with pytest.raises(IncorrectUsageError):
            checker.check_footer(place)
