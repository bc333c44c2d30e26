"""What a protocol gives to the server: routes, and the form of its errors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.routing import BaseRoute

__all__ = ["Face", "Failure"]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a request gets no answer, before a protocol words it.

    Attributes:
        status: The HTTP status, unless the protocol has another one for this.
        code: The kind of error, as in ``errors.ErrorCode``, or ``too_large``, ``busy``, ``method``, ``media_type``.
        message: One or more sentences.
        headers: Further headers of the answer, such as ``Retry-After``.
    """

    status: int
    code: str
    message: str
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Face:
    """One protocol.

    Attributes:
        name: As in ``--api``.
        prefixes: The paths that are its own, without a slash at their ends; those of faces are disjoint.
        routes: Its endpoints, with full paths.
        render_error: The answer to a request that fails.
        open_paths: Paths that need no token.
        media_types: The types of bodies that a request may have; empty for any.
        stream_paths: Prefixes whose bodies are files: limited by ``max_upload`` instead of ``max_body``, of any type.
    """

    name: str
    prefixes: tuple[str, ...]
    routes: Sequence[BaseRoute]
    render_error: Callable[[Failure], Response]
    open_paths: frozenset[str] = frozenset()
    media_types: frozenset[str] = frozenset({"application/json"})
    stream_paths: tuple[str, ...] = ()

    def owns(self, path: str) -> bool:
        """True for a path below one of its prefixes."""
        return any(path == p or path.startswith(f"{p}/") for p in self.prefixes)
