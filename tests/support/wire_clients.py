"""Real clients of other registries, each in an environment and a process of its own, and a server for them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import venv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from registry_tool.manifests.problems import JSON

__all__ = [
    "CLIENTS",
    "ServerProcess",
    "client_python",
    "make_environment",
    "run_client",
    "running_server",
]

_TOP: Final = Path(__file__).parents[2]
_HOME: Final = _TOP / ".ci" / "clients"
_SCRIPTS: Final = _TOP / "tests" / "integration" / "clients" / "scripts"
_WAIT: Final = 60.0
# What is installed for each client; exactly these, because what they send differs between releases.
CLIENTS: Final[Mapping[str, tuple[str, ...]]] = {
    "kubeflow": ("model-registry==0.3.18",),
    "kubeflow-alpha": ("model-registry==0.3.9",),
    "mlflow": ("mlflow-skinny==3.17.2", "numpy<3", "pandas<3", "cloudpickle"),
    "truefoundry": ("truefoundry==0.17.5", "truefoundry-sdk==0.6.0"),
    "truefoundry-sdk": ("truefoundry-sdk==0.3.4",),
    "modelbox": ("modelbox==0.0.5", "grpcio==1.85.1", "protobuf==7.36.0"),
    "kolena": ("kolena==1.69.0", "numpy<2.4"),
    "mlsteam": ("mlsteam-model-sdk==0.8.0",),
}
# The peer of tests/benchmarks/serve.py; large, so it is made only when it is asked for.
_PEERS: Final[Mapping[str, tuple[str, ...]]] = {"mlflow-server": ("mlflow==3.17.2",)}


def make_environment(name: str) -> Path:
    """Make the environment of a client, unless there is one; its Python."""
    home = _HOME / name
    packages = {**CLIENTS, **_PEERS}[name]
    python = home / "bin" / "python"
    done = home / "installed"
    if not done.exists():
        venv.create(home, with_pip=True, clear=True)
        subprocess.run(
            [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages],
            check=True,
        )  # fmt: skip
        done.write_text("\n".join(packages))
    return python


def client_python(name: str) -> Path:
    """The Python of a client's environment; the test is skipped without it, and fails in CI."""
    home = _HOME / name
    if (home / "installed").exists():
        return home / "bin" / "python"
    command = f"python tests/support/wire_clients.py {name}"
    if os.environ.get("CI"):
        pytest.fail(f"the environment of the client {name} is missing; run: {command}")
    pytest.skip(f"needs the client {name}; run: {command}")


def run_client(
    name: str,
    script: str,
    *,
    env: Mapping[str, str] | None = None,
    timeout: float = 120,
    **given: JSON,
) -> JSON:
    """Run a script in a client's environment.

    Args:
        name: The client.
        script: A file of ``tests/integration/clients/scripts``; it reads ``given`` as JSON from standard input, and the last
            line that it prints is its result as JSON.
        env: Further variables.
        timeout: In seconds.
        given: What the script gets.
    """
    python = client_python(name)
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "KF_", "PYTHON"))}
    done = subprocess.run(
        [python, "-W", "ignore", _SCRIPTS / script],
        input=json.dumps(given), env={**clean, **(env or {})}, capture_output=True, text=True,
        timeout=timeout, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{script} of {name} failed:\n{done.stdout}\n{done.stderr}"
    found: JSON = json.loads(done.stdout.strip().splitlines()[-1])
    return found


class ServerProcess(NamedTuple):
    """A server as a process of its own.

    Attributes:
        url: Its address, without a slash at its end.
        process: The process.
        log: What it has printed, line by line.
        target: Its address for gRPC, without a scheme; empty where it has none.
    """

    url: str
    process: subprocess.Popen[str]
    log: list[str]
    target: str = ""

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self.url.rpartition(":")[2])

    def kill(self) -> None:
        """End it as a crash would: SIGKILL."""
        self.process.kill()
        self.process.wait()


@contextmanager
def running_server(
    repository: Path | str,
    *options: str,
    env: Mapping[str, str] | None = None,
    program: Sequence[str] = ("-m", "registry_tool"),
) -> Iterator[ServerProcess]:
    """``registry serve`` on a free port of this machine, until the block ends; then it must stop cleanly."""
    command = [
        sys.executable,
        *program,
        "serve",
        "--repo",
        str(repository),
        "--port",
        "0",
    ]
    process = subprocess.Popen(
        [*command, *options],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ, **(env or {})},
    )  # fmt: skip
    log: list[str] = []
    started = threading.Event()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            log.append(line.rstrip())
            if "stop with Ctrl-C" in line:
                started.set()
        started.set()

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        started.wait(_WAIT)
        match = re.search(r"on (https?://\S+)", "\n".join(log))
        assert match is not None, "the server did not start:\n" + "\n".join(log)
        target = re.search(r'ModelBox\(addr="(\S+)"\)', "\n".join(log))
        yield ServerProcess(match[1], process, log, target[1] if target else "")
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            assert process.wait(_WAIT) == 0, "\n".join(log)
    except BaseException:
        sys.stderr.write("\n".join(log))
        raise
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        reader.join(_WAIT)
        if process.stdout is not None:
            process.stdout.close()


if __name__ == "__main__":
    for client in sys.argv[1:] or CLIENTS:
        print(make_environment(client))
