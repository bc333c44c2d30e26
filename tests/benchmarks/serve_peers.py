"""The servers that are measured: ours over a copy of a corpus, and MLflow's over as many rows in SQLite."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.corpus import MODELS, make_corpus, model_name
from benchmarks.mlflow_store import fill_store
from support.wire_clients import client_python

__all__ = ["Running", "dotted_name", "labelled_corpus", "mlflow_server", "our_server", "push_alias"]

_LABELLED: Final = 4  # every fourth version has the tag edge=yes, as in the store of the peer
_TOGETHER: Final = 10  # in one commit
_PATIENCE: Final = 600.0
# In /proc/PID/stat, after the name: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
_SESSION: Final = 3
_TIMES: Final = slice(11, 15)  # its own, and those of children that have ended


class Running(NamedTuple):
    """A server.

    Attributes:
        url: Its address.
        process: Its process.
        seconds: From its start to its first answer.
    """

    url: str
    process: subprocess.Popen[bytes]
    seconds: float

    @property
    def megabytes(self) -> int:
        """What it keeps in memory."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii").splitlines()
        return int(next(x for x in lines if x.startswith("VmRSS")).split()[1]) // 1024

    @property
    def cpu_seconds(self) -> float:
        """The processor time that it and the processes that it started have used; they share a session."""
        ticks = 0
        for place in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):  # one that has just ended
                fields = place.read_text(encoding="utf-8").rpartition(")")[2].split()
                if int(fields[_SESSION]) == self.process.pid:
                    ticks += sum(map(int, fields[_TIMES]))
        return ticks / os.sysconf("SC_CLK_TCK")


def count_models(versions: int) -> int:
    """Over how many models the versions of a corpus are spread; see ``make_corpus``."""
    return min(MODELS, max(10, versions // 10))


def dotted_name(number: int) -> str:
    """The name of a model of the corpus as MLflow's protocol has it."""
    return model_name(number).replace("/", ".")


def labelled_corpus(folder: Path, versions: int) -> Path:
    """A copy of a corpus, every fourth version of which has a tag."""
    corpus = make_corpus(folder / f"{versions}.git", versions=versions)
    tagged = folder / f"{versions}-tagged.git"
    if tagged.exists():
        return tagged
    part = tagged.with_name(f"{tagged.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    shutil.copytree(corpus, part)
    models = count_models(versions)
    text = b'schema: metadata/v1\nmetadata:\n  edge: "yes"\n'
    lines: list[bytes] = []
    for place, number in enumerate(range(0, versions, _LABELLED)):
        if place % _TOGETHER == 0:
            moment = 1_900_000_000 + place
            lines.append(
                f"commit refs/heads/main\ncommitter B <b@example.org> {moment} +0000\n".encode()
            )
            lines.append(b"data 4\nTags\n" + (b"" if place else b"from refs/heads/main^0\n"))
        name, version = model_name(number % models), number // models + 1
        path = f"models/{name}/versions/{version}/metadata.yaml"
        lines.append(f"M 100644 inline {path}\ndata {len(text)}\n".encode() + text + b"\n")
    command = ["git", "-C", str(part), "fast-import", "--quiet"]
    subprocess.run(command, input=b"".join(lines), check=True)
    return part.rename(tagged)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _wait(port: int, path: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Until a path is answered."""
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            connection.request("GET", path)
            status = connection.getresponse().status
            connection.close()
            if status < 500:
                return
        time.sleep(0.01)
    raise SystemExit(f"the server did not start:\n{log.read_text(encoding='utf-8')[-4000:]}")


@contextlib.contextmanager
def _server(command: Sequence[str | Path], port: int, path: str, log: Path) -> Iterator[Running]:
    began = time.perf_counter()
    with log.open("ab") as file:
        process = subprocess.Popen(
            command, stdout=file, stderr=file, start_new_session=True,
            env={**os.environ, "XDG_CACHE_HOME": str(log.parent / "cache"), "XDG_STATE_HOME": str(log.parent / "state"), "MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
        )  # fmt: skip
        try:
            _wait(port, path, process, log)
            yield Running(f"http://127.0.0.1:{port}", process, time.perf_counter() - began)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            process.wait(60)


@contextlib.contextmanager
def our_server(repository: Path, place: Path, *options: str) -> Iterator[Running]:
    """``registry serve``, started until it answers; its cache is below ``place``."""
    port = _free_port()
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "registry_tool",
        "serve",
        "--repo",
        repository,
        "--port",
        str(port),
    ]
    path = f"/api/2.0/mlflow/registered-models/alias?name={dotted_name(0)}&alias=production"
    with _server([*command, *options], port, path, place / "ours.log") as running:
        yield running


@contextlib.contextmanager
def mlflow_server(place: Path, versions: int) -> Iterator[Running]:
    """``mlflow server`` with one worker, which is its fastest on two cores, over a filled store."""
    program = client_python("mlflow-server").with_name("mlflow")
    database = place / "mlflow.db"
    port = _free_port()
    command: list[str | Path] = [
        program, "server", "--backend-store-uri", f"sqlite:///{database}", "--workers", "1",
        "--host", "127.0.0.1", "--port", str(port),
    ]  # fmt: skip
    path = f"/api/2.0/mlflow/registered-models/alias?name={dotted_name(0)}&alias=production"
    if not database.exists():
        with _server(command, port, path, place / "mlflow.log"):
            pass  # makes the tables
        with contextlib.closing(sqlite3.connect(database)) as connection, connection:
            fill_store(connection, versions, count_models(versions))
    with _server(command, port, path, place / "mlflow.log") as running:
        yield running


def push_alias(repository: Path, number: int) -> str:
    """Set an alias of the first model by a commit on main, as a push does; the alias."""
    alias = f"pushed-{number}"
    text = f'schema: alias/v1\nmodel: {model_name(0)}\nversion: "1"\n'
    lines = (
        f"commit refs/heads/main\ncommitter P <p@example.org> {int(time.time())} +0000\ndata 4\nPush\n"
        "from refs/heads/main^0\n"
        f"M 100644 inline models/{model_name(0)}/aliases/{alias}.yaml\ndata {len(text)}\n{text}\n"
    )
    command = ["git", "-C", str(repository), "fast-import", "--quiet"]
    subprocess.run(command, input=lines.encode(), check=True)
    return alias
