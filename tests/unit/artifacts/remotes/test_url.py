from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from registry_tool.artifacts.remotes.config import DvcSettings
from registry_tool.artifacts.remotes.url import _borrow_settings, is_url, open_url
from registry_tool.errors import MissingObjectError, RemoteError, UsageError

BYTES = b"weights" * 1000
CONFIG = b"""
['remote "near"']
    url = s3://near/models
    endpointurl = https://s3.example.org
['remote "web"']
    url = https://files.example.org/models
    user = alice
['remote "folder"']
    url = /srv/models
"""

NEAR = b"['remote \"own\"']\nurl = http://127.0.0.1:%d/models\n"


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


class Files(BaseHTTPRequestHandler):
    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        if self._answer():
            self.wfile.write(BYTES)

    def _answer(self) -> bool:
        status = {"/model.bin": 200, "/secret.bin": 403}.get(self.path.partition("?")[0], 404)
        self.send_response(status)
        self.send_header("Content-Length", str(len(BYTES)) if status == 200 else "0")
        self.end_headers()
        return status == 200

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def web() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Files) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_an_object_at_a_url_is_read(web: str) -> None:
    for url in (f"{web}/model.bin", f"{web}/model.bin?download=true"):
        with open_url(url, DvcSettings()) as found:
            assert found.size == len(BYTES)
            assert b"".join(iter(lambda: found.stream.read(1 << 16), b"")) == BYTES
            assert found.label == f"{web}/model.bin"


def test_nothing_there(web: str) -> None:
    with (
        pytest.raises(MissingObjectError, match="does not exist"),
        open_url(f"{web}/x", DvcSettings()),
    ):
        pass


def test_a_refusal_is_told_with_the_setting(web: str) -> None:
    url = f"{web}/secret.bin"
    with (
        pytest.raises(RemoteError, match="rejected the credentials") as caught,
        open_url(url, DvcSettings()),
    ):
        pass
    assert not isinstance(caught.value, MissingObjectError)
    assert (
        f"add a remote with credentials for this host: dvc remote add NAME {web},"
        in caught.value.remedy
    )
    assert "dvc remote modify --local NAME user NAME" in caught.value.remedy


def test_a_host_that_cannot_be_reached(free_port: int) -> None:
    url = f"http://127.0.0.1:{free_port}/x.bin"
    with (
        pytest.raises(RemoteError, match="cannot be reached") as caught,
        open_url(url, DvcSettings()),
    ):
        pass
    assert caught.value.remedy == "check the network and the address"
    with pytest.raises(RemoteError) as caught, open_url(url, DvcSettings(NEAR % free_port)):
        pass
    assert "dvc remote modify own url URL" in caught.value.remedy


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("file:///etc/passwd", "unsupported scheme"),
        ("ftp://host/x", "unsupported scheme"),
        ("hf://org/model", "unsupported scheme"),
        ("https://host/folder/", "is a folder"),
    ],
)
def test_what_cannot_be_copied(url: str, words: str) -> None:
    with pytest.raises(UsageError, match=words), open_url(url, DvcSettings()):
        pass


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("s3://near/eval.parquet", "near"),
        ("s3://elsewhere/eval.parquet", "near"),  # it goes to the endpoint that is configured
        ("https://files.example.org/other/x", "web"),
        ("https://elsewhere.example.org/x", "NAME"),
        ("http://files.example.org/x", "NAME"),
        ("https://files.example.org.evil.example/x", "NAME"),
        ("ssh://files.example.org/x", "NAME"),
    ],
)
def test_whose_settings_are_used(url: str, name: str, tmp_path: Path) -> None:
    own = tmp_path / "config.local"
    own.write_text("['remote \"web\"']\npassword = hunter2\n")
    chosen = _borrow_settings(DvcSettings(CONFIG, local_config=own), url)
    assert chosen.name == name
    assert chosen.url == url
    assert ("password" in chosen.options) == (name == "web")


def test_what_looks_like_a_url() -> None:
    assert all(is_url(text) for text in ("s3://b/x", "https://h/x", "webdavs://h"))
    assert not any(is_url(text) for text in ("s3:", "a/b", "./s3://", "://x", "C:\\x", "nlp/x@1"))
