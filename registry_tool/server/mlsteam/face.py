"""The face: what the server has to know before the first request of the protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry_tool.access.packed_tokens import pack_token
from registry_tool.server.http.faces import DeferredRoutes, Face
from registry_tool.server.mlsteam.addresses import API, DESCRIPTION, PREFIX, UPLOADS
from registry_tool.server.mlsteam.errors import render_error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.routing import BaseRoute

    from registry_tool.server.service import Service

__all__ = ["build_face"]


def build_face(service: Service) -> Face:
    """The face of MLSteam."""

    def make() -> Sequence[BaseRoute]:
        from registry_tool.server.mlsteam.routes import build_routes

        return build_routes(service)

    return Face(
        name=API,
        prefixes=(PREFIX,),
        routes=[DeferredRoutes(PREFIX, make, render_error)],
        render_error=render_error,
        open_paths=frozenset({f"{PREFIX}/{DESCRIPTION}"}),
        stream_paths=(f"{PREFIX}/{UPLOADS}/",),
        late_imports=("registry_tool.server.mlsteam.routes",),
        instructions=(
            # The SDK reads its environment only where it has a file of settings; this command writes it.
            f"mlsteam-model-cli init --api_endpoint {{url}} --api_token {pack_token('TOKEN')} \\",
            "  --default_project_type name --default_project_val NAMESPACE  # without tokens, any word in place of TOKEN",
        ),
    )
