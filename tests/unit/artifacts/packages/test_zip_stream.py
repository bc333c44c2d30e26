"""ZIP archives that are made while they are sent."""

from __future__ import annotations

import io
import os
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from registry_tool.artifacts.packages.zip_stream import ArchivedFile, read_pieces, stream_zip
from registry_tool.errors import OperationalError


@pytest.mark.parametrize("compress", [True, False])
def test_an_archive_has_all_files_and_is_equal_each_time(tmp_path: Path, *, compress: bool) -> None:
    large = os.urandom(3_000_000)
    (tmp_path / "large").write_bytes(large)
    files = [
        ArchivedFile("manifest.json", b"{}", 2),
        ArchivedFile("models/gr\u00f6\u00dfe.bin", tmp_path / "large", len(large)),
        ArchivedFile("empty", b"", 0),
    ]
    whole = b"".join(stream_zip(files, compress=compress))
    assert b"".join(stream_zip(files, compress=compress)) == whole
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [one.name for one in files]
        assert archive.read("models/gr\u00f6\u00dfe.bin") == large
        assert {one.date_time for one in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_an_archive_is_never_held_whole(tmp_path: Path) -> None:
    size = 64 << 20
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(size)
    tracemalloc.start()
    pieces = [
        len(one)
        for one in stream_zip([ArchivedFile("a", tmp_path / "sparse", size)], compress=False)
    ]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sum(pieces) > size
    assert max(pieces) < 3 << 20
    assert peak < 16 << 20


def test_no_archive_and_a_file_that_is_gone(tmp_path: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(b"".join(stream_zip([], compress=True)))) as archive:
        assert archive.namelist() == []
    with pytest.raises(OperationalError, match="cannot be read"):
        list(read_pieces(tmp_path / "none"))
