"""The calls that write. The SDK has none of them; its client calls them by the names of the Swagger document."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from starlette.requests import Request
from starlette.responses import Response

from registry_tool.artifacts.packages.mlarchive import SUFFIX
from registry_tool.artifacts.packages.version_archive import find_package, open_package
from registry_tool.edits.deletion import delete_model, delete_version
from registry_tool.edits.drafts import delete_draft
from registry_tool.edits.shown import NewNamespace
from registry_tool.errors import ConflictError, NotFoundError, RefusedError, UsageError
from registry_tool.live.records import ModelRecord, VersionRecord
from registry_tool.manifests.data import text
from registry_tool.names import Reference
from registry_tool.server.changes import (
    KnownVersions,
    find_added_model,
    find_stages,
    render_owner,
)
from registry_tool.server.files.receiving import ReceivedBytes, receive_body
from registry_tool.server.files.uploads import (
    describe_upload,
    normalize_path,
    put_upload,
    store,
    uploads_below,
)
from registry_tool.server.http.faces import JsonResponse
from registry_tool.server.mlsteam.addresses import API
from registry_tool.server.mlsteam.bodies import ModelBody, ModelChange, VersionBody, read_body
from registry_tool.server.mlsteam.edits import (
    StoredFiles,
    change_model,
    create_model,
    create_version,
)
from registry_tool.server.mlsteam.packages import ENCRYPTED, PACKAGED, PLAIN
from registry_tool.server.mlsteam.render import render_model, render_version

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry_tool.artifacts.dvc_files import Member
    from registry_tool.live.records import NamespaceRecord
    from registry_tool.server.changes import ChangeWriter
    from registry_tool.server.mlsteam.lookup import Lookup
    from registry_tool.server.mlsteam.reads import ProjectReads
    from registry_tool.server.service import Service

__all__ = ["ModelWrites"]

_ARTIFACT: Final = "model"
_REASON: Final = "deleted through MLSteam"
_CREATED: Final = 201
_DONE: Final[Mapping[str, str]] = {}


class ModelWrites:
    """The calls, over a service.

    Args:
        service: What they write to.
        reads: Gives the state that a request is answered from.
        changes: Writes.
    """

    def __init__(self, service: Service, reads: ProjectReads, changes: ChangeWriter) -> None:
        self._service = service
        self._reads = reads
        self._changes = changes

    # --- models

    async def add_model(self, request: Request) -> Response:
        """``addModel``."""
        body = await read_body(request, ModelBody)
        lookup = self._reads.lookup(request)
        project, subject = lookup.project_with(request.path_params["puuid"]), lookup.subject
        namespace = NewNamespace(project.name, subject.email)
        edit = create_model(namespace, body, owner=render_owner(subject))
        written = await self._changes.write(request, project.name, edit)
        lookup = self._reads.lookup(request)
        path = find_added_model(lookup.snapshot.layout, written)
        model = None if path is None else lookup.snapshot.model(path)
        if model is None:
            raise ConflictError("the model was changed by another request", remedy="try again")
        return JsonResponse(render_model(lookup, model), _CREATED)

    async def update_model(self, request: Request) -> Response:
        """``updateModel``."""
        body = await read_body(request, ModelChange)
        lookup = self._reads.lookup(request)
        model = self._reads.model(request, lookup)
        edit = change_model(model.name, body)
        await self._changes.write(request, model.name.namespace, edit)
        lookup = self._reads.lookup(request)
        return JsonResponse(render_model(lookup, self._reads.model(request, lookup)))

    async def delete_model(self, request: Request) -> Response:
        """``deleteModel``: with all its versions, unless an alias names one of them."""
        lookup = self._reads.lookup(request)
        model = self._reads.model(request, lookup)
        _check_confirmed(request, model.shown)
        for version in lookup.snapshot.versions(model):
            _check_unused(lookup, model, version)
        edit = delete_model(model.name, reason=_read_reason(request))
        await self._changes.write_plain(request, model.name.namespace, edit, "delete")
        return JsonResponse(_DONE)

    # --- versions

    async def add_version(self, request: Request) -> Response:
        """``addVersionModel``: from the files of an upload."""
        body = await read_body(request, VersionBody)
        lookup = self._reads.lookup(request)
        model = self._reads.model(request, lookup)
        self._service.require(lookup.subject, "write", model.name.namespace)
        files = await self._take(lookup, model, body)
        known = KnownVersions(lambda: self._service.snapshot_for(lookup.subject))
        edit = create_version(model.name, body, files, author=lookup.subject.name, known=known)
        written = await self._changes.write(request, model.name.namespace, edit)
        (reference,) = written.change.versions
        lookup = self._reads.lookup(request)
        found = lookup.snapshot.version(reference.model, str(reference.selector))
        if found is None:
            raise ConflictError(f"{reference} was changed by another request", remedy="try again")
        return JsonResponse(render_version(lookup, found), _CREATED)

    async def _take(self, lookup: Lookup, model: ModelRecord, body: VersionBody) -> StoredFiles:
        """The files of an upload, as what the body says they are.

        Raises:
            NotFoundError: There is no such upload.
            RefusedError: They are something else, or refused for their content.
            RemoteError: The remote cannot be used.
        """
        if body.type == ENCRYPTED:
            raise RefusedError(
                "type: this server encrypts nothing, and takes no key",
                remedy="add the version unencrypted; then, in a clone: registry encrypt REF --to WHO",
            )
        folder = f"{model.name.namespace}/{_check_path(body.upload)}"
        start = len(folder) + 1
        found = uploads_below(lookup.snapshot, API, folder)
        members = [describe_upload(one, one.shown[start:]) for one in found]
        if not members:
            raise NotFoundError(
                f"upload: {body.upload[:60]!a} has no files", remedy="upload them first"
            )
        return await asyncio.to_thread(self._store, members, body.type or "")

    def _store(self, members: Sequence[Member], wanted: str) -> StoredFiles:
        artifacts = self._service.registry.store
        if len(members) == 1 and members[0].path.endswith(SUFFIX):
            # A package in one file stays that file, so that it is downloaded as it was uploaded.
            name = members[0].path.rpartition("/")[2]
            place = artifacts.fetch({"name": _ARTIFACT, **members[0]._asdict(), "path": name})
            staged = artifacts.take_in(place, name=_ARTIFACT, role="model", path=name)
        else:
            staged = artifacts.take_members(members, name=_ARTIFACT)
        package = find_package([staged.entry])
        kind = PLAIN if package is None else PACKAGED
        if wanted and wanted != kind:
            raise RefusedError(f"type: the files are {kind}, and the body says {wanted}")
        if package is not None:
            open_package(package, artifacts.supply.fetcher(), "the upload")
        artifacts.upload([staged])
        return StoredFiles(staged.entry, {text(staged.entry, "path"): staged.pointer})

    async def delete_version(self, request: Request) -> Response:
        """``deleteVersionModel``: unless an alias names it; another version may have its name."""
        lookup = self._reads.lookup(request)
        version = self._reads.version(request, lookup)
        _check_confirmed(request, version.shown)
        _check_unused(lookup, lookup.snapshot.model_with(version), version)
        reference = Reference(version.model, version.version)
        if version.is_draft:
            edit = delete_draft(reference)
        else:
            edit = delete_version(reference, reason=_read_reason(request))
        await self._changes.write_plain(request, version.model.namespace, edit, "delete")
        return JsonResponse(_DONE)

    # --- files

    async def upload(self, request: Request) -> Response:
        """``PUT uploads/PROJECT/UPLOAD/PATH``: a file of a version to come."""
        lookup = self._reads.lookup(request)
        project: NamespaceRecord = lookup.project_with(request.path_params["puuid"])
        self._service.require(lookup.subject, "write", project.name)
        path = f"{project.name}/{_check_path(request.path_params['path'])}"
        with ReceivedBytes() as received:
            await receive_body(request, received)
            digest = await store(self._service, received)
        edit = put_upload(lookup.snapshot, API, path, digest)
        await self._changes.write_plain(request, project.name, edit)
        return JsonResponse({"size": digest.size, "sha256": digest.sha256}, _CREATED)


def _check_path(path: str) -> str:
    found = normalize_path(path)
    if not found:
        raise UsageError(f"{path[:120]!a} is not a path of a file")
    return found


def _read_reason(request: Request) -> str:
    return request.query_params.get("reason", "").strip()[:500] or _REASON


def _check_confirmed(request: Request, shown: str) -> None:
    """Check that a client has repeated the name of what it deletes.

    Raises:
        UsageError: It has not.
    """
    if request.query_params.get("confirm", "") != shown:
        raise UsageError("a deletion cannot be undone", remedy=f"confirm it: confirm={shown}")


def _check_unused(lookup: Lookup, model: ModelRecord, version: VersionRecord) -> None:
    """Check that no alias names a version.

    Raises:
        ConflictError: One does.
    """
    if not version.aliases:
        return
    alias = version.aliases[0]
    shown, is_stage = model.titles.get(alias, alias), alias in find_stages(lookup.snapshot, model.name.namespace)  # fmt: skip
    named = f"{model.name}@{version.version}"
    other = f"{model.name}@VERSION"
    move = f"promote {other} --to {alias}" if is_stage else f"alias set {other} {alias}"
    raise ConflictError(
        f"{named} is in use: {'the stage' if is_stage else 'the alias'} {shown} names it",
        remedy=f"move it to another version: registry {move}",
    )
