"""The face: what the server has to know before the first request of the protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from registry_tool.server.faces import DeferredRoutes, Face
from registry_tool.server.truefoundry.addresses import PREFIXES, SIGNED_PATH
from registry_tool.server.truefoundry.errors import render_error

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starlette.routing import BaseRoute

    from registry_tool.server.service import Service

__all__ = ["build_face"]

_OPEN: Final = ("min-cli-version", "tenant-id")


def _deferred(service: Service, prefix: str) -> Callable[[], Sequence[BaseRoute]]:
    def make() -> Sequence[BaseRoute]:
        from registry_tool.server.truefoundry.routes import build_routes

        return build_routes(service, prefix)

    return make


def build_face(service: Service) -> Face:
    """The face of TrueFoundry."""
    signed = tuple(f"{prefix}/{SIGNED_PATH}/" for prefix in PREFIXES)
    return Face(
        name="truefoundry",
        prefixes=PREFIXES,
        routes=[DeferredRoutes(p, _deferred(service, p), render_error) for p in PREFIXES],
        render_error=render_error,
        open_paths=frozenset(f"{prefix}/{path}" for prefix in PREFIXES for path in _OPEN),
        signed_paths=signed,
        stream_paths=signed,
        late_imports=("registry_tool.server.truefoundry.routes",),
        instructions=(
            "TFY_HOST={url}",
            "TFY_API_KEY=tfy_TOKEN  # tfy_ and the token; without tokens, tfy_local",
        ),
    )
