"""MLflow's artifact proxy: uploads go into the DVC remote, and the files of versions are read from it.

A file is digested on its way to the remote, which is asked whether it has all of it; only then an object of the registry
names it. A version whose source is a logged model or run gets pointers to these files, so that `dvc pull` restores them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from starlette.requests import Request
from starlette.responses import FileResponse, Response

from registry_tool.edits.changeset import combine
from registry_tool.edits.objects import ObjectName, edit_object
from registry_tool.errors import NoRemoteError
from registry_tool.integrations.mlflow_mapping import API
from registry_tool.live.records import ObjectRecord, VersionRecord
from registry_tool.manifests.data import Data
from registry_tool.names import ModelName
from registry_tool.server.changes import ChangeWriter
from registry_tool.server.files.receiving import ReceivedBytes, UploadCutError, receive_body
from registry_tool.server.files.uploads import (
    UPLOAD,
    FolderEntry,
    describe_upload,
    find_upload,
    list_uploads,
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
)
from registry_tool.server.http.faces import Handler, JsonResponse, current_subject
from registry_tool.server.mlflow.errors import (
    MissingResourceError,
    MlflowError,
    NotImplementedHereError,
)
from registry_tool.server.mlflow.reads import ModelReads
from registry_tool.server.mlflow.render import PROXY_ROOT
from registry_tool.server.mlflow.uploads import check_path

if TYPE_CHECKING:
    from registry_tool.edits.changeset import Edit
    from registry_tool.server.service import Service

__all__ = ["ArtifactProxy"]

_PARTS: Final = 4  # registry, namespace, model, version
_NOTHING: Final[Mapping[str, str]] = {}


def _missing(path: str) -> MissingResourceError:
    return MissingResourceError(f"No such artifact: '{path[:200]}'")


class ArtifactProxy:
    """The calls of the proxy, over a service."""

    def __init__(self, service: Service, reads: ModelReads) -> None:
        self._service = service
        self._reads = reads
        self._changes = ChangeWriter(service, API)

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
        if next(uploads_below(lookup.snapshot, API, path), None) is not None:
            raise MlflowError(f"'{path}' is a folder")
        with ReceivedBytes() as received:
            try:
                await receive_body(request, received)
                digest = await store(self._service, received)
            except UploadCutError as exc:
                raise MlflowError(exc.message) from None
            except NoRemoteError as exc:
                raise NotImplementedHereError(
                    f"this registry has no storage for files: {exc.message}", remedy=exc.remedy
                ) from exc
        edit = put_upload(lookup.snapshot, API, path, digest)
        await self._changes.write_plain(request, lookup.writing, edit)
        return JsonResponse(_NOTHING)

    async def delete(self, request: Request) -> Response:
        """``DELETE artifacts/<path>``: a file, or a folder with all in it; the files of versions stay."""
        path = check_path(request.path_params["path"])
        lookup = self._reads.lookup(request)
        if not path or path.split("/")[0] == PROXY_ROOT:
            raise MlflowError("the files of a version are frozen; delete the version instead")
        one = find_upload(lookup.snapshot, API, path)
        found = [one] if one is not None else list(uploads_below(lookup.snapshot, API, path))
        edits: list[Edit] = [
            edit_object(ObjectName(API, UPLOAD, record.slug), state="deleted") for record in found
        ]
        if edits:
            edit = combine(edits, f"Delete the upload {path}")
            await self._changes.write_plain(request, lookup.writing, edit)
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
            found = list_uploads(lookup.snapshot, API, path)
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
        if found is None or not is_served(found):
            raise _missing(path)
        if is_encrypted(found):
            raise MlflowError(
                f"{found.model}@{found.version} is encrypted", remedy=advise_decryption(found)
            )
        return found, parts[_PARTS] if len(parts) > _PARTS else ""

    def _list_version(self, request: Request, path: str) -> list[FolderEntry]:
        return list_files(*self._find_version(request, path))

    async def download(self, request: Request) -> Response:
        """``GET artifacts/<path>``."""
        path = check_path(request.path_params["path"])
        lookup = self._reads.lookup(request)
        if path.split("/")[0] == PROXY_ROOT:
            file = self._find_file(request, path)
        else:
            self._service.require(lookup.subject, "read", lookup.writing)
            upload = find_upload(lookup.snapshot, API, path)
            if upload is None:
                raise _missing(path)
            file = StoredFile(_upload_entry(upload), "")
        place = await asyncio.to_thread(fetch_file, self._service, file)
        if place is None:
            raise _missing(path)
        return FileResponse(place, media_type="application/octet-stream")

    def _find_file(self, request: Request, path: str) -> StoredFile:
        version, inner = self._find_version(request, path)
        found = find_file(version, inner)
        if found is None:
            raise _missing(path)
        return found


def _upload_entry(upload: ObjectRecord) -> Data:
    member = describe_upload(upload)
    return {
        "name": "upload",
        "path": upload.shown.rpartition("/")[2],
        "size": member.size,
        "sha256": member.sha256,
        "md5": member.md5,
    }
