"""ML repos: namespaces, with what TrueFoundry keeps about them in an object of the registry.

A repo without models is that object alone; its namespace comes with its first model, so that no client changes policy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from starlette.requests import Request
from starlette.responses import Response

from registry_tool.edits.changeset import Edit
from registry_tool.edits.objects import ObjectName, edit_object, put_object
from registry_tool.errors import RefusedError
from registry_tool.live.ids import number_namespace
from registry_tool.live.records import NamespaceRecord
from registry_tool.manifests.data import Data, member, text
from registry_tool.manifests.problems import JSON
from registry_tool.server.http.faces import JsonResponse
from registry_tool.server.truefoundry.bodies import (
    MlRepoBody,
    MlRepoManifest,
    check_manifest,
    read_body,
)
from registry_tool.server.truefoundry.edits import choose_namespace
from registry_tool.server.truefoundry.lookup import REPO_KIND, Lookup
from registry_tool.server.truefoundry.manifest import API
from registry_tool.server.truefoundry.names import name_repo
from registry_tool.server.truefoundry.reads import answer_list, read_page
from registry_tool.server.truefoundry.render import render_subject, render_time, write_subject

if TYPE_CHECKING:
    from registry_tool.server.changes import ChangeWriter
    from registry_tool.server.truefoundry.reads import VersionReads

__all__ = ["RepoCalls", "render_repo", "render_repo_manifest"]

_DONE: Final[Mapping[str, str]] = {}
_STORAGE: Final = "registry:dvc-remote"


def render_repo_manifest(lookup: Lookup, repo: NamespaceRecord) -> dict[str, JSON]:
    """The manifest of an ML repo."""
    record = lookup.find_repo_object(repo)
    kept = member(None if record is None else record.data, "manifest")
    return {
        "type": "ml-repo",
        "name": name_repo(repo),
        "storage_integration_fqn": f"{lookup.tenant}:{_STORAGE}",
        "collaborators": [],
        **kept,
    }


def render_repo(lookup: Lookup, repo: NamespaceRecord) -> dict[str, JSON]:
    """An ML repo."""
    snapshot, record = lookup.snapshot, lookup.find_repo_object(repo)
    if record is not None:
        created, by = snapshot.created(record), text(record.data, "created_by")
    else:
        first = next(lookup.models_in(repo.name), None)
        created, by = snapshot.line.time(1) if first is None else snapshot.created(first), ""
    return {
        "id": str(number_namespace(repo.name)),
        "tenant_name": lookup.tenant,
        "account_id": lookup.tenant,
        "created_at": render_time(created),
        "created_by_subject": render_subject(by, by.partition(":")[2] or lookup.tenant),
        "manifest": render_repo_manifest(lookup, repo),
    }


class RepoCalls:
    """The calls, over a service.

    Args:
        reads: Gives the state that a request is answered from.
        changes: Writes.
    """

    def __init__(self, reads: VersionReads, changes: ChangeWriter) -> None:
        self._reads = reads
        self._changes = changes

    async def list_repos(self, request: Request) -> Response:
        """``GET ml-repos``."""
        lookup, page = self._reads.lookup(request), read_page(request)
        repos = lookup.namespaces()
        if "name" in request.query_params:
            found = lookup.find_repo(request.query_params["name"])
            repos = [] if found is None else [found]
        return await answer_list(lookup, repos, page, lambda repo: render_repo(lookup, repo))

    async def get_repo(self, request: Request) -> Response:
        """``GET ml-repos/{id}``."""
        lookup = self._reads.lookup(request)
        found = lookup.repo_numbered(request.path_params["id"])
        return JsonResponse({"data": render_repo(lookup, found)})

    async def put_repo(self, request: Request) -> Response:
        """``PUT ml-repos``."""
        body = await read_body(request, MlRepoBody)
        return JsonResponse({"data": await self.put(request, body.given, is_dry=body.dry_run)})

    async def put(
        self, request: Request, manifest: dict[str, JSON], *, is_dry: bool
    ) -> dict[str, JSON]:
        """Add or change an ML repo; what it is afterwards."""
        given = check_manifest(manifest, MlRepoManifest)
        lookup = self._reads.lookup(request)
        name = text(given, "name")
        repo = lookup.find_repo(name) or _new_repo(name)
        lookup.service.require(lookup.subject, "write", repo.name)
        kept = {k: v for k, v in given.items() if k not in {"type", "name"}}
        edit = _edit(lookup, repo, kept)
        if is_dry:
            await self._changes.rehearse(request, repo.name, [edit])
            shown = render_repo(lookup, repo)
            return {**shown, "manifest": {**render_repo_manifest(lookup, repo), **kept}}
        await self._changes.write(request, repo.name, edit)
        lookup = self._reads.lookup(request)
        return render_repo(lookup, lookup.find_repo(name) or repo)

    async def delete_repo(self, request: Request) -> Response:
        """``DELETE ml-repos/{id}``."""
        lookup = self._reads.lookup(request)
        await self.delete(request, lookup, lookup.repo_numbered(request.path_params["id"]))
        return JsonResponse(_DONE)

    async def delete(self, request: Request, lookup: Lookup, repo: NamespaceRecord) -> None:
        """Delete an ML repo without models.

        Raises:
            RefusedError: It has models, or is a namespace that a person added.
        """
        record = lookup.find_repo_object(repo)
        if record is None or repo.name in lookup.snapshot.namespaces:
            raise RefusedError(
                f"the ML repo {name_repo(repo)} is a namespace of the registry, which stays",
                remedy="delete its model versions",
            )
        edit = edit_object(ObjectName(API, REPO_KIND, record.slug), state="deleted")
        await self._changes.write_plain(request, repo.name, edit, "delete")


def _new_repo(name: str) -> NamespaceRecord:
    namespace = choose_namespace(name)
    return NamespaceRecord(namespace, "" if namespace == name else name)


def _edit(lookup: Lookup, repo: NamespaceRecord, kept: Data) -> Edit:
    record = lookup.find_repo_object(repo)
    if record is None:
        data = {"namespace": repo.name, "created_by": write_subject(lookup.subject), "manifest": dict(kept)}  # fmt: skip
        return put_object(API, REPO_KIND, name_repo(repo), data)
    changed = {**record.data, "manifest": dict(kept)}
    return edit_object(ObjectName(API, REPO_KIND, record.slug), data=changed)
