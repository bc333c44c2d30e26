"""Deleting bytes: what goes, what stays, and what a purge that broke off leaves."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import cast

import pytest
from dvc.fs import get_fs_cls
from fsspec.implementations.memory import MemoryFileSystem
from support.fetching import fetch

from registry_tool.artifacts.cache.cache import Cache
from registry_tool.artifacts.dvc_files import folder_sha256
from registry_tool.artifacts.remotes.base import Remote, legacy_path, object_path
from registry_tool.artifacts.remotes.config import DvcSettings
from registry_tool.artifacts.remotes.dvc import DvcRemote
from registry_tool.artifacts.remotes.errors import ErrorTranslator
from registry_tool.artifacts.remotes.file_store import FileStore
from registry_tool.artifacts.remotes.local import LocalRemote
from registry_tool.artifacts.remotes.open import open_remote
from registry_tool.artifacts.transfer.ingest import FILES_LIMIT, ingest
from registry_tool.artifacts.transfer.upload import upload
from registry_tool.errors import (
    CorruptObjectError,
    MissingObjectError,
    OperationalError,
    RemoteError,
    UsageError,
)
from registry_tool.gc.purge import (
    KeptObject,
    PurgeObject,
    PurgePlan,
    PurgeSummary,
    complete_listing,
    plan,
    purge,
    recorded_objects,
)
from registry_tool.gc.reachability import NeededBy, RequiredObjects
from registry_tool.manifests.problems import JSON

FILES = {"a.bin": b"a" * 5000, "b/c.bin": b"c", "same": b"c"}
SOMEBODY = NeededBy("nlp/other@2", "origin/main")


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def make(root: Path, files: Mapping[str, bytes]) -> Path:
    for path, data in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    return root


Added = Callable[..., dict[str, JSON]]


@pytest.fixture
def added(tmp_path: Path, remote: LocalRemote, cache: Cache) -> Added:
    """Puts a file or a folder on the remote; its entry. ``is_listed``: the record lists a folder's files."""

    def add(name: str, content: bytes | Mapping[str, bytes], *, is_listed: bool = True) -> dict[str, JSON]:  # fmt: skip
        source = tmp_path / "sources" / name
        if isinstance(content, bytes):
            make(source.parent, {name: content})
        else:
            make(source, content)
        ingested = ingest(source, cache=cache)
        upload(ingested, remote)
        fields = {k: v for k, v in ingested.describe().items() if is_listed or k != "files"}
        fields |= {"name": name, "path": name}
        return cast("dict[str, JSON]", fields)

    return add


def stored(remote: LocalRemote) -> set[str]:
    found = (p for p in (remote.folder / "files").rglob("*") if p.is_file())
    return {p.parent.name + p.name for p in found}


def cached(cache: Cache) -> list[Path]:
    return [p for p in cache.root.rglob("*") if p.is_file() and p.parent.name != "uses"]


def nobody(*blobs: PurgeObject) -> RequiredObjects:
    return RequiredObjects(frozenset(blob.md5 for blob in blobs))


def all_of(entries: list[dict[str, JSON]], remote: Remote, cache: Cache) -> list[PurgeObject]:
    return complete_listing(recorded_objects({"artifacts": list(entries)}), remote, cache)


def test_a_record_names_every_object_once(added: Added) -> None:
    entries = [added("model.bin", b"m"), added("again.bin", b"m"), added("folder", FILES)]
    uri: dict[str, JSON] = {"name": "elsewhere", "uri": "s3://bucket/x"}
    blobs = recorded_objects({"artifacts": [*entries, uri]})
    assert [(blob.path, blob.size) for blob in blobs] == [
        ("model.bin", 1),
        ("folder/a.bin", 5000),
        ("folder/b/c.bin", 1),
        ("folder/", None),
    ]
    assert [blob.md5 for blob in blobs][:3] == [md5(b"m"), md5(b"a" * 5000), md5(b"c")]
    assert blobs[-1].md5 == entries[2]["md5"]
    assert not any(blob.unlisted for blob in blobs)


