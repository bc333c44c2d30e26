"""An upload through ModelBox against a server that drops the bytes: ``python tests/benchmarks/serve_streams.py``.

The client of ModelBox sends a file in messages of 1 KiB, so most of the time of an upload is gRPC's. Both servers run as
processes of their own on this machine and get the same messages in turns; the server of the registry also digests the bytes,
stores them in a DVC remote in a folder, and commits. Each round uploads new content. The ratio is taken within each round;
the goal is 1.5.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.machine import described, load, load_words
from google.protobuf.message import Message
from support.modelbox_wire import ModelBoxWire, connect, frames_for
from support.wire_clients import running_server

_GOAL: Final = 1.5
_DROPPING: Final = """
import asyncio, sys
import grpc, grpc.aio
from registry_tool.server.modelbox.descriptors import SERVICE, message_class
from registry_tool.server.modelbox.values import build
kind = message_class("UploadFileRequest")

async def drop(_, context):
    while (raw := await context.read()) is not grpc.aio.EOF:
        kind.FromString(raw)
    return build("UploadFileResponse").SerializeToString()

async def main():
    server = grpc.aio.server()
    handlers = {"UploadFile": grpc.stream_unary_rpc_method_handler(drop)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    await server.start()
    await server.wait_for_termination()

import uvloop
uvloop.run(main())
"""


class Round(NamedTuple):
    """Seconds of the same upload to both servers."""

    ours: float
    dropped: float


@contextmanager
def dropping_server() -> Iterator[str]:
    """A server that reads every message and keeps nothing; its address."""
    command = [sys.executable, "-c", _DROPPING]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.kill()


@contextmanager
def registry_server(folder: Path) -> Iterator[str]:
    """``registry serve`` over a new registry with a storage; its address."""
    (folder / "storage").mkdir()
    command = [sys.executable, "-m", "registry_tool"]
    made = ["init", "models", "--name", "bench", "--remote", str(folder / "storage")]
    subprocess.run([*command, *made], cwd=folder, check=True, capture_output=True)
    with running_server(folder / "models", "--api", "modelbox") as server:
        yield server.target


def _seconds(wire: ModelBoxWire, frames: list[Message]) -> float:
    began = time.perf_counter()
    wire.send(frames, timeout=600)
    return time.perf_counter() - began


def measure(mebibytes: int, rounds: int) -> list[Round]:
    """Upload to both servers in turns."""
    found: list[Round] = []
    with tempfile.TemporaryDirectory() as place, dropping_server() as other:
        cache = os.environ | {"XDG_CACHE_HOME": f"{place}/cache"}
        os.environ.update(cache)
        with registry_server(Path(place)) as target, connect(target) as ours, connect(other) as drop:  # fmt: skip
            model = str(ours.get("CreateModel", name="bench")["id"])
            for number in range(rounds):
                frames = frames_for(model, f"{number}.bin", os.urandom(mebibytes << 20))
                dropped = _seconds(drop, frames)
                found.append(Round(_seconds(ours, frames), dropped))
    return found


def main() -> None:
    """Print one line for each round, and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)  # fmt: skip
    parser.add_argument("--mebibytes", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    loads = [load()]
    found = measure(given.mebibytes, given.rounds)
    print("; ".join(described().values()), load_words([*loads, load()]))
    for one in found:
        print(f"{given.mebibytes} MiB in 1 KiB messages: {one.ours:.2f} s, dropped {one.dropped:.2f} s, ratio {one.ours / one.dropped:.2f}")  # fmt: skip
    ratio = statistics.median(one.ours / one.dropped for one in found)
    print(f"median ratio {ratio:.2f}, goal {_GOAL}: {'met' if ratio <= _GOAL else 'NOT met'}")


if __name__ == "__main__":
    main()
