"""Real Git servers on 127.0.0.1 for tests: smart HTTP through Git's own backend, and OpenSSH."""

from __future__ import annotations

import http.server
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["free_port", "smart_http", "ssh_server"]

_TRIES = 200
_PAUSE = 0.05


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
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
