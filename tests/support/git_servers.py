"""Real Git servers on 127.0.0.1 for tests: smart HTTP through Git's own backend, nginx with passwords, and OpenSSH."""

from __future__ import annotations

import http.server
import os
import random
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

__all__ = [
    "NGINX",
    "Nginx",
    "free_port",
    "missing",
    "nginx_pages",
    "nginx_server",
    "smart_http",
    "ssh_server",
]

# What each server needs, and how to have it.
NGINX = {"nginx": "nginx-light", "fcgiwrap": "fcgiwrap"}

_TRIES = 200
_PAUSE = 0.05


# Below the ports that systems give to connections and to whoever asks for any: those may be taken before a server starts.
_PORTS = range(15_000, 32_000)


def free_port() -> int:
    """A port that nothing listens on now."""
    chance = random.SystemRandom()
    while True:
        port = chance.choice(_PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class _GitHandler(http.server.BaseHTTPRequestHandler):
    """Hands each request to ``git http-backend`` as a web server would (CGI, RFC 3875)."""

    root: Path
    protocol_version = "HTTP/1.0"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class's name)
        """Silence."""

    def do_GET(self) -> None:
        self._serve(b"")

    def do_POST(self) -> None:
        self._serve(self.rfile.read(int(self.headers.get("Content-Length", "0"))))

    def _serve(self, body: bytes) -> None:
        path, _, query = self.path.partition("?")
        env = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_GLOBAL": os.environ.get("GIT_CONFIG_GLOBAL", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "REMOTE_USER": "tester",
            "REMOTE_ADDR": "127.0.0.1",
        }
        answer = subprocess.run(
            ["git", "http-backend"], input=body, env=env, capture_output=True, check=False
        ).stdout
        head, _, content = answer.partition(b"\r\n\r\n")
        headers = [line.decode().split(": ", 1) for line in head.split(b"\r\n") if line]
        status = next((v.split(" ")[0] for k, v in headers if k == "Status"), "200")
        self.send_response(int(status))
        for key, value in headers:
            if key != "Status":
                self.send_header(key, value)
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def smart_http(root: Path) -> Iterator[str]:
    """Serve the bare repositories below a folder; yields the base URL, and stops at the end."""
    handler = type("Handler", (_GitHandler,), {"root": root})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


_SSHD = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
AuthorizedKeysFile {folder}/key.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
AcceptEnv {accept}
"""


def _key(path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def ssh_server(folder: Path, *, accept: str = "GIT_PROTOCOL") -> Iterator[tuple[str, str]]:
    """Run OpenSSH's server; yields the base URL and the ``GIT_SSH_COMMAND`` that reaches it."""
    program = shutil.which("sshd") or "/usr/sbin/sshd"
    folder.mkdir(parents=True, exist_ok=True)
    _key(folder / "host")
    _key(folder / "key")
    port = free_port()
    config = folder / "sshd_config"
    config.write_text(_SSHD.format(port=port, folder=folder, accept=accept), encoding="utf-8")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # sshd's privilege separation wants it
    server = subprocess.Popen(
        [program, "-D", "-f", str(config), "-E", str(folder / "log")], stdin=subprocess.DEVNULL
    )
    try:
        for _ in range(_TRIES):
            if _listens(port) or server.poll() is not None:
                break
            threading.Event().wait(_PAUSE)
        command = (
            f"ssh -F none -i {folder}/key -o IdentitiesOnly=yes "
            f"-o UserKnownHostsFile={folder}/known -o StrictHostKeyChecking=accept-new"
        )
        user = os.environ.get("USER") or "root"
        yield f"ssh://{user}@127.0.0.1:{port}", command
    finally:
        server.terminate()
        server.wait(timeout=10)


def missing(programs: Mapping[str, str]) -> str:
    """How to have the programs that are not here; empty when all are."""
    packages = [p for name, p in programs.items() if _program(name) is None]
    return f"not installed: apt-get install {' '.join(packages)}" if packages else ""


def _program(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path="/usr/sbin")


