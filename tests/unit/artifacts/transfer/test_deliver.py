from __future__ import annotations

import os
from pathlib import Path

import pytest

from registry_tool.artifacts.cache.cache import Cache
from registry_tool.artifacts.cache.eviction import usage
from registry_tool.artifacts.entry import ArtifactRequest, StoredEntry
from registry_tool.artifacts.remotes.base import object_path
from registry_tool.artifacts.remotes.local import LocalRemote
from registry_tool.artifacts.transfer.deliver import Delivery, deliver
from registry_tool.artifacts.transfer.fetch import Fetcher
from registry_tool.artifacts.transfer.ingest import ingest
from registry_tool.artifacts.transfer.place import link_into
from registry_tool.artifacts.transfer.upload import upload
from registry_tool.errors import ConflictError, CorruptObjectError, OperationalError

BIG = os.urandom(3 << 20)
FILES = {"config.json": b"{}", "deep/er/a.bin": b"a" * 5000, "empty": b"", "twice": b"{}"}


def publish(source: Path, cache: Cache, remote: LocalRemote) -> StoredEntry:
    ingested = ingest(source, cache=cache)
    upload(ingested, remote)
    return StoredEntry.read({"name": source.name, "path": source.name, **ingested.describe()})


def contents(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


@pytest.fixture
def file(tmp_path: Path, cache: Cache, remote: LocalRemote) -> ArtifactRequest:
    (tmp_path / "model.bin").write_bytes(BIG)
    return ArtifactRequest(publish(tmp_path / "model.bin", cache, remote))


@pytest.fixture
def folder(tmp_path: Path, cache: Cache, remote: LocalRemote) -> ArtifactRequest:
    for path, data in FILES.items():
        (tmp_path / "parts" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "parts" / path).write_bytes(data)
    return ArtifactRequest(publish(tmp_path / "parts", cache, remote))


@pytest.fixture
def unwritable(tmp_path: Path) -> Cache:
    """A cache below a file: nobody can write there, not even root."""
    (tmp_path / "in-the-way").write_text("x")
    return Cache(tmp_path / "in-the-way" / "cache")


class Told(list[str]):
    def __call__(self, words: str) -> None:
        self.append(words)


def fetcher(cache: Cache, remote: LocalRemote, told: Told | None = None) -> Fetcher:
    return Fetcher([lambda: remote], cache, tell=told if told is not None else Told())


def test_files_folders_and_single_files_get_their_places(
    tmp_path: Path, remote: LocalRemote, file: ArtifactRequest, folder: ArtifactRequest
) -> None:
    out, other = tmp_path / "out", Cache(tmp_path / "other")
    one = ArtifactRequest(folder.entry, "deep/er/a.bin")
    wanted = [
        Delivery(file, out / "model.bin"),
        Delivery(folder, out / "parts"),
        Delivery(one, out / "one" / "a.bin"),
    ]
    placed = deliver(fetcher(other, remote), wanted)
    assert contents(out / "parts") == FILES
    assert (out / "model.bin").read_bytes() == BIG
    assert (out / "one" / "a.bin").read_bytes() == b"a" * 5000
    assert [content.entry.size for content in placed] == [len(BIG), 5004, 5000]
    assert not (other.root / "artifacts").exists()  # nobody asked for a path in the cache
    assert not any(p.name.endswith(".tmp") for p in out.rglob("*"))


def test_a_copy_is_the_users_own(
    tmp_path: Path, cache: Cache, remote: LocalRemote, folder: ArtifactRequest
) -> None:
    deliver(fetcher(cache, remote), [Delivery(folder, tmp_path / "out")])
    (tmp_path / "out" / "config.json").write_bytes(b"changed")
    assert (tmp_path / "out" / "twice").read_bytes() == b"{}"
    assert cache.lacking(folder.entry.members) == []


def test_a_link_takes_no_space_and_what_is_written_through_it_is_noticed(
    tmp_path: Path, cache: Cache, remote: LocalRemote, file: ArtifactRequest
) -> None:
    place = tmp_path / "out" / "model.bin"
    deliver(fetcher(cache, remote), [Delivery(file, place)], put=link_into)
    assert place.samefile(cache.objects.place(file.entry.sha256))
    assert place.stat().st_mode & 0o222 == 0
    place.chmod(0o644)
    place.write_bytes(b"!" * len(BIG))
    assert cache.find(file.entry.sha256, len(BIG)) is None
    deliver(fetcher(cache, remote), [Delivery(file, place)], put=link_into, overwrite=True)
    assert place.read_bytes() == BIG


def test_a_cache_that_cannot_be_written_is_done_without(
    tmp_path: Path,
    remote: LocalRemote,
    unwritable: Cache,
    file: ArtifactRequest,
    folder: ArtifactRequest,
) -> None:
    told, out = Told(), tmp_path / "out"
    wanted = [Delivery(file, out / "model.bin"), Delivery(folder, out / "parts")]
    deliver(fetcher(unwritable, remote, told), wanted)
    assert contents(out) == {"model.bin": BIG, **{f"parts/{p}": d for p, d in FILES.items()}}
    assert told == [
        f"not using the cache {unwritable.root}: a file exists where a folder is needed"
    ]
    assert sorted(p.name for p in out.iterdir()) == ["model.bin", "parts"]
    (out / "parts" / "twice").write_bytes(b"mine")  # files of equal content are not one file
    assert (out / "parts" / "config.json").read_bytes() == b"{}"
    assert (out / "parts" / "twice").stat().st_mode & 0o200
    deliver(fetcher(unwritable, remote), wanted[:1])  # the same bytes again are fine


def test_without_a_cache_wrong_bytes_are_refused_all_the_same(
    tmp_path: Path, remote: LocalRemote, unwritable: Cache, folder: ArtifactRequest
) -> None:
    place = remote.folder / object_path(folder.entry.members[1].md5)
    place.unlink()
    place.write_bytes(b"x" * 5000)
    with pytest.raises(CorruptObjectError, match=r"deep/er/a\.bin"):
        deliver(fetcher(unwritable, remote), [Delivery(folder, tmp_path / "out" / "parts")])
    assert list((tmp_path / "out").iterdir()) == []


def test_without_a_cache_and_a_place_it_is_an_environment_trouble(
    remote: LocalRemote, unwritable: Cache, file: ArtifactRequest
) -> None:
    with pytest.raises(OperationalError, match=r"the cache .* cannot be used"):
        fetcher(unwritable, remote).path(file)


def test_what_is_larger_than_the_cache_may_be_does_not_go_there(
    tmp_path: Path, remote: LocalRemote, file: ArtifactRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGISTRY_CACHE_SIZE", "1MB")
    told, other = Told(), Cache(tmp_path / "other")
    deliver(fetcher(other, remote, told), [Delivery(file, tmp_path / "out")])
    assert (tmp_path / "out").read_bytes() == BIG
    assert len(told) == 1
    assert "REGISTRY_CACHE_SIZE" in told[0]
    assert usage(other).size == 0


def test_a_cache_full_of_what_was_just_used_does_not_grow(
    *, tmp_path: Path, remote: LocalRemote, file: ArtifactRequest, folder: ArtifactRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("REGISTRY_CACHE_SIZE", str(len(BIG) + 4096))
    told, other = Told(), Cache(tmp_path / "other")
    deliver(fetcher(other, remote, told), [Delivery(file, tmp_path / "out")])
    assert (told, usage(other).objects) == ([], 1)
    deliver(fetcher(other, remote, told), [Delivery(folder, tmp_path / "parts")])
    assert contents(tmp_path / "parts") == FILES
    assert ["used in the last hour" in words for words in told] == [True]
    assert usage(other).objects == 1
    fetcher(other, remote, told).path(folder)  # a path in the cache has to be there
    assert "exceeds its limit" in told[1]


def test_something_else_in_its_place_stays(
    tmp_path: Path, remote: LocalRemote, unwritable: Cache, cache: Cache, file: ArtifactRequest
) -> None:
    place = tmp_path / "out"
    place.write_bytes(b"mine")
    for one in (cache, unwritable):
        with pytest.raises(ConflictError, match="already exists with different content"):
            deliver(fetcher(one, remote), [Delivery(file, place)])
        assert place.read_bytes() == b"mine"
    deliver(fetcher(unwritable, remote), [Delivery(file, place)], overwrite=True)
    assert place.read_bytes() == BIG


def test_gaps_of_a_sparse_file_stay_gaps(tmp_path: Path, cache: Cache, remote: LocalRemote) -> None:
    with (tmp_path / "sparse.bin").open("wb") as stream:
        stream.write(b"head")
        stream.truncate(100 << 20)
    entry = publish(tmp_path / "sparse.bin", cache, remote)
    deliver(fetcher(cache, remote), [Delivery(ArtifactRequest(entry), tmp_path / "out")])
    info = (tmp_path / "out").stat()
    assert (info.st_size, info.st_blocks * 512 < 4 << 20) == (100 << 20, True)
    assert (tmp_path / "out").read_bytes()[:4] == b"head"
