from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from support.fetching import fetch

from registry_tool.artifacts.cache.cache import Cache
from registry_tool.artifacts.remotes.base import Remote, object_path
from registry_tool.artifacts.remotes.local import LocalRemote
from registry_tool.artifacts.transfer.ingest import FILES_LIMIT, ingest
from registry_tool.artifacts.transfer.place import place
from registry_tool.artifacts.transfer.upload import upload
from registry_tool.errors import (
    ConflictError,
    CorruptObjectError,
    InvalidManifestError,
    MissingObjectError,
    NotFoundError,
    OperationalError,
    RemoteError,
    UsageError,
)

FILES = {"config.json": b"{}", "weights/a.bin": b"a" * 5000, "weights/b.bin": b"", "ünï cöde": b"x"}


def make(root: Path, files: dict[str, bytes]) -> Path:
    for path, data in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    return root


def contents(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def publish(source: Path, cache: Cache, remote: Remote) -> dict[str, object]:
    ingested = ingest(source, cache=cache)
    upload(ingested, remote)
    return {"name": "model", "path": source.name, **ingested.describe()}


def never() -> Remote:
    raise AssertionError("the remote was asked")


@pytest.fixture
def other(tmp_path: Path) -> Cache:
    """The cache of another user, who has nothing yet."""
    return Cache(tmp_path / "other")


@pytest.mark.parametrize("data", [b"weights", b"", b"w" * (5 << 20)])
def test_a_file_arrives_as_it_was_sent(
    tmp_path: Path, cache: Cache, other: Cache, remote: LocalRemote, data: bytes
) -> None:
    source = tmp_path / "model.bin"
    source.write_bytes(data)
    entry = publish(source, cache, remote)
    path = fetch(entry, lambda: remote, other)
    assert path.name == "model.bin"
    assert path.read_bytes() == data
    assert fetch(entry, never, other) == path


def test_a_folder_arrives_as_it_was_sent(
    tmp_path: Path, cache: Cache, other: Cache, remote: LocalRemote
) -> None:
    entry = publish(make(tmp_path / "model", FILES), cache, remote)
    assert entry["nfiles"] == 4
    path = fetch(entry, lambda: remote, other)
    assert path.name == "model"
    assert contents(path) == FILES
    assert fetch(entry, never, other) == path


def test_a_folder_of_many_files_arrives_without_being_listed(
    tmp_path: Path, cache: Cache, other: Cache, remote: LocalRemote
) -> None:
    files = {f"{n:04}": str(n % 7).encode() * n for n in range(FILES_LIMIT + 1)}
    entry = publish(make(tmp_path / "model", files), cache, remote)
    assert "files" not in entry
    path = fetch(entry, lambda: remote, other)
    assert contents(path) == files
    assert fetch(entry, never, other) == path


def test_nothing_is_sent_twice(tmp_path: Path, cache: Cache, remote: LocalRemote) -> None:
    source = make(tmp_path / "model", {**FILES, "twice": b"{}"})
    ingested = ingest(source, cache=cache)
    assert upload(ingested, remote) == 5  # four contents and the folder's own object
    assert upload(ingested, remote) == 0
    (source / "more").write_bytes(b"more")
    assert upload(ingest(source, cache=cache), remote) == 2


def test_what_is_uploaded_is_what_was_hashed(
    tmp_path: Path, cache: Cache, other: Cache, remote: LocalRemote
) -> None:
    source = tmp_path / "model.bin"
    source.write_bytes(b"before")
    ingested = ingest(source, cache=cache)
    source.write_bytes(b"after!")
    upload(ingested, remote)
    entry = {"path": "model.bin", **ingested.describe()}
    assert fetch(entry, lambda: remote, other).read_bytes() == b"before"


def stored(remote: LocalRemote, md5: object) -> Path:
    return remote.folder / object_path(str(md5))


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.unlink()
    path.write_bytes(data)


def lengthen(path: Path) -> None:
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(data + b"!")


def shorten(path: Path) -> None:
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(data[:-1])


@pytest.mark.parametrize("harm", [flip, lengthen, shorten])
def test_a_wrong_byte_is_refused_and_nothing_kept(
    tmp_path: Path, cache: Cache, other: Cache, remote: LocalRemote, harm: Callable[[Path], None]
) -> None:
    source = tmp_path / "model.bin"
    source.write_bytes(b"weights" * 1000)
    entry = publish(source, cache, remote)
    harm(stored(remote, entry["md5"]))
    with pytest.raises(CorruptObjectError, match=r"model \(model\.bin\).*expected .* found "):
        fetch(entry, lambda: remote, other)
    assert contents(other.root) == {}


def test_md5_alone_does_not_convince(
    tmp_path: Path, cache: Cache, other: Cache, remote: LocalRemote
) -> None:
    source = tmp_path / "model.bin"
    source.write_bytes(b"weights")
    entry = publish(source, cache, remote)
    with pytest.raises(CorruptObjectError, match="sha256"):
        fetch({**entry, "sha256": "0" * 64}, lambda: remote, other)


@pytest.mark.parametrize("files", [FILES, {f"{n:04}": b"x%d" % n for n in range(FILES_LIMIT + 1)}])
@pytest.mark.parametrize("harm", [flip, lengthen, shorten])
def test_a_wrong_byte_in_a_member_gives_no_folder(
    tmp_path: Path,
    cache: Cache,
    remote: LocalRemote,
    harm: Callable[[Path], None],
    files: dict[str, bytes],
) -> None:
    source, other = make(tmp_path / "model", files), Cache(tmp_path / "other")
    entry = publish(source, cache, remote)
    harm(stored(remote, ingest(source, cache=cache).members[1].md5))
    with pytest.raises(CorruptObjectError, match="model"):
        fetch(entry, lambda: remote, other)
    assert not (other.root / "artifacts").exists()


@pytest.mark.parametrize(
    "change", [{"sha256": "0" * 64}, {"size": 1}, {"nfiles": 9}, {"md5": "0" * 32 + ".dir"}]
)
@pytest.mark.parametrize("left_out", [set(), {"files"}])
def test_a_folder_whose_manifest_disagrees_is_refused(
    tmp_path: Path,
    cache: Cache,
    remote: LocalRemote,
    change: dict[str, object],
    left_out: set[str],
) -> None:
    entry = publish(make(tmp_path / "model", FILES), cache, remote)
    other = Cache(tmp_path / "other")
    entry = {key: value for key, value in entry.items() if key not in left_out}
    with pytest.raises((CorruptObjectError, MissingObjectError)):
        fetch({**entry, **change}, lambda: remote, other)
    assert not (other.root / "artifacts").exists()


def test_a_missing_object_is_named_with_size_and_remote(
    tmp_path: Path, cache: Cache, other: Cache, remote: LocalRemote
) -> None:
    source = tmp_path / "model.bin"
    source.write_bytes(b"weights")
    entry = publish(source, cache, remote)
    stored(remote, entry["md5"]).unlink()
    with pytest.raises(MissingObjectError, match=r"model \(model\.bin\) \(7 bytes\).*storage"):
        fetch(entry, lambda: remote, other)


def test_a_cached_object_of_the_wrong_size_is_fetched_again(
    tmp_path: Path, cache: Cache, other: Cache, remote: LocalRemote
) -> None:
    source = tmp_path / "model.bin"
    source.write_bytes(b"weights")
    entry = publish(source, cache, remote)
    path = fetch(entry, lambda: remote, other)
    for broken in [p for p in other.root.rglob("*") if p.is_file()]:
        broken.unlink()
        broken.write_bytes(b"half")
    assert fetch(entry, lambda: remote, other) == path
    assert path.read_bytes() == b"weights"


def test_right_bytes_at_a_wrong_address_are_refused(
    tmp_path: Path, cache: Cache, other: Cache, remote: LocalRemote
) -> None:
    source = tmp_path / "model.bin"
    source.write_bytes(b"weights")
    entry = publish(source, cache, remote)
    wrong = stored(remote, "0" * 32)
    wrong.parent.mkdir()
    wrong.write_bytes(b"weights")
    with pytest.raises(CorruptObjectError, match="md5"):
        fetch({**entry, "md5": "0" * 32}, lambda: remote, other)
    with pytest.raises(CorruptObjectError, match="size 8, found 7"):
        fetch({**entry, "size": 8}, lambda: remote, other)


def test_a_folders_own_object_must_be_the_one_the_manifest_names(
    tmp_path: Path, cache: Cache, other: Cache, remote: LocalRemote
) -> None:
    entry = publish(make(tmp_path / "model", FILES), cache, remote)
    del entry["files"]
    own = stored(remote, entry["md5"])
    same_files = own.read_bytes().replace(b"[", b"[ ")
    own.unlink()
    own.write_bytes(same_files)
    with pytest.raises(CorruptObjectError, match="its list of files"):
        fetch(entry, lambda: remote, other)


BAD_ENTRIES: dict[str, dict[str, object]] = {
    "no path": {"path": None},
    "size is text": {"size": "7"},
    "negative": {"size": -7},
    "files of a file": {"files": [{"path": "a", "size": 1, "sha256": "0" * 64, "md5": "0" * 32}]},
    "files is text": {"files": "a"},
}


@pytest.mark.parametrize("name", BAD_ENTRIES)
def test_an_entry_that_is_not_well_formed_is_refused(other: Cache, name: str) -> None:
    entry = {"path": "m", "size": 7, "sha256": "0" * 64, "md5": "0" * 32, **BAD_ENTRIES[name]}
    with pytest.raises(InvalidManifestError):
        fetch(entry, never, other)


def test_members_that_leave_their_folder_are_refused(other: Cache) -> None:
    member = {"path": "../../x", "size": 1, "sha256": "0" * 64, "md5": "0" * 32}
    entry = {
        "path": "m",
        "size": 1,
        "sha256": "0" * 64,
        "md5": "0" * 32 + ".dir",
        "files": [member],
    }
    with pytest.raises(CorruptObjectError):
        fetch(entry, never, other)


def test_what_is_tracked_elsewhere_says_where(other: Cache) -> None:
    with pytest.raises(UsageError) as caught:
        fetch({"name": "eval", "uri": "s3://bucket/eval.parquet"}, never, other)
    assert "s3://bucket/eval.parquet" in caught.value.remedy


def test_a_source_that_is_not_there_is_named(tmp_path: Path, cache: Cache) -> None:
    with pytest.raises(NotFoundError, match="nothing-here"):
        ingest(tmp_path / "nothing-here", cache=cache)


def test_a_pipe_as_source_is_refused_and_not_waited_for(tmp_path: Path, cache: Cache) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="neither a file nor a folder"):
        ingest(tmp_path / "pipe", cache=cache)