@pytest.mark.parametrize("is_listed", [True, False])
def test_all_bytes_of_a_version_go(
    added: Added, remote: LocalRemote, cache: Cache, *, is_listed: bool
) -> None:
    entries = [added("model.bin", b"m" * 70), added("folder", FILES, is_listed=is_listed)]
    for entry in entries:
        fetch(entry, lambda: remote, cache)
    added("other.bin", b"other")
    blobs = all_of(entries, remote, cache)
    planned = plan(blobs, nobody(*blobs), remote)
    listing = next(blob.size for blob in planned.going if blob.path == "folder/")
    assert (planned.kept, planned.gone) == ((), ())
    assert planned.size == 70 + 5001 + (listing or 0) > 5071
    assert planned.going[-1].md5.endswith(".dir")
    done = purge(planned, remote, cache)
    assert (done.objects, done.size) == (4, planned.size)
    assert stored(remote) == {md5(b"other")}
    assert [path.read_bytes() for path in cached(cache)] == [b"other"]


def test_a_folder_with_more_files_than_a_record_lists(
    added: Added, remote: LocalRemote, cache: Cache
) -> None:
    many = {f"{n:04}": b"%d" % n for n in range(FILES_LIMIT + 1)}
    entry = added("many", many)
    assert "files" not in entry
    blobs = all_of([entry], remote, cache)
    assert len(blobs) == len(many) + 1
    assert blobs[0].path == "many/0000"
    done = purge(plan(blobs, nobody(*blobs), remote), remote, cache)
    assert done.objects == len(many) + 1
    assert done.size > sum(map(len, many.values()))
    assert stored(remote) == set()
    assert cached(cache) == []


def test_what_somebody_needs_stays(added: Added, remote: LocalRemote, cache: Cache) -> None:
    blobs = all_of([added("folder", FILES)], remote, cache)
    needs = RequiredObjects(frozenset(b.md5 for b in blobs), objects={md5(b"c"): SOMEBODY})
    planned = plan(blobs, needs, remote)
    assert [(kept.blob.path, kept.need) for kept in planned.kept] == [("folder/b/c.bin", SOMEBODY)]
    purge(planned, remote, cache)
    assert stored(remote) == {md5(b"c")}
    assert cache.find(hashlib.sha256(b"c").hexdigest(), 1) is not None
    assert cache.find(hashlib.sha256(b"a" * 5000).hexdigest(), 5000) is None


def test_files_of_a_large_folder_of_somebody_stay(
    added: Added, remote: LocalRemote, cache: Cache
) -> None:
    theirs = added("theirs", {"x": b"c", "y": b"only theirs"}, is_listed=False)
    blobs = all_of([added("folder", FILES)], remote, cache)
    wanted = frozenset(blob.md5 for blob in blobs)
    needs = RequiredObjects(wanted, folders={str(theirs["md5"]): SOMEBODY})
    planned = plan(blobs, needs, remote)
    assert [kept.blob.path for kept in planned.kept] == ["folder/b/c.bin"]
    purge(planned, remote, cache)
    assert stored(remote) == {md5(b"c"), md5(b"only theirs"), theirs["md5"]}


def test_a_folder_of_somebody_that_nobody_can_look_into_stops_it(
    added: Added, remote: LocalRemote, cache: Cache
) -> None:
    blobs = all_of([added("model.bin", b"m")], remote, cache)
    needs = RequiredObjects(frozenset([md5(b"m")]), folders={f"{'0' * 32}.dir": SOMEBODY})
    with pytest.raises(RemoteError, match="nlp/other@2 in origin/main uses the folder") as no:
        plan(blobs, needs, remote)
    assert "dvc push" in no.value.remedy
    # Where everything is needed anyway, it does not matter.
    known = RequiredObjects(needs.wanted, objects={md5(b"m"): SOMEBODY}, folders=needs.folders)
    assert plan(blobs, known, remote).kept == (KeptObject(blobs[0], SOMEBODY),)


def test_it_is_made_again_after_it_broke_off(
    added: Added, remote: LocalRemote, cache: Cache
) -> None:
    entry = added("folder", FILES, is_listed=False)
    (remote.folder / object_path(md5(b"c"))).unlink()
    blobs = all_of([entry], remote, Cache(cache.root / "another"))
    planned = plan(blobs, nobody(*blobs), remote)
    assert [blob.path for blob in planned.gone] == ["folder/b/c.bin"]
    assert purge(planned, remote, cache).objects == 2
    again = all_of([entry], remote, cache)
    nothing = plan(again, nobody(*again), remote)
    assert [blob.path for blob in nothing.gone] == ["folder/"]
    assert purge(nothing, remote, cache) == PurgeSummary(0, 0, 0)


