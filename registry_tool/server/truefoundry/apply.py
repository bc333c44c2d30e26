"""``tfy apply`` and ``tfy delete``: one manifest of any type, with a dry run."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from starlette.requests import Request
from starlette.responses import Response

from registry_tool.errors import NotFoundError
from registry_tool.manifests.data import text
from registry_tool.manifests.problems import JSON
from registry_tool.server.http.faces import JsonResponse
from registry_tool.server.truefoundry.bodies import (
    ApplyBody,
    MlRepoManifest,
    check_manifest,
    read_body,
)
from registry_tool.server.truefoundry.errors import ManifestFieldError
from registry_tool.server.truefoundry.render import render_manifest, render_version
from registry_tool.server.truefoundry.repos import render_repo_manifest

if TYPE_CHECKING:
    from registry_tool.server.truefoundry.reads import VersionReads
    from registry_tool.server.truefoundry.repos import RepoCalls
    from registry_tool.server.truefoundry.writes import VersionWrites

__all__ = ["ApplyCalls"]

_VERSION: Final = "model-version"
_REPO: Final = "ml-repo"
_DONE: Final[Mapping[str, str]] = {}


def _read_type(manifest: Mapping[str, JSON]) -> str:
    kind = manifest.get("type")
    if kind not in {_VERSION, _REPO}:
        shown = "nothing" if kind is None else repr(kind)[:80]
        raise ManifestFieldError(
            "manifest.type", f"found {shown}; this server takes {_VERSION} and {_REPO}"
        )
    return str(kind)


class ApplyCalls:
    """The calls.

    Args:
        reads: The calls that read.
        writes: The calls that write versions.
        repos: Those of ML repos.
    """

    def __init__(self, reads: VersionReads, writes: VersionWrites, repos: RepoCalls) -> None:
        self._reads = reads
        self._writes = writes
        self._repos = repos

    async def put(self, request: Request) -> Response:
        """``PUT apply``."""
        body = await read_body(request, ApplyBody)
        if _read_type(body.given) == _REPO:
            return await self._put_repo(request, body)
        lookup = self._reads.lookup(request)
        target = self._writes.find_target(lookup, body.given)
        said: dict[str, JSON] = {"action": "CREATE"}
        if target.version is not None:
            said = {"action": "UPDATE", "existingManifest": render_manifest(lookup, target.version)}
        if body.dry_run:
            await self._writes.rehearse(request, lookup, target)
            return JsonResponse(said)
        reference = await self._writes.put(request, lookup, target)
        lookup = self._reads.lookup(request)
        found = lookup.snapshot.version(reference.model, str(reference.selector))
        if found is not None:
            said["data"] = await asyncio.to_thread(render_version, lookup, found)
        return JsonResponse(said)

    async def _put_repo(self, request: Request, body: ApplyBody) -> Response:
        given = check_manifest(body.given, MlRepoManifest)
        lookup = self._reads.lookup(request)
        before = lookup.find_repo(text(given, "name"))
        said: dict[str, JSON] = {"action": "CREATE"}
        if before is not None:
            said = {"action": "UPDATE", "existingManifest": render_repo_manifest(lookup, before)}
        data = await self._repos.put(request, body.given, is_dry=body.dry_run)
        return JsonResponse(said if body.dry_run else {**said, "data": data})

    async def delete(self, request: Request) -> Response:
        """``POST delete``."""
        body = await read_body(request, ApplyBody)
        lookup = self._reads.lookup(request)
        if _read_type(body.given) == _REPO:
            name = text(check_manifest(body.given, MlRepoManifest), "name")
            repo = lookup.find_repo(name)
            if repo is None:
                raise NotFoundError(f"ML repo {name} not found")
            await self._repos.delete(request, lookup, repo)
            return JsonResponse(_DONE)
        target = self._writes.find_target(lookup, body.given)
        version = target.version
        alias = text(target.given, "version_alias")
        if version is None and target.model is not None and alias:
            version = lookup.find_version(target.model, alias)
        if version is None:
            raise NotFoundError(
                f"the manifest names no model version: {text(target.given, 'name')} needs the field version,"
                " or a version_alias that exists"
            )
        await self._writes.delete(request, version)
        return JsonResponse(_DONE)
