"""MLflow's endpoints in one table; see https://mlflow.org/docs/latest/api_reference/rest-api.html."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute

from registry_tool.errors import RegistryError
from registry_tool.server.faces import Face, Handler, JsonResponse, route
from registry_tool.server.mlflow.artifacts import ArtifactProxy
from registry_tool.server.mlflow.errors import (
    NotImplementedHereError,
    render_error,
    render_mlflow_error,
)
from registry_tool.server.mlflow.reads import PROXY_PREFIX, ModelReads
from registry_tool.server.mlflow.writes import ModelWrites
from registry_tool.server.service import Service

__all__ = ["build_face"]

_PREFIX: Final = "/api/2.0/mlflow"
_INFO: Final = "/api/3.0/mlflow"
# The release of MLflow whose answers these are; clients compare it with their own.
_VERSION: Final = "3.17.2"
_SERVER_INFO: Final = {
    "store_type": "registry",
    "workspaces_enabled": False,
    "multipart_uploads_enabled": False,
    "multipart_downloads_enabled": False,
    "trace_archival_enabled": False,
}


def _worded(handler: Handler) -> Handler:
    """A handler whose exceptions are answered in MLflow's words."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except RegistryError as exc:
            return render_mlflow_error(exc)

    return answer


def _tagged(handler: Handler, reads: ModelReads) -> Handler:
    """A handler that reads: the answer follows from the URL, the commit and who asks, which is its ETag."""

    async def answer(request: Request) -> Response:
        lookup = reads.lookup(request)
        said = f"{lookup.snapshot.commit} {lookup.subject}".encode()
        tag = f'"{hashlib.blake2b(said, digest_size=12).hexdigest()}"'
        headers = {"ETag": tag, "Vary": "Authorization"}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        response = await handler(request)
        response.headers.update(headers)
        return response

    return answer


async def _version(_: Request) -> Response:
    return PlainTextResponse(_VERSION)


async def _server_info(_: Request) -> Response:
    return JsonResponse(_SERVER_INFO)


async def _no_webhooks(_: Request) -> Response:
    raise NotImplementedHereError("This server has no webhooks; read its changes at /events.")


def _handlers(reads: ModelReads, writes: ModelWrites) -> Mapping[str, Mapping[str, Handler]]:
    return {
        "registered-models/create": {"post": writes.create_model},
        "registered-models/rename": {"post": writes.rename_model},
        "registered-models/update": {"patch": writes.update_model},
        "registered-models/delete": {"delete": writes.delete_model},
        "registered-models/get": {"get": reads.get_model},
        "registered-models/search": {"get": reads.search_models},
        "registered-models/get-latest-versions": {
            "get": reads.get_latest,
            "post": reads.get_latest,
        },
        "registered-models/set-tag": {"post": writes.set_model_tag},
        "registered-models/delete-tag": {"delete": writes.delete_model_tag},
        "registered-models/alias": {
            "get": reads.get_by_alias,
            "post": writes.set_alias,
            "delete": writes.delete_alias,
        },
        "model-versions/create": {"post": writes.create_version},
        "model-versions/update": {"patch": writes.update_version},
        "model-versions/transition-stage": {"post": writes.move_stage},
        "model-versions/delete": {"delete": writes.delete_version},
        "model-versions/get": {"get": reads.get_version},
        "model-versions/search": {"get": reads.search_versions},
        "model-versions/get-download-uri": {"get": reads.get_download_uri},
        "model-versions/set-tag": {"post": writes.set_version_tag},
        "model-versions/delete-tag": {"delete": writes.delete_version_tag},
        "webhooks": {"get": _no_webhooks, "post": _no_webhooks},
        "webhooks/{path:path}": {
            "get": _no_webhooks,
            "post": _no_webhooks,
            "patch": _no_webhooks,
            "delete": _no_webhooks,
        },
    }


def build_face(service: Service) -> Face:
    """MLflow's protocol over a service."""
    reads = ModelReads(service)
    writes = ModelWrites(service, reads)
    routes: list[BaseRoute] = []
    for path, handlers in _handlers(reads, writes).items():
        worded = {
            method: _worded(
                _tagged(handler, reads) if method == "get" and path != "webhooks" else handler
            )
            for method, handler in handlers.items()
        }
        routes.append(route(f"{_PREFIX}/{path}", render_error, **worded))
    for path, handlers in ArtifactProxy(service, reads).handlers().items():
        worded = {method: _worded(handler) for method, handler in handlers.items()}
        routes.append(route(f"{PROXY_PREFIX}/{path}", render_error, **worded))
    routes.append(route("/version", render_error, get=_version))
    routes.append(route(f"{_INFO}/server-info", render_error, get=_server_info))
    return Face(
        name="mlflow",
        prefixes=(_PREFIX, PROXY_PREFIX, _INFO, "/version"),
        routes=routes,
        render_error=render_error,
        open_paths=frozenset({"/version", f"{_INFO}/server-info"}),
        stream_paths=(f"{PROXY_PREFIX}/artifacts/",),
        instructions=(
            "MLFLOW_REGISTRY_URI={url}",
            "MLFLOW_TRACKING_TOKEN=TOKEN  # where the server needs tokens",
        ),
    )
