from __future__ import annotations

import hashlib
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.http_object_server import ObjectServer, serving

from registry_tool.artifacts.cache.cache import Cache
from registry_tool.artifacts.entry import ArtifactRequest, StoredEntry
from registry_tool.artifacts.remotes.base import ObjectSource, legacy_path, object_path
from registry_tool.artifacts.remotes.config import DvcSettings
from registry_tool.artifacts.remotes.dvc import DvcRemote
from registry_tool.artifacts.remotes.http_reader import HttpSource
from registry_tool.artifacts.remotes.local import LocalRemote
from registry_tool.artifacts.remotes.open import open_source
from registry_tool.artifacts.transfer import resume
from registry_tool.artifacts.transfer.fetch import Fetcher
from registry_tool.errors import CorruptObjectError, MissingObjectError, RegistryError, RemoteError

MEGA = 1 << 20
DATA = b"the bytes of a model" * 100
BIG = os.urandom(40 * MEGA + 17)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ObjectServer]:
    (tmp_path / "store").mkdir()
    with serving(tmp_path / "store") as found:
        yield found


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def opened(server: ObjectServer, *, url: str = "", **options: str) -> ObjectSource:
    lines = "".join(f"{key} = {value}\n" for key, value in options.items())
    remote = f"['remote \"store\"']\nurl = {url or server.url}\n{lines}"
    # Secrets stand in the local level, as they must.
    local = server.folder.with_name("config.local")
    local.write_text(remote, encoding="utf-8")
    return open_source(DvcSettings(b"[core]\nremote = store\n", local_config=local))


def put(server: ObjectServer, data: bytes, *, legacy: bool = False) -> StoredEntry:
    md5 = hashlib.md5(data).hexdigest()
    place = server.folder / (legacy_path(md5) if legacy else object_path(md5))
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(data)
    return StoredEntry("model", "model.bin", len(data), hashlib.sha256(data).hexdigest(), md5)


def fetched(source: ObjectSource, cache: Cache, entry: StoredEntry) -> bytes:
    return Fetcher([lambda: source], cache).path(ArtifactRequest(entry)).read_bytes()


def read(source: ObjectSource, md5: str, start: int = 0) -> bytes:
    with source.download(md5, start=start) as stream:
        return b"".join(iter(lambda: stream.read(1000), b""))


@pytest.mark.parametrize("data", [DATA, b"", b"x" * (3 * MEGA)])
@pytest.mark.parametrize("legacy", [False, True])
def test_an_object_arrives(
    server: ObjectServer, cache: Cache, data: bytes, *, legacy: bool
) -> None:
    source = opened(server)
    assert isinstance(source, HttpSource)
    assert fetched(source, cache, put(server, data, legacy=legacy)) == data


@pytest.mark.usefixtures("http_sender")
def test_many_objects_come_over_few_connections(server: ObjectServer) -> None:
    source = opened(server)
    for number in range(50):
        entry = put(server, b"%d" % number)
        assert read(source, entry.md5) == b"%d" % number
    assert server.connections == 1


@pytest.mark.usefixtures("http_sender")
def test_a_kept_connection_that_the_server_ended_is_replaced(server: ObjectServer) -> None:
    source = opened(server)
    entry = put(server, DATA)
    server.closes_quietly = True
    for _ in range(3):
        assert read(source, entry.md5) == DATA
    assert server.connections == 3


@pytest.mark.parametrize("ignores", [False, True])
def test_bytes_from_an_offset_on(server: ObjectServer, *, ignores: bool) -> None:
    server.ignores_ranges = ignores
    entry = put(server, DATA)
    assert read(opened(server), entry.md5, start=700) == DATA[700:]
    assert server.ranges == ["bytes=700-"]
    assert read(opened(server), entry.md5, start=len(DATA)) == b""


