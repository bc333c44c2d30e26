"""TrueFoundry's endpoints in one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from starlette.routing import BaseRoute

from registry_tool.server.changes import ChangeWriter
from registry_tool.server.http.entity_tags import tag_reads
from registry_tool.server.http.faces import Handler, route, word_errors
from registry_tool.server.truefoundry.addresses import PREFIXES, SIGNED_PATH
from registry_tool.server.truefoundry.apply import ApplyCalls
from registry_tool.server.truefoundry.errors import render_error, render_exception
from registry_tool.server.truefoundry.manifest import API
from registry_tool.server.truefoundry.reads import VersionReads
from registry_tool.server.truefoundry.repos import RepoCalls
from registry_tool.server.truefoundry.runs import RunCalls
from registry_tool.server.truefoundry.session import Session
from registry_tool.server.truefoundry.staging import StagingCalls
from registry_tool.server.truefoundry.writes import VersionWrites

if TYPE_CHECKING:
    from registry_tool.server.service import Service

__all__ = ["build_handlers", "build_routes"]


def build_handlers(service: Service) -> Mapping[str, Mapping[str, Handler]]:
    """The handlers by path and method; all prefixes share them, so an address is for one use whatever its prefix."""
    reads, changes = VersionReads(service), ChangeWriter(service, API)
    staging = StagingCalls(service, reads, changes, PREFIXES[0])
    writes, session = VersionWrites(service, reads, changes, staging), Session(service)
    repos = RepoCalls(reads, changes)
    manifests = ApplyCalls(reads, writes, repos)

    def read(handler: Handler) -> Handler:
        return tag_reads(handler, service, reads.begin)

    return {
        "min-cli-version": {"get": session.get_oldest_release},
        "tenant-id": {"get": session.get_tenant},
        "session": {"get": session.get_session},
        "model-versions": {"get": read(reads.list_versions), "put": writes.put_version},
        "model-versions/tags": {"put": writes.put_tags},
        "model-versions/{id}": {"get": read(reads.get_version), "delete": writes.delete_version},
        "models": {"get": read(reads.list_models)},
        "models/{id}": {"get": read(reads.get_model)},
        "ml-repos": {"get": read(repos.list_repos), "put": repos.put_repo},
        "ml-repos/{id}": {"get": read(repos.get_repo), "delete": repos.delete_repo},
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
        **_run_handlers(RunCalls(reads, changes), read),
    }


def _run_handlers(
    runs: RunCalls, read: Callable[[Handler], Handler]
) -> Mapping[str, Mapping[str, Handler]]:
    return {
        "runs": {"post": runs.create},
        "runs/search": {"post": runs.search},
        "runs/{id}": {"get": read(runs.get), "put": runs.update, "delete": runs.delete},
        "runs/{id}/batch": {"post": runs.log_batch},
        "runs/{id}/metrics": {"post": runs.log_metric},
        "runs/{id}/metrics/history": {"get": read(runs.get_history)},
        "runs/{id}/metrics/list": {"post": runs.list_histories},
        "runs/{id}/parameters": {"post": runs.log_param},
        "runs/{id}/tags": {"post": runs.set_tag},
        "runs/{id}/tags/delete": {"post": runs.delete_tag},
    }


def build_routes(handlers: Mapping[str, Mapping[str, Handler]], prefix: str) -> list[BaseRoute]:
    """The endpoints below one prefix."""
    return [
        route(
            f"{prefix}/{path}",
            render_error,
            **{m: word_errors(h, render_exception) for m, h in by_method.items()},
        )
        for path, by_method in handlers.items()
    ]