def test_the_cache_remembers_a_folder_whose_list_is_gone(
    added: Added, remote: LocalRemote, cache: Cache
) -> None:
    entry = added("folder", FILES, is_listed=False)
    fetch(entry, lambda: remote, cache)
    (remote.folder / object_path(str(entry["md5"]))).unlink()
    blobs = all_of([entry], remote, cache)
    planned = plan(blobs, nobody(*blobs), remote)
    assert {blob.path for blob in planned.going} == {"folder/a.bin", "folder/b/c.bin"}
    purge(planned, remote, cache)
    assert stored(remote) == set()
    assert cached(cache) == []


def test_a_list_that_lies_is_not_believed(added: Added, remote: LocalRemote, cache: Cache) -> None:
    entry = added("folder", FILES, is_listed=False)
    place = remote.folder / object_path(str(entry["md5"]))
    place.unlink()
    place.write_bytes(b'[{"md5": "' + md5(b"victim").encode() + b'", "relpath": "x"}]')
    with pytest.raises(CorruptObjectError, match="does not match its manifest"):
        all_of([entry], remote, cache)


def test_objects_of_dvc_2_go_too(added: Added, remote: LocalRemote, cache: Cache) -> None:
    blobs = all_of([added("model.bin", b"m")], remote, cache)
    old = remote.folder / legacy_path(md5(b"m"))
    old.parent.mkdir()
    (remote.folder / object_path(md5(b"m"))).rename(old)
    planned = plan(blobs, nobody(*blobs), remote)
    assert planned.going == tuple(blobs)
    purge(planned, remote, cache)
    assert stored(remote) == set()


def test_a_remote_that_is_not_mounted_is_not_taken_for_empty(
    added: Added, remote: LocalRemote, cache: Cache
) -> None:
    blobs = all_of([added("model.bin", b"m")], remote, cache)
    remote.folder.rename(remote.folder.with_name("elsewhere"))
    with pytest.raises(RemoteError, match="does not exist"):
        plan(blobs, nobody(*blobs), remote)
    with pytest.raises(RemoteError, match="does not exist"):
        remote.delete(md5(b"m"))


def test_a_refusal_says_how_far_it_came(added: Added, remote: LocalRemote, cache: Cache) -> None:
    blobs = all_of([added("model.bin", b"m"), added("folder", FILES)], remote, cache)
    planned = plan(blobs, nobody(*blobs), remote)
    folder = remote.folder / object_path(str(planned.going[-1].md5))
    folder.unlink()
    make(folder, {"in the way": b""})  # a folder cannot be unlinked, not even by root
    with pytest.raises(
        RemoteError,
        match=r"cannot delete \w+\.dir from the remote .*: .*; 3 of 4 objects had been deleted",
    ) as caught:
        purge(planned, remote, cache)
    assert "run the same command again" in caught.value.remedy
    assert cache.find(hashlib.sha256(b"m").hexdigest(), 1) is not None


def test_an_object_is_deleted_once(added: Added, remote: LocalRemote) -> None:
    added("model.bin", b"m")
    assert remote.delete(md5(b"m"))
    assert not remote.delete(md5(b"m"))
    with pytest.raises(UsageError):
        remote.delete("../../../etc/passwd")


@pytest.fixture
def cloud(tmp_path: Path) -> DvcRemote:
    fs = get_fs_cls({}, scheme="memory")(global_store=False)
    said = ErrorTranslator("storage", "the remote storage (memory://)", "memory")
    return DvcRemote("storage", "memory://", FileStore(fs, "/models"), said)


def test_through_the_file_systems_of_dvc(cloud: DvcRemote, cache: Cache, tmp_path: Path) -> None:
    ingested = ingest(make(tmp_path / "folder", FILES), cache=cache)
    upload(ingested, cloud)
    entry: dict[str, JSON] = {"path": "folder", "md5": ingested.md5, "sha256": ingested.sha256}
    blobs = all_of([entry], cloud, cache)
    assert cloud.modified(blob.md5 for blob in blobs).keys() == {blob.md5 for blob in blobs}
    assert len(plan(blobs, nobody(*blobs), cloud, erased=time.time() - 60).kept) == 3
    planned = plan(blobs, nobody(*blobs), cloud, erased=time.time())
    assert len(planned.going) == 3
    assert purge(planned, cloud, cache).objects == 3
    assert list(cloud.objects()) == []
    assert not cloud.delete(ingested.md5)


