"""Runs of ``registry`` as a process, and programs and servers that a test cannot do without."""

from __future__ import annotations

import atexit
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile, mkdtemp
from typing import NamedTuple, NoReturn

import pytest

from support import forked_registry
from support.forked_registry import STARTS_PYTHON, ask

__all__ = ["Ran", "programs_folder", "run_program", "without"]


class Ran(NamedTuple):
    """How a run of the program ended."""

    code: int
    out: str
    err: str


def run_program(
    *arguments: str, cwd: Path, env: Mapping[str, str] | None = None, stdin: bytes = b""
) -> Ran:
    """Run ``registry`` as a process of its own: forked from one that has everything imported, where that is as true."""
    whole = {**os.environ, **(env or {})}
    place = None if _starts_python(whole) else _server()
    if place is None:
        done = subprocess.run(
            [sys.executable, "-m", "registry_tool", *arguments],
            cwd=cwd, env=whole, input=stdin, capture_output=True, check=False,
        )  # fmt: skip
        return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())
    with TemporaryFile() as given, TemporaryFile() as out, TemporaryFile() as err:
        given.write(stdin)
        given.seek(0)
        streams = [given.fileno(), out.fileno(), err.fileno()]
        code = ask(str(place), list(arguments), str(cwd), whole, streams)
        out.seek(0)
        err.seek(0)
        return Ran(code, out.read().decode(), err.read().decode())


def programs_folder() -> Path:
    """A folder for PATH, before all others, whose ``registry`` is that of this environment; forked where it can be."""
    place = _server()
    return Path(sys.executable).parent if place is None else place.parent


def _read_when_python_starts(env: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if name.startswith(STARTS_PYTHON)}


_AT_FIRST = _read_when_python_starts(os.environ)


def _starts_python(env: Mapping[str, str]) -> bool:
    return _read_when_python_starts(env) != _AT_FIRST


_STARTING = threading.Lock()


def _server() -> Path | None:
    """The socket of this worker's server, started when it is first asked for; None where forks are not wanted."""
    with _STARTING:
        return _started()


@cache
def _started() -> Path | None:
    if os.environ.get("REGISTRY_TESTS_FORK") == "0" or not hasattr(socket, "AF_UNIX"):
        return None
    folder = Path(mkdtemp(prefix="registry-forks-"))
    place, source = folder / "socket", Path(forked_registry.__file__).read_text(encoding="utf-8")
    program = folder / "registry"
    program.write_text(f"#!{sys.executable} -IS\n{source}", encoding="utf-8")
    program.chmod(0o700)
    server = subprocess.Popen(
        [sys.executable, "-c", source, str(place)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert server.stdin is not None
    assert server.stdout is not None
    if server.stdout.read(1) != b".":
        raise RuntimeError("the server of forked runs did not start")
    server.stdout.close()
    atexit.register(_end, server, folder)
    return place


def _end(server: subprocess.Popen[bytes], folder: Path) -> None:
    assert server.stdin is not None
    server.stdin.close()  # which it waits for
    server.wait()
    shutil.rmtree(folder)


def without(what: str) -> NoReturn:
    """Skip a test whose server or program is missing here, and say how to have it; in CI that is a failure."""
    if os.environ.get("CI"):
        pytest.fail(what)
    pytest.skip(what)
