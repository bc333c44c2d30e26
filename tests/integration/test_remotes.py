"""What people do with bytes, on every kind of remote, against real servers: ``remote_matrix.py`` prints it as a table.

The part of a test's name before ``_`` and its kind is what the table calls its column.
"""

from __future__ import annotations

import dataclasses
import gc
import hashlib
import os
import re
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest
from support import Ran, new_repository, without
from support.remote_servers import KINDS, SERVERS, Server, lacking
from support.upload_proxies import proxy

from registry_tool.artifacts.remotes.base import Remote, object_path
from registry_tool.artifacts.remotes.config import DvcSettings
from registry_tool.artifacts.remotes.open import open_remote

Cli = Callable[..., Ran]
Fetch = Callable[[], tuple[Ran, Path]]

FILES = {
    "config.json": b'{"a": 1}',
    "weights/a.bin": b"a" * 300_000,
    "weights/b c.bin": b"b" * 70_000,
    "weights/empty": b"",
    "ünï cöde": b"x" * 1000,
}
ADD = ("version", "add", "nlp/lang-id", "--framework", "onnx")
START = {
    "registry.yaml": "schema: registry/v1\nname: acme\nremote: storage\n",
    ".gitignore": "/models/**/folder\n/models/**/*.bin\n/.dvc/config.local\n/.dvc/tmp\n/.dvc/cache\n",
    ".dvc/.gitignore": "/config.local\n/tmp\n/cache\n",
}
NETWORKED = [kind for kind in KINDS if kind != "local"]
# dvc-http uses what aiohttp 3.14 calls deprecated.
pytestmark = [
    pytest.mark.filterwarnings("ignore:BasicAuth is deprecated"),
    pytest.mark.filterwarnings("ignore:The 'auth' parameter is deprecated"),
]


@pytest.fixture(autouse=True)
def _swept() -> Iterator[None]:
    """A driver may forget the file of an upload that broke off: it goes here, and not in another test."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
    gc.freeze()  # the next one looks at what came since


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
def server(kind: str, servers: Callable[[str], Server], request: pytest.FixtureRequest) -> Server:
    """A place of this test's own on the server."""
    name = re.sub(r"\W", "-", request.node.name)
    found = servers(kind)
    folder = None if found.folder is None else found.folder / name
    return dataclasses.replace(found, url=f"{found.url}/{name}", folder=folder)


def level(url: str, options: Mapping[str, str]) -> str:
    lines = ["['remote \"storage\"']", *([f"url = {url}"] if url else [])]
    return "\n".join([*lines, *(f"{key} = {value}" for key, value in options.items()), ""])


def configure(root: Path, server: Server, own: Mapping[str, str] | None = None) -> None:
    """What a team commits, and what a person keeps: the secrets, unless something else is said."""
    committed = f"[core]\nremote = storage\n{level(server.url, server.settings)}"
    (root / ".dvc" / "config").write_text(committed, encoding="utf-8")
    kept = level("", server.secrets if own is None else own)
    (root / ".dvc" / "config.local").write_text(kept, encoding="utf-8")


@pytest.fixture
def root(tmp_path: Path, server: Server, cli: Cli) -> Path:
    root = new_repository(tmp_path / "registry", START)
    configure(root, server)
    about = ("--task", "ocr", "--owner", "speech", "--description", "Reads.", "--commit")
    subprocess.run(["git", "add", "-A"], cwd=root, check=True)
    subprocess.run(["git", "commit", "-qm", "Remote"], cwd=root, check=True)
    assert cli("model", "add", "nlp/lang-id", *about, cwd=root).code == 0
    return root


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write(tmp_path / "source" / "folder", FILES)


@pytest.fixture
def fetch(
    cli: Cli, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], tuple[Ran, Path]]:
    """Fetches version 1 as somebody who has nothing yet: how it ended, and the folder it should be in."""

    def run() -> tuple[Ran, Path]:
        monkeypatch.setenv("REGISTRY_CACHE", str(tmp_path / "another-cache"))
        ran = cli("fetch", "nlp/lang-id@1", "-o", str(tmp_path / "out"), cwd=root)
        return ran, tmp_path / "out" / "folder"

    return run


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def remote_of(root: Path) -> Remote:
    config = (root / ".dvc/config").read_bytes()
    return open_remote(DvcSettings(config, root / ".dvc/config.local", root))


