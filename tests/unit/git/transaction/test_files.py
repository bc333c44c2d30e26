"""Files in a work tree: all of them, or none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support import write_files as lay_out

from registry_tool.errors import OperationalError, RefusedError
from registry_tool.git.transaction.files import write_files


def _files(root: Path) -> dict[str, str]:
    found = (p for p in root.rglob("*") if p.is_file())
    return {str(p.relative_to(root)): p.read_text(encoding="utf-8") for p in found}


def test_writes_and_deletes(tmp_path: Path) -> None:
    lay_out(tmp_path, {"a/old": "1", "b": "1"})
    write_files(tmp_path, {"b": b"2", "c/d/e": b"3"}, frozenset({"a/old", "never/there"}))
    assert _files(tmp_path) == {"b": "2", "c/d/e": "3"}
    assert not (tmp_path / "a").exists()  # an emptied folder goes, as in Git


def test_modes_follow_the_umask(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        write_files(tmp_path, {"a": b"1"}, frozenset())
    finally:
        os.umask(old)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


def test_a_folder_in_the_way_puts_everything_back(tmp_path: Path) -> None:
    lay_out(tmp_path, {"a": "old", "gone": "old", "folder/keep": "1"})
    puts = {"a": b"new", "new/deep/file": b"new", "folder": b"file"}
    with pytest.raises(
        OperationalError, match="folder cannot be written: Is a directory"
    ) as caught:
        write_files(tmp_path, puts, frozenset({"gone"}))
    assert caught.value.remedy == "nothing was changed"
    assert _files(tmp_path) == {"a": "old", "gone": "old", "folder/keep": "1"}
    assert not (tmp_path / "new").exists()


def test_a_file_in_the_way_of_a_folder_puts_everything_back(tmp_path: Path) -> None:
    lay_out(tmp_path, {"a": "old", "x": "file"})
    with pytest.raises(OperationalError, match="cannot be written"):
        write_files(tmp_path, {"a": b"new", "x/y": b"new"}, frozenset())
    assert _files(tmp_path) == {"a": "old", "x": "file"}


def test_a_file_and_a_folder_change_places(tmp_path: Path) -> None:
    lay_out(tmp_path, {"a": "file", "b/c": "inside"})
    write_files(tmp_path, {"a/c": b"1", "b": b"2"}, frozenset({"a", "b/c"}))
    assert _files(tmp_path) == {"a/c": "1", "b": "2"}


def test_changing_places_is_undone_too(tmp_path: Path) -> None:
    lay_out(tmp_path, {"a": "file", "b/c": "inside", "z/z": "1"})
    with pytest.raises(OperationalError):
        write_files(tmp_path, {"a/c": b"1", "b": b"2", "z": b"3"}, frozenset({"a", "b/c"}))
    assert _files(tmp_path) == {"a": "file", "b/c": "inside", "z/z": "1"}


def test_a_symbolic_link_does_not_lead_out(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "root/link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(
        RefusedError, match="is outside the registry: it is reached through a symbolic link"
    ):
        write_files(tmp_path / "root", {"ok": b"1", "link/file": b"1"}, frozenset())
    with pytest.raises(RefusedError):
        write_files(tmp_path / "root", {}, frozenset({"link/file"}))
    assert _files(tmp_path) == {}


def test_a_link_itself_is_replaced_and_its_target_left_alone(tmp_path: Path) -> None:
    lay_out(tmp_path, {"target": "old"})
    (tmp_path / "link").symlink_to("target")
    write_files(tmp_path, {"link": b"new"}, frozenset())
    assert not (tmp_path / "link").is_symlink()
    assert _files(tmp_path) == {"target": "old", "link": "new"}


def test_no_half_written_file_is_left_behind(tmp_path: Path) -> None:
    lay_out(tmp_path, {"folder/keep": "1"})
    with pytest.raises(OperationalError):
        write_files(tmp_path, {"folder": b"x" * 100_000}, frozenset())
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]
