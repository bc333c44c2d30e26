"""TrueFoundry's endpoints in one table, each below both of its prefixes.

``/api/svc/v1`` is that of SDK 0.4 and later, ``/api/ml/v1`` that of earlier ones; the bodies are the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from starlette.requests import Request
from starlette.responses import Response

from registry_tool.errors import RegistryError
from registry_tool.server.changes import ChangeWriter
from registry_tool.server.faces import Face, Handler, route
from registry_tool.server.truefoundry.apply import ApplyCalls
from registry_tool.server.truefoundry.errors import render_error, render_exception
from registry_tool.server.truefoundry.manifest import API
from registry_tool.server.truefoundry.reads import VersionReads
from registry_tool.server.truefoundry.repos import RepoCalls
from registry_tool.server.truefoundry.session import Session
from registry_tool.server.truefoundry.staging import SIGNED_PATH, StagingCalls
from registry_tool.server.truefoundry.writes import VersionWrites

if TYPE_CHECKING:
    from registry_tool.server.service import Service

__all__ = ["build_face"]

_PREFIXES: Final = ("/api/svc/v1", "/api/ml/v1")
_OPEN: Final = ("min-cli-version", "tenant-id")


def _worded(handler: Handler) -> Handler:
    """A handler whose exceptions are answered in TrueFoundry's form."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except RegistryError as exc:
            return render_exception(exc)

    return answer


def _handlers(service: Service) -> Mapping[str, Mapping[str, Handler]]:
    reads, changes = VersionReads(service), ChangeWriter(service, API)
    staging = StagingCalls(service, reads, changes, _PREFIXES[0])
    writes, session = VersionWrites(service, reads, changes, staging), Session(service)
    repos = RepoCalls(reads, changes)
    manifests = ApplyCalls(service, reads, writes, repos)
    return {
        "min-cli-version": {"get": session.get_oldest_release},
        "tenant-id": {"get": session.get_tenant},
        "session": {"get": session.get_session},
        "model-versions": {"get": reads.list_versions, "put": writes.put_version},
        "model-versions/tags": {"put": writes.put_tags},
        "model-versions/{id}": {"get": reads.get_version, "delete": writes.delete_version},
        "models": {"get": reads.list_models},
        "models/{id}": {"get": reads.get_model},
        "ml-repos": {"get": repos.list_repos, "put": repos.put_repo},
        "ml-repos/{id}": {"get": repos.get_repo, "delete": repos.delete_repo},
        "artifact-versions/stage": {"post": staging.stage},
        "artifact-versions/mark-stage-failure": {"post": staging.mark_failed},
        "artifact-versions/signed-urls": {"post": staging.sign},
        "artifact-versions/signed-urls/multipart": {"post": staging.sign_parts},
        "artifact-versions/files": {"post": staging.list_files},
        f"{SIGNED_PATH}/{{grant}}": {
            "get": staging.get_bytes,
            "put": staging.put_bytes,
            "post": staging.finish_parts,
        },
        "apply": {"put": manifests.put},
        "delete": {"post": manifests.delete},
    }


def build_face(service: Service) -> Face:
    """TrueFoundry's protocol over a service."""
    handlers = _handlers(service)
    routes = [
        route(f"{prefix}/{path}", render_error, **{m: _worded(h) for m, h in by_method.items()})
        for prefix in _PREFIXES
        for path, by_method in handlers.items()
    ]
    return Face(
        name="truefoundry",
        prefixes=_PREFIXES,
        routes=routes,
        render_error=render_error,
        signed_paths=tuple(f"{prefix}/{SIGNED_PATH}/" for prefix in _PREFIXES),
        stream_paths=tuple(f"{prefix}/{SIGNED_PATH}/" for prefix in _PREFIXES),
        open_paths=frozenset(f"{prefix}/{path}" for prefix in _PREFIXES for path in _OPEN),
        instructions=(
            "TFY_HOST={url}",
            "TFY_API_KEY=tfy_TOKEN  # tfy_ and the token; without tokens, tfy_local",
        ),
    )
