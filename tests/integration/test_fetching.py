"""Fetching from real servers: broken off and gone on with, refused, in pieces, and without the package dvc."""

from __future__ import annotations

import hashlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from answer_proxies import answer_proxy
from object_server import serving
from remote_servers import KINDS, SERVERS, Server, lacking
from support import Ran, new_repository, run_program, small_registry, without

from registry_tool.artifacts.cache import Cache
from registry_tool.artifacts.local import LocalRemote
from registry_tool.artifacts.readers import open_source
from registry_tool.artifacts.remote import open_remote
from registry_tool.artifacts.s3 import S3Source
from registry_tool.artifacts.settings import DvcSettings
from registry_tool.artifacts.transfer import ingest, upload
from registry_tool.artifacts.web import WebSource
from registry_tool.errors import RemoteTrouble

Cli = Callable[..., Ran]
MEGA = 1 << 20
NETWORKED = [kind for kind in KINDS if kind != "local"]
# Read without DVC, and by what.
SLIM = {"local": LocalRemote, "http": WebSource, "s3": S3Source}
BIG = os.urandom(40 * MEGA + 17)
SMALL = {"vocab.txt": b"one two\n", "sub/rules.json": b"{}", "empty": b"", "ünï cöde": b"x"}
# dvc-http uses what aiohttp 3.14 calls deprecated.
pytestmark = [
    pytest.mark.filterwarnings("ignore:BasicAuth is deprecated"),
    pytest.mark.filterwarnings("ignore:The 'auth' parameter is deprecated"),
]


@dataclass(frozen=True)
class Place:
    """A registry on a server.

    Attributes:
        root: Its folder.
        kind: The kind of server.
        server: The server, and the place on it.
    """

    root: Path
    kind: str
    server: Server

    def configure(self, own: Mapping[str, str]) -> None:
        """What a person keeps: the secrets."""
        lines = "".join(f"{key} = {value}\n" for key, value in own.items())
        (self.root / ".dvc/config.local").write_text(f"['remote \"storage\"']\n{lines}")

    def settings(self) -> DvcSettings:
        """The settings of its remote."""
        config = (self.root / ".dvc/config").read_bytes()
        return DvcSettings(config, self.root / ".dvc/config.local", self.root)

    def through(self, port: int) -> dict[str, str]:
        """The secrets, and the way by a proxy."""
        ways = {"url": self.server.url, **self.server.settings}
        old, new = f":{self.port}", f":{port}"
        turned = {key: value.replace(old, new) for key, value in ways.items() if old in value}
        return {**self.server.secrets, **turned}

    @property
    def port(self) -> int:
        """Where the server listens."""
        way = self.server.settings.get("endpointurl", self.server.url)
        return int(re.findall(r":(\d+)", way)[0])


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Server]]:
    """The server of a kind, started when it is first asked for."""
    with ExitStack() as running:
        started: dict[str, Server] = {}

        def server(kind: str) -> Server:
            if kind not in started:
                folder = tmp_path_factory.mktemp(kind) / "server"
                started[kind] = running.enter_context(SERVERS[kind](folder))
            return started[kind]

        yield server


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    chosen = str(request.param)
    if missing := lacking(chosen):
        without(missing)
    return chosen


@pytest.fixture
def place(
    kind: str, servers: Callable[[str], Server], tmp_path: Path, request: pytest.FixtureRequest, cli: Cli
) -> Place:  # fmt: skip
    """A registry whose version 2 has a large file and a folder; nobody has them yet."""
    found = servers(kind)
    name = re.sub(r"\W", "-", request.node.name)
    server = replace(found, url=f"{found.url}/{name}")
    committed = "".join(f"{key} = {value}\n" for key, value in server.settings.items())
    config = f"[core]\nremote = storage\n['remote \"storage\"']\nurl = {server.url}\n{committed}"
    files = {**small_registry(versions=("1",)), ".dvc/config": config}
    files[".gitignore"] = "/models/**/*.bin\n/models/**/parts\n/.dvc/config.local\n"
    made = Place(new_repository(tmp_path / "registry", files), kind, server)
    made.configure(server.secrets)
    (tmp_path / "big.bin").write_bytes(BIG)
    for path, data in SMALL.items():
        (tmp_path / "parts" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "parts" / path).write_bytes(data)
    artifacts = (
        "--artifact",
        f"model={tmp_path / 'big.bin'}",
        "--artifact",
        f"parts={tmp_path / 'parts'}",
    )
    ran = cli(
        "version",
        "add",
        "nlp/lang-id",
        *artifacts,
        "--framework",
        "custom",
        "--commit",
        cwd=made.root,
    )
    assert ran.code == 0, ran.err
    return made


