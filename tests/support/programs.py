"""Runs of ``registry`` as a process, and programs and servers that a test cannot do without."""

from __future__ import annotations

import atexit
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile, mkdtemp
from typing import NamedTuple, NoReturn

import pytest

from support import forked_registry
from support.forked_registry import STARTS_PYTHON, ask

__all__ = ["IN_CI", "Ran", "programs_folder", "run_program", "run_programs_at_once", "without"]

IN_CI = bool(os.environ.get("CI"))  # a test has the variable no longer


class Ran(NamedTuple):
    """How a run of the program ended."""

    code: int
    out: str
    err: str


def run_program(
    *arguments: str,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    encoding: str = "utf-8",
) -> Ran:
    """Run ``registry`` as a process of its own: forked from one that has everything imported, where that is as true."""
    whole = {**os.environ, **(env or {})}
    place = _server(_read_when_python_starts(whole))
    if place is None:
        done = subprocess.run(
            [sys.executable, "-m", "registry_tool", *arguments],
            cwd=cwd, env=whole, input=stdin, capture_output=True, check=False,
        )  # fmt: skip
        return Ran(done.returncode, done.stdout.decode(encoding), done.stderr.decode(encoding))
    with TemporaryFile() as given, TemporaryFile() as out, TemporaryFile() as err:
        given.write(stdin)
        given.seek(0)
        streams = [given.fileno(), out.fileno(), err.fileno()]
        code = ask(str(place), list(arguments), str(cwd), whole, streams)
        out.seek(0)
        err.seek(0)
        return Ran(code, out.read().decode(encoding), err.read().decode(encoding))


def run_programs_at_once(*commands: Sequence[str], cwd: Path | Sequence[Path]) -> list[Ran]:
    """Start all commands at once, each as a process of its own; how each ended."""
    places = [cwd] * len(commands) if isinstance(cwd, Path) else cwd
    with ThreadPoolExecutor(len(commands)) as pool:
        started = [
            pool.submit(run_program, *command, cwd=place)
            for command, place in zip(commands, places, strict=True)
        ]
        return [one.result() for one in started]


def programs_folder() -> Path:
    """A folder for PATH, before all others, whose ``registry`` is that of this environment; forked where it can be."""
    place = _server(_AT_FIRST)
    return Path(sys.executable).parent if place is None else place.parent


_Variables = frozenset[tuple[str, str]]


def _read_when_python_starts(env: Mapping[str, str]) -> _Variables:
    return frozenset((name, env[name]) for name in env if name.startswith(STARTS_PYTHON))


_AT_FIRST = _read_when_python_starts(os.environ)
_STARTING = threading.Lock()
_FEW = 3  # runs with variables of their own for Python, which are started as users start them
_ASKED: Counter[_Variables] = Counter()


def _server(variables: _Variables) -> Path | None:
    """The socket of this worker's server whose Python began with some variables, started when it is worth it.

    None where forks are not wanted.
    """
    with _STARTING:
        _ASKED[variables] += 1
        if variables != _AT_FIRST and _ASKED[variables] <= _FEW:
            return None
        return _started(variables)


@cache
def _started(variables: _Variables) -> Path | None:
    if os.environ.get("REGISTRY_TESTS_FORK") == "0" or not hasattr(socket, "AF_UNIX"):
        return None
    folder = Path(mkdtemp(prefix="registry-forks-"))
    place, source = folder / "socket", Path(forked_registry.__file__).read_text(encoding="utf-8")
    program = folder / "registry"
    program.write_text(f"#!{sys.executable} -IS\n{source}", encoding="utf-8")
    program.chmod(0o700)
    others = {k: v for k, v in os.environ.items() if not k.startswith(STARTS_PYTHON)}
    server = subprocess.Popen(
        [sys.executable, "-c", source, str(place)],
        env={**others, **dict(variables)}, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
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
    if IN_CI:
        pytest.fail(what)
    pytest.skip(what)
