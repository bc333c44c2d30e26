"""Bytes on disk against their manifest."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from registry_tool.artifacts.cache.cache import Cache
from registry_tool.artifacts.transfer.ingest import ingest
from registry_tool.artifacts.verify import differences
from registry_tool.manifests.data import Data


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "model"
    (place / "inner").mkdir(parents=True)
    for name in ("a", "inner/b"):
        (place / name).write_text(name)
    return place


def entry_of(path: Path, *, listed: bool = True) -> Data:
    found = ingest(path, cache=Cache(path.parent / "cache")).describe()
    if not listed:
        found.pop("files", None)
    return cast("Data", found)


def test_a_file(tmp_path: Path) -> None:
    place = tmp_path / "weights"
    place.write_bytes(b"12345")
    entry = entry_of(place)
    assert differences(entry, place) == []
    place.write_bytes(b"12354")
    (found,) = differences(entry, place)
    assert found.startswith("has different content: sha256 ")
    place.write_bytes(b"1234")
    assert differences(entry, place) == ["has 4 bytes, not 5"]
    place.unlink()
    assert differences(entry, place) == ["does not exist"]
    place.symlink_to(tmp_path / "cache")
    assert differences(entry, place) == ["is not a regular file"]
    place.unlink()
    place.mkdir()
    assert differences(entry, place) == ["is not a regular file"]


def test_a_folder(folder: Path) -> None:
    entry = entry_of(folder)
    assert differences(entry, folder) == []
    (folder / "a").write_text("A")
    (folder / "inner" / "b").unlink()
    (folder / "new\n").write_text("")
    assert differences(entry, folder) == [
        "cannot be the folder of the version: the name 'new\\n' contains a control character or a backslash"
    ]
    (folder / "new\n").rename(folder / "new")
    changed, lacks, more = differences(entry, folder)
    assert changed.startswith("has different content in 'a': sha256 ")
    assert lacks == "lacks 'inner/b'"
    assert more == "has 'new', which is not in the version"


def test_a_folder_whose_files_are_not_listed(folder: Path) -> None:
    entry = entry_of(folder, listed=False)
    assert differences(entry, folder) == []
    (folder / "a").write_text("A")
    (found,) = differences(entry, folder)
    assert found.startswith("has different content: 2 files, sha256 ")


def test_a_link_in_a_folder_is_not_followed(folder: Path) -> None:
    entry = entry_of(folder)
    (folder / "a").rename(folder.parent / "elsewhere")
    (folder / "a").symlink_to(folder.parent / "elsewhere")
    (found,) = differences(entry, folder)
    assert "symbolic link" in found


def test_many_differences_are_counted(folder: Path) -> None:
    entry = entry_of(folder)
    for number in range(40):
        (folder / f"n{number}").write_text("")
    found = differences(entry, folder)
    assert len(found) == 17
    assert found[-1] == "differs in 24 more files"


def test_a_file_where_a_folder_should_be(folder: Path) -> None:
    entry = entry_of(folder)
    assert differences(entry, folder / "a") == ["is not a folder"]
