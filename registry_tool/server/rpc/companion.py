"""When gRPC starts: with the server where it was asked for, else after it, because its packages take long to import."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from registry_tool.errors import RegistryError
from registry_tool.installation import package_of_extra

if TYPE_CHECKING:
    from registry_tool.server.rpc.faces import RpcFace
    from registry_tool.server.rpc.listener import RpcListener
    from registry_tool.server.service import Service

__all__ = ["RpcCompanion"]

_QUIET: Final = 1.5  # seconds after the start in which only requests are answered


class RpcCompanion:
    """The server of the protocols over gRPC, as a ``Companion`` of the HTTP server.

    Args:
        service: The registry.
        title: What is served, for messages.
        extra: The extra of ``registry-tool`` whose packages it needs.
        make: Imports these packages, and makes the listener.
        is_needed: The server does not start without it. Otherwise it is left out, and the operator told, where its packages
            are not installed or its port is in use.
    """

    def __init__(
        self,
        service: Service,
        title: str,
        extra: str,
        make: Callable[[], RpcListener],
        *,
        is_needed: bool,
    ) -> None:
        self._service = service
        self._title = title
        self._extra = extra
        self._make = make
        self._is_needed = is_needed
        self._listener: RpcListener | None = None
        self._late: asyncio.Task[None] | None = None

    @property
    def served(self) -> Sequence[RpcFace]:
        """The protocols that are served now."""
        return () if self._listener is None else self._listener.served

    async def bind(self) -> None:
        """See ``Companion``.

        Raises:
            MissingPackageError: Its packages are not installed.
            OperationalError: Its port is in use.
        """
        if self._is_needed:
            self._listener = await self._open()

    async def _open(self) -> RpcListener:
        with package_of_extra(f"the protocol of {self._title}", self._extra):
            listener = await asyncio.to_thread(self._make)
        await listener.bind()
        self._service.rpc_target = listener.target
        return listener

    async def start(self) -> None:
        """See ``Companion``."""
        if self._listener is not None:
            await self._listener.start()
        else:
            self._late = asyncio.create_task(self._start_late())

    async def settle(self) -> None:
        """Return once the protocols are served or left out."""
        if self._late is not None:
            await self._late

    async def _start_late(self) -> None:
        await asyncio.sleep(_QUIET)
        tell = self._service.options.notify
        try:
            self._listener = await self._open()
        except RegistryError as exc:
            tell(f"{self._title} is not served: {exc.message}; {exc.remedy}")
        else:
            await self._listener.start()
            for face in self.served:
                tell(f"{face.name}: {' '.join(face.instructions)}")

    async def stop(self, grace: float) -> None:
        """See ``Companion``."""
        if self._late is not None:
            self._late.cancel()
        if self._listener is not None:
            await self._listener.stop(grace)
