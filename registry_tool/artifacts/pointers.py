"""DVC's pointer files: one artifact each, written as ``dvc add`` writes them.

Reading YAML is not done here: ``pointer_from_data`` takes what a reader of YAML returned.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from registry_tool.errors import InvalidManifest

__all__ = ["Pointer", "pointer_from_data", "render_pointer"]

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
        path: The artifact's name beside the pointer.
        md5: DVC's address of the bytes; ends in ``.dir`` for a folder.
        size: Bytes, of all files together; None where an old pointer does not say.
        nfiles: Files in the folder; None for a file.
        hash: ``md5``, or None in a pointer of DVC 2, whose objects lie in the old layout.
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
        raise InvalidManifest("a pointer must have exactly one entry under `outs`")
    deps = data.get("deps")
    if isinstance(deps, list) and any(isinstance(dep, dict) and "repo" in dep for dep in deps):
        raise InvalidManifest("a pointer of `dvc import` leads to another repository")
    out: Mapping[str, object] = outs[0]
    for key in _OTHERWISE:
        if key in out:
            raise InvalidManifest(f"`{key}` in a pointer is not supported")
    return out


def _text(out: Mapping[str, object], key: str) -> str | None:
    value = out.get(key)
    if value is None or isinstance(value, str):
        return value
    raise InvalidManifest(f"`{key}` of a pointer must be text")


def _working_folder(data: Mapping[str, object]) -> str:
    said = _text(data, "wdir") or "."
    parts = [part for part in said.split("/") if part not in {"", "."}]
    if said.startswith("/") or "\\" in said or ".." in parts:
        raise InvalidManifest("`wdir` of a pointer must not leave its folder")
    return "/".join(parts) or "."


def _count(out: Mapping[str, object], key: str) -> int | None:
    value = out.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise InvalidManifest(f"`{key}` of a pointer must be a whole number")
    return value


def pointer_from_data(data: Mapping[str, object]) -> Pointer:
    """A pointer out of the plain data of its file.

    Raises:
        InvalidManifest: It has not exactly one artifact in its folder, leads to another repository, or a field is missing or of a wrong type.
    """
    out = _the_out(data)
    md5, path, push = _text(out, "md5"), _text(out, "path"), out.get("push", True)
    if md5 is None or not _MD5.fullmatch(md5):
        raise InvalidManifest("`md5` of a pointer must be a quoted or plain md5 digest")
    if not path:
        raise InvalidManifest("a pointer must name its artifact under `path`")
    if not isinstance(push, bool):
        raise InvalidManifest("`push` of a pointer must be true or false")
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