def test_a_link_given_by_name_is_followed_but_not_inside_a_folder(
    tmp_path: Path, cache: Cache
) -> None:
    make(tmp_path / "real", FILES)
    (tmp_path / "link").symlink_to("real")
    assert ingest(tmp_path / "link", cache=cache).nfiles == 4
    (tmp_path / "real" / "inner").symlink_to("config.json")
    with pytest.raises(UsageError, match="inner is a symbolic link"):
        ingest(tmp_path / "real", cache=cache)


class Appending:
    """Progress that lets the source grow while it is read, as a training run would."""

    def __init__(self, source: Path) -> None:
        self.source = source

    def start(self, total_bytes: int, description: str) -> None: ...

    def advance(self, n: int) -> None:
        with self.source.open("ab") as more:
            more.write(b"!" * n)

    def finish(self) -> None: ...


@pytest.mark.parametrize("size", [10, 3 << 20])
def test_a_file_that_changes_while_read_is_refused(tmp_path: Path, cache: Cache, size: int) -> None:
    source = tmp_path / "model.bin"
    source.write_bytes(b"w" * size)
    with pytest.raises(ConflictError, match="changed while it was read"):
        ingest(source, cache=cache, progress=Appending(source))
    assert contents(cache.root) == {}


def test_a_file_that_appears_in_a_folder_while_read_is_noticed(
    tmp_path: Path, cache: Cache
) -> None:
    source = make(tmp_path / "model", FILES)
    with pytest.raises(ConflictError, match="changed while it was read"):
        ingest(source, cache=cache, progress=Appending(source / "new"))


