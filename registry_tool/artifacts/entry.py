"""A stored artifact as its entry in a manifest describes it, checked for consistency when it is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final, NamedTuple, Self

from registry_tool.artifacts.dvc_files import (
    Member,
    check_paths,
    dir_md5,
    dir_object,
    folder_sha256,
    is_listing,
)
from registry_tool.errors import CorruptObjectError, InvalidManifestError, NotFoundError, UsageError

__all__ = ["ArtifactRequest", "StoredEntry", "mismatch_error"]

_SHOWN: Final = 8


def mismatch_error(
    label: str, what: str, expected: object, found: object, *, where: str = ""
) -> CorruptObjectError:
    """The bytes, or a list of files, are not what the manifest says."""
    return CorruptObjectError(
        f"{label} does not match its manifest: expected {what} {expected}, found {found}{where}",
        remedy="nothing was written; ask the owner of the remote to restore the object",
    )


def _text(data: Mapping[str, object], key: str, label: str) -> str:
    value = data.get(key)
    if isinstance(value, str) and value:
        return value
    raise InvalidManifestError(f"{label}: `{key}` must be text")


def _count(data: Mapping[str, object], key: str, label: str) -> int:
    value = data.get(key)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise InvalidManifestError(f"{label}: `{key}` must be a whole number, zero or more")


def _members(data: Mapping[str, object], label: str) -> tuple[Member, ...]:
    files = data.get("files")
    if files is None:
        return ()
    if not isinstance(files, list) or not all(isinstance(one, dict) for one in files):
        raise InvalidManifestError(f"{label}: `files` must be a list of files")
    members = tuple(
        Member(
            _text(one, "path", label),
            _count(one, "size", label),
            _text(one, "sha256", label),
            _text(one, "md5", label),
        )
        for one in files
    )
    check_paths([m.path for m in members], label=label)
    return members


@dataclass(frozen=True)
class StoredEntry:
    """What a manifest says of a file, or of a folder.

    Attributes:
        label: What messages call it.
        name: The last part of its path.
        size: In bytes; of a folder, of all its files.
        sha256: Of the bytes; of a folder see ``dvc_files.folder_sha256``.
        md5: Its address on a remote; that of a folder's list of files ends in ``.dir``.
        nfiles: Of a folder, where it is given.
        members: The files of a folder; empty for a file, and for a folder of many files.
    """

    label: str
    name: str
    size: int
    sha256: str
    md5: str
    nfiles: int | None = None
    members: tuple[Member, ...] = ()

    @property
    def is_folder(self) -> bool:
        """True for a folder."""
        return is_listing(self.md5)

    @classmethod
    def read(cls, data: Mapping[str, object]) -> Self:
        """The entry of plain data.

        Raises:
            InvalidManifestError: It is not well formed.
            CorruptObjectError: Its files could leave their folder, or do not add up to what it says of the folder.
            UsageError: The artifact is tracked elsewhere.
        """
        label = str(data.get("name") or data.get("path") or "the artifact")
        if "uri" in data and "path" not in data:
            raise UsageError(
                f"{label} is tracked elsewhere; the registry does not store it",
                remedy=f"download it from {data['uri']}",
            )
        path = _text(data, "path", label)
        entry = cls(
            label=f"{label} ({path})" if label != path else path,
            name=PurePosixPath(path).name,
            size=_count(data, "size", label),
            sha256=_text(data, "sha256", label),
            md5=_text(data, "md5", label),
            nfiles=None if data.get("nfiles") is None else _count(data, "nfiles", label),
            members=_members(data, label),
        )
        if entry.members and not entry.is_folder:
            raise InvalidManifestError(
                f"{label}: `files` requires the md5 of a folder, which ends in .dir"
            )
        if entry.members:
            entry.check(entry.members)
            # What plain `dvc pull` would restore must be the same.
            if (found := dir_md5(dir_object(entry.members))) != entry.md5:
                raise mismatch_error(entry.label, "md5", entry.md5, found)
        return entry

    def check(self, members: Sequence[Member]) -> None:
        """See that files are those of this folder.

        Raises:
            CorruptObjectError: They are not.
        """
        self.check_count(len(members))
        if (size := sum(m.size for m in members)) != self.size:
            raise mismatch_error(self.label, "size", self.size, size)
        if (found := folder_sha256(members)) != self.sha256:
            raise mismatch_error(self.label, "sha256", self.sha256, found)

    def check_count(self, count: int) -> None:
        """See that there are as many files as the manifest says.

        Raises:
            CorruptObjectError: There are more or fewer.
        """
        if self.nfiles not in {None, count}:
            raise mismatch_error(self.label, "number of files", self.nfiles, count)

    def file(self, path: str, members: Sequence[Member]) -> Self:
        """One file of this folder, as a separate artifact.

        Args:
            path: Which one.
            members: The files of the folder.

        Raises:
            NotFoundError: The folder has no such file.
            UsageError: This is not a folder.
        """
        if not self.is_folder:
            raise UsageError(
                f"{self.label} is a file and does not contain {path!a}",
                remedy="name the artifact without a file",
            )
        for member in members:
            if member.path == path:
                name = PurePosixPath(path).name
                size, sha256, md5 = member.size, member.sha256, member.md5
                return type(self)(f"{self.label}: {path}", name, size, sha256, md5)
        listed = ", ".join(ascii(member.path)[1:-1] for member in members[:_SHOWN])
        more = f" and {len(members) - _SHOWN} more" if len(members) > _SHOWN else ""
        raise NotFoundError(
            f"{self.label} has no file {path!a}", remedy=f"its files: {listed}{more}"
        )


class ArtifactRequest(NamedTuple):
    """A requested artifact, or one file of a folder.

    Attributes:
        entry: What the manifest says of the artifact.
        file: The path of the file inside the folder; empty for all of it.
    """

    entry: StoredEntry
    file: str = ""

    def narrow(self) -> StoredEntry:
        """What has to be fetched for it.

        Of a folder whose manifest does not list its files that is all of it: only the whole has a sha256.

        Raises:
            NotFoundError: The folder has no such file.
            UsageError: A file of something that is not a folder.
        """
        if self.file and (self.entry.members or not self.entry.is_folder):
            return self.entry.file(self.file, self.entry.members)
        return self.entry
