"""The files of versions whose bytes the registry has, as clients list and read them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from registry_tool.errors import MissingObjectError
from registry_tool.live.records import VersionRecord
from registry_tool.manifests.data import Data, records, text, whole
from registry_tool.server.files.uploads import FolderEntry, merge_entries

if TYPE_CHECKING:
    from pathlib import Path

    from registry_tool.server.service import Service

__all__ = [
    "StoredFile",
    "advise_decryption",
    "fetch_file",
    "find_file",
    "is_encrypted",
    "is_served",
    "list_files",
    "only_folder",
]


class StoredFile(NamedTuple):
    """One file.

    Attributes:
        entry: The entry of its artifact.
        inner: Its path in that, for a folder; empty for a file.
    """

    entry: Data
    inner: str


def is_served(version: VersionRecord) -> bool:
    """False for a version whose files no client gets: it is gone, or withdrawn."""
    return version.is_listed and version.state not in {"withdrawn", "erased"}


def is_encrypted(version: VersionRecord) -> bool:
    """True for a version with an encrypted artifact: the server has no key, so no client gets its files."""
    return any("encryption" in entry for entry in records(version.data, "artifacts"))


def advise_decryption(version: VersionRecord) -> str:
    """The command that opens the files of an encrypted version, and where to run it."""
    named = f"{version.model}@{version.version}"
    return f"in a clone of the registry: registry decrypt {named} -o DIR"


def _stored(version: VersionRecord) -> list[Data]:
    return [entry for entry in records(version.data, "artifacts") if "path" in entry]


def only_folder(version: VersionRecord) -> str:
    """The path of the folder that is all that a version has; empty where it has more, or a file."""
    stored = _stored(version)
    return text(stored[0], "path") if len(stored) == 1 and "nfiles" in stored[0] else ""


def _files(version: VersionRecord) -> Iterator[tuple[str, int]]:
    for entry in _stored(version):
        own = text(entry, "path")
        if "nfiles" not in entry:
            yield own, whole(entry, "size")
        for member in records(entry, "files"):
            yield f"{own}/{text(member, 'path')}", whole(member, "size")


def list_files(version: VersionRecord, folder: str) -> list[FolderEntry]:
    """What is directly in a folder of a version; empty for its root."""
    if folder:
        return merge_entries(_files(version), folder)
    return [
        FolderEntry(text(entry, "path"), "nfiles" in entry, 0 if "nfiles" in entry else whole(entry, "size"))
        for entry in _stored(version)
    ]  # fmt: skip


def find_file(version: VersionRecord, path: str) -> StoredFile | None:
    """The file of a version at a path; None where there is none."""
    for entry in _stored(version):
        own = text(entry, "path")
        if path == own:
            return StoredFile(entry, "")
        if "nfiles" in entry and path.startswith(f"{own}/"):
            return StoredFile(entry, path.removeprefix(f"{own}/"))
    return None


def fetch_file(service: Service, file: StoredFile) -> Path | None:
    """The verified file in the cache; None for a folder, and for one that the remote has no more.

    Raises:
        RemoteError: The remote cannot be used.
    """
    try:
        place = service.registry.store.fetch(file.entry, file.inner)
    except MissingObjectError:  # an upload that no version names is deleted by gc after some days
        return None
    return place if place.is_file() else None
