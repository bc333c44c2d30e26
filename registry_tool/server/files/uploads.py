"""Files that clients upload before a version names them: an object of the registry for each, whose bytes are in the DVC remote.

So a server that stops, a replica and a fresh clone know the uploaded files, and an answer means that it is in Git. A version
that takes them gets pointers of its own. Bytes that no version names are deleted by ``registry gc`` like all others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Iterable, Iterator
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import unquote

from registry_tool.artifacts.dvc_files import Member, member_problem
from registry_tool.catalog.shown_names import find_forbidden
from registry_tool.edits.objects import ObjectName, edit_object, put_object
from registry_tool.live.records import ObjectRecord, Record
from registry_tool.manifests.data import text, whole

if TYPE_CHECKING:
    from registry_tool.artifacts.hashing import Digest
    from registry_tool.edits.changeset import Edit
    from registry_tool.live.snapshot import Snapshot
    from registry_tool.server.files.receiving import ReceivedBytes
    from registry_tool.server.service import Service

__all__ = [
    "UPLOAD",
    "FolderEntry",
    "describe_upload",
    "find_upload",
    "list_uploads",
    "merge_entries",
    "normalize_path",
    "put_upload",
    "store",
    "uploads_below",
]

UPLOAD: Final = "upload"
"""The kind of object."""
_DEEPEST: Final = 32
_LONGEST: Final = 500


class FolderEntry(NamedTuple):
    """A file or folder directly in a folder."""

    name: str
    is_folder: bool
    size: int = 0


def normalize_path(written: str) -> str | None:
    """The path of an uploaded file, without slashes at its ends; empty for the root.

    None for a path that leaves the root, is too long or too deep, or contains what no file name may.
    """
    path = written
    for _ in range(8):  # a client may encode what another has encoded
        if (plain := unquote(path)) == path:
            break
        path = plain
    parts = path.strip("/").split("/") if path.strip("/") else []
    is_good = (
        not written.startswith("/")
        and len(parts) <= _DEEPEST
        and len(path) <= _LONGEST
        and not (parts and member_problem("/".join(parts)))
        and not find_forbidden("/".join(parts))
        and ":" not in "".join(parts[:1])
    )
    if not is_good:
        return None
    return "/".join(unquote(part) for part in written.strip("/").split("/") if part)


# --- what was uploaded


def _prefix(depth: int) -> tuple[Hashable, ...]:
    return ("upload prefix", depth)


def uploads_below(snapshot: Snapshot, api: str, folder: str) -> Iterator[ObjectRecord]:
    """The uploads of a protocol below a folder, at any depth."""
    depth = folder.count("/") + 1 if folder else 0

    def value(record: Record) -> Hashable:
        parts = record.shown.split("/")
        return "/".join(parts[:depth]) if len(parts) > depth else None

    kind = f"{api}/{UPLOAD}"
    ids = (
        snapshot.indexes.find(kind, _prefix(depth), value, folder)
        if depth
        else snapshot.indexes.all_ids(kind)
    )
    found = (snapshot.record(number) for number in ids)
    return (record for record in found if isinstance(record, ObjectRecord))


def find_upload(snapshot: Snapshot, api: str, path: str) -> ObjectRecord | None:
    """The upload of a protocol at a path; None where there is none."""
    found = snapshot.find(f"{api}/{UPLOAD}", "shown", path)
    return next((record for record in reversed(found) if isinstance(record, ObjectRecord)), None)


def describe_upload(record: ObjectRecord, path: str = "") -> Member:
    """An upload as a file of a folder.

    Args:
        record: The upload.
        path: Its path in the folder; that of the upload by default.
    """
    data = record.data
    return Member(
        path or record.shown, whole(data, "size"), text(data, "sha256"), text(data, "md5")
    )


def merge_entries(files: Iterable[tuple[str, int]], folder: str) -> list[FolderEntry]:
    """What is directly in a folder, by name.

    Args:
        files: The path and the size of files; those outside the folder are passed over.
        folder: The folder; empty for the root.
    """
    start = f"{folder}/" if folder else ""
    found: dict[str, FolderEntry] = {}
    for path, size in files:
        if path.startswith(start):
            name, slash, _ = path.removeprefix(start).partition("/")
            found[name] = FolderEntry(name, bool(slash), 0 if slash else size)
    return [found[name] for name in sorted(found)]


def list_uploads(snapshot: Snapshot, api: str, folder: str) -> list[FolderEntry]:
    """What was uploaded directly into a folder."""
    below = uploads_below(snapshot, api, folder)
    return merge_entries(((one.shown, whole(one.data, "size")) for one in below), folder)


# --- uploading


async def store(service: Service, received: ReceivedBytes) -> Digest:
    """Digest received bytes on their way to the DVC remote, and ask the remote whether it has all of it.

    Raises:
        NoRemoteError: The registry has none.
        RemoteError: The remote cannot be used, or does not have the bytes afterwards.
    """
    return await asyncio.to_thread(service.registry.store.store_file, received.file)


def put_upload(snapshot: Snapshot, api: str, path: str, digest: Digest) -> Edit:
    """Name an uploaded file, or replace the one that had its path."""
    data = {"size": digest.size, "sha256": digest.sha256, "md5": digest.md5}
    before = find_upload(snapshot, api, path)
    if before is None:
        return put_object(api, UPLOAD, path, data)
    return edit_object(ObjectName(api, UPLOAD, before.slug), data=data)