def test_a_large_object_comes_in_pieces(server: ObjectServer, cache: Cache) -> None:
    assert fetched(opened(server), cache, put(server, BIG)) == BIG
    assert len(server.ranges) == 6
    assert server.ranges[-1].endswith(f"-{len(BIG)}")  # one byte more than there should be
    assert server.sent == len(BIG)


def test_a_server_that_gives_no_parts_is_asked_once_for_all(
    server: ObjectServer, cache: Cache
) -> None:
    server.ignores_ranges = True
    assert fetched(opened(server), cache, put(server, BIG)) == BIG
    assert len(server.ranges) == 1


@pytest.mark.parametrize("change", ["longer", "shorter", "flipped"])
def test_a_large_object_that_is_wrong_is_refused(
    server: ObjectServer, cache: Cache, change: str
) -> None:
    entry = put(server, BIG)
    wrong = {"longer": BIG + b"!", "shorter": BIG[:-1], "flipped": b"!" + BIG[1:]}[change]
    (server.folder / object_path(entry.md5)).write_bytes(wrong)
    with pytest.raises(CorruptObjectError, match=f"in the object {entry.md5} on the remote store"):
        fetched(opened(server), cache, entry)


@pytest.mark.usefixtures("http_sender")
@pytest.mark.parametrize("data", [BIG, b"x" * (3 * MEGA)])
def test_a_server_that_breaks_off_is_asked_for_the_rest(
    server: ObjectServer, cache: Cache, data: bytes
) -> None:
    server.breaks_after, server.breaks = MEGA, 3
    assert fetched(opened(server), cache, put(server, data)) == data
    assert server.sent < len(data) + 16 * MEGA


@pytest.mark.usefixtures("http_sender")
def test_a_server_that_is_busy_for_a_moment_is_asked_again(
    server: ObjectServer, cache: Cache
) -> None:
    server.busy = 2
    assert fetched(opened(server), cache, put(server, DATA)) == DATA


@pytest.mark.usefixtures("http_sender")
def test_a_missing_object_and_a_missing_server_are_not_the_same(
    server: ObjectServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resume, "_FIRST_PAUSE", 0.001)
    md5 = "0" * 32
    with pytest.raises(MissingObjectError, match=md5):
        read(opened(server), md5)
    with pytest.raises(RemoteError, match="cannot be reached") as caught:
        read(opened(server, url="http://127.0.0.1:1/store"), md5)
    assert not isinstance(caught.value, MissingObjectError)
    server.busy = 100
    with pytest.raises(RemoteError, match="503"):
        read(opened(server), md5)


def test_a_password_is_given_and_demanded(server: ObjectServer) -> None:
    server.login = ("alice", "right")
    entry = put(server, DATA)
    assert read(opened(server, auth="basic", user="alice", password="right"), entry.md5) == DATA
    in_url = server.url.replace("http://", "http://alice:right@")
    assert read(opened(server, url=in_url), entry.md5) == DATA
    for source in (
        opened(server),
        opened(server, auth="basic", user="alice", password="wrong"),
        opened(server, url=in_url.replace("right", "wrong")),
    ):
        with pytest.raises(RemoteError, match="rejected the credentials") as caught:
            read(source, entry.md5)
        assert "wrong" not in str(caught.value)
        assert "dvc remote modify --local store" in caught.value.remedy