@pytest.fixture(autouse=True)
def _settled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache of somebody who has nothing yet."""
    monkeypatch.setenv("REGISTRY_CACHE", str(tmp_path / "another-cache"))
    return tmp_path / "another-cache"


def is_whole(out: Path) -> bool:
    found = {str(p.relative_to(out)): p.read_bytes() for p in out.rglob("*") if p.is_file()}
    return found == {"big.bin": BIG, **{f"parts/{path}": data for path, data in SMALL.items()}}


def test_all_of_it_and_one_file(cli: Cli, place: Place, another: Path, tmp_path: Path) -> None:
    ran = cli("fetch", "nlp/lang-id@2", "--artifact", "parts/sub/rules.json", cwd=place.root)
    assert ran.code == 0, ran.err
    assert Path(ran.out.split("  ")[0]).read_bytes() == b"{}"
    ran = cli("fetch", "nlp/lang-id@2", "-o", str(tmp_path / "out"), cwd=place.root)
    assert (ran.code, ran.err) == (0, "")
    assert is_whole(tmp_path / "out")


@pytest.mark.parametrize("kind", NETWORKED, indirect=True)
def test_what_was_killed_goes_on_where_it_stopped(
    cli: Cli, place: Place, another: Path, tmp_path: Path
) -> None:
    words = ("fetch", "nlp/lang-id@2", "--artifact", "model", "-o", str(tmp_path / "out"))
    command = [sys.executable, "-m", "registry_tool", *words]
    with answer_proxy(place.port, after=20 * MEGA) as stalled:
        place.configure(place.through(stalled.port))
        process = subprocess.Popen(command, cwd=place.root, stdout=subprocess.DEVNULL)
        assert stalled.reached.wait(60)
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=30)
    [left] = (another / "partial").iterdir()
    size = left.stat().st_size
    assert 0 < size < len(BIG)
    assert left.read_bytes() == BIG[:size]
    with answer_proxy(place.port) as counted:
        place.configure(place.through(counted.port))
        assert cli(*words, cwd=place.root).code == 0
        assert counted.answered < len(BIG) - size + MEGA
    assert (tmp_path / "out" / "big.bin").read_bytes() == BIG
    assert list((another / "partial").iterdir()) == []


@pytest.mark.parametrize("kind", NETWORKED, indirect=True)
def test_a_connection_that_is_cut_is_made_again(
    cli: Cli, place: Place, another: Path, tmp_path: Path
) -> None:
    with answer_proxy(place.port, after=20 * MEGA, then="cut") as cutting:
        place.configure(place.through(cutting.port))
        ran = cli("fetch", "nlp/lang-id@2", "-o", str(tmp_path / "out"), cwd=place.root)
    assert (ran.code, ran.err) == (0, "")
    assert is_whole(tmp_path / "out")


@pytest.mark.parametrize("kind", NETWORKED, indirect=True)
def test_who_may_not_read_is_told_how_to(cli: Cli, place: Place, another: Path) -> None:
    for secrets in (place.server.wrong, {}):
        place.configure(secrets)
        ran = cli("fetch", "nlp/lang-id@2", cwd=place.root)
        assert (ran.code, ran.out) == (4, "")
        assert "the remote storage" in ran.err
        assert "dvc remote modify --local storage" in ran.err
        for value in (*place.server.wrong.values(), *place.server.secrets.values()):
            assert len(value) < 10 or value not in ran.err
    assert not (another / "objects").exists()


@pytest.mark.parametrize("kind", NETWORKED, indirect=True)
def test_a_server_that_is_down_is_said_to_be(cli: Cli, place: Place, another: Path) -> None:
    place.configure(place.through(1))
    ran = cli("fetch", "nlp/lang-id@2", cwd=place.root)
    assert (ran.code, ran.out) == (4, "")
    assert "the remote storage" in ran.err
    assert not (another / "objects").exists()


# --- without the package dvc

WITHOUT = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"dvc", "dvc_data", "dvc_objects", "dvc_http", "dvc_s3", "fsspec", "s3fs",
                                      "aiobotocore", "aiohttp"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
from registry_tool.cli.main import run
sys.exit(run(sys.argv[1:]))
"""


