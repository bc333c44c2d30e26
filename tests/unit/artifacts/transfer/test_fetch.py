"""What a fetch does with several artifacts, sources and processes, and with what an earlier one left."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from registry_tool.artifacts.cache.cache import Cache
from registry_tool.artifacts.dvc_files import dir_md5
from registry_tool.artifacts.entry import ArtifactRequest, StoredEntry
from registry_tool.artifacts.hashing import ByteReader
from registry_tool.artifacts.remotes.base import object_path
from registry_tool.artifacts.remotes.local import LocalRemote
from registry_tool.artifacts.transfer.fetch import Fetcher
from registry_tool.artifacts.transfer.ingest import FILES_LIMIT, ingest
from registry_tool.artifacts.transfer.upload import upload
from registry_tool.errors import (
    CorruptObjectError,
    InvalidManifestError,
    MissingObjectError,
    NotFoundError,
    OfflineError,
    RemoteError,
    UsageError,
)

MEGA = 1 << 20
BIG = os.urandom(5 * MEGA)
FILES = {"config.json": b"{}", "weights/a.bin": b"a" * 5000, "weights/b.bin": b"", "big.bin": BIG}
MANY = {f"{n:04}": b"%d" % (n % 300) for n in range(FILES_LIMIT + 1)}


def make(root: Path, files: dict[str, bytes]) -> Path:
    for path, data in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    return root


def contents(root: Path) -> dict[str, bytes]:
    """The files below a folder, other than what a cache notes of its users."""
    found = (p for p in root.rglob("*") if p.is_file() and p.parent.name != "uses")
    return {str(p.relative_to(root)): p.read_bytes() for p in found}


def publish(source: Path, cache: Cache, remote: LocalRemote, name: str = "model") -> StoredEntry:
    ingested = ingest(source, cache=cache)
    upload(ingested, remote)
    return StoredEntry.read({"name": name, "path": source.name, **ingested.describe()})


class Watched:
    """A remote that counts what it is asked, and breaks off as it is told.

    Attributes:
        starts: The offset of each download, by md5.
        breaks: After how many bytes the next downloads of the big object break off, one each.
    """

    def __init__(self, remote: LocalRemote, name: str = "storage") -> None:
        self.name, self.url = name, remote.url
        self._remote = remote
        self.starts: dict[str, list[int]] = {}
        self.breaks: list[int] = []

    @contextmanager
    def download(self, md5: str, *, start: int = 0) -> Iterator[ByteReader]:
        self.starts.setdefault(md5, []).append(start)
        with self._remote.download(md5, start=start) as stream:
            breaks = self.breaks and md5 == hashlib.md5(BIG).hexdigest()
            yield _Breaking(stream, self.breaks.pop(0)) if breaks else stream

    @property
    def asked(self) -> Counter[str]:
        return Counter({md5: len(starts) for md5, starts in self.starts.items()})


class _Breaking:
    def __init__(self, raw: ByteReader, after: int) -> None:
        self._raw, self._left = raw, after

    def read(self, size: int, /) -> bytes:
        if not self._left:
            raise RemoteError("the remote storage broke off")
        data = self._raw.read(min(size, self._left))
        self._left -= len(data)
        return data


@pytest.fixture
def watched(remote: LocalRemote) -> Watched:
    return Watched(remote)


@pytest.fixture
def other(tmp_path: Path) -> Cache:
    """The cache of another user, who has nothing yet."""
    return Cache(tmp_path / "other")


def _given(source: Watched) -> Watched:
    return source


def bring(
    cache: Cache, sources: Sequence[Watched], *requests: ArtifactRequest
) -> list[dict[str, bytes]]:
    """The bytes of what is asked for, by path."""
    fetcher = Fetcher([partial(_given, source) for source in sources], cache)
    return [
        {m.path: Path(cache.objects.place(m.sha256)).read_bytes() for m in content.members}
        for content in fetcher.fetch(requests)
    ]


@pytest.fixture
def big(tmp_path: Path, cache: Cache, remote: LocalRemote) -> StoredEntry:
    return publish(make(tmp_path, {"model.bin": BIG}) / "model.bin", cache, remote)


@pytest.fixture
def folder(tmp_path: Path, cache: Cache, remote: LocalRemote) -> StoredEntry:
    return publish(make(tmp_path / "folder", FILES), cache, remote, "folder")


@pytest.fixture
def many(tmp_path: Path, cache: Cache, remote: LocalRemote) -> StoredEntry:
    return publish(make(tmp_path / "many", MANY), cache, remote, "many")


def stored(remote: LocalRemote, md5: str) -> Path:
    return remote.folder / object_path(md5)


def overwrite(path: Path, data: bytes) -> None:
    path.unlink()
    path.write_bytes(data)


# --- several artifacts


def test_artifacts_are_fetched_together_and_what_they_share_once(
    tmp_path: Path, other: Cache, watched: Watched, big: StoredEntry, folder: StoredEntry
) -> None:
    (found_big, found_folder) = bring(
        other, [watched], ArtifactRequest(big), ArtifactRequest(folder)
    )
    assert found_big == {"": BIG}
    assert found_folder == FILES
    assert set(watched.asked.values()) == {1}
    assert len(watched.asked) == len(FILES)  # the file is one of the folder's
    bring(other, [], ArtifactRequest(big), ArtifactRequest(folder))


def test_nothing_unfinished_is_left(
    other: Cache, watched: Watched, big: StoredEntry, many: StoredEntry
) -> None:
    bring(other, [watched], ArtifactRequest(big), ArtifactRequest(many))
    assert list((other.root / "partial").iterdir()) == []
    assert list((other.root / "tmp").iterdir()) == []


def test_one_file_of_a_folder_is_all_that_is_fetched(
    other: Cache, watched: Watched, folder: StoredEntry
) -> None:
    assert bring(other, [watched], ArtifactRequest(folder, "weights/a.bin")) == [{"": b"a" * 5000}]
    assert list(watched.asked) == [hashlib.md5(b"a" * 5000).hexdigest()]
    path = Fetcher([], other).path(ArtifactRequest(folder, "weights/a.bin"))
    assert (path.name, path.read_bytes()) == ("a.bin", b"a" * 5000)


def test_one_file_of_a_folder_that_is_not_listed_needs_all_of_it(
    other: Cache, watched: Watched, many: StoredEntry
) -> None:
    assert not many.members
    assert bring(other, [watched], ArtifactRequest(many, "0007")) == [{"": b"7"}]
    assert len(watched.asked) == 301  # each content, and the list of files
    path = Fetcher([], other).path(ArtifactRequest(many, "0007"))
    assert (path.name, path.read_bytes()) == ("0007", b"7")


@pytest.mark.parametrize(
    ("which", "path", "kind", "words"),
    [
        ("folder", "nothing", NotFoundError, r"folder has no file 'nothing'"),
        ("folder", "weights", NotFoundError, r"folder has no file 'weights'"),
        ("many", "nothing", NotFoundError, r"many has no file 'nothing'"),
        ("big", "nothing", UsageError, r"model \(model\.bin\) is a file"),
    ],
)
def test_a_file_that_is_not_there_is_named(
    *,
    request: pytest.FixtureRequest, other: Cache, watched: Watched,
    which: str, path: str, kind: type[Exception], words: str,
) -> None:  # fmt: skip
    entry = request.getfixturevalue(which)
    with pytest.raises(kind, match=words):
        bring(other, [watched], ArtifactRequest(entry, path))


def test_without_a_remote_only_what_is_cached_is_there(
    other: Cache, watched: Watched, big: StoredEntry, folder: StoredEntry
) -> None:
    with pytest.raises(OfflineError, match=r"model \(model\.bin\) and 1 more are not in the cache"):
        bring(other, [], ArtifactRequest(big), ArtifactRequest(folder))
    bring(other, [watched], ArtifactRequest(big))
    with pytest.raises(OfflineError, match="folder is not in the cache"):
        bring(other, [], ArtifactRequest(big), ArtifactRequest(folder))


# --- broken off, and gone on with


@pytest.mark.parametrize("which", ["big", "folder"])
def test_a_connection_that_breaks_is_made_again_where_it_broke(
    request: pytest.FixtureRequest, other: Cache, watched: Watched, which: str
) -> None:
    entry = request.getfixturevalue(which)
    watched.breaks = [2 * MEGA]
    bring(other, [watched], ArtifactRequest(entry))
    assert watched.starts[hashlib.md5(BIG).hexdigest()] == [0, 2 * MEGA]


def test_what_was_interrupted_goes_on_where_it_stopped(
    other: Cache, watched: Watched, big: StoredEntry
) -> None:
    watched.breaks = [3 * MEGA, 0, 0, 0, 0]
    with pytest.raises(RemoteError, match="broke off"):
        bring(other, [watched], ArtifactRequest(big))
    watched.breaks = []
    watched.starts.clear()
    assert bring(other, [watched], ArtifactRequest(big)) == [{"": BIG}]
    assert watched.starts[big.md5] == [3 * MEGA]


@pytest.mark.parametrize(
    "left", [b"x" * MEGA, BIG[: 2 * MEGA] + b"x", BIG + b"more", b"x" * len(BIG)]
)
def test_wrong_bytes_that_an_earlier_fetch_left_are_fetched_again(
    other: Cache, watched: Watched, big: StoredEntry, left: bytes
) -> None:
    (other.root / "partial").mkdir(parents=True)
    (other.root / "partial" / big.sha256).write_bytes(left)
    assert bring(other, [watched], ArtifactRequest(big)) == [{"": BIG}]
    assert watched.starts[big.md5][-1] == 0


def test_right_bytes_that_an_earlier_fetch_left_need_no_remote(
    other: Cache, watched: Watched, big: StoredEntry
) -> None:
    (other.root / "partial").mkdir(parents=True)
    (other.root / "partial" / big.sha256).write_bytes(BIG)
    assert bring(other, [watched], ArtifactRequest(big)) == [{"": BIG}]
    assert watched.starts == {}


def test_a_folder_that_is_not_listed_goes_on_with_the_files_it_lacks(
    other: Cache, remote: LocalRemote, watched: Watched, many: StoredEntry
) -> None:
    victim = stored(remote, hashlib.md5(b"7").hexdigest())
    overwrite(victim, b"8")
    with pytest.raises(CorruptObjectError, match="many: 0007 does not match its manifest"):
        bring(other, [watched], ArtifactRequest(many))
    before = set(watched.asked)
    overwrite(victim, b"7")
    watched.starts.clear()
    assert bring(other, [watched], ArtifactRequest(many)) == [MANY]
    again = before & set(watched.asked)
    # Asked again: the list of files, the file that was wrong, and what was on its way at that moment.
    assert len(before) > 20
    assert len(again) < len(before)


def test_a_journal_that_lies_is_found_out_and_thrown_away(
    other: Cache, watched: Watched, many: StoredEntry
) -> None:
    seven, eight = (hashlib.md5(b"%d" % n).hexdigest() for n in (7, 8))
    wrong = other.add_stream(io.BytesIO(b"8"), check=lambda _: None).digest
    (other.root / "partial").mkdir()
    journal = other.root / "partial" / many.sha256
    journal.write_text(f"not a line\n{seven} {wrong.sha256} 1\n{eight} {wrong.sha256} 1\n{seven} ")
    with pytest.raises(CorruptObjectError, match="many does not match its manifest"):
        bring(other, [watched], ArtifactRequest(many))
    assert not journal.exists()
    assert bring(other, [watched], ArtifactRequest(many)) == [MANY]


# --- several sources


@pytest.fixture
def mirror(tmp_path: Path, cache: Cache, big: StoredEntry, folder: StoredEntry) -> Watched:
    """A second remote with everything."""
    (tmp_path / "mirror").mkdir()
    remote = LocalRemote(name="mirror", folder=tmp_path / "mirror")
    for source in ("model.bin", "folder"):
        upload(ingest(tmp_path / source, cache=cache), remote)
    return Watched(remote, "mirror")


def flipped(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


@pytest.mark.parametrize("harm", ["flipped", "truncated", "longer", "missing"])
def test_a_bad_object_is_had_from_the_next_source(
    *,
    other: Cache,
    remote: LocalRemote,
    watched: Watched,
    mirror: Watched,
    big: StoredEntry,
    harm: str,
) -> None:
    place = stored(remote, big.md5)
    if harm == "missing":
        place.unlink()
    else:
        overwrite(
            place, {"flipped": flipped(BIG), "truncated": BIG[:-1], "longer": BIG + b"!"}[harm]
        )
    told: list[str] = []
    fetcher = Fetcher([lambda: watched, lambda: mirror], other, tell=told.append)
    [content] = fetcher.fetch([ArtifactRequest(big)])
    assert Path(other.objects.place(content.entry.sha256)).read_bytes() == BIG
    assert len(told) == 1
    assert f"remote storage ({remote.url})" in told[0]
    assert big.md5 in told[0]
    assert told[0].endswith("; trying the next remote")


def test_a_source_that_cannot_be_opened_is_passed_over_and_said_once(
    other: Cache, mirror: Watched, folder: StoredEntry
) -> None:
    def broken() -> Watched:
        raise RemoteError("the DVC remote storage (s3://models) needs a package")

    told: list[str] = []
    Fetcher([broken, lambda: mirror], other, tell=told.append).fetch([ArtifactRequest(folder)])
    assert told == ["the DVC remote storage (s3://models) needs a package; trying the next remote"]


def test_of_several_failures_the_worst_is_said(
    *,
    other: Cache,
    remote: LocalRemote,
    watched: Watched,
    mirror: Watched,
    tmp_path: Path,
    big: StoredEntry,
) -> None:
    overwrite(stored(remote, big.md5), flipped(BIG))
    (tmp_path / "mirror" / object_path(big.md5)).unlink()
    for sources in ([watched, mirror], [mirror, watched]):
        with pytest.raises(CorruptObjectError, match="on the remote storage"):
            bring(other, sources, ArtifactRequest(big))
    stored(remote, big.md5).unlink()
    with pytest.raises(MissingObjectError, match="missing from the remote storage"):
        bring(other, [watched, mirror], ArtifactRequest(big))
    assert contents(other.root) == {}


# --- folders' own objects that lie


def lying(
    remote: LocalRemote, members: list[dict[str, str]], *, size: int = 2, count: int | None = None
) -> StoredEntry:
    """A folder whose manifest does not list its files, and an object of it that was put there to harm."""
    data = json.dumps(members).encode()
    md5 = dir_md5(data)
    place = stored(remote, md5)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(data)
    return StoredEntry("evil", "evil", size, "0" * 64, md5, count)


A = hashlib.md5(b"a").hexdigest()


@pytest.mark.parametrize(
    ("paths", "words"),
    [
        (["../../x"], r"lists '\.\./\.\./x', which is not a plain relative path"),
        (["/etc/passwd"], "lists '/etc/passwd', which is not a plain relative path"),
        (["a\x1b[2J"], "which contains a control character"),
        (["a", "a"], "lists a file twice"),
        (["a", "a/b"], "below a file"),
        (["a\\b"], "backslash"),
        ([], "is not a list of files"),
    ],
)
def test_a_list_of_files_that_lies_is_refused(
    other: Cache, remote: LocalRemote, watched: Watched, paths: list[str], words: str
) -> None:
    entry = lying(remote, [{"md5": A, "relpath": path} for path in paths])
    with pytest.raises(CorruptObjectError, match=words) as caught:
        bring(other, [watched], ArtifactRequest(entry))
    assert "evil" in caught.value.message
    assert contents(other.root) == {}


def test_a_list_that_names_more_bytes_than_the_folder_has_is_stopped(
    other: Cache, remote: LocalRemote, watched: Watched
) -> None:
    data = [b"%d" % n * 100 for n in range(50)]
    for one in data:
        place = stored(remote, hashlib.md5(one).hexdigest())
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(one)
    members = [
        {"md5": hashlib.md5(one).hexdigest(), "relpath": f"{n}"} for n, one in enumerate(data)
    ]
    with pytest.raises(CorruptObjectError, match="expected size 400, found more than 400"):
        bring(other, [watched], ArtifactRequest(lying(remote, members, size=400)))


def test_another_number_of_files_than_the_manifest_says_is_refused(
    other: Cache, remote: LocalRemote, watched: Watched
) -> None:
    entry = lying(remote, [{"md5": A, "relpath": "a"}], count=2)
    with pytest.raises(CorruptObjectError, match="expected number of files 2, found 1"):
        bring(other, [watched], ArtifactRequest(entry))


def test_a_file_of_the_list_that_is_nowhere_is_named(
    other: Cache, remote: LocalRemote, watched: Watched
) -> None:
    with pytest.raises(MissingObjectError, match=f"evil: a .* no object {A}"):
        bring(other, [watched], ArtifactRequest(lying(remote, [{"md5": A, "relpath": "a"}])))


def test_an_entry_whose_files_do_not_add_up_is_refused_before_anything_is_asked(
    folder: StoredEntry,
) -> None:
    files = [m._asdict() for m in folder.members]
    data: dict[str, object] = {
        "name": "folder", "path": "folder", "size": folder.size, "sha256": folder.sha256,
        "md5": folder.md5, "files": files,
    }  # fmt: skip
    assert StoredEntry.read(data).members == folder.members
    for wrong in ({"size": 1}, {"sha256": "0" * 64}, {"nfiles": 9}, {"md5": "0" * 32 + ".dir"}):
        with pytest.raises(CorruptObjectError):
            StoredEntry.read({**data, **wrong})
    with pytest.raises(InvalidManifestError):
        StoredEntry.read({**data, "md5": "0" * 32})


# --- what is in the cache


@pytest.mark.parametrize("which", ["big", "folder", "many"])
def test_a_byte_that_changed_in_the_cache_is_fetched_again(
    request: pytest.FixtureRequest, other: Cache, watched: Watched, which: str
) -> None:
    entry = request.getfixturevalue(which)
    fetcher = Fetcher([lambda: watched], other)
    path = fetcher.path(ArtifactRequest(entry))
    before = {"": path.read_bytes()} if path.is_file() else contents(path)
    victim = path if path.is_file() else path / next(iter(before))
    victim.chmod(0o644)
    victim.write_bytes(b"!" * victim.stat().st_size)
    again = fetcher.path(ArtifactRequest(entry))
    assert again == path
    assert ({"": path.read_bytes()} if path.is_file() else contents(path)) == before


def test_a_large_sparse_object_takes_no_space_and_is_right(
    tmp_path: Path, cache: Cache, other: Cache, remote: LocalRemote
) -> None:
    source = tmp_path / "sparse.bin"
    with source.open("wb") as file:
        file.write(b"head")
        file.seek(64 * MEGA)
        file.write(b"middle")
        file.truncate(200 * MEGA)
    entry = publish(source, cache, remote)
    path = Fetcher([lambda: Watched(remote)], other).path(ArtifactRequest(entry))
    assert path.stat().st_size == 200 * MEGA
    assert path.stat().st_blocks * 512 < 8 * MEGA
    with path.open("rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == entry.sha256
