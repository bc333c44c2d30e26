"""Uploads and downloads of many rows, as Parquet.

An upload is a *load*: chunks that come through signed addresses into the state folder, until a call names the load. What becomes of
them is written to the DVC remote, and an object of the registry names it by digest. A download is a list of addresses; each
says which rows of which table it is for, so that the server keeps nothing between two calls.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from registry_tool.errors import NotFoundError
from registry_tool.manifests.data import Data, text
from registry_tool.manifests.problems import JSON
from registry_tool.server.files.parts import PartStore
from registry_tool.server.files.signed_addresses import Signer, UsedGrants
from registry_tool.server.http.faces import JsonResponse, current_subject
from registry_tool.server.kolena.addresses import PREFIX, SIGNED_PATH
from registry_tool.server.kolena.lookup import API, Lookup, look_up
from registry_tool.server.kolena.rows.file_checks import FileChecker
from registry_tool.server.kolena.rows.parquet import MOST_BYTES, Column, Table, read_files

if TYPE_CHECKING:
    from registry_tool.artifacts.hashing import Digest
    from registry_tool.server.service import Service

__all__ = ["BulkCalls", "TableSource"]

TableSource = Callable[[Lookup, str], Table]
"""The rows of a download: of what the text names, in the words of its source. Called in a thread."""

_MOST_ROWS: Final = 100_000  # of one file of a download
_MOST_BYTES: Final = 64 << 20  # likewise
_DONE: Final[dict[str, str]] = {}


class _LastTable(NamedTuple):
    key: tuple[str, str]
    table: Table


def describe_rows(digest: Digest, rows: int) -> dict[str, JSON]:
    """How an object names stored rows."""
    return {"rows": rows, "size": digest.size, "sha256": digest.sha256, "md5": digest.md5}


class BulkCalls:
    """The calls, over a service.

    Args:
        service: The registry.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._signer = Signer()
        self._used = UsedGrants()
        self._parts = PartStore()
        self._checker = FileChecker()
        self._sources: dict[str, TableSource] = {}
        self._last: _LastTable | None = None

    # --- uploads

    async def begin(self, request: Request) -> Response:
        """``PUT batched-load/upload/init``."""
        self._service.require(
            current_subject(request), "write", look_up(self._service, request).home
        )
        return JsonResponse({"uuid": await asyncio.to_thread(self._parts.begin)})

    async def sign(self, request: Request) -> Response:
        """``GET batched-load/upload/signed-url/…``: the address for the next chunk."""
        subject = current_subject(request)
        load = request.path_params["load"]
        await asyncio.to_thread(self._parts.paths, load)
        target = f"{load}/{time.time_ns()}"  # chunks are in the order in which their addresses were asked for
        signed = self._signer.sign(API, "part", target, name=subject.name, email=subject.email)
        address = f"{self._service.public_url}{PREFIX}/{SIGNED_PATH}/{signed}"
        return JsonResponse({"signed_url": address})

    async def receive(self, request: Request) -> Response:
        """``PUT signed/…``: a chunk."""
        grant = self._signer.verify(request.path_params["grant"], API, "part")
        load, _, number = grant.target.partition("/")
        with self._used.use(grant):
            await self._parts.keep(
                request, load, int(number), most=MOST_BYTES, check=self._checker.check_footer
            )
        return Response()

    def has_chunks(self, load: str) -> bool:
        """True for a load of which a file has come.

        Raises:
            NotFoundError: There is no such load.
        """
        return bool(self._parts.paths(load))

    def list_chunks(self, load: str, columns: Sequence[Column]) -> list[Path]:
        """The files of a load, in their order, all of which are checked; called in a thread.

        Args:
            load: The load.
            columns: The columns that each file has.

        Raises:
            NotFoundError: There is no such load.
            IncorrectUsageError: A chunk is not Parquet, has other columns, or is too large.
        """
        found = self._parts.paths(load)
        self._checker.check_upload(found, columns)
        return found

    def forget(self, load: str) -> None:
        """Delete a load, once what became of it is published."""
        self._parts.drop(load)

    # --- stored rows

    def keep(self, table: Table) -> dict[str, JSON]:
        """Write rows to the DVC remote; what an object says of them. Called in a thread.

        Raises:
            NoRemoteError: The registry has none.
            RemoteError: The remote cannot be used.
        """
        content = table.encode()
        digest = self._service.registry.store.store_file(io.BytesIO(content), expected=len(content))
        return describe_rows(digest, table.rows)

    def keep_file(self, path: Path, rows: int) -> dict[str, JSON]:
        """The same for a file that is Parquet already."""
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            digest = self._service.registry.store.store_file(file, expected=size)
        return describe_rows(digest, rows)

    def open(self, entry: Data, columns: Sequence[Column]) -> Table:
        """Columns of stored rows: fetched, unless the cache has them, and verified. Called in a thread.

        Args:
            entry: How an object names them.
            columns: The columns; there may be others, which are not read.

        Raises:
            RemoteError: The remote cannot be used, or does not have them.
        """
        named = {**entry, "name": "rows", "path": "rows.parquet"}
        stored = self._service.registry.store.fetch(named)
        self._checker.check_stored(text(entry, "sha256"), stored, columns)
        return read_files([stored], columns)

    # --- downloads

    def provide(self, kind: str, source: TableSource) -> None:
        """Say who gives the rows of a kind of download."""
        self._sources[kind] = source

    async def answer(self, lookup: Lookup, kind: str, target: str, batch: int) -> Response:
        """The answer to a call that loads rows: one line for each file, none where there are no rows.

        Args:
            lookup: What the request is answered from.
            kind: See ``provide``.
            target: What is loaded, in the words of its source.
            batch: The number of rows that the client wants in a file.
        """
        table = await asyncio.to_thread(self._make, lookup, kind, target)
        load = secrets.token_hex(16)
        lines = [
            json.dumps({"uuid": load, "path": self._sign_rows(lookup, kind, target, start, stop)})
            for start, stop in _split(table, batch)
        ]
        return Response("".join(f"{line}\n" for line in lines), media_type="application/x-ndjson")

    def _sign_rows(self, lookup: Lookup, kind: str, target: str, start: int, stop: int) -> str:
        subject = lookup.subject
        named = json.dumps([kind, target, start, stop])
        return self._signer.sign(API, "read", named, name=subject.name, email=subject.email)

    async def download(self, request: Request) -> Response:
        """``GET batched-load/download/by-path/…``: some rows."""
        grant = self._signer.verify(request.path_params["path"], API, "read")
        lookup = look_up(self._service, request)
        if grant.email != lookup.subject.email:
            raise NotFoundError("this address was made for another subject")
        kind, target, start, stop = json.loads(grant.target)
        made = await asyncio.to_thread(self._encode, lookup, kind, target, start, stop)
        return Response(made, media_type="application/octet-stream")

    def _encode(self, lookup: Lookup, kind: str, target: str, start: int, stop: int) -> bytes:
        return self._make(lookup, kind, target).slice(start, stop).encode()

    def _make(self, lookup: Lookup, kind: str, target: str) -> Table:
        """The rows of a download. The last ones are kept, because a client loads all files of one after the other."""
        key = (lookup.snapshot.commit, json.dumps([kind, target, lookup.subject.email]))
        last = self._last
        if last is None or last.key != key:
            last = self._last = _LastTable(key, self._sources[kind](lookup, target))
        return last.table

    async def end(self, _: Request) -> Response:
        """``PUT batched-load/download/complete``."""
        return JsonResponse(_DONE)


def _split(table: Table, batch: int) -> Iterable[tuple[int, int]]:
    """The first and the last row of each file."""
    each = max(1, table.size // max(table.rows, 1))
    step = max(1, min(batch, _MOST_ROWS, _MOST_BYTES // each))
    return ((start, min(start + step, table.rows)) for start in range(0, table.rows, step))
