"""The stored files of a version as one archive: a ZIP of plain files, or a package of MLSteam."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from registry_tool.artifacts.entry import ArtifactRequest, StoredEntry
from registry_tool.artifacts.packages.mlarchive import (
    MANIFEST,
    SUFFIX,
    find_archive_problem,
    find_manifest_problem,
    is_package,
    order_files,
)
from registry_tool.artifacts.packages.zip_stream import ArchivedFile, read_pieces, stream_zip
from registry_tool.errors import NotFoundError, RefusedError
from registry_tool.manifests.data import Data, records, text

if TYPE_CHECKING:
    from pathlib import Path

    from registry_tool.artifacts.dvc_files import Member
    from registry_tool.artifacts.transfer.fetch import Fetcher

__all__ = ["Archive", "FetchedFiles", "find_package", "list_stored", "open_package", "pack_plain"]

_LARGEST_MANIFEST: Final = 1 << 20


class Archive(NamedTuple):
    """The bytes of a version, which are all in the cache.

    Attributes:
        whole: The file, where it is stored as one.
        files: What is packed, otherwise.
        compress: True for a package.
    """

    whole: Path | None = None
    files: Sequence[ArchivedFile] = ()
    compress: bool = False

    def stream(self) -> Iterator[bytes]:
        """The bytes of the archive, in pieces."""
        if self.whole is not None:
            return read_pieces(self.whole)
        return stream_zip(self.files, compress=self.compress)


def list_stored(entries: Iterable[Data]) -> list[Data]:
    """Those of some artifacts whose bytes the registry has."""
    return [entry for entry in entries if "path" in entry]


def _is_package_file(entry: Data) -> bool:
    return "nfiles" not in entry and text(entry, "path").endswith(SUFFIX)


def find_package(entries: Iterable[Data]) -> Data | None:
    """The artifact that is a package: the only one of the model, a folder of that form or a file of that name."""
    models = [entry for entry in list_stored(entries) if text(entry, "role") == "model"]
    if len(models) != 1:
        return None
    (only,) = models
    paths = [text(one, "path") for one in records(only, "files")]
    return only if is_package(paths) or _is_package_file(only) else None


class FetchedFiles:
    """The files of some artifacts, fetched and verified.

    Args:
        fetcher: Fetches them.
        entries: The artifacts.

    Raises:
        RemoteError: The remote cannot be used, or lacks a file.
    """

    def __init__(self, fetcher: Fetcher, entries: Sequence[Data]) -> None:
        requests = [ArtifactRequest(StoredEntry.read(entry)) for entry in entries]
        self._cache = fetcher.cache
        self._found = [(one.entry, one.members) for one in fetcher.fetch(requests)]

    def list_members(self) -> Iterator[tuple[StoredEntry, Member]]:
        """Each file with its artifact."""
        for entry, members in self._found:
            for member in members:
                yield entry, member

    def find(self, member: Member) -> Path:
        """Where a file is.

        Raises:
            NotFoundError: It was removed from the cache meanwhile.
        """
        found = self._cache.find(member.sha256, member.size)
        if found is None:
            raise NotFoundError("the files were removed from the cache", remedy="try again")
        return found

    def pack(self, member: Member, name: str) -> ArchivedFile:
        """A file as one of an archive.

        Raises:
            NotFoundError: As ``find``.
        """
        return ArchivedFile(name, self.find(member), member.size)


def pack_plain(entries: Sequence[Data], fetcher: Fetcher) -> Archive:
    """All files under the names of their artifacts; those of one folder, which is all that there is, under their own.

    Raises:
        RemoteError: The remote cannot be used, or lacks a file.
    """
    found, is_only = FetchedFiles(fetcher, entries), len(entries) == 1
    files = []
    for entry, member in found.list_members():
        inner = member.path if entry.is_folder else ""
        name = inner if is_only and inner else "/".join(filter(None, (entry.name, inner)))
        files.append(found.pack(member, name))
    return Archive(files=files)


def open_package(package: Data, fetcher: Fetcher, named: str, schema: str = "") -> Archive:
    """The archive of a package, which is checked.

    Args:
        package: Its artifact.
        fetcher: Fetches it.
        named: What messages call it.
        schema: The schema that its manifest must have; empty for any.

    Raises:
        RefusedError: It is not the package that it looks like.
        RemoteError: The remote cannot be used, or lacks a file.
    """
    found = FetchedFiles(fetcher, [package])
    if _is_package_file(package):
        (whole_file,) = [found.find(member) for _, member in found.list_members()]
        if problem := find_archive_problem(whole_file, schema):
            raise _refuse(named, problem)
        return Archive(whole_file)
    members = {member.path: member for _, member in found.list_members()}
    if problem := _find_problem(members, found, schema):
        raise _refuse(named, problem)
    return Archive(files=[found.pack(members[p], p) for p in order_files(members)], compress=True)


def _refuse(named: str, problem: str) -> RefusedError:
    return RefusedError(f"{named} is not a package of MLSteam: {problem}")


def _find_problem(members: Mapping[str, Member], found: FetchedFiles, schema: str) -> str:
    manifest = members[MANIFEST]
    if manifest.size > _LARGEST_MANIFEST:
        return f"{MANIFEST} is larger than {_LARGEST_MANIFEST >> 20} MiB"
    return find_manifest_problem(found.find(manifest).read_bytes(), members, schema)
