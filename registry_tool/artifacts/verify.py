"""Compare content with the manifest that describes it: files on disk byte by byte, objects on a remote by size.

A remote is queried once for all objects; only lists of files are downloaded.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from registry_tool.artifacts.dvc_files import Listed, Member, folder_sha256, is_listing, walk
from registry_tool.artifacts.hashing import Digest, digest_file
from registry_tool.artifacts.progress import SILENT, Progress, in_parallel, show_progress
from registry_tool.errors import CorruptObjectError, MissingObjectError, UsageError
from registry_tool.manifests.data import Data, records, text, whole

if TYPE_CHECKING:
    from registry_tool.artifacts.remotes.base import Remote

__all__ = [
    "MissingContent",
    "differences",
    "find_missing",
    "objects",
    "plain_entry",
]

_SHOWN: Final = 16


def _digest(path: Path, progress: Progress) -> Digest:
    with show_progress(progress, path.stat().st_size, f"Verifying {path.name}"):
        return digest_file(path, progress=progress.advance)


def _of_file(entry: Data, path: Path, progress: Progress) -> Iterator[str]:
    if path.is_symlink() or not path.is_file():
        yield "is not a regular file"
        return
    size, sha256 = whole(entry, "size"), text(entry, "sha256")
    if (found := path.stat().st_size) != size:
        yield f"has {found} bytes, not {size}"
    elif (digest := _digest(path, progress)).sha256 != sha256:
        yield f"has different content: sha256 {digest.sha256}, not {sha256}"


def _members(folder: Path, progress: Progress) -> list[Member]:
    files = walk(folder)

    def one(item: tuple[str, os.stat_result]) -> Member:
        digest = digest_file(folder / item[0], progress=progress.advance)
        return Member(item[0], digest.size, digest.sha256, digest.md5)

    with show_progress(
        progress, sum(info.st_size for _, info in files), f"Verifying {folder.name}"
    ):
        return in_parallel(one, files)


def _by_member(entry: Data, there: list[Member]) -> Iterator[str]:
    """Where the manifest lists the files, each that differs."""
    wanted = {text(one, "path"): text(one, "sha256") for one in records(entry, "files")}
    found = {member.path: member.sha256 for member in there}
    for path in sorted({*wanted, *found}):
        if path not in found:
            yield f"lacks {path!a}"
        elif path not in wanted:
            yield f"has {path!a}, which is not in the version"
        elif wanted[path] != found[path]:
            yield f"has different content in {path!a}: sha256 {found[path]}, not {wanted[path]}"


def _of_folder(entry: Data, path: Path, progress: Progress) -> Iterator[str]:
    if path.is_symlink() or not path.is_dir():
        yield "is not a folder"
        return
    try:
        there = _members(path, progress)
    except UsageError as exc:  # a link, a special file, a hostile name
        yield f"cannot be the folder of the version: {exc.message}"
        return
    if folder_sha256(there) == text(entry, "sha256"):
        return
    listed = [*_by_member(entry, there)] if records(entry, "files") else []
    yield from listed[:_SHOWN]
    if len(listed) > _SHOWN:
        yield f"differs in {len(listed) - _SHOWN} more files"
    if not listed:
        yield f"has different content: {len(there)} files, sha256 {folder_sha256(there)}, not {text(entry, 'sha256')}"


def plain_entry(encryption: Data) -> Data:
    """The plaintext of an encrypted artifact, as the entry of a plain one.

    Args:
        encryption: What the artifact's entry says of it.
    """
    is_folder = text(encryption, "packing") == "tar"
    return {**encryption, "md5": "0" * 32 + (".dir" if is_folder else "")}


def differences(entry: Data, path: Path, *, progress: Progress = SILENT) -> list[str]:
    """What differs between bytes on disk and a stored artifact's entry; empty where nothing does.

    Every byte is read and hashed; links are not followed.

    Args:
        entry: The artifact's entry in a manifest that passed its schema.
        path: The file or folder.
        progress: Receives the number of bytes.

    Raises:
        OperationalError: The bytes cannot be read.
    """
    if not os.path.lexists(path):
        return ["does not exist"]
    is_folder = text(entry, "md5").endswith(".dir")
    return [*(_of_folder if is_folder else _of_file)(entry, path, progress)]


class MissingContent(NamedTuple):
    """An object that is not on the remote as it must be.

    Attributes:
        path: The file it is, inside the artifact; empty for the artifact itself.
        md5: Its address.
        size: The bytes it must have; None where the record does not say.
        found: A description of what exists instead.
    """

    path: str
    md5: str
    size: int | None
    found: str


class _ExpectedObject(NamedTuple):
    path: str
    md5: str
    size: int | None


def _expected_objects(entry: Data) -> Iterator[_ExpectedObject]:
    md5 = text(entry, "md5")
    yield _ExpectedObject("", md5, None if is_listing(md5) else whole(entry, "size"))
    for file in records(entry, "files"):
        yield _ExpectedObject(text(file, "path"), text(file, "md5"), whole(file, "size"))


def _is_unlisted(entry: Data) -> bool:
    return is_listing(text(entry, "md5")) and not records(entry, "files")


def _list(entry: Data, remote: Remote) -> list[Listed] | str:
    """The files of a folder whose record does not list them, or what its list is instead."""
    # Imported here: a check that asks nothing of a remote does not need the code that does.
    from registry_tool.artifacts.remotes.base import read_listing

    try:
        return read_listing(remote, text(entry, "md5"), label="it")
    except MissingObjectError:
        return []
    except CorruptObjectError:
        return "an object that is not the list of its files"


def _find_problem(wanted: _ExpectedObject, found: Mapping[str, int]) -> MissingContent | None:
    there = found.get(wanted.md5)
    if there is None:
        return MissingContent(*wanted, f"nothing under md5 {wanted.md5}")
    if wanted.size is not None and there != wanted.size:
        return MissingContent(*wanted, f"{there} bytes under md5 {wanted.md5}")
    return None


def find_missing(
    entries: Sequence[Data], open_remote: Callable[[], Remote]
) -> list[list[MissingContent]]:
    """What the remote lacks of each of some stored artifacts.

    Args:
        entries: Their entries in manifests.
        open_remote: Opens the remote; called only when there is something to ask.

    Raises:
        RemoteError: The remote cannot be queried.
    """
    if not entries:
        return []
    remote = open_remote()
    unlisted = [number for number, entry in enumerate(entries) if _is_unlisted(entry)]
    lists = dict(
        zip(unlisted, in_parallel(lambda n: _list(entries[n], remote), unlisted), strict=True)
    )
    wanted = [[*_expected_objects(entry)] for entry in entries]
    for number, listed in lists.items():
        if not isinstance(listed, str):
            wanted[number] += (_ExpectedObject(file.path, file.md5, None) for file in listed)
    found = remote.sizes({one.md5 for objects in wanted for one in objects}, legacy=True)
    result = [
        [lack for one in objects if (lack := _find_problem(one, found)) is not None]
        for objects in wanted
    ]
    for number, listed in lists.items():
        if isinstance(listed, str):
            result[number] = [MissingContent("", text(entries[number], "md5"), None, listed)]
    return result


def objects(entry: Data, remote: Remote) -> frozenset[str]:
    """The md5 of every object of a stored artifact, the files of a folder included.

    Raises:
        RemoteError: The list of a folder's files cannot be read.
    """
    listed = _list(entry, remote) if _is_unlisted(entry) else []
    files = () if isinstance(listed, str) else (file.md5 for file in listed)
    return frozenset({*(one.md5 for one in _expected_objects(entry)), *files})
