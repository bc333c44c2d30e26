from __future__ import annotations

import hashlib
import socket
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from dvc.fs import get_fs_cls

from registry_tool.artifacts.remotes.base import Remote, object_path, redact_url
from registry_tool.artifacts.remotes.config import DvcSettings
from registry_tool.artifacts.remotes.dvc import DvcRemote
from registry_tool.artifacts.remotes.errors import ErrorTranslator
from registry_tool.artifacts.remotes.file_store import FileStore
from registry_tool.artifacts.remotes.local import LocalRemote
from registry_tool.artifacts.remotes.open import open_remote
from registry_tool.artifacts.transfer.upload import send
from registry_tool.errors import MissingObjectError, RemoteError, UsageError


def config(url: str, *options: str) -> bytes:
    lines = ["[core]", "remote = storage", "['remote \"storage\"']", f"url = {url}", *options]
    return "\n".join(lines).encode()


def blob(folder: Path, data: bytes = b"weights") -> tuple[str, Path]:
    path = folder / "blob"
    path.write_bytes(data)
    return hashlib.md5(data).hexdigest(), path


def read(remote: Remote, md5: str) -> bytes:
    with remote.download(md5) as stream:
        return b"".join(iter(lambda: stream.read(1 << 16), b""))


def test_an_object_goes_there_and_back(tmp_path: Path) -> None:
    remote = open_remote(DvcSettings(config("../../store"), root=tmp_path / "registry"))
    md5, path = blob(tmp_path)
    assert isinstance(remote, LocalRemote)
    assert remote.exists([md5]) == set()
    assert remote.size(md5) is None
    told = [0]
    remote.put(md5, path, progress=told.append)
    assert sum(told) == 7
    assert remote.exists([md5, "0" * 32]) == {md5}
    assert remote.size(md5) == 7
    assert read(remote, md5) == b"weights"
    stored = tmp_path / "store" / object_path(md5)
    assert stored.stat().st_mode & 0o777 == 0o444
    assert [p.name for p in stored.parent.iterdir()] == [stored.name]


def test_what_is_there_is_not_sent_again_unless_its_size_is_wrong(
    remote: LocalRemote, tmp_path: Path
) -> None:
    md5, path = blob(tmp_path)
    assert send([(md5, path)], remote).sent == 1
    assert send([(md5, path)], remote).sent == 0
    stored = remote.folder / object_path(md5)
    stored.unlink()
    stored.write_bytes(b"half")
    assert send([(md5, path)], remote).sent == 1
    assert read(remote, md5) == b"weights"


def test_an_object_of_dvc_2_is_read_but_is_not_there_for_dvc_3(
    remote: LocalRemote, tmp_path: Path
) -> None:
    md5, path = blob(tmp_path)
    old = remote.folder / md5[:2] / md5[2:]
    old.parent.mkdir()
    old.write_bytes(path.read_bytes())
    assert read(remote, md5) == b"weights"
    assert remote.exists([md5]) == set()
    assert remote.exists([md5], legacy=True) == {md5}


def test_a_missing_object_and_a_missing_folder_are_told_apart(
    remote: LocalRemote, tmp_path: Path
) -> None:
    with pytest.raises(MissingObjectError, match="storage"), remote.download("0" * 32):
        pass
    gone = LocalRemote(name="storage", folder=tmp_path / "unmounted")
    with pytest.raises(RemoteError, match="does not exist") as caught, gone.download("0" * 32):
        pass
    assert not isinstance(caught.value, MissingObjectError)


def test_a_digest_from_a_hostile_manifest_does_not_leave_the_remote(remote: LocalRemote) -> None:
    with pytest.raises(UsageError), remote.download("../../../../../../../../etc/pw"):
        pass


def test_a_remote_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store/files").write_text("a file where a folder should be")
    md5, path = blob(tmp_path)
    remote = LocalRemote(name="storage", folder=tmp_path / "store")
    with pytest.raises(RemoteError, match="a file exists where a folder is needed"):
        remote.put(md5, path)


def test_a_group_remote_makes_folders_the_group_can_write(tmp_path: Path) -> None:
    remote = open_remote(DvcSettings(config(str(tmp_path / "store"), "shared = group")))
    md5, path = blob(tmp_path)
    remote.put(md5, path)
    folder = (tmp_path / "store" / object_path(md5)).parent
    assert folder.stat().st_mode & 0o7777 == 0o2775


def test_a_relative_remote_needs_a_folder_to_start_from() -> None:
    with pytest.raises(RemoteError, match="relative path"):
        open_remote(DvcSettings(config("../store")))