class Counting:
    def __init__(self) -> None:
        self.total, self.done, self.running, self.lock = 0, 0, 0, threading.Lock()

    def start(self, total_bytes: int, description: str) -> None:
        assert description
        self.total, self.done, self.running = total_bytes, 0, self.running + 1

    def advance(self, n: int) -> None:
        with self.lock:
            self.done += n

    def finish(self) -> None:
        self.running -= 1


def test_progress_reaches_its_total_and_always_ends(
    tmp_path: Path, cache: Cache, other: Cache, remote: LocalRemote
) -> None:
    source, progress = make(tmp_path / "model", FILES), Counting()
    ingested = ingest(source, cache=cache, progress=progress)
    assert (progress.done, progress.total, progress.running) == (5003, 5003, 0)
    upload(ingested, remote, progress=progress)
    assert progress.done == progress.total > 5003  # the folder's own object is sent too
    upload(ingested, remote, progress=progress)
    assert progress.done == progress.total
    entry = {"path": "model", **ingested.describe()}
    path = fetch(entry, lambda: remote, other, progress=progress)
    assert (progress.done, progress.total, progress.running) == (5003, 5003, 0)
    place(path, tmp_path / "copy", progress=progress)
    assert (progress.done, progress.total, progress.running) == (5003, 5003, 0)