# `user` is not set: one process, which runs as whoever runs the tests and may read their folders.
_NGINX_START = """\
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
"""
_NGINX_GIT = """\
    server {{
        listen 127.0.0.1:{port};
        auth_basic "registry";
        auth_basic_user_file {folder}/users;
        location ~ ^/git(/.*) {{
            fastcgi_pass 127.0.0.1:{backend};
            fastcgi_read_timeout 600;
            fastcgi_param SCRIPT_FILENAME {http_backend};
            fastcgi_param GIT_HTTP_EXPORT_ALL "";
            fastcgi_param GIT_PROJECT_ROOT {root};
            fastcgi_param PATH_INFO $1;
            fastcgi_param REQUEST_METHOD $request_method;
            fastcgi_param QUERY_STRING $query_string;
            fastcgi_param CONTENT_TYPE $content_type;
            fastcgi_param CONTENT_LENGTH $content_length;
            fastcgi_param REMOTE_ADDR $remote_addr;
            fastcgi_param REMOTE_USER $remote_user;
{variables}
        }}
    }}
}}
"""
# What a CGI program does not inherit, and a test must keep from the user's own home.
_HANDED_ON = ("HOME", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM", "REGISTRY_CACHE", "PATH")


class Nginx(NamedTuple):
    """A running server: ``url("models.git", "alice", "secret")``."""

    port: int

    def url(self, repository: str, user: str, password: str) -> str:
        """The address of a repository, for one user."""
        return f"http://{user}:{password}@127.0.0.1:{self.port}/git/{repository}"


@contextmanager
def _running(command: list[str], port: int) -> Iterator[None]:
    """A server in a process group of its own, which ends with all its children."""
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        for _ in range(_TRIES):
            if _listens(port) or server.poll() is not None:
                break
            threading.Event().wait(_PAUSE)
        assert server.poll() is None, f"{command[0]} did not start"
        yield
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(timeout=10)


@contextmanager
def nginx_server(
    root: Path, folder: Path, users: Mapping[str, str], *, at_once: int = 4
) -> Iterator[Nginx]:
    """Serve the bare repositories below a folder by nginx, fcgiwrap and ``git http-backend``, with basic auth.

    Args:
        root: Where the repositories lie.
        folder: For the servers' own files.
        users: Passwords by name.
        at_once: How many requests are worked on at a time.
    """
    folder.mkdir(parents=True)
    passwords = "".join(f"{user}:{{PLAIN}}{password}\n" for user, password in users.items())
    (folder / "users").write_text(passwords, encoding="utf-8")
    own = {name: os.environ[name] for name in _HANDED_ON if name in os.environ}
    variables = "".join(f'            fastcgi_param {k} "{v}";\n' for k, v in own.items())
    port, backend = free_port(), free_port()
    exec_path = subprocess.run(["git", "--exec-path"], capture_output=True, text=True, check=True)
    config = folder / "nginx.conf"
    config.write_text(
        (_NGINX_START + _NGINX_GIT).format(
            folder=folder, root=root, port=port, backend=backend, variables=variables,
            http_backend=f"{exec_path.stdout.strip()}/git-http-backend",
        ),
        encoding="utf-8",
    )  # fmt: skip
    wrap = [_program("fcgiwrap") or "", "-c", str(at_once), "-s", f"tcp:127.0.0.1:{backend}"]
    with ExitStack() as servers:
        servers.enter_context(_running(wrap, backend))
        servers.enter_context(_running(_start_nginx(config), port))
        yield Nginx(port)


def _start_nginx(config: Path) -> list[str]:
    folder = config.parent
    log = ("-e", f"{folder}/error.log")
    return [_program("nginx") or "", "-c", str(config), "-p", str(folder), *log]


@contextmanager
def nginx_pages(server: str, folder: Path) -> Iterator[int]:
    """Serve files by nginx; yields the port.

    Args:
        server: The block ``server`` of its configuration, with ``{port}``.
        folder: For the server's own files.
    """
    folder.mkdir(parents=True)
    port = free_port()
    config = folder / "nginx.conf"
    start = _NGINX_START.format(folder=folder)
    config.write_text(f"{start}{server.replace('{port}', str(port))}}}\n", encoding="utf-8")
    with _running(_start_nginx(config), port):
        yield port
