"""``UploadFile`` and ``DownloadFile``: streams into the DVC remote and out of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from pathlib import Path
from typing import Final

from google.protobuf.message import Message

from registry_tool.api.changes.artifact_store import StagedArtifact
from registry_tool.artifacts.dvc_files import Pointer, render_pointer
from registry_tool.errors import NotFoundError, RefusedError, UsageError
from registry_tool.live.records import ObjectRecord, Record, VersionRecord
from registry_tool.manifests.data import Data, text
from registry_tool.manifests.problems import JSON
from registry_tool.server.files.receiving import DigestedBytes, ReceivedBytes
from registry_tool.server.modelbox.entries import (
    GivenFile,
    choose_entry_name,
    complete_entry,
    find_equal_file,
    read_file,
    role_for,
)
from registry_tool.server.modelbox.files import (
    ListedFile,
    add_entry,
    find_file,
    find_listed,
    list_files,
    show_file,
)
from registry_tool.server.modelbox.parents import Parent, find_parent
from registry_tool.server.modelbox.values import (
    build,
    read_bytes,
    read_choice,
    read_part,
    read_text,
)
from registry_tool.server.rpc.faces import Frames, RpcCall
from registry_tool.server.rpc.guard import DataLossError

__all__ = ["download", "upload"]

_CHUNK: Final = 256 << 10


async def _read_first(frames: Frames) -> Message:
    first = await frames.read()
    if first is None or read_choice(first, "stream_frame") != "metadata":
        raise UsageError("the first message of the stream must be the metadata of the file")
    return read_part(first, "metadata")


async def _receive(frames: Frames, received: ReceivedBytes) -> None:
    while (frame := await frames.read()) is not None:
        kind = read_choice(frame, "stream_frame")
        if kind != "chunks":
            what = "the metadata comes once, as the first message" if kind else "a message is empty"
            raise UsageError(f"{what}; the others are chunks")
        if received.add(read_bytes(frame, kind)):
            await received.flush()


async def upload(call: RpcCall, frames: Frames) -> Message:
    """``UploadFile``: the metadata of a file, then its bytes. Nothing is kept of a stream that breaks.

    Raises:
        UsageError: The order of the messages is wrong, or the metadata is.
        NotFoundError: Its parent does not exist.
        DataLossError: The bytes are not those of the checksum.
        TakenError: The parent has another file at this path.
        RefusedError: The parent takes no such file, or the policy does not let its content in.
        RemoteError: The DVC remote cannot be used.
    """
    metadata = await _read_first(frames)
    given = read_file(metadata)
    parent = find_parent(call.snapshot, call.subject, read_text(metadata, "parent_id"), "parent")
    call.require("write", parent.namespace)
    _check_open(call, parent, given)
    with DigestedBytes(most=call.limits.max_upload) as received:
        await _receive(frames, received)
        await received.flush()
        md5 = received.md5
        if given.checksum and given.checksum.lower() != md5:
            raise DataLossError(
                f"{given.path[:200]}: expected the MD5 {given.checksum}, received {received.size} bytes with {md5}",
                remedy="send the file again",
            )
        given = given._replace(checksum=md5)
        known = find_equal_file([file.entry for file in _own(call, parent)], given)
        if known is None:
            staged = await asyncio.to_thread(_store, call, received, given)
            subject = call.subject
            by = f"{subject.name} <{subject.email}>"
            edit = add_entry(parent, given, lambda taken: _name_entry(staged, given, taken), by=by)
            await call.write(edit, parent.namespace, about=parent.model)
    parent = find_parent(call.snapshot, call.subject, parent.id, "parent")
    return build(
        "UploadFileResponse", file_id=find_listed(call.snapshot, parent.record, given.path).id
    )


def _own(call: RpcCall, parent: Parent) -> list[ListedFile]:
    return [one for one in list_files(call.snapshot, parent.record) if one.inner is None]


def _check_open(call: RpcCall, parent: Parent, given: GivenFile) -> None:
    """Refuse before the bytes come what is refused afterwards.

    Raises:
        RefusedError: The version is sealed.
        TakenError: The parent has another file at this path.
    """
    known = find_equal_file([file.entry for file in _own(call, parent)], given)
    record = parent.record
    is_sealed = isinstance(record, VersionRecord) and not record.is_draft
    if is_sealed and known is None and role_for(given) in {"model", "checkpoint"}:
        raise RefusedError(
            "the version is sealed: another model file would change what it puts out",
            remedy="create a new version",
        )


def _store(call: RpcCall, received: ReceivedBytes, given: GivenFile) -> StagedArtifact:
    store = call.service.registry.store
    name = choose_entry_name(given.path, ())
    staged = store.take_stream(received.file, name=name, role=role_for(given))
    store.upload([staged])
    return staged


def _name_entry(
    staged: StagedArtifact, given: GivenFile, taken: Collection[str]
) -> tuple[dict[str, JSON], Mapping[str, bytes]]:
    """The entry of stored bytes under a free name, with its pointer."""
    name = choose_entry_name(given.path, taken)
    entry = {**staged.entry, "name": name, "path": name}
    pointer = Pointer(name, staged.ingested.md5, staged.ingested.size, None)
    return complete_entry(entry, given), {name: render_pointer(pointer)}


def _fetch(call: RpcCall, file: ListedFile) -> Path:
    inner = "" if file.inner is None else text(file.inner, "path")
    entry: Data = file.entry
    place = call.service.registry.store.fetch(entry, inner)
    if not place.is_file():
        raise RefusedError(
            "a folder of more than 1,000 files cannot be downloaded here", remedy="registry fetch"
        )
    return place


def _check_readable(file: ListedFile, owner: Record) -> None:
    """Check that the bytes of a file can be sent.

    Raises:
        RefusedError: They are elsewhere, encrypted, or withdrawn.
    """
    entry = file.entry
    if "path" not in entry:
        raise RefusedError(
            f"{file.shown.path[:200]} is tracked elsewhere, so the server does not have its bytes"
        )
    if isinstance(owner, ObjectRecord):
        return
    name = f"{owner.model}@{owner.version}" if isinstance(owner, VersionRecord) else str(owner.name)
    if "encryption" in entry or "encryption" in owner.data:
        raise RefusedError(f"{name} is encrypted", remedy=f"registry fetch {name}")
    if owner.state in {"withdrawn", "erased"}:
        raise RefusedError(f"{name} is {owner.state}")


async def download(call: RpcCall, request: Message) -> AsyncIterator[Message]:
    """``DownloadFile``: the metadata of a file, then its verified bytes.

    Raises:
        NotFoundError: There is no such file.
        RefusedError: Its bytes are not here.
        RemoteError: The DVC remote cannot be used.
    """
    wanted = read_text(request, "file_id")
    if not wanted:
        raise NotFoundError("the request names no file")
    file, owner = await asyncio.to_thread(find_file, call.snapshot, call.subject, wanted)
    _check_readable(file, owner)
    place = await asyncio.to_thread(_fetch, call, file)
    yield build("DownloadFileResponse", metadata=show_file(file))
    with place.open("rb") as source:
        while piece := await asyncio.to_thread(source.read, _CHUNK):
            yield build("DownloadFileResponse", chunks=piece)
