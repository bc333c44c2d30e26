"""The face: what the server has to know before the first request of the protocol."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

from registry_tool.server.http.faces import DeferredRoutes, Face
from registry_tool.server.truefoundry.addresses import PREFIXES, SIGNED_PATH
from registry_tool.server.truefoundry.errors import render_error

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.routing import BaseRoute

    from registry_tool.server.http.faces import Handler
    from registry_tool.server.service import Service

__all__ = ["build_face"]

_OPEN: Final = ("min-cli-version", "tenant-id")


def build_face(service: Service) -> Face:
    """The face of TrueFoundry."""

    @cache
    def make_handlers() -> Mapping[str, Mapping[str, Handler]]:
        from registry_tool.server.truefoundry.routes import build_handlers

        return build_handlers(service)

    def defer(prefix: str) -> DeferredRoutes:
        def make() -> Sequence[BaseRoute]:
            from registry_tool.server.truefoundry.routes import build_routes

            return build_routes(make_handlers(), prefix)

        return DeferredRoutes(prefix, make, render_error)

    signed = tuple(f"{prefix}/{SIGNED_PATH}/" for prefix in PREFIXES)
    return Face(
        name="truefoundry",
        prefixes=PREFIXES,
        routes=[defer(prefix) for prefix in PREFIXES],
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
