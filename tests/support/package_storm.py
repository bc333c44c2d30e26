"""The storm with the real client packages of all protocols, each in a process of its own; see ``wire_storm``."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Final, NamedTuple, cast

from registry_tool.manifests.problems import JSON
from support.git_servers import free_port
from support.manifests import small_registry
from support.wire_clients import run_client, running_server
from support.wire_storm import Storm, guarded_registry, push_notes

__all__ = ["STORM_PACKAGES", "run_package_storm", "stored_registry"]

STORM_PACKAGES: Final = ("mlflow", "kubeflow", "truefoundry", "modelbox", "kolena", "mlsteam")
_PATIENCE: Final = 300.0
# The scripts repeat what broke themselves, and look first whether it was done: a repeated POST makes a second version.
_NO_RETRIES: Final = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": "60"}
_CONFIG: Final = """[core]
    remote = storage
['remote "storage"']
    url = {storage}
"""


class _Ports(NamedTuple):
    http: int
    grpc: int


def stored_registry(folder: Path) -> Path:
    """As ``guarded_registry``, with a DVC remote in ``storage`` next to it."""
    storage = folder / "storage"
    storage.mkdir()
    config = {".dvc/config": _CONFIG.replace("{storage}", str(storage))}
    return guarded_registry(folder, {**small_registry(), **config})


def _run_package(storm: Storm, package: str, number: int, ports: _Ports, folder: Path) -> None:
    found = run_client(
        package, f"storm_{package}.py", env=_NO_RETRIES, timeout=_PATIENCE + 3600,
        url=f"http://127.0.0.1:{ports.http}", port=ports.http, target=f"127.0.0.1:{ports.grpc}",
        number=number, folder=str(folder), over=str(folder / "over"), pause=str(folder / "pause"),
        ready=str(folder / f"ready-{number}"),
    )  # fmt: skip
    said = cast("dict[str, dict[str, JSON]]", found)
    storm.created.update(cast("list[str]", said["created"]))
    storm.settings.update(cast("dict[str, str]", said["settings"]))
    storm.stored.update(cast("list[str]", said["stored"]))
    storm.broken += cast("int", said["repeated"])
    storm.failures += cast("list[str]", said["failures"])


def _wait_until_ready(folder: Path, running: Sequence[Future[None]]) -> None:
    """Importing a package takes seconds, and as many again for each that starts at the same time.

    Raises:
        AssertionError: A client ended before it was ready.
    """
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        for one in running:
            if one.done():
                one.result()
        if all((folder / f"ready-{number}").exists() for number in range(len(running))):
            return
        time.sleep(0.05)


def run_package_storm(
    bare: Path,
    *,
    packages: Sequence[str] = STORM_PACKAGES,
    clients: int = 16,
    seconds: float = 60.0,
    kills: int = 0,
    seed: int = 1,
) -> Storm:
    """Let client packages write and a person push for some seconds, and kill the server meanwhile.

    Args:
        bare: From ``stored_registry``; the clone ``person`` lies next to it.
        packages: Which clients, in turn.
        clients: How many processes.
        seconds: How long, from when all clients are ready; the starts of the server after kills come on top.
        kills: How often the server is killed, at moments spread over the time.
        seed: Of the moments of the kills.
    """
    folder, ports = bare.parent, _Ports(free_port(), free_port())
    storm, chance = Storm(bare, pause=folder / "pause"), random.Random(seed)
    storm.release()
    person = threading.Thread(target=push_notes, args=(storm, folder / "person"))
    share = seconds / (kills + 1)
    options = ("--port", str(ports.http), "--grpc-port", str(ports.grpc))
    with ExitStack() as running, ThreadPoolExecutor(clients) as pool:
        running.callback((folder / "over").touch)
        done: list[Future[None]] = []
        for turn in range(kills + 1):
            server = running.enter_context(running_server(bare, *options))
            storm.url = server.url
            if turn == 0:
                done = [
                    pool.submit(_run_package, storm, packages[n % len(packages)], n, ports, folder)
                    for n in range(clients)
                ]
                _wait_until_ready(folder, done)
                person.start()
            time.sleep(share * chance.uniform(0.6, 1.4) if kills else share)
            if turn < kills:
                server.kill()
                storm.kills += 1
        storm.is_over.set()
        (folder / "over").touch()
        for one in done:
            one.result(_PATIENCE)
        person.join(_PATIENCE)
    return storm
