"""DVC's files: the pointer file of an artifact, and the object that lists the files of a folder.

A pointer file is written as ``dvc add`` writes it. It is not read here: ``pointer_from_data`` takes the data that a
YAML reader returned.

A member of a folder is named by its path inside it: ``/`` between parts, UTF-8, no control characters and no backslash,
so that every system can write it and no terminal interprets it. Symbolic links and special files are refused and not
followed. Members are always sorted by path, by code point, as DVC sorts them.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from registry_tool.artifacts.filesystem import on_disk
from registry_tool.errors import CorruptObjectError, InvalidManifestError, UsageError

__all__ = [
    "DIR_OBJECT_LIMIT",
    "Listed",
    "Member",
    "Pointer",
    "check_paths",
    "dir_md5",
    "dir_object",
    "folder_sha256",
    "is_listing",
    "member_problem",
    "pointer_from_data",
    "read_dir_object",
    "render_pointer",
    "walk",
]

_MD5 = re.compile(r"[0-9a-f]{32}(?:\.dir)?")
# Readers of YAML 1.1 or 1.2 take these digests for numbers: all digits, an exponent, a binary number.
_NUMBER = re.compile(r"[0-9]+(?:e[0-9]+)?|0b[01]+")
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")
_WORDS = frozenset(
    ["y", "yes", "n", "no", "on", "off", "true", "false", "null", "nan", "inf", "infinity"]
)
_OTHERWISE = ("cache", "files", "cloud", "fs_config")


@dataclass(frozen=True)
class Pointer:
    """What a pointer file says of its artifact.

    Attributes:
        path: The artifact's name next to the pointer.
        md5: DVC's address of the bytes; ends in ``.dir`` for a folder.
        size: Bytes, of all files together; None where an old pointer does not say.
        nfiles: Files in the folder; None for a file.
        hash: ``md5``, or None in a pointer of DVC 2, whose objects are in the old layout.
        remote: The DVC remote of this artifact, where it is not the default one.
        push: False when DVC must not upload it.
        wdir: The folder that ``path`` starts at, from the pointer's own.
    """

    path: str
    md5: str
    size: int | None
    nfiles: int | None = None
    hash: str | None = "md5"
    remote: str | None = None
    push: bool = True
    wdir: str = "."


def _scalar(text: str) -> str:
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    return json.dumps(text, ensure_ascii=not text.isprintable())


def render_pointer(pointer: Pointer) -> bytes:
    """The bytes of a pointer file; equal pointers give equal bytes, and plain ``dvc pull`` reads them."""
    quoted = f"'{pointer.md5}'" if _NUMBER.fullmatch(pointer.md5) else pointer.md5
    lines = [f"md5: {quoted}"]
    if pointer.size is not None:
        lines.append(f"size: {pointer.size}")
    if pointer.nfiles is not None:
        lines.append(f"nfiles: {pointer.nfiles}")
    if pointer.hash is not None:
        lines.append(f"hash: {_scalar(pointer.hash)}")
    lines.append(f"path: {_scalar(pointer.path)}")
    if pointer.remote is not None:
        lines.append(f"remote: {_scalar(pointer.remote)}")
    if not pointer.push:
        lines.append("push: false")
    return ("outs:\n- " + "\n  ".join(lines) + "\n").encode()


def _the_out(data: Mapping[str, object]) -> Mapping[str, object]:
    outs = data.get("outs")
    if not isinstance(outs, list) or len(outs) != 1 or not isinstance(outs[0], dict):
        raise InvalidManifestError("a pointer must have exactly one entry under `outs`")
    deps = data.get("deps")
    if isinstance(deps, list) and any(isinstance(dep, dict) and "repo" in dep for dep in deps):
        raise InvalidManifestError(
            "a pointer of `dvc import` refers to another repository, which is not supported"
        )
    out: Mapping[str, object] = outs[0]
    for key in _OTHERWISE:
        if key in out:
            raise InvalidManifestError(f"`{key}` in a pointer is not supported")
    return out


def _text(out: Mapping[str, object], key: str) -> str | None:
    value = out.get(key)
    if value is None or isinstance(value, str):
        return value
    raise InvalidManifestError(f"`{key}` of a pointer must be text")


def _working_folder(data: Mapping[str, object]) -> str:
    said = _text(data, "wdir") or "."
    parts = [part for part in said.split("/") if part not in {"", "."}]
    if said.startswith("/") or "\\" in said or ".." in parts:
        raise InvalidManifestError("`wdir` of a pointer must be inside its folder")
    return "/".join(parts) or "."


def _count(out: Mapping[str, object], key: str) -> int | None:
    value = out.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise InvalidManifestError(f"`{key}` of a pointer must be a whole number")
    return value


def pointer_from_data(data: Mapping[str, object]) -> Pointer:
    """A pointer out of the plain data of its file.

    Raises:
        InvalidManifestError: It has not exactly one artifact in its folder, leads to another repository, or a field is missing or of a wrong type.
    """
    out = _the_out(data)
    md5, path, push = _text(out, "md5"), _text(out, "path"), out.get("push", True)
    if md5 is None or not _MD5.fullmatch(md5):
        raise InvalidManifestError("`md5` of a pointer must be a quoted or plain md5 digest")
    if not path:
        raise InvalidManifestError("a pointer must name its artifact under `path`")
    if not isinstance(push, bool):
        raise InvalidManifestError("`push` of a pointer must be true or false")
    return Pointer(
        path=path,
        wdir=_working_folder(data),
        md5=md5,
        size=_count(out, "size"),
        nfiles=_count(out, "nfiles"),
        hash=_text(out, "hash"),
        remote=_text(out, "remote"),
        push=push,
    )


DIR_OBJECT_LIMIT: Final = 64 << 20
_DIR: Final = ".dir"
_OBJECT_ID = re.compile(r"[0-9a-f]{32}")
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
        return "contains a control character or a backslash"
    if any(part in {"", ".", ".."} for part in path.split("/")):
        return "is not a plain relative path"
    return ""


def _entries(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Relative path and lstat of every file below, refusing what an artifact cannot contain."""
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
    """Relative path and lstat of the entries of a folder; the path of a folder ends in a slash."""
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
                remedy="replace the link with the file: an artifact cannot contain links",
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
        UsageError: The folder has no files, or contains a link, a special file or an unsafe name.
        OperationalError: It cannot be read.
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
    # For ASCII keys, whole numbers and strings without controls this is RFC 8785; a test compares it with the library.
    text = json.dumps(listed, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def check_paths(paths: Sequence[str], *, label: str) -> None:
    """Refuse a list of members that could leave its folder or overwrite itself.

    Raises:
        CorruptObjectError: A path is unsafe, listed twice, or both a file and a folder.
    """
    seen = set(paths)
    if len(seen) != len(paths):
        raise CorruptObjectError(f"{label} lists a file twice")
    for path in paths:
        if problem := member_problem(path):
            raise CorruptObjectError(f"{label} lists {path[:200]!a}, which {problem}")
        parts = path.split("/")
        if any("/".join(parts[:n]) in seen for n in range(1, len(parts))):
            raise CorruptObjectError(f"{label} lists {path[:200]!a} below a file")


def read_dir_object(data: bytes, *, label: str = "the folder's object") -> list[Listed]:
    """The files a folder's object lists, sorted; hostile bytes are refused.

    Raises:
        CorruptObjectError: It is too large, not DVC's form, empty, or lists an unsafe path.
    """
    if len(data) > DIR_OBJECT_LIMIT:
        raise CorruptObjectError(f"{label} is larger than {DIR_OBJECT_LIMIT} bytes")
    try:
        raw = json.loads(data)
    except (ValueError, RecursionError) as exc:
        raise CorruptObjectError(f"{label} is not JSON") from exc
    if not isinstance(raw, list) or not raw:
        raise CorruptObjectError(f"{label} is not a list of files")
    listed = [_parse_listed(item, label) for item in raw]
    check_paths([item.path for item in listed], label=label)
    return sorted(listed)


def _parse_listed(item: object, label: str) -> Listed:
    if isinstance(item, dict):
        path, md5 = item.get("relpath"), item.get("md5")
        if isinstance(path, str) and isinstance(md5, str) and _OBJECT_ID.fullmatch(md5):
            return Listed(path, md5)
    raise CorruptObjectError(f"{label} has an entry that is not a file's path and md5")
