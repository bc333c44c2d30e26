"""MLflow's endpoints in one table; see https://mlflow.org/docs/latest/api_reference/rest-api.html."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Final, TypeAlias

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute

from registry_tool.server.http.entity_tags import tag_reads
from registry_tool.server.http.faces import (
    DeferredRoutes,
    Face,
    Handler,
    JsonResponse,
    defer_handlers,
    route,
    word_errors,
)
from registry_tool.server.mlflow.errors import render_error, render_mlflow_error
from registry_tool.server.mlflow.reads import PROXY_PREFIX, ModelReads
from registry_tool.server.service import Service

if TYPE_CHECKING:
    from registry_tool.access.subjects import Subject
    from registry_tool.server.mlflow.webhooks import WebhookCalls
    from registry_tool.server.mlflow.writes import ModelWrites
    from registry_tool.server.views import SubjectView

__all__ = ["build_face"]

# Makes a handler of a choice among those that write; see ``defer_handlers``.
_Deferred: TypeAlias = "Callable[[Callable[[ModelWrites], Handler]], Handler]"

_DeferredCalls: TypeAlias = "Callable[[Callable[[WebhookCalls], Handler]], Handler]"

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


async def _version(_: Request) -> Response:
    return PlainTextResponse(_VERSION)


async def _server_info(_: Request) -> Response:
    return JsonResponse(_SERVER_INFO)


def _handlers(reads: ModelReads, writes: _Deferred) -> Mapping[str, Mapping[str, Handler]]:
    return {
        "registered-models/create": {"post": writes(lambda w: w.create_model)},
        "registered-models/rename": {"post": writes(lambda w: w.rename_model)},
        "registered-models/update": {"patch": writes(lambda w: w.update_model)},
        "registered-models/delete": {"delete": writes(lambda w: w.delete_model)},
        "registered-models/get": {"get": reads.get_model},
        "registered-models/search": {"get": reads.search_models},
        "registered-models/get-latest-versions": {
            "get": reads.get_latest,
            "post": reads.get_latest,
        },
        "registered-models/set-tag": {"post": writes(lambda w: w.set_model_tag)},
        "registered-models/delete-tag": {"delete": writes(lambda w: w.delete_model_tag)},
        "registered-models/alias": {
            "get": reads.get_by_alias,
            "post": writes(lambda w: w.set_alias),
            "delete": writes(lambda w: w.delete_alias),
        },
        "model-versions/create": {"post": writes(lambda w: w.create_version)},
        "model-versions/update": {"patch": writes(lambda w: w.update_version)},
        "model-versions/transition-stage": {"post": writes(lambda w: w.move_stage)},
        "model-versions/delete": {"delete": writes(lambda w: w.delete_version)},
        "model-versions/get": {"get": reads.get_version},
        "model-versions/search": {"get": reads.search_versions},
        "model-versions/get-download-uri": {"get": reads.get_download_uri},
        "model-versions/set-tag": {"post": writes(lambda w: w.set_version_tag)},
        "model-versions/delete-tag": {"delete": writes(lambda w: w.delete_version_tag)},
    }


def _webhook_handlers(calls: _DeferredCalls) -> Mapping[str, Mapping[str, Handler]]:
    return {
        "webhooks": {
            "get": calls(lambda c: c.list_webhooks),
            "post": calls(lambda c: c.create_webhook),
        },
        "webhooks/{webhook_id}": {
            "get": calls(lambda c: c.get_webhook),
            "patch": calls(lambda c: c.update_webhook),
            "delete": calls(lambda c: c.delete_webhook),
        },
        "webhooks/{webhook_id}/test": {"post": calls(lambda c: c.test_webhook)},
    }


def _make_route(path: str, handlers: Mapping[str, Handler]) -> BaseRoute:
    return route(
        path,
        render_error,
        **{name: word_errors(one, render_mlflow_error) for name, one in handlers.items()},
    )


def _build_routes(service: Service, make_calls: Callable[[], WebhookCalls]) -> list[BaseRoute]:
    reads = ModelReads(service)

    @cache
    def make_writes() -> ModelWrites:
        from registry_tool.server.mlflow.writes import ModelWrites

        return ModelWrites(service, reads)

    def make_proxy() -> Sequence[BaseRoute]:
        from registry_tool.server.mlflow.artifacts import ArtifactProxy

        found = ArtifactProxy(service, reads).handlers()
        return [_make_route(f"{PROXY_PREFIX}/{path}", some) for path, some in found.items()]

    def begin(request: Request) -> tuple[SubjectView, Subject]:
        lookup = reads.begin(request)
        return lookup.view, lookup.subject

    routes: list[BaseRoute] = []
    for path, handlers in _handlers(reads, defer_handlers(make_writes)).items():
        tagged = {
            method: tag_reads(handler, service, begin) if method == "get" else handler
            for method, handler in handlers.items()
        }
        routes.append(_make_route(f"{_PREFIX}/{path}", tagged))
    for path, handlers in _webhook_handlers(defer_handlers(make_calls)).items():
        routes.append(_make_route(f"{_PREFIX}/{path}", handlers))
    routes.append(DeferredRoutes(PROXY_PREFIX, make_proxy, render_error))
    routes.append(route("/version", render_error, get=_version))
    routes.append(route(f"{_INFO}/server-info", render_error, get=_server_info))
    return routes


def build_face(service: Service) -> Face:
    """MLflow's protocol over a service."""

    @cache
    def make_calls() -> WebhookCalls:
        from registry_tool.server.mlflow.webhooks import WebhookCalls

        return WebhookCalls(service)

    def deliver() -> None:
        from registry_tool.server.webhooks.folder import find_folder

        if find_folder(service, "mlflow").is_dir() and not service.options.read_only:
            make_calls().begin()

    return Face(
        name="mlflow",
        prefixes=(_PREFIX, PROXY_PREFIX, _INFO, "/version"),
        routes=_build_routes(service, make_calls),
        render_error=render_error,
        open_paths=frozenset({"/version", f"{_INFO}/server-info"}),
        stream_paths=(f"{PROXY_PREFIX}/artifacts/",),
        late_imports=(
            "registry_tool.server.mlflow.writes",
            "registry_tool.server.mlflow.artifacts",
        ),
        begin=deliver,
        instructions=(
            "MLFLOW_REGISTRY_URI={url}",
            "MLFLOW_TRACKING_TOKEN=TOKEN  # where the server needs tokens",
        ),
    )