@pytest.mark.parametrize("option", ["version_aware", "worktree"])
def test_cloud_versioned_remotes_are_refused_in_words(option: str) -> None:
    with pytest.raises(RemoteError, match="not supported"):
        open_remote(DvcSettings(config("s3://bucket/x", f"{option} = true")))


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("s3://bucket/x", 'pip install "registry-tool[s3]"'),
        ("webdavs://host/x", 'pip install "registry-tool[webdav]"'),
        ("gs://bucket/x", 'pip install "registry-tool[gs]"'),
        ("azure://container/x", 'pip install "registry-tool[azure]"'),
        ("oss://bucket/x", 'pip install "dvc-oss"'),
    ],
)
def test_a_missing_driver_is_named_with_the_command(
    url: str, hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package in ("dvc_s3", "dvc_webdav", "dvc_oss", "dvc_gs", "dvc_azure"):
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(RemoteError) as caught:
        open_remote(DvcSettings(config(url)))
    assert hint in caught.value.remedy


@pytest.mark.parametrize("url", ["ftp://host/x", "file:///srv/x", "nonsense://x"])
def test_a_scheme_dvc_cannot_serve_is_refused(url: str) -> None:
    with pytest.raises(RemoteError):
        open_remote(DvcSettings(config(url)))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://user:hunter2@host/p?sig=abc#f", "https://host/p"),
        ("/srv/models", "/srv/models"),
        ("s3://bucket/p", "s3://bucket/p"),
        ("https://[bad", "https://…"),
    ],
)
def test_a_url_is_shown_without_credentials(url: str, expected: str) -> None:
    assert redact_url(url) == expected


class Store(BaseHTTPRequestHandler):
    objects: dict[str, bytes]
    forbidden = False

    def _answer(self) -> bytes | None:
        data = self.objects.get(self.path)
        status = 403 if self.forbidden else 404 if data is None else 200
        self.send_response(status)
        self.send_header("Content-Length", str(len(data or b"")))
        self.end_headers()
        return data if status == 200 else None

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        if data := self._answer():
            self.wfile.write(data)

    def do_POST(self) -> None:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            data = b""
            while size := int(self.rfile.readline(), 16):
                data += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            data = self.rfile.read(int(self.headers["Content-Length"]))
        self.objects[self.path] = data
        self.send_response(201)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def web() -> Iterator[tuple[str, type[Store]]]:
    class Handler(Store):
        objects: dict[str, bytes] = {}  # noqa: RUF012 - one store for each test

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/models", Handler
        server.shutdown()
        thread.join()


def test_a_web_server_is_a_remote(web: tuple[str, type[Store]], tmp_path: Path) -> None:
    remote = open_remote(DvcSettings(config(web[0])))
    md5, path = blob(tmp_path, b"w" * 3_000_000)
    assert remote.exists([md5]) == set()
    told = [0]
    remote.put(md5, path, progress=told.append)
    assert sum(told) == 3_000_000
    assert send([(md5, path)], remote).sent == 0
    assert remote.exists([md5, "0" * 32]) == {md5}
    assert read(remote, md5) == path.read_bytes()
    assert f"/models/{object_path(md5)}" in web[1].objects
    assert sum("/leases/" in path for path in web[1].objects) == 1


def test_a_web_server_without_the_object_says_missing(web: tuple[str, type[Store]]) -> None:
    remote = open_remote(DvcSettings(config(web[0])))
    with pytest.raises(MissingObjectError), remote.download("0" * 32):
        pass


def test_a_refusal_is_not_taken_for_absence(web: tuple[str, type[Store]]) -> None:
    web[1].forbidden = True
    remote = open_remote(DvcSettings(config(web[0])))
    for act in (
        lambda: remote.exists(["0" * 32]),
        lambda: remote.size("0" * 32),
        lambda: read(remote, "0" * 32),
    ):
        with pytest.raises(RemoteError, match="403") as caught:
            act()
        assert not isinstance(caught.value, MissingObjectError)


def test_a_server_that_is_not_there_is_not_taken_for_absence(tmp_path: Path) -> None:
    with socket.socket() as taken:  # bound but not listening: a connection is refused
        taken.bind(("127.0.0.1", 0))
        url = f"http://user:hunter2@127.0.0.1:{taken.getsockname()[1]}/models"
        own = tmp_path / "config.local"
        own.write_bytes(config(url))
        remote = open_remote(DvcSettings(local_config=own))
        md5, path = blob(tmp_path)
        for act in (
            lambda: remote.exists([md5]),
            lambda: remote.put(md5, path),
            lambda: read(remote, md5),
        ):
            with pytest.raises(RemoteError, match="storage") as caught:
                act()
            assert not isinstance(caught.value, MissingObjectError)
            assert "hunter2" not in str(caught.value)


def test_where_half_files_show_an_upload_is_renamed_into_place(tmp_path: Path) -> None:
    fs = get_fs_cls({}, scheme="memory")(global_store=False)
    said = ErrorTranslator("storage", "the remote storage", "memory")
    remote = DvcRemote("storage", "memory://", FileStore(fs, "/models"), said)
    md5, path = blob(tmp_path)
    assert send([(md5, path)], remote).sent == 1
    assert send([(md5, path)], remote).sent == 0
    assert read(remote, md5) == b"weights"
    assert len(list(fs.find("/models/files"))) == 1
