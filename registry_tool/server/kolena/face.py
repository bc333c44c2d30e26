"""The face: what the server has to know before the first request of the protocol."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from registry_tool.server.http.faces import DeferredRoutes, Face
from registry_tool.server.kolena.addresses import PREFIX, SIGNED_PATH
from registry_tool.server.kolena.errors import render_error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.routing import BaseRoute

    from registry_tool.server.service import Service

__all__ = ["build_face"]


def build_face(service: Service) -> Face:
    """The face of Kolena."""

    @cache
    def make_routes() -> Sequence[BaseRoute]:
        from registry_tool.server.kolena.routes import build_routes

        return build_routes(service)

    signed = (f"{PREFIX}/{SIGNED_PATH}/",)
    return Face(
        name="kolena",
        prefixes=(PREFIX,),
        routes=[DeferredRoutes(PREFIX, make_routes, render_error)],
        render_error=render_error,
        open_paths=frozenset({f"{PREFIX}/token/login"}),
        signed_paths=signed,
        stream_paths=signed,
        late_imports=("registry_tool.server.kolena.routes",),
        instructions=(
            "KOLENA_API_URL={url}",
            "KOLENA_TOKEN=TOKEN  # without tokens, any text",
        ),
    )
