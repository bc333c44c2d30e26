from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from registry_tool.artifacts.remotes.base import RemoteObject, object_path
from registry_tool.artifacts.remotes.local import LocalRemote
from registry_tool.artifacts.transfer.upload import send
from registry_tool.errors import RemoteError


def blob(folder: Path, data: bytes = b"weights") -> tuple[str, Path]:
    path = folder / "blob"
    path.write_bytes(data)
    return hashlib.md5(data).hexdigest(), path


def test_the_last_part_of_its_path_is_made(tmp_path: Path) -> None:
    remote = LocalRemote("storage", tmp_path / "new")
    assert send([blob(tmp_path)], remote).sent == 1


def test_the_folder_above_it_is_not(tmp_path: Path) -> None:
    remote = LocalRemote("storage", tmp_path / "not mounted" / "models")
    with pytest.raises(RemoteError, match="neither does its parent folder") as caught:
        send([blob(tmp_path)], remote)
    assert f"mkdir -p '{tmp_path}/not mounted'" in caught.value.remedy
    assert not (tmp_path / "not mounted").exists()


def test_where_bytes_were_stored_it_is_not_made_anew(tmp_path: Path) -> None:
    remote = LocalRemote("storage", tmp_path / "mount", in_use=lambda: True)
    md5, path = blob(tmp_path)
    for act in (
        lambda: remote.exists([md5]),
        lambda: remote.size(md5),
        lambda: remote.put(md5, path),
        lambda: list(remote.objects()),
        lambda: remote.delete(md5),
    ):
        with pytest.raises(RemoteError, match="does not exist") as caught:
            act()
        assert "mount it" in caught.value.remedy
    assert not (tmp_path / "mount").exists()


def test_what_it_holds(tmp_path: Path) -> None:
    remote = LocalRemote("storage", tmp_path / "store")
    md5, path = blob(tmp_path)
    send([(md5, path)], remote)
    old = tmp_path / "store" / "ab" / ("c" * 30 + ".dir")
    old.parent.mkdir()
    old.write_bytes(b"[]")
    for other in ("ab/notes.txt", "files/md5/zz/" + "0" * 30, "files/md5/ab/.half", "README"):
        (tmp_path / "store" / other).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "store" / other).write_bytes(b"not an object")
    when = (tmp_path / "store" / object_path(md5)).stat().st_mtime
    assert list(remote.objects()) == [
        RemoteObject(md5, 7, when),
        RemoteObject("ab" + "c" * 30 + ".dir", 2, old.stat().st_mtime),
    ]


def test_what_a_killed_upload_left(tmp_path: Path) -> None:
    remote = LocalRemote("storage", tmp_path / "store")
    send([blob(tmp_path)], remote)
    assert remote.leftovers() == []
    half = tmp_path / "store" / "tmp" / ".half.tmp"
    half.write_bytes(b"half")
    (left,) = remote.leftovers()
    assert (left.path, left.size) == (str(half), 4)
    remote.discard(left)
    assert not half.exists()


def test_bytes_from_an_offset_on(tmp_path: Path) -> None:
    remote = LocalRemote("storage", tmp_path / "store")
    md5, path = blob(tmp_path)
    send([(md5, path)], remote)
    for start, rest in ((0, b"weights"), (3, b"ghts"), (7, b""), (9, b"")):
        with remote.download(md5, start=start) as stream:
            assert stream.read(100) == rest
