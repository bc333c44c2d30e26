"""A server of another port that is made when HTTP is served already: nobody who asks over HTTP waits for its imports."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry_tool.server.run import Companion

__all__ = ["EarlyCompanion", "LateCompanion"]

_C = TypeVar("_C", bound="Companion")


class LateCompanion(Generic[_C]):
    """A companion that takes its port when it starts, not before.

    Args:
        make: Makes it, in a thread; None where there is none to start.

    Attributes:
        made: It, once it has started.
    """

    def __init__(self, make: Callable[[], _C | None]) -> None:
        self._make = make
        self.made: _C | None = None

    async def bind(self) -> None:
        """Nothing yet."""

    async def start(self) -> None:
        """Make it, take its port and answer requests."""
        made = await asyncio.to_thread(self._make)
        if made is not None:
            await made.bind()
            self.made = made
            await made.start()

    async def stop(self, grace: float) -> None:
        """Stop it, if it has started."""
        if self.made is not None:
            await self.made.stop(grace)


class EarlyCompanion(Generic[_C]):
    """A companion that takes its port before HTTP is served; what that raises ends the start.

    Args:
        made: It; None for none.
    """

    def __init__(self, made: _C | None) -> None:
        self.made = made

    async def bind(self) -> None:
        """Take its port."""
        if self.made is not None:
            await self.made.bind()

    async def start(self) -> None:
        """Answer requests."""
        if self.made is not None:
            await self.made.start()

    async def stop(self, grace: float) -> None:
        """Stop it."""
        if self.made is not None:
            await self.made.stop(grace)
