from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from registry_tool.artifacts.hashing import ignore_progress
from registry_tool.artifacts.remotes.local import LocalRemote
from registry_tool.artifacts.transfer.upload import send
from registry_tool.errors import RemoteError


@dataclass(frozen=True)
class Watched(LocalRemote):
    """A folder that notes what it is asked, and may lose what it is given."""

    asked: list[int] = field(default_factory=list)
    put_there: list[str] = field(default_factory=list)
    loses: frozenset[str] = frozenset()

    def sizes(self, md5s: Iterable[str], *, legacy: bool = False) -> dict[str, int]:
        wanted = list(md5s)
        self.asked.append(len(wanted))
        return super().sizes(wanted, legacy=legacy)

    def put(
        self, md5: str, source: Path,
        *, progress: Callable[[int], None] = ignore_progress, legacy: bool = False,
    ) -> None:  # fmt: skip
        self.put_there.append(md5)
        if md5 not in self.loses:
            super().put(md5, source, progress=progress, legacy=legacy)


def blobs(folder: Path, count: int) -> list[tuple[str, Path]]:
    folder.mkdir()
    found = []
    for number in range(count):
        data = b"%d" % number * 10
        path = folder / str(number)
        path.write_bytes(data)
        found.append((hashlib.md5(data).hexdigest(), path))
    return found


class Told:
    total = done = 0

    def start(self, total_bytes: int, description: str) -> None:  # noqa: ARG002 (see Progress)
        self.total = total_bytes

    def advance(self, n: int) -> None:
        self.done += n

    def finish(self) -> None:
        pass


def test_the_remote_is_asked_twice_for_all(tmp_path: Path) -> None:
    remote = Watched("storage", tmp_path / "store")
    all_of_them = blobs(tmp_path / "in", 30)
    told = Told()
    assert send(all_of_them, remote, progress=told).sent == 30
    assert remote.asked == [30, 30]
    assert told.done == told.total > 0
    assert send(all_of_them, remote, progress=told).sent == 0
    assert remote.asked == [30, 30, 30, 30]


def test_only_what_is_not_there_is_sent_and_looked_for_again(tmp_path: Path) -> None:
    remote = Watched("storage", tmp_path / "store")
    all_of_them = blobs(tmp_path / "in", 10)
    send(all_of_them[:7], remote)
    told = Told()
    assert send(all_of_them, remote, progress=told).sent == 3
    assert remote.asked == [7, 7, 10, 10, 3]
    assert told.done == told.total


def test_lists_of_files_go_last(tmp_path: Path) -> None:
    remote = Watched("storage", tmp_path / "store")
    (md5, path), *files = blobs(tmp_path / "in", 5)
    send([(f"{md5}.dir", path), *files], remote)
    assert remote.put_there[-1] == f"{md5}.dir"


def test_what_does_not_arrive_is_noticed(tmp_path: Path) -> None:
    all_of_them = blobs(tmp_path / "in", 3)
    lost = all_of_them[1][0]
    remote = Watched("storage", tmp_path / "store", loses=frozenset({lost}))
    with pytest.raises(RemoteError, match=f"1 of 3 objects .* for {lost} it has nothing"):
        send(all_of_them, remote)
