"""Servers that artifacts are on, started once for each worker, and a registry on each that tests read."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from support import without
from support.remote_registries import Place, new_place
from support.remote_servers import KINDS, SERVERS, Server, lacking

Places = dict[str, Place]


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Server]]:
    """The server of a kind, started when it is first asked for."""
    with ExitStack() as running:
        started: dict[str, Server] = {}

        def server(kind: str) -> Server:
            if missing := lacking(kind):
                without(missing)
            if kind not in started:
                folder = tmp_path_factory.mktemp(kind) / "server"
                started[kind] = running.enter_context(SERVERS[kind](folder))
            return started[kind]

        yield server


@pytest.fixture(scope="session")
def places() -> Places:
    """The registries that were made, by the kind of their server."""
    return {}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """A kind of server."""
    return str(request.param)


@pytest.fixture
def place(
    kind: str, servers: Callable[[str], Server], places: Places, tmp_path_factory: pytest.TempPathFactory
) -> Place:  # fmt: skip
    """A registry on that kind of server, with the secrets that it takes."""
    found = servers(kind)
    if kind not in places:
        folder = None if found.folder is None else found.folder / "read"
        server = replace(found, url=f"{found.url}/read", folder=folder)
        places[kind] = new_place(tmp_path_factory.mktemp(f"{kind}-registry"), kind, server)
    made = places[kind]
    made.configure(made.server.secrets)
    return made


@pytest.fixture
def in_no_cloud(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's credentials for S3 are in the environment, and no machine is asked for some."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def another(in_no_cloud: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache of somebody who has nothing yet."""
    monkeypatch.setenv("REGISTRY_CACHE", str(tmp_path / "another-cache"))
    return tmp_path / "another-cache"
