"""MLflow's artifact proxy: uploads go into the DVC remote, and the files of versions are read from it.

A file is digested on its way to the remote, which is asked whether it has all of it; only then an object of the registry
names it. A version whose source is a logged model or run gets pointers to these files, so that `dvc pull` restores them.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, Response

from registry_tool.edits.changeset import combine
from registry_tool.edits.objects import ObjectName, edit_object, put_object
from registry_tool.errors import MissingObjectError, NoRemoteError
from registry_tool.integrations.mlflow_mapping import API
from registry_tool.live.records import ObjectRecord, VersionRecord
from registry_tool.manifests.data import Data, records, text, whole
from registry_tool.names import ModelName
from registry_tool.server.faces import Handler, JsonResponse, current_subject
from registry_tool.server.mlflow.errors import (
    MissingResourceError,
    MlflowError,
    NotImplementedHereError,
)
from registry_tool.server.mlflow.reads import ModelReads
from registry_tool.server.mlflow.render import PROXY_ROOT
from registry_tool.server.mlflow.uploads import (
    UPLOAD,
    ProxyEntry,
    check_path,
    describe_upload,
    find_upload,
    list_folder,
    uploads_below,
)
from registry_tool.server.mlflow.writes import ModelWrites

if TYPE_CHECKING:
    from registry_tool.artifacts.hashing import Digest
    from registry_tool.edits.changeset import Edit
    from registry_tool.server.service import Service

__all__ = ["ArtifactProxy"]

_PARTS: Final = 4  # registry, namespace, model, version
_MEMORY: Final = 1 << 20
_NOTHING: Final[Mapping[str, str]] = {}


def _missing(path: str) -> MissingResourceError:
    return MissingResourceError(f"No such artifact: '{path[:200]}'")


def _open_file(entry: Data, inner: str) -> tuple[Data, str]:
    """The entry and the file in it that a path below a version names."""
    own = text(entry, "path")
    if inner == own:
        return entry, ""
    return entry, inner.removeprefix(f"{own}/")


def _list_members(entry: Data, folder: str) -> list[ProxyEntry]:
    """What is directly in a folder of a folder artifact."""
    start = f"{folder}/" if folder else ""
    found: dict[str, ProxyEntry] = {}
    for member in records(entry, "files"):
        path = text(member, "path")
        if not path.startswith(start):
            continue
        name, slash, _ = path.removeprefix(start).partition("/")
        found[name] = ProxyEntry(name, bool(slash), 0 if slash else whole(member, "size"))
    return [found[name] for name in sorted(found)]


class ArtifactProxy:
    """The calls of the proxy, over a service."""

    def __init__(self, service: Service, reads: ModelReads, writes: ModelWrites) -> None:
        self._service = service
        self._reads = reads
        self._writes = writes

    def handlers(self) -> Mapping[str, Mapping[str, Handler]]:
        """The handlers by path and method."""
        return {
            "artifacts": {"get": self.list_artifacts},
            "artifacts/{path:path}": {
                "get": self.download,
                "put": self.upload,
                "delete": self.delete,
            },
            "mpu/{rest:path}": {"post": self.refuse_parts},
            "presigned/{rest:path}": {"get": self.refuse_parts},
        }

    async def refuse_parts(self, _: Request) -> Response:
        """Uploads in parts and signed addresses, which do not exist here."""
        raise NotImplementedHereError("Multipart uploads are not supported by this server.")

    # --- uploads

    async def upload(self, request: Request) -> Response:
        """``PUT artifacts/<path>``."""
        path = check_path(request.path_params["path"])
        if not path or path.split("/")[0] == PROXY_ROOT:
            raise MlflowError("Invalid path")
        lookup = self._reads.lookup(request)
        self._service.require(lookup.subject, "write", lookup.writing)
        if next(uploads_below(lookup.snapshot, path), None) is not None:
            raise MlflowError(f"'{path}' is a folder")
        with tempfile.SpooledTemporaryFile(max_size=_MEMORY) as spool:
            received = await _receive(request, spool)
            length = request.headers.get("content-length", "")
            if length.isdigit() and int(length) != received:
                raise MlflowError(f"expected {length} bytes, received {received}")
            spool.seek(0)
            digest = await asyncio.to_thread(self._store, spool)
        data = {"size": digest.size, "sha256": digest.sha256, "md5": digest.md5}
        before = find_upload(lookup.snapshot, path)
        edit = (
            put_object(API, UPLOAD, path, data)
            if before is None
            else edit_object(ObjectName(API, UPLOAD, before.slug), data=data)
        )
        await self._writes.write_plain(request, lookup.writing, edit)
        return JsonResponse(_NOTHING)

    def _store(self, spool: tempfile.SpooledTemporaryFile[bytes]) -> Digest:
        try:
            return self._service.registry.store.store_file(spool)
        except NoRemoteError as exc:
            raise NotImplementedHereError(
                f"this registry has no storage for files: {exc.message}", remedy=exc.remedy
            ) from exc

    async def delete(self, request: Request) -> Response:
        """``DELETE artifacts/<path>``: a file, or a folder with all in it; the files of versions stay."""
        path = check_path(request.path_params["path"])
        lookup = self._reads.lookup(request)
        if not path or path.split("/")[0] == PROXY_ROOT:
            raise MlflowError("the files of a version are frozen; delete the version instead")
        one = find_upload(lookup.snapshot, path)
        found = [one] if one is not None else list(uploads_below(lookup.snapshot, path))
        edits: list[Edit] = [
            edit_object(ObjectName(API, UPLOAD, record.slug), state="deleted") for record in found
        ]
        if edits:
            edit = combine(edits, f"Delete the upload {path}")
            await self._writes.write_plain(request, lookup.writing, edit)
        return JsonResponse(_NOTHING)

    # --- downloads

    async def list_artifacts(self, request: Request) -> Response:
        """``GET artifacts?path=``."""
        path = check_path(request.query_params.get("path", ""))
        lookup = self._reads.lookup(request)
        if path.split("/")[0] == PROXY_ROOT:
            found = self._list_version(request, path)
        else:
            self._service.require(lookup.subject, "read", lookup.writing)
            found = list_folder(lookup.snapshot, path)
        files = [
            {"path": one.name, "is_dir": one.is_folder, **({} if one.is_folder else {"file_size": one.size})}
            for one in found
        ]  # fmt: skip
        return JsonResponse({"files": files})

    def _find_version(self, request: Request, path: str) -> tuple[VersionRecord, str]:
        parts = path.split("/", _PARTS)
        subject = current_subject(request)
        snapshot = self._service.snapshot_for(subject)
        if len(parts) < _PARTS or not subject.sees(parts[1]):
            raise _missing(path)
        found = snapshot.version(ModelName(parts[1], parts[2]), parts[3])
        if found is None or not found.is_listed or found.state in {"withdrawn", "erased"}:
            raise _missing(path)
        if "encryption" in found.data:
            raise MlflowError(
                f"{found.model}@{found.version} is encrypted; use: registry fetch {found.model}@{found.version}"
            )
        return found, parts[_PARTS] if len(parts) > _PARTS else ""

    def _list_version(self, request: Request, path: str) -> list[ProxyEntry]:
        version, inner = self._find_version(request, path)
        stored = [entry for entry in records(version.data, "artifacts") if "path" in entry]
        if not inner:
            return [
                ProxyEntry(text(entry, "path"), "nfiles" in entry, whole(entry, "size"))
                for entry in stored
            ]
        for entry in stored:
            own = text(entry, "path")
            if "nfiles" in entry and (inner == own or inner.startswith(f"{own}/")):
                return _list_members(entry, inner.removeprefix(own).lstrip("/"))
        return []

    async def download(self, request: Request) -> Response:
        """``GET artifacts/<path>``."""
        path = check_path(request.path_params["path"])
        lookup = self._reads.lookup(request)
        if path.split("/")[0] == PROXY_ROOT:
            entry, inner = self._find_file(request, path)
        else:
            self._service.require(lookup.subject, "read", lookup.writing)
            upload = find_upload(lookup.snapshot, path)
            if upload is None:
                raise _missing(path)
            entry, inner = _upload_entry(upload), ""
        place = await asyncio.to_thread(self._fetch, entry, inner)
        if place is None:
            raise _missing(path)
        return FileResponse(place, media_type="application/octet-stream")

    def _fetch(self, entry: Data, inner: str) -> Path | None:
        """The verified file in the cache; None for a folder, and for one that the remote has no more."""
        try:
            place = self._service.registry.store.fetch(entry, inner)
        except (
            MissingObjectError
        ):  # an upload that no version names is deleted by gc after some days
            return None
        return place if place.is_file() else None

    def _find_file(self, request: Request, path: str) -> tuple[Data, str]:
        version, inner = self._find_version(request, path)
        for entry in records(version.data, "artifacts"):
            own = text(entry, "path")
            if own and (inner == own or ("nfiles" in entry and inner.startswith(f"{own}/"))):
                return _open_file(entry, inner)
        raise _missing(path)


async def _receive(request: Request, spool: tempfile.SpooledTemporaryFile[bytes]) -> int:
    """Write the body to a file that disappears with its block; the number of bytes."""
    received = 0
    try:
        async for piece in request.stream():
            received += len(piece)
            if piece:
                await asyncio.to_thread(spool.write, piece)
    except ClientDisconnect:
        raise MlflowError("the upload was cut") from None
    return received


def _upload_entry(upload: ObjectRecord) -> Data:
    member = describe_upload(upload)
    return {
        "name": "upload",
        "path": upload.shown.rpartition("/")[2],
        "size": member.size,
        "sha256": member.sha256,
        "md5": member.md5,
    }
