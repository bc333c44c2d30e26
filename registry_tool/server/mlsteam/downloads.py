"""Downloads: prepared first, then sent.

What a client waits for is prepared by a job: the files are fetched from the remote into the cache, and verified. A download
and a job have signed ids, so both are known after a restart; a job that the server does not remember begins again.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse

from registry_tool.errors import NotFoundError
from registry_tool.live.records import VersionRecord
from registry_tool.server.files.signed_addresses import Signer
from registry_tool.server.http.faces import JsonResponse
from registry_tool.server.mlsteam.addresses import API
from registry_tool.server.mlsteam.packages import check_downloadable, open_archive

if TYPE_CHECKING:
    from registry_tool.manifests.problems import JSON
    from registry_tool.server.mlsteam.lookup import Lookup
    from registry_tool.server.mlsteam.reads import ProjectReads
    from registry_tool.server.service import Service

__all__ = ["DownloadCalls"]

_AT_ONCE: Final = 2
_MOST_JOBS: Final = 1000
_PATIENCE: Final = 5.0  # seconds; a client asks for a job every ten
_JOB: Final = "job:"
_ARCHIVE: Final = "application/zip"


def _ignore_failure(waiting: asyncio.Future[None]) -> None:
    """The failure of a job is told to the next call that asks for it."""
    _ = waiting.cancelled() or waiting.exception()


class DownloadCalls:
    """The calls, over a service.

    Args:
        service: The registry.
        reads: Gives the state that a request is answered from.
        patience: How many seconds a call waits before it answers with a job.
    """

    def __init__(
        self, service: Service, reads: ProjectReads, *, patience: float = _PATIENCE
    ) -> None:
        self._service = service
        self._reads = reads
        self._patience = patience
        self._signer = Signer()
        self._pool = ThreadPoolExecutor(_AT_ONCE, "mlsteam-download")
        self._jobs: dict[str, Future[None]] = {}
        service.on_closing(lambda: self._pool.shutdown(cancel_futures=True))

    def _sign(self, lookup: Lookup, target: str) -> str:
        who = lookup.subject
        return self._signer.sign(API, "read", target, name=who.name, email=who.email)

    # --- preparing

    async def prepare(self, request: Request) -> Response:
        """``prepareDownloadVersionModel``: a download, or a job that gives one."""
        lookup = self._reads.lookup(request)
        version = self._reads.version(request, lookup)
        check_downloadable(version)
        uuid = lookup.snapshot.uuid(version)
        job = self._begin(uuid, version)
        waiting = asyncio.wrap_future(job)
        waiting.add_done_callback(_ignore_failure)
        await asyncio.wait([waiting], timeout=self._patience)
        if job.done():
            return JsonResponse({"download_id": self._finish(lookup, uuid, job)})
        return JsonResponse({"job_id": self._sign(lookup, f"{_JOB}{uuid}")})

    def _begin(self, uuid: str, version: VersionRecord) -> Future[None]:
        """The job that prepares a version: the one that runs, or another."""

        def work() -> None:
            open_archive(self._service, version)

        job = self._jobs.get(uuid)
        if job is None:
            done = [key for key, one in self._jobs.items() if one.done()]
            for key in done[:-_MOST_JOBS]:
                del self._jobs[key]
            job = self._jobs[uuid] = self._pool.submit(work)
        return job

    def _finish(self, lookup: Lookup, uuid: str, job: Future[None]) -> str:
        """The download that a job gives; the job is forgotten.

        Raises:
            RegistryError: The version cannot be downloaded.
        """
        self._jobs.pop(uuid, None)
        job.result()
        return self._sign(lookup, uuid)

    async def get_job(self, request: Request) -> Response:
        """``getAsyncJob``; a job that failed answers with its error."""
        grant = self._signer.verify(request.path_params["job_id"], API, "read")
        lookup, uuid = self._reads.lookup(request), grant.target.removeprefix(_JOB)
        version = self._service.find_uuid(lookup.snapshot, uuid)
        if (
            not grant.target.startswith(_JOB)
            or not isinstance(version, VersionRecord)
            or not lookup.subject.sees(version.model.namespace)
        ):
            raise NotFoundError("this job does not exist any more")
        job = self._begin(uuid, version)
        found: dict[str, JSON] = {"state": "running", "result": None}
        if job.done():
            found = {
                "state": "finished",
                "result": {"download_id": self._finish(lookup, uuid, job)},
            }
        return JsonResponse(found)

    # --- sending

    async def download(self, request: Request) -> Response:
        """``downloadVersionModel``: a ZIP archive, made while it is sent."""
        lookup = self._reads.lookup(request)
        version = self._reads.version(request, lookup)
        grant = self._signer.verify(request.query_params.get("download_id", ""), API, "read")
        if grant.target != lookup.snapshot.uuid(version):
            raise NotFoundError("this download is one of another version")
        job = self._pool.submit(open_archive, self._service, version)
        found = await asyncio.wrap_future(job)
        archive, name = found.archive, found.name
        if archive.whole is not None:
            return FileResponse(archive.whole, media_type=_ARCHIVE, filename=name)
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return StreamingResponse(archive.stream(), media_type=_ARCHIVE, headers=headers)
