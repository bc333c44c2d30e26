"""Staged files: uploaded through signed addresses, then taken by the version whose source names them.

A stage is an object of the registry with an id; each file below it is an upload. Files of versions are listed by the id of the
version, and read through signed addresses too.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from starlette.requests import Request
from starlette.responses import FileResponse, Response

from registry_tool.access import subjects
from registry_tool.edits.objects import ObjectName, edit_object, put_object
from registry_tool.errors import ForbiddenError, NotFoundError, RefusedError, UsageError
from registry_tool.live.records import ObjectRecord, VersionRecord
from registry_tool.manifests.data import Data, member, text
from registry_tool.manifests.problems import JSON
from registry_tool.server.files.parts import MOST_PARTS, PartStore
from registry_tool.server.files.receiving import ReceivedBytes, receive_body
from registry_tool.server.files.signed_addresses import Grant, Operation, Signer, UsedGrants
from registry_tool.server.files.uploads import (
    FolderEntry,
    describe_upload,
    list_uploads,
    normalize_path,
    put_upload,
    store,
    uploads_below,
)
from registry_tool.server.files.version_files import (
    StoredFile,
    advise_decryption,
    fetch_file,
    find_file,
    is_encrypted,
    is_served,
    list_files,
    only_folder,
)
from registry_tool.server.http.faces import JsonResponse
from registry_tool.server.truefoundry.addresses import SIGNED_PATH
from registry_tool.server.truefoundry.bodies import (
    FilesBody,
    IdBody,
    ModelManifest,
    PartsBody,
    PutVersionBody,
    UrlsBody,
    check_manifest,
    read_body,
)
from registry_tool.server.truefoundry.errors import ManifestFieldError
from registry_tool.server.truefoundry.lookup import Lookup
from registry_tool.server.truefoundry.manifest import API, MODEL_ARTIFACT
from registry_tool.server.truefoundry.render import STORED, write_subject
from registry_tool.writer.request import Person

if TYPE_CHECKING:
    from registry_tool.artifacts.dvc_files import Member
    from registry_tool.artifacts.hashing import Digest
    from registry_tool.live.snapshot import Snapshot
    from registry_tool.server.changes import ChangeWriter
    from registry_tool.server.service import Service
    from registry_tool.server.truefoundry.reads import VersionReads

__all__ = ["StagedFiles", "StagingCalls"]

_STAGE: Final = "stage"
_ADDRESS: Final = re.compile(rf"{re.escape(STORED)}/staged/([0-9a-f-]{{36}})/?")
_PART: Final = re.compile(
    rb"<PartNumber>\s*([0-9]{1,5})\s*</PartNumber>\s*<ETag>\s*(?:&quot;|\")?([0-9a-f]{32})(?:&quot;|\")?\s*</ETag>"
)
_LARGEST_LIST: Final = 1 << 20
_PAGE: Final = 500
_LONGEST_TOKEN: Final = 9
_DONE: Final[Mapping[str, str]] = {}


@dataclass(frozen=True)
class StagedFiles:
    """The staged files of a version.

    Attributes:
        artifacts: The entry of their folder.
        pointers: Its pointer.
    """

    artifacts: Sequence[Data]
    pointers: Mapping[str, bytes]


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


class StagingCalls:
    """The calls, over a service.

    Args:
        service: The registry.
        reads: Gives the state that a request is answered from.
        changes: Writes.
        prefix: That of signed addresses.
    """

    def __init__(
        self, service: Service, reads: VersionReads, changes: ChangeWriter, prefix: str
    ) -> None:
        self._service = service
        self._reads = reads
        self._changes = changes
        self._prefix = prefix
        self._signer = Signer()
        self._used = UsedGrants()
        self._parts = PartStore()

    # --- what a version takes

    async def take(self, lookup: Lookup, source: Data) -> StagedFiles | None:
        """The files that a source names; None where it names none.

        Raises:
            ManifestFieldError: It names a stage that does not exist or has no files.
            RefusedError: The content is refused.
            RemoteError: The remote cannot be used.
        """
        address = text(source, "uri")
        if text(source, "type") != API or not address:
            return None
        match = _ADDRESS.fullmatch(address)
        stage = None if match is None else self._find_stage(lookup, match[1])
        if match is None or stage is None:
            raise ManifestFieldError(
                "manifest.source.uri", f"found {address[:200]!a}; expected the storage_root of a staged version"
            )  # fmt: skip
        start = len(match[1]) + 1
        records = uploads_below(lookup.snapshot, API, match[1])
        members = [describe_upload(one, one.shown[start:]) for one in records]
        if not members:
            raise ManifestFieldError(
                "manifest.source.uri", "no file was uploaded to this staged version"
            )
        return await asyncio.to_thread(self._store, members)

    def _store(self, members: Sequence[Member]) -> StagedFiles:
        artifacts = self._service.registry.store
        staged = artifacts.take_members(members, name=MODEL_ARTIFACT)
        artifacts.upload([staged])
        return StagedFiles([staged.entry], {MODEL_ARTIFACT: staged.pointer})

    def _find_stage(self, lookup: Lookup, uuid: str) -> ObjectRecord | None:
        found = lookup.service.find_uuid(lookup.snapshot, uuid)
        is_stage = isinstance(found, ObjectRecord) and (found.api, found.kind) == (API, _STAGE)
        return found if is_stage and isinstance(found, ObjectRecord) and lookup.sees(found) else None  # fmt: skip

    def _stage(self, lookup: Lookup, uuid: str) -> ObjectRecord:
        found = self._find_stage(lookup, uuid)
        if found is None:
            raise NotFoundError(f"staged version with id {uuid[:60]!a} not found")
        return found

    # --- staging

    async def stage(self, request: Request) -> Response:
        """``POST artifact-versions/stage``."""
        body = await read_body(request, PutVersionBody)
        given = check_manifest(body.given, ModelManifest)
        if text(member(given, "source"), "type") != API:
            raise ManifestFieldError("manifest.source.type", "only truefoundry can be staged")
        lookup = self._reads.lookup(request)
        namespace = self._reads.namespace_for(lookup, text(given, "ml_repo"))
        data: dict[str, JSON] = {
            "namespace": namespace, "name": text(given, "name"), "created_by": write_subject(lookup.subject),
        }  # fmt: skip
        edit = put_object(API, _STAGE, f"{namespace}/{text(given, 'name')}", data)
        written = await self._changes.write(request, namespace, edit)
        lookup = self._reads.lookup(request)
        (path,) = written.change.puts
        slug = path.rpartition("/")[2].removesuffix(".yaml")
        record = lookup.snapshot.object(API, _STAGE, slug)
        if record is None:
            raise RefusedError("the staged version was removed meanwhile", remedy="try again")
        uuid = lookup.snapshot.uuid(record)
        model = lookup.find_model(namespace, text(given, "name"))
        artifact = uuid if model is None else lookup.snapshot.uuid(model)
        root = f"{STORED}/staged/{uuid}"
        return JsonResponse({"id": uuid, "storage_root": root, "artifact_id": artifact})

    async def mark_failed(self, request: Request) -> Response:
        """``POST artifact-versions/mark-stage-failure``."""
        body = await read_body(request, IdBody)
        lookup = self._reads.lookup(request)
        stage = self._stage(lookup, body.id)
        edit = edit_object(ObjectName(API, _STAGE, stage.slug), state="deleted")
        await self._changes.write(request, text(stage.data, "namespace"), edit)
        return JsonResponse(_DONE)

    # --- addresses

    def _address(self, lookup: Lookup, operation: Operation, target: str) -> str:
        subject = lookup.subject
        signed = self._signer.sign(API, operation, target, name=subject.name, email=subject.email)
        return f"{self._service.public_url}{self._prefix}/{SIGNED_PATH}/{signed}"

    async def sign(self, request: Request) -> Response:
        """``POST artifact-versions/signed-urls``."""
        body = await read_body(request, UrlsBody)
        lookup = self._reads.lookup(request)
        paths = [_check_path(path) for path in body.paths]
        if body.operation == "WRITE":
            stage = self._stage(lookup, body.id)
            self._service.require(lookup.subject, "write", text(stage.data, "namespace"))
            uuid = lookup.snapshot.uuid(stage)
        else:
            version = lookup.version(body.id)
            for path in paths:
                _require_file(version, path)
            uuid = lookup.snapshot.uuid(version)
        kind: Operation = "write" if body.operation == "WRITE" else "read"
        data = [
            {"path": given, "signed_url": self._address(lookup, kind, f"{uuid}/{path}")}
            for given, path in zip(body.paths, paths, strict=True)
        ]
        return JsonResponse({"data": data})

    async def sign_parts(self, request: Request) -> Response:
        """``POST artifact-versions/signed-urls/multipart``."""
        body = await read_body(request, PartsBody)
        lookup = self._reads.lookup(request)
        stage, path = self._stage(lookup, body.id), _check_path(body.path)
        self._service.require(lookup.subject, "write", text(stage.data, "namespace"))
        upload = await asyncio.to_thread(self._parts.begin)
        target = f"{lookup.snapshot.uuid(stage)}/{path}"
        parts = [
            {"path": body.path, "signed_url": self._address(lookup, "part", f"{upload}/{number}")}
            for number in range(1, body.num_parts + 1)
        ]
        finish = self._address(lookup, "finish", f"{upload}/{target}")
        data = {
            "storage_provider": "S3_COMPATIBLE",
            "s3_compatible_upload_id": upload,
            "part_signed_urls": parts,
            "finalize_signed_url": {"path": body.path, "signed_url": finish},
        }
        return JsonResponse({"data": data})

    # --- bytes

    async def put_bytes(self, request: Request) -> Response:
        """``PUT signed/…``: a file, or one part of one."""
        grant = self._signer.verify(request.path_params["grant"], API, "write", "part")
        with self._used.use(grant):
            if grant.operation == "part":
                upload, _, number = grant.target.partition("/")
                etag = await self._parts.receive(request, upload, int(number))
                return Response(headers={"ETag": f'"{etag}"'})
            with ReceivedBytes() as received:
                await receive_body(request, received, grant.length)
                digest = await store(self._service, received)
            await self._keep(request, grant, grant.target, digest)
        return Response(headers={"ETag": f'"{digest.md5}"'})

    async def finish_parts(self, request: Request) -> Response:
        """``POST signed/…``: join the parts of a file."""
        grant = self._signer.verify(request.path_params["grant"], API, "finish")
        with ReceivedBytes() as received:
            await receive_body(request, received)
            if received.size > _LARGEST_LIST:
                raise UsageError("the list of parts is too long")
            listed = _PART.findall(received.file.read())
        found = {int(number): etag.decode() for number, etag in listed}
        if not 0 < len(found) <= MOST_PARTS:
            raise UsageError("the list of parts is empty or too long")
        upload, _, target = grant.target.partition("/")
        with self._used.use(grant), self._parts.join(upload, found) as stream:
            digest = await asyncio.to_thread(self._service.registry.store.store_file, stream)
            await self._keep(request, grant, target, digest)
        return Response(b"<CompleteMultipartUploadResult/>", media_type="application/xml")

    def _snapshot_for(self, grant: Grant) -> Snapshot:
        """The state that the person sees who asked for an address."""
        return self._service.view_by(Person(grant.name, grant.email)).snapshot

    async def _keep(self, request: Request, grant: Grant, target: str, digest: Digest) -> None:
        """Name the bytes: the author is who asked for the address, and may write what it says."""
        snapshot = self._snapshot_for(grant)
        stage = self._service.find_uuid(snapshot, target.partition("/")[0])
        if not isinstance(stage, ObjectRecord):
            raise NotFoundError("the staged version of this address does not exist any more")
        namespace = text(stage.data, "namespace")
        allowed = (subjects.Grant("write", namespace),)
        subject = subjects.Subject(grant.name, grant.email, "user", allowed)
        edit = put_upload(snapshot, API, target, digest)
        await self._changes.write_plain(request, namespace, edit, subject=subject)

    async def get_bytes(self, request: Request) -> Response:
        """``GET signed/…``: a file of a version."""
        grant = self._signer.verify(request.path_params["grant"], API, "read")
        uuid, _, path = grant.target.partition("/")
        version = self._service.find_uuid(self._snapshot_for(grant), uuid)
        if not isinstance(version, VersionRecord):
            raise NotFoundError("the model version of this address does not exist any more")
        place = await asyncio.to_thread(fetch_file, self._service, _require_file(version, path))
        if place is None:
            raise NotFoundError(f"the storage does not have {path!a} any more")
        return FileResponse(place, media_type="application/octet-stream")

    # --- lists

    async def list_files(self, request: Request) -> Response:
        """``POST artifact-versions/files``: what is directly in a folder."""
        body = await read_body(request, FilesBody)
        lookup = self._reads.lookup(request)
        folder = _check_folder(body.path or "")
        stage = self._find_stage(lookup, body.id)
        if stage is not None:
            uuid = lookup.snapshot.uuid(stage)
            found = list_uploads(lookup.snapshot, API, f"{uuid}/{folder}".rstrip("/"))
        else:
            found = _list_version(lookup.version(body.id), folder)
        limit, start = body.limit or _PAGE, _check_token(body.page_token or "")
        shown = found[start : start + limit]
        data = [_render_entry(entry, folder) for entry in shown]
        pagination: dict[str, JSON] = {"limit": limit}
        if start + limit < len(found):
            pagination["nextPageToken"] = str(start + limit)
        return JsonResponse({"data": data, "pagination": pagination})


def _render_entry(entry: FolderEntry, folder: str) -> dict[str, JSON]:
    found: dict[str, JSON] = {"path": _join(folder, entry.name), "is_dir": entry.is_folder}
    return found if entry.is_folder else {**found, "file_size": entry.size}


def _check_path(path: str) -> str:
    found = normalize_path(path)
    if not found:
        raise ManifestFieldError("paths", f"{path[:120]!a} is not a path of a file")
    return found


def _check_folder(path: str) -> str:
    found = normalize_path(path)
    if found is None:
        raise ManifestFieldError("path", f"{path[:120]!a} is not a path")
    return found


def _check_token(token: str) -> int:
    if token and not (token.isascii() and token.isdecimal() and len(token) <= _LONGEST_TOKEN):
        raise ManifestFieldError("pageToken", "not one of this server")
    return int(token or 0)


def _check_served(version: VersionRecord) -> None:
    if not is_served(version):
        raise NotFoundError(f"the files of {version.model}@{version.version} are not served: it is {version.state}")  # fmt: skip
    if is_encrypted(version):
        raise ForbiddenError(
            f"{version.model}@{version.version} is encrypted", remedy=advise_decryption(version)
        )


def _list_version(version: VersionRecord, folder: str) -> list[FolderEntry]:
    _check_served(version)
    return list_files(version, _join(only_folder(version), folder) if folder else only_folder(version))  # fmt: skip


def _require_file(version: VersionRecord, path: str) -> StoredFile:
    _check_served(version)
    only = only_folder(version)
    found = find_file(version, _join(only, path))
    if found is None or (not found.inner and "nfiles" in found.entry):
        raise NotFoundError(f"{version.model}@{version.version} has no file {path[:120]!a}")
    return found
