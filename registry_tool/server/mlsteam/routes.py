"""MLSteam's endpoints: those of the Swagger document, with what answers each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response

from registry_tool.server.changes import ChangeWriter
from registry_tool.server.http.entity_tags import tag_reads
from registry_tool.server.http.faces import Handler, JsonResponse, route, word_errors
from registry_tool.server.mlsteam.addresses import API, DESCRIPTION, PREFIX
from registry_tool.server.mlsteam.description import OPERATIONS, describe_api
from registry_tool.server.mlsteam.downloads import DownloadCalls
from registry_tool.server.mlsteam.errors import render_error, render_exception
from registry_tool.server.mlsteam.reads import ProjectReads
from registry_tool.server.mlsteam.writes import ModelWrites

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from registry_tool.server.service import Service

__all__ = ["build_routes"]


def _build_handlers(service: Service) -> Mapping[str, Handler]:
    """The handlers by the name of their operation."""
    reads = ProjectReads(service)
    downloads = DownloadCalls(service, reads)
    writes = ModelWrites(service, reads, ChangeWriter(service, API))

    def read(handler: Handler) -> Handler:
        return tag_reads(handler, service, reads.begin)

    return {
        "listProject": read(reads.list_projects),
        "getProject": read(reads.get_project),
        "listModel": read(reads.list_models),
        "addModel": writes.add_model,
        "getModel": read(reads.get_model),
        "updateModel": writes.update_model,
        "deleteModel": writes.delete_model,
        "listVersionModel": read(reads.list_versions),
        "addVersionModel": writes.add_version,
        "getVersionModel": read(reads.get_version),
        "deleteVersionModel": writes.delete_version,
        "prepareDownloadVersionModel": downloads.prepare,
        "downloadVersionModel": downloads.download,
        "uploadFile": writes.upload,
        "getAsyncJob": downloads.get_job,
    }


async def _send_description(_: Request) -> Response:
    return JsonResponse(describe_api())


def build_routes(service: Service) -> list[BaseRoute]:
    """The routes, over a service."""
    handlers = _build_handlers(service)
    by_path: dict[str, dict[str, Handler]] = {DESCRIPTION: {"get": _send_description}}
    for one in OPERATIONS:
        path = one.path.replace("/{path}", "/{path:path}")
        handler = word_errors(handlers[one.name], render_exception)
        by_path.setdefault(path, {})[one.method] = handler
    return [route(f"{PREFIX}/{path}", render_error, **methods) for path, methods in by_path.items()]
