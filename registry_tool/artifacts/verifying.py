"""Bytes on disk against the manifest that describes them: what differs, in words."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from registry_tool.artifacts.folders import Member, folder_sha256, walk
from registry_tool.artifacts.hashing import Digest, digest_file
from registry_tool.artifacts.progress import SILENT, Progress, shown
from registry_tool.artifacts.threads import in_parallel
from registry_tool.errors import UsageError
from registry_tool.manifests.data import Data, records, text, whole

__all__ = ["differences", "plain_entry"]

_SHOWN: Final = 16


def _digest(path: Path, progress: Progress) -> Digest:
    with shown(progress, path.stat().st_size, f"Verifying {path.name}"):
        return digest_file(path, progress=progress.advance)


def _of_file(entry: Data, path: Path, progress: Progress) -> Iterator[str]:
    if path.is_symlink() or not path.is_file():
        yield "is no plain file"
        return
    size, sha256 = whole(entry, "size"), text(entry, "sha256")
    if (found := path.stat().st_size) != size:
        yield f"has {found} bytes, not {size}"
    elif (digest := _digest(path, progress)).sha256 != sha256:
        yield f"has other bytes: sha256 {digest.sha256}, not {sha256}"


def _members(folder: Path, progress: Progress) -> list[Member]:
    files = walk(folder)

    def one(item: tuple[str, os.stat_result]) -> Member:
        digest = digest_file(folder / item[0], progress=progress.advance)
        return Member(item[0], digest.size, digest.sha256, digest.md5)

    with shown(progress, sum(info.st_size for _, info in files), f"Verifying {folder.name}"):
        return in_parallel(one, files)


def _by_member(entry: Data, there: list[Member]) -> Iterator[str]:
    """Where the manifest lists the files, each that differs."""
    wanted = {text(one, "path"): text(one, "sha256") for one in records(entry, "files")}
    found = {member.path: member.sha256 for member in there}
    for path in sorted({*wanted, *found}):
        if path not in found:
            yield f"lacks {path!a}"
        elif path not in wanted:
            yield f"has {path!a}, which the version has not"
        elif wanted[path] != found[path]:
            yield f"has other bytes in {path!a}: sha256 {found[path]}, not {wanted[path]}"


def _of_folder(entry: Data, path: Path, progress: Progress) -> Iterator[str]:
    if path.is_symlink() or not path.is_dir():
        yield "is no folder"
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
        yield f"has other bytes: {len(there)} files, sha256 {folder_sha256(there)}, not {text(entry, 'sha256')}"


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
        progress: Told of the bytes.

    Raises:
        EnvironmentTrouble: The bytes cannot be read.
    """
    if not os.path.lexists(path):
        return ["is not there"]
    is_folder = text(entry, "md5").endswith(".dir")
    return [*(_of_folder if is_folder else _of_file)(entry, path, progress)]
