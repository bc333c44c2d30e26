"""Runs of ``registry`` that do not start Python again: a server has everything imported, and forks for each run.

A run is a process of its own, with its arguments, environment, folder and streams; it goes through
``python -m registry_tool`` to the end of the interpreter. What it does not show is how Python starts: the time that
takes, what is imported, and the variables that Python itself reads. With ``REGISTRY_TESTS_FORK=0`` in the environment
each run is started as users start it.

This file is also the server (``-c``) and, in a folder on PATH, the program ``registry`` for shells.
"""

from __future__ import annotations

import array
import gc
import json
import os
import socket
import sys
from contextlib import suppress
from pathlib import Path

__all__ = ["STARTS_PYTHON", "ask"]

# What Python reads when it starts: another value than the server's needs a start of its own.
STARTS_PYTHON = ("PYTHON", "LC_", "LANG", "LD_")
_STREAMS = 3


def ask(place: str, arguments: list[str], cwd: str, env: dict[str, str], streams: list[int]) -> int:
    """Run ``registry`` in a fork of the server at a socket; its exit code, or a signal as a negative number.

    Args:
        place: The server's socket.
        arguments: Of ``registry``.
        cwd: The folder it runs in.
        env: The whole environment.
        streams: What are its standard input, output and error.
    """
    words = json.dumps([arguments, cwd, env, _umask()]).encode()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(place)
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", streams))]
        connection.sendmsg([len(words).to_bytes(8, "big")], rights)
        connection.sendall(words)
        answer = connection.recv(8)
    if not answer:
        raise RuntimeError("the server of forked runs ended")
    return int.from_bytes(answer, "big", signed=True)


def _umask() -> int:
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        return int(status.partition("Umask:")[2].split()[0], 8)
    except (OSError, IndexError):  # elsewhere it can only be read by setting it, for every thread
        umask = os.umask(0)
        os.umask(umask)
        return umask


def _exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = connection.recv(size - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data


def _become(connection: socket.socket) -> int:
    """In a process for one request: fork the run, and answer how it ended; 0 in the run itself."""
    head, rights, _, _ = connection.recvmsg(8, socket.CMSG_SPACE(_STREAMS * 4))
    streams = array.array("i", rights[0][2])
    arguments, cwd, env, umask = json.loads(_exactly(connection, int.from_bytes(head, "big")))
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        connection.sendall(code.to_bytes(8, "big", signed=True))
        return child
    connection.close()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update(env)
    os.umask(umask)
    os.chdir(cwd)
    sys.argv[1:] = arguments
    return 0


def _serve(place: str) -> None:
    """Wait for requests until standard input ends; returns only in a forked run."""
    import select

    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(place)
        listening.listen()
        os.write(1, b".")
        while True:
            ready, _, _ = select.select([listening.fileno(), 0], [], [])
            if 0 in ready:
                os._exit(0)
            connection, _ = listening.accept()
            if not os.fork():
                listening.close()
                if _become(connection):
                    os._exit(0)
                return
            connection.close()
            with suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass


def _import_everything() -> None:
    """What a command imports at some time, without what looks at the environment while it is imported."""
    from importlib import import_module
    from pkgutil import walk_packages

    import registry_tool

    for name in (
        "jsonschema",
        "jsonschema_rs",
        "rich.table",
        "rich.progress",
        "ruamel.yaml",
        "yaml_rs",
    ):
        import_module(name)
    for found in walk_packages(registry_tool.__path__, "registry_tool."):
        if not found.name.startswith("registry_tool.demo") and not found.name.endswith("__main__"):
            try:
                import_module(found.name)
            except ModuleNotFoundError as exc:  # of an optional package that is missing here
                if f"{exc.name}.".startswith("registry_tool."):
                    raise
    gc.freeze()  # collections in a fork would copy every page


def _run() -> None:
    import atexit
    import runpy
    import threading

    sys.path[0] = str(Path.cwd())
    try:
        runpy.run_module("registry_tool", run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        if not isinstance(ended.code, int):
            raise
        # All that ends a program, but for taking the interpreter apart: with every module loaded that takes 40 ms.
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(ended.code)


if __name__ == "__main__":
    if sys.argv[0] == "-c":
        _import_everything()
        _serve(sys.argv.pop(1))
        _run()
    else:
        folder = Path(sys.argv[0]).parent
        sys.exit(
            ask(str(folder / "socket"), sys.argv[1:], str(Path.cwd()), dict(os.environ), [0, 1, 2])
        )
