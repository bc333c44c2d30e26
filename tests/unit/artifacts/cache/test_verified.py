from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from registry_tool.artifacts.cache import verified
from registry_tool.artifacts.cache.verified import copy_verified, is_verified, link, seal
from registry_tool.errors import OperationalError

DATA = b"weights" * 100
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    path = tmp_path / "object"
    path.write_bytes(DATA)
    seal(str(path), SHA256)
    return path


def holds(path: Path) -> bool:
    return is_verified(str(path), SHA256, len(DATA))


def flip(path: Path) -> None:
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.seek(10)
        file.write(b"!")


def flip_through_another_name(path: Path) -> None:
    other = path.with_name("other")
    os.link(path, other)
    flip(other)


def replace(path: Path) -> None:
    new = path.with_name("new")
    new.write_bytes(b"x" * len(DATA))
    new.replace(path)


def replace_by_what_was_sealed_as_something_else(path: Path) -> None:
    new = path.with_name("new")
    new.write_bytes(b"x" * len(DATA))
    seal(str(new), hashlib.sha256(new.read_bytes()).hexdigest())
    new.replace(path)


def shorten(path: Path) -> None:
    os.truncate(path, 7)


def become_a_link(path: Path) -> None:
    path.rename(path.with_name("there"))
    path.symlink_to("there")


def become_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def test_a_sealed_file_is_believed_without_being_read(sealed: Path) -> None:
    info = sealed.stat()
    assert info.st_mode & 0o777 == 0o444
    # The proof that it is not read: wrong bytes with the old time are believed.
    flip(sealed)
    os.utime(sealed, ns=(info.st_atime_ns, info.st_mtime_ns))
    assert holds(sealed)


def test_the_time_of_a_seal_is_one_that_every_program_can_take(sealed: Path) -> None:
    year = time.gmtime(sealed.stat().st_mtime).tm_year
    assert 2001 <= year <= 2018
    assert sealed.stat().st_mtime_ns % 2_000_000_000 == 0


@pytest.mark.parametrize(
    "harm",
    [
        flip, flip_through_another_name, replace, replace_by_what_was_sealed_as_something_else,
        shorten, become_a_link, become_a_folder, Path.unlink,
    ],
)  # fmt: skip
def test_what_happened_to_a_file_is_noticed(sealed: Path, harm: Callable[[Path], None]) -> None:
    assert holds(sealed)
    harm(sealed)
    assert not holds(sealed)


def test_a_file_that_was_only_touched_is_hashed_once_and_sealed_again(sealed: Path) -> None:
    before = sealed.stat().st_mtime_ns
    os.utime(sealed)
    assert holds(sealed)
    assert sealed.stat().st_mtime_ns == before


def test_use_is_noted_as_the_time_of_access(sealed: Path) -> None:
    info = sealed.stat()
    long_ago = info.st_atime_ns - 3600 * 1_000_000_000
    os.utime(sealed, ns=(long_ago, info.st_mtime_ns))
    assert holds(sealed)
    assert sealed.stat().st_atime_ns > long_ago
    assert sealed.stat().st_mtime_ns == info.st_mtime_ns


def test_a_link_is_the_same_file(sealed: Path, tmp_path: Path) -> None:
    link(str(sealed), str(tmp_path / "name"), SHA256)
    assert (tmp_path / "name").samefile(sealed)


def test_a_link_to_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        link(str(tmp_path / "none"), str(tmp_path / "name"), SHA256)


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A sealed file in a folder into which others may move theirs."""
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o777)
    path = folder / "object"
    path.write_bytes(DATA)
    seal(str(path), SHA256)
    return path


def test_in_a_folder_of_several_users_a_seal_belongs_to_one_file(
    shared: Path, sealed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shared.stat().st_mtime_ns != sealed.stat().st_mtime_ns
    read: list[str] = []

    def note(path: str, _: str) -> bool:
        read.append(path)
        return False

    monkeypatch.setattr(verified, "_holds", note)
    assert holds(shared)
    assert read == []  # it is believed without being read
    other = shared.with_name("other")
    other.write_bytes(b"x" * len(DATA))
    other.chmod(0o444)
    os.utime(other, ns=(0, shared.stat().st_mtime_ns))
    other.replace(shared)
    assert not holds(shared)
    assert read == [str(shared)]


def test_a_file_that_others_may_write_to_is_read_each_time(sealed: Path) -> None:
    before = sealed.stat()
    sealed.chmod(0o664)
    assert holds(sealed)
    assert sealed.stat().st_mode & 0o777 == 0o444
    sealed.chmod(0o664)
    sealed.write_bytes(b"x" * len(DATA))
    os.utime(sealed, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert not holds(sealed)


def test_a_copy_of_what_was_replaced_meanwhile_is_refused(shared: Path, tmp_path: Path) -> None:
    shared.with_name("new").write_bytes(b"x" * len(DATA))
    shared.with_name("new").replace(shared)
    with pytest.raises(OperationalError, match="was replaced by another user or process"):
        copy_verified(str(shared), str(tmp_path / "copy"), SHA256)
    with pytest.raises(OperationalError, match="was replaced by another user or process"):
        link(str(shared), str(tmp_path / "link"), SHA256)