def test_a_store_that_locks_its_objects_is_told_in_words(
    cloud: DvcRemote, cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(_: object, path: str) -> None:
        raise PermissionError("Access Denied because object protected by object lock.")

    ingested = ingest(make(tmp_path, {"model.bin": b"m"}) / "model.bin", cache=cache)
    upload(ingested, cloud)
    monkeypatch.setattr(MemoryFileSystem, "rm_file", locked)
    with pytest.raises(RemoteError, match=r"refused to delete \w+: .*Access Denied") as caught:
        cloud.delete(ingested.md5)
    assert "object lock, retention or legal hold" in caught.value.remedy


def test_a_store_that_only_says_it_deleted(
    cloud: DvcRemote, cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingested = ingest(make(tmp_path, {"model.bin": b"m"}) / "model.bin", cache=cache)
    upload(ingested, cloud)
    monkeypatch.setattr(MemoryFileSystem, "rm_file", lambda *_: None)
    with pytest.raises(RemoteError, match=r"still has \w+ after it was deleted"):
        cloud.delete(ingested.md5)


@pytest.fixture
def web() -> Iterator[str]:
    """A web server that has every object."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "1")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/models"
        server.shutdown()
        thread.join()


def test_a_plain_web_server_is_no_place_to_delete_from(web: str) -> None:
    config = f"[core]\nremote = storage\n['remote \"storage\"']\nurl = {web}\n"
    remote = open_remote(DvcSettings(config.encode()))
    with pytest.raises(RemoteError, match="plain web server: DVC cannot delete") as caught:
        remote.delete("0" * 32)
    assert object_path("0" * 32) in caught.value.remedy


def test_the_cache_forgets_all_of_an_object(added: Added, remote: LocalRemote, cache: Cache) -> None:  # fmt: skip
    entry = added("folder", FILES, is_listed=False)
    path = fetch(entry, lambda: remote, cache)
    other = added("other.bin", b"c")
    fetch(other, lambda: remote, cache)
    sha256 = str(entry["sha256"])
    assert cache.forget(sha256)
    assert not cache.forget(sha256)
    assert not path.exists()
    assert cache.find_members(sha256) is None
    one = hashlib.sha256(b"c").hexdigest()
    assert cache.find_file(one, 1, "other.bin") is not None
    assert cache.forget(one)
    assert (cache.find(one, 1), cache.find_file(one, 1, "other.bin")) == (None, None)
    with pytest.raises(UsageError):
        cache.forget("../x")


def test_a_cache_that_cannot_be_cleared_says_so(cache: Cache) -> None:
    sha256 = folder_sha256([])
    make(cache.root / "objects" / "sha256" / sha256[:2] / sha256[2:], {"x": b""})
    with pytest.raises(OperationalError, match=r"the cache .* cannot be used"):
        cache.forget(sha256)


def test_an_empty_plan(remote: LocalRemote, cache: Cache) -> None:
    assert plan([], nobody(), remote) == PurgePlan((), (), ())
    assert purge(PurgePlan((), (), ()), remote, cache) == PurgeSummary(0, 0, 0)
    with pytest.raises(MissingObjectError), remote.download("0" * 32):
        pass


def test_what_was_uploaded_after_the_erasure_stays_for_a_while(
    added: Added, remote: LocalRemote, cache: Cache
) -> None:
    entries = [added("model.bin", b"m" * 70), added("old.bin", b"o")]
    blobs = all_of(entries, remote, cache)
    now, day = time.time(), 24 * 3600
    for content, when in ((b"m" * 70, now - day), (b"o", now - 3 * day)):
        os.utime(remote.folder / object_path(md5(content)), (when, when))
    planned = plan(blobs, nobody(*blobs), remote, erased=now - 2 * day)
    assert [blob.path for blob in planned.going] == ["old.bin"]
    assert [kept.blob.path for kept in planned.kept] == ["model.bin"]
    assert "after the erasure; kept until" in planned.kept[0].need.words
    # Long ago: whoever brought it back never published it.
    long_ago = now - 8 * day
    os.utime(remote.folder / object_path(md5(b"m" * 70)), (long_ago, long_ago))
    planned = plan(blobs, nobody(*blobs), remote, erased=now - 30 * day)
    assert {blob.path for blob in planned.going} == {"model.bin"}


def test_objects_in_the_layout_of_dvc_2_have_a_time_too(
    added: Added, remote: LocalRemote, cache: Cache
) -> None:
    blobs = all_of([added("model.bin", b"m")], remote, cache)
    (remote.folder / legacy_path(md5(b"m"))).parent.mkdir(parents=True)
    new, old = remote.folder / object_path(md5(b"m")), remote.folder / legacy_path(md5(b"m"))
    new.rename(old)
    os.utime(old, (1_000_000_000, 1_000_000_000))
    assert remote.modified([blobs[0].md5, md5(b"x")]) == {md5(b"m"): 1_000_000_000}
