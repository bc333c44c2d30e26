"""Folders as artifacts: which files they hold, DVC's object for a folder, and our digest of one.

A member is named by its path inside the folder: ``/`` between parts, UTF-8, no control characters and no backslash,
so that every system can write it and no terminal is surprised by it. Symbolic links and special files are refused
rather than followed. Members are always in the order of their paths, compared by code point, as DVC sorts them.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from registry_tool.artifacts.disk import on_disk
from registry_tool.errors import CorruptObject, UsageError

__all__ = [
    "DIR_OBJECT_LIMIT",
    "Listed",
    "Member",
    "check_paths",
    "dir_md5",
    "dir_object",
    "folder_sha256",
    "is_listing",
    "member_problem",
    "read_dir_object",
    "walk",
]

DIR_OBJECT_LIMIT: Final = 64 << 20
_DIR: Final = ".dir"
_MD5 = re.compile(r"[0-9a-f]{32}")
# Controls, line and paragraph separators, bidirectional controls, halves of surrogate pairs (bytes that are not UTF-8).
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\\\\]")


class Member(NamedTuple):
    """One file of a folder: path inside it, size in bytes, digests in hex."""

    path: str
    size: int
    sha256: str
    md5: str


class Listed(NamedTuple):
    """One file as DVC's object of a folder lists it."""

    path: str
    md5: str


def member_problem(path: str) -> str:
    """Why a path cannot be a member's, in words; empty when it can."""
    if path.encode(errors="surrogateescape").decode(errors="replace") != path:
        return "is not UTF-8"
    if _UNSAFE.search(path):
        return "holds a control character or a backslash"
    if any(part in {"", ".", ".."} for part in path.split("/")):
        return "is not a plain relative path"
    return ""


def _entries(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Relative path and lstat of every file below, refusing what an artifact cannot hold."""
    opened = [_inside(folder, "")]
    while opened:
        for path, info in opened[-1]:
            if path.endswith("/"):
                opened.append(_inside(folder / path, path))
                break
            yield path, info
        else:
            opened.pop()


def _inside(folder: Path, prefix: str) -> Iterator[tuple[str, os.stat_result]]:
    """Relative path and lstat of what is in a folder; the path of a folder ends in a slash."""
    with os.scandir(folder) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        path = prefix + entry.name
        if problem := member_problem(entry.name):
            raise UsageError(f"the name {path!a} {problem}", remedy="rename the file")
        info = entry.stat(follow_symlinks=False)
        if stat.S_ISLNK(info.st_mode):
            raise UsageError(
                f"{folder / entry.name} is a symbolic link",
                remedy="put the file itself there: an artifact holds bytes, not links",
            )
        if stat.S_ISDIR(info.st_mode):
            yield f"{path}/", info
        elif stat.S_ISREG(info.st_mode):
            yield path, info
        else:
            raise UsageError(
                f"{folder / entry.name} is neither a file nor a folder", remedy="remove it"
            )


def walk(folder: Path) -> list[tuple[str, os.stat_result]]:
    """The files below a local folder, sorted, each with what ``lstat`` says of it.

    Raises:
        UsageError: The folder has no files, or holds a link, a special file or a name that is not safe.
        EnvironmentTrouble: It cannot be read.
    """
    with on_disk(f"{folder} cannot be read"):
        found = sorted(_entries(folder), key=lambda item: item[0])
    if not found:
        raise UsageError(f"{folder} has no files", remedy="an artifact needs at least one file")
    return found


def dir_object(members: Iterable[Member | Listed]) -> bytes:
    """The bytes DVC stores for a folder, and pulls it by."""
    listed = [{"md5": m.md5, "relpath": m.path} for m in sorted(members, key=lambda m: m.path)]
    return json.dumps(listed, sort_keys=True).encode()


def dir_md5(data: bytes) -> str:
    """The name of a folder's object: its md5 and ``.dir``."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest() + _DIR


def is_listing(md5: str) -> bool:
    """True for the name of a folder's object."""
    return md5.endswith(_DIR)


def folder_sha256(members: Iterable[Member]) -> str:
    """The sha256 of a folder, as manifests carry it. It is part of the file format.

    It is the sha256, in lower-case hex, of the canonical JSON (RFC 8785) of the list
    ``[{"path": …, "sha256": …, "size": …}, …]`` of all files, sorted by the code points of ``path``.
    """
    listed = [
        {"path": m.path, "sha256": m.sha256, "size": m.size}
        for m in sorted(members, key=lambda m: m.path)
    ]
    # For ASCII keys, whole numbers and strings without controls this is RFC 8785; a test holds it to the library.
    text = json.dumps(listed, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def check_paths(paths: Sequence[str], *, label: str) -> None:
    """Refuse a list of members that could leave its folder or overwrite itself.

    Raises:
        CorruptObject: A path is unsafe, stands twice, or is both a file and a folder.
    """
    seen = set(paths)
    if len(seen) != len(paths):
        raise CorruptObject(f"{label} lists a file twice")
    for path in paths:
        if problem := member_problem(path):
            raise CorruptObject(f"{label} lists {path[:200]!a}, which {problem}")
        parts = path.split("/")
        if any("/".join(parts[:n]) in seen for n in range(1, len(parts))):
            raise CorruptObject(f"{label} lists {path[:200]!a} below a file")


def read_dir_object(data: bytes, *, label: str = "the folder's object") -> list[Listed]:
    """The files a folder's object lists, sorted; hostile bytes are refused.

    Raises:
        CorruptObject: It is too large, not DVC's form, empty, or lists an unsafe path.
    """
    if len(data) > DIR_OBJECT_LIMIT:
        raise CorruptObject(f"{label} is larger than {DIR_OBJECT_LIMIT} bytes")
    try:
        raw = json.loads(data)
    except (ValueError, RecursionError) as exc:
        raise CorruptObject(f"{label} is not JSON") from exc
    if not isinstance(raw, list) or not raw:
        raise CorruptObject(f"{label} is not a list of files")
    listed = [_listed(item, label) for item in raw]
    check_paths([item.path for item in listed], label=label)
    return sorted(listed)


def _listed(item: object, label: str) -> Listed:
    if isinstance(item, dict):
        path, md5 = item.get("relpath"), item.get("md5")
        if isinstance(path, str) and isinstance(md5, str) and _MD5.fullmatch(md5):
            return Listed(path, md5)
    raise CorruptObject(f"{label} has an entry that is not a file's path and md5")
