"""The face: what the server has to know before the first request of the protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from registry_tool.server.http.faces import DeferredRoutes, Face
from registry_tool.server.kubeflow.errors import render_error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.routing import BaseRoute

    from registry_tool.server.service import Service

__all__ = ["build_face"]

_PREFIX: Final = "/api/model_registry"


def _instructions(url: str) -> tuple[str, ...]:
    if url.startswith("https:"):
        return (
            'ModelRegistry("{address}", {port}, author="NAME")',
            "the token: user_token=, or KF_PIPELINES_SA_TOKEN_PATH=FILE",
        )
    return ('ModelRegistry("{address}", {port}, author="NAME", is_secure=False)',)


def build_face(service: Service) -> Face:
    """The face of Kubeflow Model Registry."""

    def make() -> Sequence[BaseRoute]:
        from registry_tool.server.kubeflow.routes import build_routes

        return build_routes(service)

    return Face(
        name="kubeflow",
        prefixes=(_PREFIX,),
        routes=[DeferredRoutes(_PREFIX, make, render_error)],
        render_error=render_error,
        late_imports=("registry_tool.server.kubeflow.routes",),
        instructions=_instructions(service.public_url),
    )
