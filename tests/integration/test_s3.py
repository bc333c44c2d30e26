"""What only an object store has: parts, versions, locks and conditions, against SeaweedFS."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from support import without
from support.remote_servers import Server, lacking, seaweed
from support.upload_proxies import proxy

from registry_tool.artifacts.remotes.base import object_path
from registry_tool.artifacts.remotes.config import DvcSettings
from registry_tool.artifacts.remotes.dvc import DvcRemote
from registry_tool.artifacts.remotes.open import open_remote
from registry_tool.artifacts.remotes.s3 import S3Store
from registry_tool.artifacts.remotes.s3_multipart import PART
from registry_tool.artifacts.transfer.upload import send
from registry_tool.errors import RemoteError


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if missing := lacking("s3"):
        without(missing)
    with seaweed(tmp_path_factory.mktemp("s3") / "server") as running:
        yield running


def settings(folder: Path, url: str, options: Mapping[str, str]) -> DvcSettings:
    lines = ["[core]", "remote = storage", "['remote \"storage\"']", f"url = {url}"]
    place = folder / "config.local"
    place.write_text("\n".join([*lines, *(f"{k} = {v}" for k, v in options.items())]))
    return DvcSettings(local_config=place)


def open_on(folder: Path, server: Server, url: str, **options: str) -> DvcRemote:
    remote = open_remote(settings(folder, url, {**server.settings, **server.secrets, **options}))
    assert isinstance(remote, DvcRemote)
    return remote


def bucket_of(remote: DvcRemote) -> S3Store:
    assert isinstance(remote._store, S3Store)
    return remote._store


def blob(folder: Path, data: bytes) -> tuple[str, Path]:
    md5 = hashlib.md5(data).hexdigest()
    (folder / md5).write_bytes(data)
    return md5, folder / md5


def versions(remote: DvcRemote, md5: str) -> int:
    bucket = bucket_of(remote)
    found = bucket._call("list_object_versions", Prefix=bucket._key(object_path(md5)))
    listed = found.get("Versions", [])
    return len(listed) if isinstance(listed, list) else 0


@pytest.fixture
def versioned(server: Server, tmp_path: Path) -> DvcRemote:
    """A bucket of its own that keeps versions, and may lock them."""
    name = tmp_path.name.replace("_", "-")[-50:].strip("-") + "-b"
    remote = open_on(tmp_path, server, f"s3://{name}/x")
    bucket_of(remote)._call("create_bucket", ObjectLockEnabledForBucket=True)
    return remote


def test_what_is_there_is_not_stored_once_more(versioned: DvcRemote, tmp_path: Path) -> None:
    one = blob(tmp_path, b"weights")
    assert send([one], versioned).sent == 1
    for _ in range(3):
        versioned.put(*one)  # as by a process that asked before the object was there
    assert versions(versioned, one[0]) == 1


def test_an_object_of_another_size_is_replaced(versioned: DvcRemote, tmp_path: Path) -> None:
    md5, path = blob(tmp_path, b"weights")
    bucket = bucket_of(versioned)
    bucket._call("put_object", Key=bucket._key(object_path(md5)), Body=b"half")
    assert send([(md5, path)], versioned).sent == 1
    assert versioned.size(md5) == 7


def test_deleting_keeps_the_versions_and_erasing_does_not(
    versioned: DvcRemote, tmp_path: Path
) -> None:
    one = blob(tmp_path, b"weights")
    send([one], versioned)
    assert versioned.delete(one[0])
    assert versioned.exists([one[0]]) == set()
    assert versions(versioned, one[0]) == 1
    assert send([one], versioned).sent == 1
    assert versioned.erase(one[0])
    assert versions(versioned, one[0]) == 0
    assert not versioned.erase(one[0])


def test_a_locked_object_is_not_erased(versioned: DvcRemote, tmp_path: Path) -> None:
    md5, path = blob(tmp_path, b"weights")
    send([(md5, path)], versioned)
    bucket = bucket_of(versioned)
    bucket._call(
        "put_object_legal_hold", Key=bucket._key(object_path(md5)), LegalHold={"Status": "ON"}
    )
    with pytest.raises(RemoteError, match="refused to delete") as caught:
        versioned.erase(md5)
    assert "legal hold" in caught.value.remedy
    assert versioned.exists([md5]) == {md5}


def test_bytes_that_are_not_what_their_name_says_are_refused_by_the_server(
    server: Server, tmp_path: Path
) -> None:
    remote = open_on(tmp_path, server, "s3://models/digest")
    bucket_of(remote)._s3.retries = 1
    path = tmp_path / "other"
    path.write_bytes(b"something else")
    with pytest.raises(RemoteError, match="refused an upload"):
        remote.put("0" * 32, path)


def test_a_bucket_that_is_not_there(server: Server, tmp_path: Path) -> None:
    remote = open_on(tmp_path, server, "s3://nowhere/x")
    one = blob(tmp_path, b"weights")
    with pytest.raises(RemoteError, match="does not exist and cannot be created"):
        send([one], remote)
    with (
        pytest.raises(RemoteError, match="the bucket, container or folder does not exist"),
        remote.download(one[0]),
    ):
        pass


PARTS = 7
SENDING = """
import sys
from pathlib import Path
from registry_tool.artifacts.remotes.open import open_remote
from registry_tool.artifacts.remotes.config import DvcSettings
remote = open_remote(DvcSettings(local_config=Path(sys.argv[1])))
remote.put(sys.argv[2], Path(sys.argv[3]))
"""


def proxied(server: Server, port: int) -> dict[str, str]:
    return {**server.settings, **server.secrets, "endpointurl": f"http://127.0.0.1:{port}"}


def killed_in_the_middle(server: Server, folder: Path, one: tuple[str, Path], url: str) -> None:
    """Send an object in parts, four at a time, and kill the process once most of it went through."""
    port = int(server.settings["endpointurl"].rpartition(":")[2])
    with proxy(port, after=(PARTS - 1) * PART, then="stall") as stalled:
        place = settings(folder, url, proxied(server, stalled.port)).local_config
        process = subprocess.Popen([sys.executable, "-c", SENDING, str(place), one[0], str(one[1])])
        assert stalled.reached.wait(60)
        threading.Event().wait(0.5)  # what is through may be stored
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=30)


def test_a_large_object_goes_on_where_it_was_killed(server: Server, tmp_path: Path) -> None:
    one = blob(tmp_path, os.urandom(PARTS * PART - 1000))
    url = "s3://models/parts"
    killed_in_the_middle(server, tmp_path, one, url)
    remote = open_on(tmp_path, server, url)
    assert remote.exists([one[0]]) == set()
    (left,) = remote.leftovers()
    assert left.upload

    port = int(server.settings["endpointurl"].rpartition(":")[2])
    with proxy(port, after=sys.maxsize, then="cut") as counting:
        again = open_remote(settings(tmp_path, url, proxied(server, counting.port)))
        told: list[int] = []
        again.put(*one, progress=told.append)
        sent = (sys.maxsize - counting._left) / (1 << 20)
    assert sum(told) == one[1].stat().st_size
    assert sent < (PARTS - 2) * PART / (1 << 20)
    with remote.download(one[0]) as stream:
        data = b"".join(iter(lambda: stream.read(1 << 20), b""))
    assert hashlib.md5(data).hexdigest() == one[0]
    assert remote.leftovers() == []


def test_parts_of_other_bytes_are_not_taken_for_ours(server: Server, tmp_path: Path) -> None:
    data = os.urandom(2 * PART)
    md5, path = blob(tmp_path, data)
    remote = open_on(tmp_path, server, "s3://models/forged")
    bucket = bucket_of(remote)
    key = bucket._key(object_path(md5))
    begun = bucket._call("create_multipart_upload", Key=key)["UploadId"]
    bucket._call("upload_part", Key=key, UploadId=begun, PartNumber=1, Body=data[1 : PART + 1])
    remote.put(md5, path)
    with remote.download(md5) as stream:
        assert b"".join(iter(lambda: stream.read(1 << 20), b"")) == data


def test_what_a_broken_upload_left_can_be_cleared_away(server: Server, tmp_path: Path) -> None:
    remote = open_on(tmp_path, server, "s3://models/left")
    bucket = bucket_of(remote)
    key = bucket._key(object_path("0" * 32))
    bucket._call("create_multipart_upload", Key=key)
    (left,) = remote.leftovers()
    assert (left.path, left.modified is not None) == (key, True)
    remote.discard(left)
    assert remote.leftovers() == []


def test_many_objects_are_asked_for_by_listing(server: Server, tmp_path: Path) -> None:
    remote = open_on(tmp_path, server, "s3://models/listed")
    folder = "files/md5/ab"
    bucket = bucket_of(remote)
    names = [f"{n:030x}" for n in range(40)]
    for name in names[:30]:
        bucket._call("put_object", Key=bucket._key(f"{folder}/{name}"), Body=b"x" * 5)
    found = remote.sizes(f"ab{name}" for name in names)
    assert found == {f"ab{name}": 5 for name in names[:30]}
    assert [held.md5 for held in remote.objects()] == [f"ab{name}" for name in names[:30]]
    assert bucket.entries(folder, limit=10) is None
