"""Copies in the making: whose they are, and what becomes of those that nobody works on."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from registry_tool.artifacts.remotes.local import LocalRemote
from registry_tool.artifacts.transfer.place import staging_folder, swap_in, sweep_leftovers

DEAD = json.dumps([4_000_000, "here", "registry fetch", 0.0])


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out" / "model.bin"


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def _left(place: Path, *, lock: str | None, **files: str) -> Path:
    """A folder as a killed process leaves it."""
    folder = place.with_name(f".{place.name}.{'0a' * 8}.tmp")
    folder.mkdir()
    for name, text in {**files, **({} if lock is None else {"lock": lock})}.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_it_is_there_while_somebody_is_at_work_and_then_gone(place: Path) -> None:
    with staging_folder(place) as folder:
        (folder / "new").write_bytes(b"new")
        sweep_leftovers(place)
        assert (folder / "new").exists()
        swap_in(folder, place)
    assert place.read_bytes() == b"new"
    assert _names(place.parent) == ["model.bin"]


def test_it_is_gone_after_a_failure(place: Path) -> None:
    def interrupted() -> None:
        with staging_folder(place) as folder:
            (folder / "new").mkdir()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert _names(place.parent) == []


def test_what_a_dead_process_left_goes(place: Path) -> None:
    _left(place, lock=DEAD, new="half")
    sweep_leftovers(place)
    assert _names(place.parent) == []


def test_what_it_was_replacing_is_put_back(place: Path) -> None:
    _left(place, lock=DEAD, new="new", old="old")
    sweep_leftovers(place)
    assert place.read_text(encoding="utf-8") == "old"
    assert _names(place.parent) == ["model.bin"]


def test_what_it_had_replaced_is_not_put_back(place: Path) -> None:
    place.write_bytes(b"new")
    _left(place, lock=DEAD, old="old")
    sweep_leftovers(place)
    assert place.read_bytes() == b"new"
    assert _names(place.parent) == ["model.bin"]


def test_one_without_a_lock_goes_only_when_it_is_empty(place: Path) -> None:
    folder = _left(place, lock=None)
    sweep_leftovers(place)
    assert not folder.exists()
    folder = _left(place, lock=None, mine="x")
    sweep_leftovers(place)
    assert folder.exists()


def test_a_lock_that_does_not_say_whose_it_is_yet_is_respected(place: Path) -> None:
    folder = _left(place, lock="")
    sweep_leftovers(place)
    assert folder.exists()
    os.utime(folder / "lock", (0, 0))
    sweep_leftovers(place)
    assert not folder.exists()


@pytest.mark.parametrize(
    "name",
    [".model.bin.tmp", ".model.bin.0a.tmp", ".model.bin.0a0a0a0a0a0a0a0X.tmp", ".other.bin.0a0a0a0a0a0a0a0a.tmp"],
)  # fmt: skip
def test_what_is_not_ours_stays(place: Path, name: str) -> None:
    folder = place.with_name(name)
    folder.mkdir()
    sweep_leftovers(place)
    assert folder.exists()


def test_a_file_or_a_link_of_that_name_stays(place: Path, tmp_path: Path) -> None:
    folder = _left(place, lock=DEAD, new="x")
    kept = tmp_path / "kept"
    shutil.move(folder, kept)
    folder.symlink_to(kept)
    sweep_leftovers(place)
    assert _names(kept) == ["lock", "new"]
    folder.unlink()
    folder.write_text("mine", encoding="utf-8")
    sweep_leftovers(place)
    assert folder.exists()


def test_a_folder_that_is_not_there_has_no_leftovers(tmp_path: Path) -> None:
    sweep_leftovers(tmp_path / "none" / "model.bin")
    assert not (tmp_path / "none").exists()


def test_uploads_of_killed_processes_go_by_their_age(tmp_path: Path, remote: LocalRemote) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x")
    making_there = remote.folder / "tmp"
    making_there.mkdir()
    for name in (".old.tmp", ".young.tmp"):
        (making_there / name).write_bytes(b"half")
    os.utime(making_there / ".old.tmp", (0, 0))
    remote.put("9dd4e461268c8034f5c8564e155c67a6", source)
    assert _names(making_there) == [".young.tmp"]