def test_a_copy_belongs_to_the_user(tmp_path: Path, cache: Cache, remote: LocalRemote) -> None:
    entry = publish(make(tmp_path / "model", FILES), cache, remote)
    path = fetch(entry, never, cache)
    assert place(path, tmp_path / "deep/er/copy")
    copy = tmp_path / "deep/er/copy/config.json"
    assert os.access(copy, os.W_OK)
    assert copy.stat().st_mode & 0o200
    copy.write_bytes(b"changed")
    assert contents(path) == FILES
    assert contents(cache.find_folder(str(entry["sha256"]), [], "model") or path) == FILES


@pytest.fixture
def cached(tmp_path: Path, cache: Cache, remote: LocalRemote) -> dict[str, Path]:
    source = tmp_path / "file.bin"
    source.write_bytes(b"weights")
    folder = make(tmp_path / "folder", FILES)
    return {p.name: fetch(publish(p, cache, remote), never, cache) for p in (source, folder)}


@pytest.mark.parametrize("kind", ["file.bin", "folder"])
@pytest.mark.parametrize("there", ["file", "folder", "link"])
def test_something_else_is_only_overwritten_when_allowed(
    tmp_path: Path, cached: dict[str, Path], kind: str, there: str
) -> None:
    out = tmp_path / "out"
    target = out / "target"
    precious = make(tmp_path / "precious", {"mine": b"mine"})
    out.mkdir()
    if there == "file":
        target.write_bytes(b"WEIGHTS")
    elif there == "folder":
        make(target, {"mine": b"mine"})
    else:
        target.symlink_to(precious)
    with pytest.raises(ConflictError, match="already exists with different content"):
        place(cached[kind], target)
    assert place(cached[kind], target, overwrite=True)
    assert (contents(target) == FILES) if kind == "folder" else (target.read_bytes() == b"weights")
    assert [p.name for p in out.iterdir()] == ["target"]
    assert contents(precious) == {"mine": b"mine"}


@pytest.mark.parametrize("kind", ["file.bin", "folder"])
def test_placing_twice_is_nothing(tmp_path: Path, cached: dict[str, Path], kind: str) -> None:
    assert place(cached[kind], tmp_path / "target")
    assert not place(cached[kind], tmp_path / "target")


