"""The socket of gRPC, in the event loop of the HTTP server: bound first, started with it, stopped with it."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

# It runs code before and after each fork, for forks that use gRPC; ours only start Git.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")

import grpc
import grpc.aio
from grpc_health.v1 import health_pb2
from grpc_health.v1._async import HealthServicer
from grpc_health.v1.health import SERVICE_NAME as HEALTH
from grpc_health.v1.health_pb2_grpc import add_HealthServicer_to_server
from grpc_reflection.v1alpha import reflection, reflection_pb2

from registry_tool.errors import OperationalError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry_tool.server.rpc.faces import RpcFace
    from registry_tool.server.rpc.guard import RpcGuard

__all__ = ["RpcListener"]

_MOST_CALLS: Final = 1000
_FRAME: Final = 4 << 20  # bytes of a message; the default that clients of gRPC know
_IDENTITY_ONLY: Final = 1
_OPTIONS: Final = (
    ("grpc.max_receive_message_length", _FRAME),
    ("grpc.max_send_message_length", -1),
    ("grpc.max_metadata_size", 16 << 10),
    ("grpc.so_reuseport", 0),  # or a second server would take half of the connections
    ("grpc.compression_enabled_algorithms_bitset", _IDENTITY_ONLY),  # as HTTP: none to unpack
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
)


class RpcListener:
    """Serves protocols over gRPC.

    Args:
        host: Where to listen.
        port: Likewise; 0 for a free one.
        faces: The protocols.
        guard: What their calls pass.
        certificate: The file of the TLS certificate chain; None for plain text.
        key: The file of its private key; None where it is in the file of the certificate.

    Attributes:
        port: The port that it listens on, once it is bound.
    """

    def __init__(
        self,
        host: str,
        port: int,
        faces: Sequence[RpcFace],
        guard: RpcGuard,
        *,
        certificate: Path | None = None,
        key: Path | None = None,
    ) -> None:
        self.port = port
        self._host = f"[{host}]" if ":" in host else host
        self._faces = faces
        self._guard = guard
        self._certificate = certificate
        self._key = key or certificate
        self._server: grpc.aio.Server | None = None
        self._health = HealthServicer()

    @property
    def target(self) -> str:
        """The address that a client on this machine uses, without a scheme."""
        shown = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(self._host, self._host)  # noqa: S104 (shown, not bound)
        return f"{shown}:{self.port}"

    @property
    def served(self) -> list[RpcFace]:
        """The protocols, with the address in what their clients have to set; none before ``bind``."""
        if self._server is None:
            return []
        return [
            replace(
                face,
                instructions=tuple(line.format(target=self.target) for line in face.instructions),
            )
            for face in self._faces
        ]

    async def bind(self) -> None:
        """Take the port.

        Raises:
            UsageError: The certificate cannot be read.
            OperationalError: The port is in use or not allowed.
        """
        self._server = self._bind()

    def _bind(self) -> grpc.aio.Server:
        server = grpc.aio.server(options=_OPTIONS, maximum_concurrent_rpcs=_MOST_CALLS)
        names = [HEALTH, reflection.SERVICE_NAME]
        for face in self._faces:
            handlers = {rpc.name: self._guard.handler(face.name, rpc) for rpc in face.calls}
            server.add_generic_rpc_handlers(
                (grpc.method_handlers_generic_handler(face.service_name, handlers),)
            )
            for standard in (health_pb2, reflection_pb2):
                face.pool.AddSerializedFile(standard.DESCRIPTOR.serialized_pb)
            reflection.enable_server_reflection([face.service_name, *names], server, face.pool)
        add_HealthServicer_to_server(self._health, server)
        place = f"{self._host}:{self.port}"
        try:
            bound = (
                server.add_insecure_port(place)
                if self._certificate is None
                else server.add_secure_port(place, self._credentials(self._certificate))
            )
        except RuntimeError as exc:
            raise _cannot_listen(place) from exc
        if not bound:
            raise _cannot_listen(place)
        self.port = bound
        return server

    def _credentials(self, certificate: Path) -> grpc.ServerCredentials:
        try:
            chain = certificate.read_bytes()
            key = (self._key or certificate).read_bytes()
        except OSError as exc:
            raise UsageError(f"cannot read {exc.filename}: {exc.strerror}") from exc
        return grpc.ssl_server_credentials([(key, chain)])

    async def start(self) -> None:
        """Answer calls."""
        if self._server is None:
            return
        await self._server.start()
        for name in ("", *(face.service_name for face in self._faces)):
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)

    async def stop(self, grace: float) -> None:
        """Refuse new calls, complete those that are running, and close the port.

        Args:
            grace: Seconds that running calls get.
        """
        if self._server is None:
            return
        await self._health.enter_graceful_shutdown()
        ending = asyncio.ensure_future(self._server.stop(grace))
        # Streams of the health and reflection services have no end of their own.
        idle = asyncio.ensure_future(self._guard.wait_until_idle())
        await asyncio.wait([ending, idle], return_when=asyncio.FIRST_COMPLETED)
        await self._server.stop(0 if idle.done() else grace)
        idle.cancel()
        # grpc 1.85 raises it where both stops end at once; the port is closed then.
        with suppress(asyncio.InvalidStateError):
            await ending


def _cannot_listen(place: str) -> OperationalError:
    return OperationalError(
        f"cannot listen on {place}: the port is in use, or not allowed",
        remedy="choose another --grpc-port, or 0 for a free one",
    )