def test_a_password_stands_in_netrc(
    server: ObjectServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.login = ("alice", "right")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    home = Path(os.environ["HOME"])
    (home / ".netrc").write_text("machine 127.0.0.1 login alice password right\n", encoding="utf-8")
    (home / ".netrc").chmod(0o600)
    assert read(opened(server), put(server, DATA).md5) == DATA


def test_a_header_of_ones_own_says_who_asks(server: ObjectServer) -> None:
    source = opened(server, auth="custom", custom_auth_header="X-Token", password="abc")
    read(source, put(server, DATA).md5)
    assert server.headers[-1]["X-Token"] == "abc"


def test_settings_that_lack_something_are_said(server: ObjectServer) -> None:
    with pytest.raises(RemoteError, match="no credentials"):
        opened(server, auth="basic", user="alice")


def test_a_redirect_is_followed_and_no_password_goes_to_another_host(
    server: ObjectServer, tmp_path: Path
) -> None:
    entry = put(server, DATA)
    server.login = ("alice", "right")
    with serving(server.folder) as mirror:
        server.moved_to = mirror.url
        source = opened(server, auth="basic", user="alice", password="right")
        assert read(source, entry.md5, start=3) == DATA[3:]
        assert "Authorization" in server.headers[-1]
        assert "Authorization" not in mirror.headers[-1]


@pytest.mark.parametrize("to", ["file:///etc", "circle"])
def test_a_redirect_to_nowhere_is_said(server: ObjectServer, to: str) -> None:
    server.moved_to = server.url if to == "circle" else to
    with pytest.raises(RemoteError, match=r"too many redirects|not a web address"):
        read(opened(server), put(server, DATA).md5)


def test_a_proxy_of_the_environment_is_used(
    server: ObjectServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = put(server, DATA)
    proxy = server.url.removesuffix("/store").replace("http://", "http://me:secret@")
    monkeypatch.setenv("http_proxy", proxy)
    source = opened(server, url="http://models.example.org/store")
    assert read(source, entry.md5) == DATA
    assert server.headers[-1]["Host"] == "models.example.org"
    assert server.headers[-1]["Proxy-Authorization"].startswith("Basic ")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert read(opened(server), entry.md5) == DATA


def test_a_plain_server_is_read_without_loading_urllib3(server: ObjectServer) -> None:
    entry = put(server, DATA)
    code = (
        "import sys; from registry_tool.artifacts.remotes.config import DvcSettings\n"
        "from registry_tool.artifacts.remotes.open import open_source\n"
        f'text = b"[core]\\nremote = store\\n[\'remote \\"store\\"\']\\nurl = {server.url}\\n"\n'
        f"with open_source(DvcSettings(text)).download({entry.md5!r}) as stream: print(len(stream.read(9000)))\n"
        "print(sorted({'urllib3', 'requests', 'aiohttp', 'dvc'} & sys.modules.keys()))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert (ran.stderr, ran.stdout) == ("", f"{len(DATA)}\n[]\n")


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-days", "1", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", str(key), "-out", str(cert)],
        check=True, capture_output=True,
    )  # fmt: skip
    return cert, key


def test_a_certificate_is_verified_unless_the_user_says_otherwise(
    tmp_path: Path, certificate: tuple[Path, Path]
) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    (tmp_path / "store").mkdir()
    with serving(tmp_path / "store", context) as server:
        entry = put(server, DATA)
        with pytest.raises(RemoteError, match="certificate cannot be verified"):
            read(opened(server), entry.md5)
        assert read(opened(server, ssl_verify=str(certificate[0])), entry.md5) == DATA
        assert read(opened(server, ssl_verify="false"), entry.md5) == DATA


def test_what_this_reader_does_not_know_goes_through_dvc(server: ObjectServer) -> None:
    assert isinstance(opened(server, ask_password="true"), DvcRemote)
    assert isinstance(opened(server, ask_password="false"), HttpSource)
    assert isinstance(opened(server, url=f"{server.url}?token=x"), DvcRemote)


def test_a_folder_is_read_as_a_folder(server: ObjectServer) -> None:
    source = opened(server, url=str(server.folder))
    assert isinstance(source, LocalRemote)
    assert read(source, put(server, DATA).md5) == DATA


def test_an_error_has_no_secret_in_it(server: ObjectServer) -> None:
    source = opened(server, url="http://alice:secret@127.0.0.1:1/store")
    with pytest.raises(RegistryError) as caught:
        read(source, "0" * 32)
    assert "secret" not in str(caught.value)
