"""The live catalog, moved by a writer: readers see a request's change before its client has the answer."""

from __future__ import annotations

from collections.abc import Callable

from registry_tool.live.follow import LiveCatalog
from registry_tool.writer.request import Move

__all__ = ["advance_live"]


def advance_live(catalog: LiveCatalog, main: str) -> Callable[[Move], None]:
    """What a writer calls with each move of a branch, so that a live catalog goes along; see ``Writer.on_moved``.

    Args:
        catalog: The live catalog of the published branch.
        main: The published branch, without ``refs/heads/``.
    """

    def advance(move: Move) -> None:
        if move.branch != main:
            return
        if move.foreign:
            catalog.look()
        else:
            catalog.advance(move.before or "", move.steps())

    return advance
