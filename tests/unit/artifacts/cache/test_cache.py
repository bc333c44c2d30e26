from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from registry_tool.artifacts.cache.cache import Cache, CachedObject
from registry_tool.artifacts.dvc_files import Member, folder_sha256
from registry_tool.artifacts.hashing import Digest
from registry_tool.errors import CorruptObjectError, OperationalError, UsageError


def keep(cache: Cache, data: bytes) -> CachedObject:
    return cache.add_stream(io.BytesIO(data), check=lambda _: None)


def folder_of(cache: Cache, files: dict[str, bytes]) -> tuple[str, list[Member]]:
    members = []
    for path, data in sorted(files.items()):
        digest = keep(cache, data).digest
        members.append(Member(path, digest.size, digest.sha256, digest.md5))
    return folder_sha256(members), members


def test_bytes_are_kept_once_and_read_only(cache: Cache) -> None:
    first, second = keep(cache, b"weights"), keep(cache, b"weights")
    assert first == second
    assert first.path.read_bytes() == b"weights"
    assert first.path.stat().st_mode & 0o777 == 0o444
    assert cache.find(first.digest.sha256, 7) == first.path
    assert list((cache.root / "tmp").iterdir()) == []


def test_an_object_of_the_wrong_size_is_replaced(cache: Cache) -> None:
    kept = keep(cache, b"weights")
    kept.path.unlink()
    kept.path.write_bytes(b"half")
    assert cache.find(kept.digest.sha256, 7) is None
    assert keep(cache, b"weights") == kept
    assert kept.path.read_bytes() == b"weights"


def test_refused_bytes_leave_nothing(cache: Cache) -> None:
    def refuse(found: Digest) -> None:
        raise CorruptObjectError(f"{found.size} bytes")

    with pytest.raises(CorruptObjectError):
        cache.add_stream(io.BytesIO(b"weights"), check=refuse)
    assert [p for p in cache.root.rglob("*") if p.is_file()] == []


def test_leftovers_of_a_crash_are_swept_after_a_day(cache: Cache) -> None:
    keep(cache, b"x")
    old, old_folder, young = (cache.root / "tmp" / n for n in ("old", "folder", "young"))
    old.write_bytes(b"half")
    old_folder.mkdir()
    (old_folder / "half").write_bytes(b"half")
    young.write_bytes(b"in the making")
    before = time.time() - 25 * 3600
    os.utime(old, (before, before))
    os.utime(old_folder, (before, before))
    cache.sweep()
    assert list((cache.root / "tmp").iterdir()) == [young]


def test_sweeping_a_cache_that_is_not_there_yet_is_nothing(tmp_path: Path) -> None:
    Cache(tmp_path / "none").sweep()
    assert not (tmp_path / "none").exists()


def test_a_file_gets_a_stable_path_under_its_own_name(cache: Cache) -> None:
    digest = keep(cache, b"weights").digest
    assert cache.find_file(digest.sha256, 7, "model.bin") is None
    path = cache.place_file(digest.sha256, 7, "model.bin")
    assert path == cache.place_file(digest.sha256, 7, "model.bin")
    assert path.name == "model.bin"
    assert path.read_bytes() == b"weights"
    assert cache.find_file(digest.sha256, 7, "model.bin") == path


def test_a_broken_stable_path_is_mended(cache: Cache) -> None:
    digest = keep(cache, b"weights").digest
    path = cache.place_file(digest.sha256, 7, "model.bin")
    path.unlink()
    path.mkdir()
    assert cache.place_file(digest.sha256, 7, "model.bin").read_bytes() == b"weights"


@pytest.mark.parametrize("name", ["", ".", "..", "../../x", "a/b"])
def test_a_hostile_name_does_not_leave_the_cache(cache: Cache, name: str) -> None:
    digest = keep(cache, b"weights").digest
    with pytest.raises(CorruptObjectError):
        cache.place_file(digest.sha256, 7, name)


def test_a_hostile_digest_does_not_leave_the_cache(cache: Cache) -> None:
    with pytest.raises(UsageError):
        cache.find("../../../../etc/passwd", 7)


def test_a_folder_appears_with_all_its_files(cache: Cache) -> None:
    files = {"a/b/c": b"1", "empty": b"", "twice": b"1"}
    sha256, members = folder_of(cache, files)
    assert cache.find_folder(sha256, members, "model") is None
    path = cache.place_folder(sha256, members, "model")
    assert {
        str(p.relative_to(path)): p.read_bytes() for p in path.rglob("*") if p.is_file()
    } == files
    assert cache.place_folder(sha256, members, "model") == path
    (path / "a/b/c").unlink()
    assert cache.find_folder(sha256, members, "model") is None
    assert (cache.place_folder(sha256, members, "model") / "a/b/c").read_bytes() == b"1"


def test_members_are_remembered_and_a_forged_record_is_not_believed(cache: Cache) -> None:
    sha256, members = folder_of(cache, {"a": b"1"})
    assert cache.find_members(sha256) is None
    cache.keep_members(sha256, members)
    assert cache.find_members(sha256) == members
    [record] = [p for p in (cache.root / "folders").rglob("*") if p.is_file()]
    record.write_text(record.read_text().replace('"a"', '"b"'))
    assert cache.find_members(sha256) is None


def test_a_cache_below_a_file_is_an_environment_trouble(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OperationalError, match="a file exists where a folder is needed"):
        keep(Cache(tmp_path / "file" / "cache"), b"x")


FILL = """
import io, sys
from pathlib import Path
from registry_tool.artifacts.cache.cache import Cache
from registry_tool.artifacts.dvc_files import Member, folder_sha256
cache = Cache(Path(sys.argv[1]))
sys.stdin.readline()
for n in range(60):
    members = []
    for m in range(3):
        d = cache.add_stream(io.BytesIO(b"%d-%d" % (n, m) * 1000), check=lambda _: None).digest
        assert cache.find(d.sha256, d.size) is not None
        cache.place_file(d.sha256, d.size, "model.bin")
        members.append(Member(f"d/{m}", d.size, d.sha256, d.md5))
    path = cache.place_folder(folder_sha256(members), members, "folder")
    assert len(list((path / "d").iterdir())) == 3
"""


def test_processes_fill_one_cache_at_once(cache: Cache) -> None:
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", FILL, str(cache.root)],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for worker in workers:  # all have started; let them go together
        assert worker.stdin
        worker.stdin.write("go\n")
        worker.stdin.flush()
    assert [worker.communicate()[1] for worker in workers] == [""] * 4
    assert [worker.returncode for worker in workers] == [0] * 4
    assert list((cache.root / "tmp").iterdir()) == []
    objects = [p for p in (cache.root / "objects").rglob("*") if p.is_file()]
    assert len(objects) == 180
    for path in objects:
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.parent.name + path.name