def add(cli: Cli, root: Path, *artifacts: Path) -> Ran:
    given = (argument for path in artifacts for argument in ("--artifact", str(path)))
    return cli(*ADD, *given, "--commit", cwd=root)


def md5(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()


def test_add(cli: Cli, root: Path, source: Path, tmp_path: Path) -> None:
    ran = add(cli, root, source)
    assert ran.code == 0, ran.err
    assert "to storage" in ran.out
    wanted = {md5(data) for data in FILES.values()}
    assert remote_of(root).exists(wanted) == wanted
    checked = cli("check", "--all", "--remote", cwd=root)
    assert checked.code == 0, checked.out + checked.err

    other = write(tmp_path / "other" / "folder", {**FILES, "more": b"more"})
    again = add(cli, root, other)
    assert "2 of 7 objects" in again.out  # the new file, and the new list of files


def test_fetch(cli: Cli, root: Path, source: Path, fetch: Fetch) -> None:
    assert add(cli, root, source).code == 0
    ran, folder = fetch()
    assert ran.code == 0, ran.err
    assert contents(folder) == FILES


def test_dvc_pull(cli: Cli, root: Path, source: Path) -> None:
    assert add(cli, root, source).code == 0
    pointer = "models/nlp/lang-id/versions/1/folder.dvc"
    program = Path(sys.executable).with_name("dvc")
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [program, "pull", "-q", pointer], cwd=root, env=environment, capture_output=True, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    assert contents(root / "models/nlp/lang-id/versions/1/folder") == FILES


def port_of(server: Server) -> int:
    found = re.findall(r":(\d+)", server.settings.get("endpointurl", server.url))
    return int(found[0])


def through(server: Server, port: int) -> dict[str, str]:
    """What a person sets to reach the same place by way of a proxy."""
    old, new = f":{port_of(server)}", f":{port}"
    ways = {"url": server.url, **server.settings}
    return {
        **server.secrets,
        **{key: value.replace(old, new) for key, value in ways.items() if old in value},
    }


def stored(root: Path, data: list[bytes]) -> set[str]:
    return remote_of(root).exists(md5(one) for one in data)


def versions(root: Path) -> Path:
    return root / "models/nlp/lang-id/versions"


MANY = [b"%03d" % n * 3000 for n in range(60)]


def test_resume(cli: Cli, root: Path, server: Server, kind: str, tmp_path: Path) -> None:
    """Killed in the middle: what arrived is not sent again, and nothing was written before."""
    source = write(tmp_path / "many" / "folder", {f"{n:03}": data for n, data in enumerate(MANY)})
    command = [sys.executable, "-m", "registry_tool", *ADD, "--artifact", str(source), "--commit"]
    with ExitStack() as stack:
        if kind != "local":
            stalled = stack.enter_context(proxy(port_of(server), after=300_000, then="stall"))
            configure(root, server, through(server, stalled.port))
        process = subprocess.Popen(
            command, cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        if kind != "local":
            assert stalled.reached.wait(60)
        else:
            objects = Path(server.url) / "files"
            while process.poll() is None and len([*objects.rglob("*")]) < 30:
                threading.Event().wait(0.001)
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=30)
    configure(root, server)
    there = len(stored(root, MANY))
    assert not versions(root).exists() or kind == "local"
    if there == len(MANY):
        return  # a local upload may be over before it is killed
    assert there > 0
    ran = cli(*ADD, "--artifact", str(source), "--commit", cwd=root)
    assert ran.code == 0, ran.err
    assert f"{len(MANY) + 1 - there} of {len(MANY) + 1} objects" in ran.out
    assert len(stored(root, MANY)) == len(MANY)


def test_missing_object(cli: Cli, root: Path, source: Path, server: Server, fetch: Fetch) -> None:
    assert add(cli, root, source).code == 0
    gone = md5(FILES["weights/a.bin"])
    if server.folder is None:
        assert remote_of(root).delete(gone)
    else:
        (server.folder / object_path(gone)).unlink()
    checked = cli("check", "--all", "--remote", cwd=root)
    assert checked.code == 1
    assert "artifact folder, file weights/a.bin, 300000 bytes" in checked.out
    assert "the remote storage" in checked.out
    ran, folder = fetch()
    assert ran.code == 4
    assert gone in ran.err
    assert not folder.exists()


@pytest.mark.parametrize("kind", NETWORKED, indirect=True)
def test_wrong_credential(
    cli: Cli, root: Path, source: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for secrets in (server.wrong, {}):
        configure(root, server, secrets)
        ran = add(cli, root, source)
        assert ran.code == 4
        assert "the remote storage" in ran.err
        assert "dvc remote modify --local storage" in ran.err
        for value in (*server.wrong.values(), *server.secrets.values()):
            assert len(value) < 10 or value not in ran.err
        assert not versions(root).exists()


def flip(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


def test_flipped_byte(cli: Cli, root: Path, source: Path, server: Server, fetch: Fetch) -> None:
    assert add(cli, root, source).code == 0
    name = md5(FILES["weights/a.bin"])
    wrong = flip(FILES["weights/a.bin"])
    if server.folder is None:
        remote = remote_of(root)
        assert remote.delete(name)
        s3 = remote._store  # type: ignore[attr-defined]  # of a CloudRemote on S3
        s3._call("put_object", Key=s3._key(object_path(name)), Body=wrong)
    else:
        place = server.folder / object_path(name)
        place.unlink()
        place.write_bytes(wrong)
    ran, folder = fetch()
    assert ran.code == 4
    assert "weights/a.bin" in ran.err
    assert "does not match its manifest" in ran.err
    assert not folder.exists()


@pytest.mark.parametrize("kind", NETWORKED, indirect=True)
def test_down(cli: Cli, root: Path, server: Server, tmp_path: Path) -> None:
    """The server goes away in the middle of an upload."""
    source = write(tmp_path / "many" / "folder", {f"{n:03}": data for n, data in enumerate(MANY)})
    with proxy(port_of(server), after=300_000, then="cut") as cut:
        configure(root, server, through(server, cut.port))
        ran = cli(*ADD, "--artifact", str(source), "--commit", cwd=root)
    assert ran.code == 4
    assert "the remote storage" in ran.err
    assert not versions(root).exists()
    configure(root, server)
    assert cli(*ADD, "--artifact", str(source), "--commit", cwd=root).code == 0


def test_gc(cli: Cli, root: Path, source: Path, kind: str, tmp_path: Path) -> None:
    assert add(cli, root, source).code == 0
    orphan = tmp_path / "orphan"
    orphan.write_bytes(b"nobody's bytes")
    remote_of(root).put(md5(b"nobody's bytes"), orphan)
    ran = cli("gc", "--older-than", "0", "--yes", cwd=root)
    if kind == "http":
        assert ran.code == 4
        assert "a plain web server, which cannot list its objects" in ran.err
        return
    assert ran.code == 0, ran.err
    assert "freed 14 B: 1 objects" in ran.out
    assert stored(root, [b"nobody's bytes", *FILES.values()]) == {md5(f) for f in FILES.values()}


@pytest.mark.parametrize("kind", ["ssh"], indirect=True)
def test_a_host_with_another_key_is_refused(
    cli: Cli, root: Path, source: Path, server: Server, home: Path
) -> None:
    assert server.folder is not None
    other = (server.folder.parents[1] / "other.pub").read_text().rsplit(" ", 1)[0]
    (home / ".ssh").mkdir()
    (home / ".ssh/known_hosts").write_text(f"[127.0.0.1]:{port_of(server)} {other}\n")
    ran = add(cli, root, source)
    assert ran.code == 4
    assert "its host key differs from the one in known_hosts" in ran.err
    own = (server.folder.parents[1] / "host.pub").read_text().rsplit(" ", 1)[0]
    (home / ".ssh/known_hosts").write_text(f"[127.0.0.1]:{port_of(server)} {own}\n")
    assert add(cli, root, source).code == 0


@pytest.mark.parametrize("kind", ["http"], indirect=True)
def test_a_server_that_takes_no_post(cli: Cli, root: Path, source: Path, server: Server) -> None:
    configure(root, server, {**server.secrets, "method": "POST"})
    ran = add(cli, root, source)
    assert ran.code == 4
    assert "it does not accept uploads by this method" in ran.err
    assert "dvc remote modify storage method PUT" in ran.err


@pytest.mark.parametrize("kind", ["ssh", "webdav"], indirect=True)
def test_only_the_last_part_of_a_place_is_made(
    cli: Cli, root: Path, source: Path, server: Server
) -> None:
    assert server.folder is not None
    configure(root, server, {**server.secrets, "url": f"{server.url}/not/mounted"})
    ran = add(cli, root, source)
    assert ran.code == 4
    assert "does not exist and cannot be created" in ran.err
    assert not server.folder.exists()