def test_an_empty_folder_is_a_place(tmp_path: Path, cached: dict[str, Path]) -> None:
    (tmp_path / "target").mkdir()
    assert place(cached["folder"], tmp_path / "target")
    assert contents(tmp_path / "target") == FILES


def test_a_place_below_a_file_is_an_environment_trouble(
    tmp_path: Path, cached: dict[str, Path]
) -> None:
    with pytest.raises(OperationalError, match="a file exists where a folder is needed"):
        place(cached["folder"], tmp_path / "file.bin" / "target")


def test_an_upload_that_stops_has_not_written_the_folders_own_object(
    tmp_path: Path, cache: Cache, remote: LocalRemote
) -> None:
    ingested = ingest(make(tmp_path / "model", FILES), cache=cache)
    victim = ingested.members[1].md5
    (remote.folder / "files/md5").mkdir(parents=True)
    (remote.folder / "files/md5" / victim[:2]).write_text("in the way")
    with pytest.raises(RemoteError):
        upload(ingested, remote)
    assert not stored(remote, ingested.md5).exists()


FULL = """
import resource, sys
from pathlib import Path
from registry_tool.artifacts.cache.cache import Cache
from registry_tool.artifacts.remotes.local import LocalRemote
from registry_tool.artifacts.transfer.ingest import ingest
from registry_tool.artifacts.transfer.place import place
from registry_tool.artifacts.transfer.upload import upload
from registry_tool.errors import OperationalError
root = Path(sys.argv[1])
(root / "small").write_bytes(b"x")
cache = Cache(root / "cache")
whole = ingest(root / "model.bin", cache=cache)
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
for act in (
    lambda: ingest(root / "model.bin", cache=Cache(root / "full")),
    lambda: upload(whole, LocalRemote(name="storage", folder=root / "store")),
    lambda: place(whole.blobs[0][1], root / "out" / "model.bin"),
):
    try:
        act()
    except OperationalError as exc:
        print(type(exc).__name__, exc.message)
"""


def test_a_disk_that_takes_no_more_leaves_no_halves(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"w" * (3 << 20))
    ran = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert ran.stderr == ""
    lines = ran.stdout.splitlines()
    assert [line.split()[0] for line in lines] == [
        "OperationalError",
        "RemoteError",
        "OperationalError",
    ]
    assert all("larger than the system allows" in line for line in lines)
    for folder in ("full", "store", "out"):
        assert contents(tmp_path / folder) == {}


LOCAL_FETCH = """
import sys
from pathlib import Path
from registry_tool.artifacts.cache.cache import Cache
from registry_tool.artifacts.remotes.open import open_remote
from registry_tool.artifacts.remotes.config import DvcSettings
from registry_tool.artifacts.entry import ArtifactRequest, StoredEntry
from registry_tool.artifacts.transfer.fetch import Fetcher
root = Path(sys.argv[1])
config = f"[core]\\nremote = s\\n['remote \\"s\\"']\\nurl = {root}/remote\\n".encode()
entry = {"path": "model.bin", "size": 7, "sha256": sys.argv[2], "md5": sys.argv[3]}
fetcher = Fetcher((lambda: open_remote(DvcSettings(config)),), Cache(root / "other"))
print(fetcher.path(ArtifactRequest(StoredEntry.read(entry))).read_text())
heavy = {"dvc", "dvc_objects", "dvc_data", "fsspec", "git", "pydantic", "jsonschema", "ruamel", "rich", "yaml"}
print(sorted(heavy & {name.partition(".")[0] for name in sys.modules}))
"""


def test_a_fetch_from_a_local_folder_imports_nothing_heavy(
    tmp_path: Path, cache: Cache, remote: LocalRemote
) -> None:
    source = tmp_path / "model.bin"
    source.write_bytes(b"weights")
    entry = publish(source, cache, remote)
    arguments = [str(tmp_path), str(entry["sha256"]), str(entry["md5"])]
    ran = subprocess.run(
        [sys.executable, "-c", LOCAL_FETCH, *arguments], capture_output=True, text=True, check=True
    )
    assert ran.stdout == "weights\n[]\n"
