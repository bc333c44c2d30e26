"""Small objects are kept under names that never change, and all others are asked for each time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support import commit, git, new_repository, run_git, write_files

from registry_tool.git.command import Git
from registry_tool.git.objects import reader as object_reader
from registry_tool.git.objects.reader import BlobReader

Opened = Callable[[Path], Git]
ReaderOf = Callable[[Git], BlobReader]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return new_repository(tmp_path / "r", {"a": "1\n", "b/c": "small\n", "large": "x" * 20_000})


@pytest.fixture
def reader(folder: Path, opened: Opened, reader_of: ReaderOf) -> BlobReader:
    return reader_of(opened(folder))


def _without_objects(folder: Path) -> None:
    (folder / ".git" / "objects").rename(folder / ".git" / "elsewhere")
    (folder / ".git" / "objects").mkdir()


def test_a_small_object_is_asked_for_once(folder: Path, reader: BlobReader) -> None:
    head = git(folder, "rev-parse", "HEAD")
    names = [f"{head}:a", f"{head}:b", f"{head}:", git(folder, "rev-parse", "HEAD:b/c")]
    found = [reader.read(name) for name in names]
    assert [kind for _, kind, _ in filter(None, found)] == ["blob", "tree", "tree", "blob"]
    reader.close()
    _without_objects(folder)
    assert [reader.read(name) for name in names] == found


def test_a_limit_holds_for_what_is_kept(folder: Path, reader: BlobReader) -> None:
    oid = git(folder, "rev-parse", "HEAD:b/c")
    cut = reader.read(oid, limit=2)
    assert (cut and cut[2]) == b"sma"
    whole = reader.read(oid)  # the part is not taken for the whole
    assert (whole and whole[2]) == b"small\n"
    for limit, expected in ((0, b"s"), (5, b"small\n"), (100, b"small\n")):
        again = reader.read(oid, limit=limit)
        assert (again and again[2]) == expected


@pytest.mark.parametrize("limit", [0, 1, None])
def test_an_empty_object_is_whole(folder: Path, reader: BlobReader, limit: int | None) -> None:
    oid = run_git(folder, "hash-object", "-w", "--stdin").decode().strip()
    assert reader.read(oid, limit=limit) == (oid, "blob", b"")
    assert reader.read(oid) == (oid, "blob", b"")


def test_a_name_that_moves_is_asked_for_each_time(folder: Path, reader: BlobReader) -> None:
    before = reader.read("HEAD:a")
    write_files(folder, {"a": "2\n"})
    commit(folder)
    after = reader.read("HEAD:a")
    assert (before and before[2], after and after[2]) == (b"1\n", b"2\n")
    assert reader.read("main^{commit}") != reader.read("main~1^{commit}")


def test_what_is_missing_is_asked_for_again(folder: Path, reader: BlobReader) -> None:
    oid = run_git(folder, "hash-object", "--stdin", stdin=b"new").decode().strip()
    assert reader.read(oid) is None
    run_git(folder, "hash-object", "-w", "--stdin", stdin=b"new")
    assert reader.read(oid) == (oid, "blob", b"new")


@pytest.mark.parametrize(("bound", "most"), [("_KEPT", 128), ("_KEPT_BYTES", 300)])
def test_neither_large_nor_many_objects_are_kept(
    folder: Path, reader: BlobReader, monkeypatch: pytest.MonkeyPatch, bound: str, most: int
) -> None:
    monkeypatch.setattr(object_reader, bound, most)
    large = git(folder, "rev-parse", "HEAD:large")
    reader.read(large)
    first, *others = (
        run_git(folder, "hash-object", "-w", "--stdin", stdin=b"%d" % n).decode().strip()
        for n in range(140)
    )
    for oid in (first, *others):
        reader.read(oid)
    reader.close()
    _without_objects(folder)
    assert reader.read(large) is None
    assert reader.read(first) is None
    assert reader.read(others[-1]) == (others[-1], "blob", b"139")


def test_a_started_process_answers_later(folder: Path, reader: BlobReader) -> None:
    reader.start()
    assert reader.read("HEAD") is not None


def test_what_is_read_ahead_is_asked_together_and_kept(folder: Path, reader: BlobReader) -> None:
    small, large = (git(folder, "rev-parse", f"HEAD:{name}") for name in ("a", "large"))
    reader.read_ahead([small, large, small, "0" * 40], limit=1 << 20)
    reader.close()
    _without_objects(folder)
    assert reader.read(small) is not None
    assert reader.read(large) is None
