"""When gRPC starts, and what the operator is told where it does not."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.written_trains import bare_registry

from registry_tool.access.authenticate import Authenticator, local_subject
from registry_tool.errors import MissingPackageError, OperationalError
from registry_tool.server.http.app import open_feed
from registry_tool.server.limits import Limits
from registry_tool.server.rpc import companion as rpc_companion
from registry_tool.server.rpc.companion import RpcCompanion
from registry_tool.server.service import Service, ServiceOptions, open_service

if TYPE_CHECKING:
    from registry_tool.server.rpc.listener import RpcListener

pytestmark = pytest.mark.skipif(find_spec("grpc") is None, reason="needs serve-modelbox")


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def service(tmp_path: Path, told: list[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    monkeypatch.setattr(rpc_companion, "_QUIET", 0.0)
    options = ServiceOptions(notify=told.append)
    with open_service(bare_registry(tmp_path), options) as found:
        yield found


def listener(service: Service, port: int) -> RpcListener:
    from registry_tool.server.modelbox import build_rpc_face
    from registry_tool.server.rpc.guard import RpcGuard
    from registry_tool.server.rpc.listener import RpcListener

    who = Authenticator(anonymous=local_subject("Ada", "ada@example.org"))
    guard = RpcGuard(service, authenticator=who, limits=Limits())
    return RpcListener("127.0.0.1", port, [build_rpc_face(service, open_feed(service))], guard)


def missing() -> RpcListener:
    raise ModuleNotFoundError("No module named 'grpc'", name="grpc")


async def run(companion: RpcCompanion) -> None:
    await companion.bind()
    await companion.start()
    await companion.settle()
    await companion.stop(1)


def test_a_package_that_is_missing_ends_only_a_start_that_asked_for_it(
    service: Service, told: list[str]
) -> None:
    needed = RpcCompanion(service, "ModelBox", "serve-modelbox", missing, is_needed=True)
    with pytest.raises(MissingPackageError, match="the protocol of ModelBox needs the package grpc") as error:  # fmt: skip
        asyncio.run(needed.bind())
    assert 'pip install "registry-tool[serve-modelbox]"' in error.value.remedy
    asyncio.run(run(RpcCompanion(service, "ModelBox", "serve-modelbox", missing, is_needed=False)))
    (line,) = told
    assert line.startswith(
        "ModelBox is not served: the protocol of ModelBox needs the package grpc"
    )


def test_a_port_in_use_ends_only_a_start_that_asked_for_it(
    service: Service, told: list[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        def make() -> RpcListener:
            return listener(service, port)

        with pytest.raises(OperationalError, match=f"cannot listen on 127.0.0.1:{port}"):
            asyncio.run(RpcCompanion(service, "ModelBox", "x", make, is_needed=True).bind())
        asyncio.run(run(RpcCompanion(service, "ModelBox", "x", make, is_needed=False)))
    (line,) = told
    assert "choose another --grpc-port" in line


def test_what_was_not_asked_for_starts_later_and_is_told(service: Service, told: list[str]) -> None:
    companion = RpcCompanion(
        service, "ModelBox", "x", lambda: listener(service, 0), is_needed=False
    )
    asyncio.run(run(companion))
    assert told == [f'modelbox: ModelBox(addr="{service.rpc_target}")']
