"""Packs that this program writes are packs that git reads, deltas included."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import git, run_git

from registry_tool.errors import OperationalError
from registry_tool.git.objects.pack_file import NewObject, write_pack


def _id(kind: str, data: bytes, algorithm: str) -> str:
    return hashlib.new(algorithm, b"%s %d\0" % (kind.encode(), len(data)) + data).hexdigest()


def _repository(folder: Path, algorithm: str = "sha1") -> Path:
    git(folder, "init", "--quiet", "--bare", f"--object-format={algorithm}")
    return folder


def _chain(count: int) -> list[bytes]:
    """Contents that each differ from the one before at one place: changed, longer, shorter."""
    lines = [hashlib.sha256(b"%d" % number).digest() for number in range(200)]
    found = []
    for number in range(count):
        place = number * 37 % len(lines)
        if number % 3 == 1:
            lines.insert(place, b"new\n")
        elif number % 3 == 2:
            del lines[place]
        else:
            lines[place] = f"{number} changed\n".encode()
        found.append(b"".join(lines))
    return found


def _objects(contents: list[bytes], algorithm: str) -> dict[str, NewObject]:
    found: dict[str, NewObject] = {}
    like = ""
    for data in contents:
        oid = _id("blob", data, algorithm)
        found[oid] = NewObject("blob", data, like)
        like = oid
    return found


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_git_reads_every_object_of_a_long_chain(tmp_path: Path, algorithm: str) -> None:
    folder = _repository(tmp_path, algorithm)
    objects = _objects(_chain(120), algorithm)
    write_pack(folder / "objects", objects, algorithm)
    assert git(folder, "fsck", "--full", "--strict") is not None
    for oid, one in objects.items():
        assert run_git(folder, "cat-file", "blob", oid) == one.data


def test_a_chain_of_similar_objects_takes_little_more_than_one(tmp_path: Path) -> None:
    folder = _repository(tmp_path)
    write_pack(folder / "objects", _objects(_chain(49), "sha1"), "sha1")
    write_pack(folder / "objects", _objects(_chain(1), "sha1"), "sha1")
    large, small = sorted((p.stat().st_size for p in folder.rglob("*.pack")), reverse=True)
    assert large < 2 * small  # 49 copies would take 49 times as much


@settings(max_examples=15, deadline=None)
@given(before=st.binary(min_size=256, max_size=70_000), after=st.binary(min_size=256, max_size=600))
def test_any_object_may_be_like_any_other(
    tmp_path_factory: pytest.TempPathFactory, before: bytes, after: bytes
) -> None:
    folder = _repository(tmp_path_factory.mktemp("pack"))
    objects = _objects([before, before[:100] + after, after + before], "sha1")
    write_pack(folder / "objects", objects, "sha1")
    for oid, one in objects.items():
        assert run_git(folder, "cat-file", "blob", oid) == one.data


def test_nothing_is_left_where_the_pack_cannot_be_written(tmp_path: Path) -> None:
    folder = _repository(tmp_path)
    (folder / "objects" / "pack").rmdir()
    (folder / "objects" / "pack").write_text("in the way")
    with pytest.raises(OperationalError, match="Git objects cannot be written"):
        write_pack(folder / "objects", _objects([b"x"], "sha1"), "sha1")
    assert git(folder, "count-objects").startswith("0 objects")
