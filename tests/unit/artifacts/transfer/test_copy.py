from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from registry_tool.artifacts.dvc_files import Listed, dir_md5, dir_object
from registry_tool.artifacts.remotes.base import legacy_path, object_path
from registry_tool.artifacts.remotes.local import LocalRemote
from registry_tool.artifacts.transfer.copy import (
    CopyJournal,
    CopyPlan,
    CopySummary,
    copy,
    plan,
    present,
)
from registry_tool.errors import CorruptObjectError, RemoteError

FILES = [b"one", b"two", b"three" * 1000]


def md5(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()


def put(remote: LocalRemote, data: bytes, *, name: str = "", old: bool = False) -> Path:
    digest = name or md5(data)
    place = remote.folder / (legacy_path(digest) if old else object_path(digest))
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(data)
    return place


@pytest.fixture
def source(tmp_path: Path) -> LocalRemote:
    (tmp_path / "source").mkdir()
    return LocalRemote(name="source", folder=tmp_path / "source")


@pytest.fixture
def target(tmp_path: Path) -> LocalRemote:
    (tmp_path / "target").mkdir()
    return LocalRemote(name="target", folder=tmp_path / "target")


def planned(
    source: LocalRemote, target: LocalRemote, *folders: str
) -> tuple[CopyPlan, CopyJournal]:
    journal = CopyJournal("registry", target.url)
    wanted = {*map(md5, FILES), *folders, "0" * 32}
    return plan(present(wanted, folders, source), target, journal), journal


def copied(source: LocalRemote, target: LocalRemote, *folders: str) -> CopySummary:
    todo, journal = planned(source, target, *folders)
    return copy(todo, source, target, journal, making=target.folder.parent / "making")


def test_all_arrives_and_is_not_copied_or_read_twice(
    source: LocalRemote, target: LocalRemote
) -> None:
    for data in FILES:
        put(source, data)
    assert copied(source, target) == (3, sum(map(len, FILES)), 0)
    todo, _ = planned(source, target)
    assert (todo.going, todo.unproved, len(todo.proved)) == ((), (), 3)
    assert not any((target.folder.parent / "making").iterdir())


def test_the_files_of_a_folder_that_no_manifest_lists_come_too(
    source: LocalRemote, target: LocalRemote
) -> None:
    listed = [Listed("a", md5(b"in a folder")), Listed("b", md5(FILES[0]))]
    put(source, b"in a folder")
    put(source, FILES[0])
    put(source, dir_object(listed), name=dir_md5(dir_object(listed)))
    assert copied(source, target, dir_md5(dir_object(listed))).objects == 3
    assert target.size(md5(b"in a folder")) == 11


def test_what_lies_there_is_read_once_and_replaced_where_it_is_wrong(
    source: LocalRemote, target: LocalRemote
) -> None:
    for data in FILES:
        put(source, data)
    put(target, FILES[0])
    put(target, b"owt", name=md5(FILES[1]))  # of the same size
    put(target, b"thr", name=md5(FILES[2]))  # half of it
    todo, _ = planned(source, target)
    assert sorted(todo.unproved) == sorted(map(md5, FILES[:2]))
    assert copied(source, target) == (2, len(FILES[1]) + len(FILES[2]), 1)
    for data in FILES:
        assert (target.folder / object_path(md5(data))).read_bytes() == data


def test_a_corrupt_source_copies_nothing_of_that_object(
    source: LocalRemote, target: LocalRemote
) -> None:
    put(source, FILES[0])
    put(source, b"owt", name=md5(FILES[1]))
    with pytest.raises(CorruptObjectError, match="has different content under"):
        copied(source, target)
    assert target.size(md5(FILES[1])) is None
    put(source, FILES[1])
    copied(source, target)
    assert target.size(md5(FILES[1])) == 3


def test_a_broken_copy_goes_on(
    source: LocalRemote, target: LocalRemote, monkeypatch: pytest.MonkeyPatch
) -> None:
    for data in FILES:
        put(source, data)
    with monkeypatch.context() as patch:
        patch.setattr("registry_tool.artifacts.transfer.copy._BATCH", 1)
        put_one, puts = LocalRemote.put, list[str]()

        def breaks(remote: LocalRemote, digest: str, place: Path, **_: object) -> None:
            if puts:
                raise RemoteError("the line broke")
            puts.append(digest)
            put_one(remote, digest, place)

        patch.setattr(LocalRemote, "put", breaks)
        with pytest.raises(RemoteError):
            copied(source, target)
    todo, _ = planned(source, target)
    assert (len(todo.going), len(todo.proved)) == (2, 1)
    assert copied(source, target).objects == 2


def test_objects_of_dvc_2_stay_where_dvc_2_looks(source: LocalRemote, target: LocalRemote) -> None:
    put(source, FILES[0], old=True)
    copied(source, target)
    assert (target.folder / legacy_path(md5(FILES[0]))).read_bytes() == FILES[0]
    assert not (target.folder / object_path(md5(FILES[0]))).exists()
    assert copied(source, target) == (0, 0, 1)


def test_a_journal_that_is_broken_only_costs_time(source: LocalRemote, target: LocalRemote) -> None:
    put(source, FILES[0])
    copied(source, target)
    place = CopyJournal("registry", target.url).place
    assert place.stat().st_mode & 0o077 == 0
    place.write_bytes(b"\xff\x00 not a line\n" + b"1" * 32)
    assert len(planned(source, target)[0].unproved) == 1