@pytest.mark.parametrize("kind", list(SLIM), indirect=True)
def test_a_reader_without_dvc(place: Place, another: Path, tmp_path: Path) -> None:
    assert isinstance(open_source(place.settings()), SLIM[place.kind])
    words = ("fetch", "nlp/lang-id@2", "-o", str(tmp_path / "out"))
    ran = subprocess.run(
        [sys.executable, "-c", WITHOUT, *words],
        cwd=place.root,
        check=False,
        capture_output=True,
        text=True,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert is_whole(tmp_path / "out")


@pytest.mark.parametrize("kind", ["ssh", "webdav"], indirect=True)
def test_a_reader_without_dvc_says_what_it_lacks(place: Place, another: Path) -> None:
    words = ("fetch", "nlp/lang-id@2")
    ran = subprocess.run(
        [sys.executable, "-c", WITHOUT, *words],
        cwd=place.root,
        check=False,
        capture_output=True,
        text=True,
    )
    assert (ran.returncode, ran.stdout) == (4, "")
    assert "needs a package that is not installed" in ran.stderr
    assert f'pip install "registry-tool[{place.kind}]"' in ran.stderr


# --- S3


@pytest.fixture
def bucket(servers: Callable[[str], Server]) -> Server:
    if missing := lacking("s3"):
        without(missing)
    return servers("s3")


def settings_of(server: Server, folder: Path, url: str, **options: str) -> DvcSettings:
    lines = "".join(f"{key} = {value}\n" for key, value in {**server.settings, **options}.items())
    local = folder / "config.local"
    local.write_text(f"['remote \"s\"']\nurl = {url}\n{lines}")
    return DvcSettings(b"[core]\nremote = s\n", local)


def test_credentials_come_from_the_environment_and_from_profiles(
    bucket: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x").write_bytes(b"x")
    ingested = ingest(tmp_path / "x", cache=Cache(tmp_path / "cache"))
    url = f"{bucket.url}/credentials"
    upload(ingested, open_remote(settings_of(bucket, tmp_path, url, **bucket.secrets)))
    key, secret = bucket.secrets["access_key_id"], bucket.secrets["secret_access_key"]

    def read(**options: str) -> bytes:
        source = open_source(settings_of(bucket, tmp_path, url, **options))
        assert isinstance(source, S3Source)
        with source.download(ingested.md5) as stream:
            return stream.read(10)

    with pytest.raises(RemoteTrouble, match="no credentials"):
        read()
    with pytest.raises(RemoteTrouble, match="the remote s .*secret"):
        read(profile="secret")
    (tmp_path / "credentials").write_text(
        f"[mine]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n"
    )
    assert read(credentialpath=str(tmp_path / "credentials"), profile="mine") == b"x"
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
    assert read() == b"x"
    with pytest.raises(RemoteTrouble, match="refuses the credentials"):
        read(allow_anonymous_login="true")


def test_a_bucket_that_is_not_there_is_not_a_missing_object(bucket: Server, tmp_path: Path) -> None:
    source = open_source(settings_of(bucket, tmp_path, "s3://nobodys-bucket/x", **bucket.secrets))
    with (
        pytest.raises(RemoteTrouble, match="that place does not exist there"),
        source.download("0" * 32),
    ):
        pass


def test_where_the_store_answers_strangely_botocore_is_asked(
    bucket: Server, tmp_path: Path
) -> None:
    """A store that moved the bucket: what the quick way does not understand, botocore follows or explains."""
    (tmp_path / "store").mkdir()
    with serving(tmp_path / "store") as elsewhere:
        elsewhere.moved_to = "http://127.0.0.1:1"
        options = {**bucket.secrets, "endpointurl": elsewhere.url.removesuffix("/store")}
        source = open_source(settings_of(bucket, tmp_path, "s3://store/x", **options))
        with pytest.raises(RemoteTrouble, match="the remote s"), source.download("0" * 32):
            pass
        assert elsewhere.asked.total() > 1


def test_a_folder_of_many_small_files_comes_over_few_connections(
    bucket: Server, tmp_path: Path, cli: Cli
) -> None:
    files = {f"{number:04}": b"%d" % number for number in range(300)}
    for path, data in files.items():
        (tmp_path / "many" / path).parent.mkdir(exist_ok=True)
        (tmp_path / "many" / path).write_bytes(data)
    ingested = ingest(tmp_path / "many", cache=Cache(tmp_path / "cache"))
    settings = settings_of(bucket, tmp_path, f"{bucket.url}/many", **bucket.secrets)
    upload(ingested, open_remote(settings))
    source = open_source(settings)
    assert isinstance(source, S3Source)
    for member in ingested.members:
        with source.download(member.md5) as stream:
            assert hashlib.md5(stream.read(100)).hexdigest() == member.md5
    assert run_program("--version", cwd=tmp_path).code == 0
