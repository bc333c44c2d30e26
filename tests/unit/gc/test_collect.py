from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from registry_tool.artifacts.dvc_files import Listed, dir_md5, dir_object
from registry_tool.artifacts.remotes.base import RemoteObject, object_path
from registry_tool.artifacts.remotes.local import LocalRemote
from registry_tool.errors import ConflictError, RemoteError
from registry_tool.gc.collect import RemoteAudit, audit, collect
from registry_tool.gc.reachability import NeededBy, RequiredObjects

NEED = NeededBy("nlp/lang-id@1", "origin/main")
DAY = 24 * 3600


def asked(*needed: str, folders: Iterable[str] = ()) -> Callable[[Iterable[str]], RequiredObjects]:
    """A registry that needs some objects, and folders whose files nobody lists."""

    def ask(md5s: Iterable[str]) -> RequiredObjects:
        wanted = frozenset(md5s)
        objects = {md5: NEED for md5 in (*needed, *folders) if md5 in wanted}
        return RequiredObjects(wanted, objects, dict.fromkeys(folders, NEED))

    return ask


def put(remote: LocalRemote, data: bytes, *, days: float = 30, md5: str = "") -> str:
    name = md5 or hashlib.md5(data).hexdigest()
    place = remote.folder / object_path(name)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(data)
    then = time.time() - days * DAY
    os.utime(place, (then, then))
    return name


def look(
    remote: LocalRemote, ask: Callable[[Iterable[str]], RequiredObjects], *, days: float = 7
) -> RemoteAudit:
    return audit(remote, ask, before=time.time() - days * DAY)


def names(held: Iterable[RemoteObject]) -> list[str]:
    return [one.md5 for one in held]


def test_what_nobody_needs_is_told_from_what_somebody_does(remote: LocalRemote) -> None:
    needed, small, large = (put(remote, data) for data in (b"needed", b"s", b"large"))
    young = put(remote, b"young", days=1)
    found = look(remote, asked(needed))
    assert names(found.needed) == [needed]
    assert names(found.orphans) == [large, small]
    assert names(found.young) == [young]


def test_files_of_a_folder_that_only_its_list_names_are_needed(remote: LocalRemote) -> None:
    file = put(remote, b"file")
    listing = dir_object([Listed("a", file)])
    folder = put(remote, listing, md5=dir_md5(listing))
    orphan = put(remote, b"orphan")
    found = look(remote, asked(folders=[folder]))
    assert names(found.orphans) == [orphan]
    (remote.folder / object_path(folder)).unlink()
    with pytest.raises(RemoteError, match="its files are unknown"):
        look(remote, asked(folders=[folder]))


def test_an_object_in_both_layouts_is_one(remote: LocalRemote) -> None:
    orphan = put(remote, b"both")
    old = remote.folder / orphan[:2] / orphan[2:]
    old.parent.mkdir()
    old.write_bytes(b"both")
    assert names(look(remote, asked()).young) == [orphan]  # one of them is of today
    found = look(remote, asked(), days=-1)
    assert [(one.md5, one.size) for one in found.orphans] == [(orphan, 8)]
    assert collect(found, remote, asked()).size == 8
    assert not old.exists()


def test_rests_of_old_uploads_go_too(remote: LocalRemote) -> None:
    making = remote.folder / "tmp"
    making.mkdir()
    for name, days in ((".old.tmp", 30), (".new.tmp", 0)):
        (making / name).write_bytes(b"half")
        then = time.time() - days * DAY
        os.utime(making / name, (then, then))
    found = look(remote, asked())
    assert len(found.leftovers) == 1
    assert collect(found, remote, asked()).leftovers == 1
    assert [path.name for path in making.iterdir()] == [".new.tmp"]


def test_what_came_to_be_needed_meanwhile_stays_and_so_does_all_else(remote: LocalRemote) -> None:
    one, other = put(remote, b"one"), put(remote, b"other")
    found = look(remote, asked())
    with pytest.raises(ConflictError, match="nlp/lang-id@1 in origin/main now uses"):
        collect(found, remote, asked(one))
    assert remote.exists([one, other]) == {one, other}


def test_deleting_says_what_it_freed(remote: LocalRemote) -> None:
    keep, listing = put(remote, b"keep"), put(remote, b"[]", md5="0" * 32 + ".dir")
    gone = [put(remote, b"%d" % n * 100) for n in range(10)]
    done = collect(look(remote, asked(keep)), remote, asked(keep))
    assert (done.objects, done.size) == (11, 1002)
    assert remote.exists([keep, listing, *gone]) == {keep}


def test_a_delete_that_breaks_off_says_how_far_it_came(
    remote: LocalRemote, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        put(remote, b"%d" % number)

    def refuse(_: LocalRemote, md5: str) -> bool:
        raise RemoteError(f"{md5} is locked", remedy="unlock it")

    found = look(remote, asked())
    monkeypatch.setattr(LocalRemote, "delete", refuse)
    with pytest.raises(RemoteError, match="0 of 3 objects had been deleted") as caught:
        collect(found, remote, asked())
    assert caught.value.remedy == "unlock it; then run it again"


def test_a_remote_that_is_not_there_is_not_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(RemoteError, match="does not exist"):
        look(LocalRemote("storage", tmp_path / "nowhere"), asked())
