"""NumPy's ``.npy``: a header of Python literals; an array of objects is a pickle behind it."""

from __future__ import annotations

import ast
from math import prod
from typing import Final

from registry_tool.scanning.context import Look
from registry_tool.scanning.pickles.files import scan_pickle
from registry_tool.scanning.stream import MalformedFileError

__all__ = ["is_npy", "scan_npy"]

_MAGIC: Final = b"\x93NUMPY"
# NumPy reads no longer header itself, unless it is told to trust the file.
_HEADER: Final = 10_000
_WITH_TYPE: Final = 2
_DEEPEST: Final = 200


def is_npy(head: bytes) -> bool:
    """True for bytes that begin as an array of NumPy."""
    return head.startswith(_MAGIC)


def _header(look: Look) -> dict[object, object]:
    look.stream.skip(len(_MAGIC))
    major, _ = look.stream.take(2)
    (size,) = look.stream.numbers("<H" if major == 1 else "<I")
    if size > _HEADER:
        raise MalformedFileError(f"its header has {size} bytes")
    text = look.stream.take(size).decode("latin-1" if major < 3 else "utf-8", "replace")  # noqa: PLR2004 (version 3.0)
    if max(text.count(sign) for sign in "([{-+~") > _DEEPEST:
        raise MalformedFileError("its header is nested too deeply")
    try:
        found = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError, Warning) as exc:
        raise MalformedFileError("its header is not a Python literal") from exc
    if not isinstance(found, dict):
        raise MalformedFileError("its header is not a dictionary")
    return found


def _holds_objects(descr: object) -> bool:
    """True where a type of data, or a field of it, may be `object`; NumPy reads many spellings."""
    match descr:
        case str():
            return "O" in descr or "object" in descr
        case tuple() if descr:
            return _holds_objects(descr[0])
        case list():
            return any(
                not isinstance(one, tuple) or len(one) < _WITH_TYPE or _holds_objects(one[1])
                for one in descr
            )
    return True


def scan_npy(look: Look) -> None:
    """Read the header; follow the pickle where the array holds objects."""
    header = _header(look)
    shape = header.get("shape")
    if not isinstance(shape, tuple) or any(type(one) is not int or one < 0 for one in shape):
        raise MalformedFileError("its header has no shape")
    if _holds_objects(header.get("descr")):
        scan_pickle(look)
    look.tells(
        format="npy",
        dtype=str(header.get("descr"))[:128],
        shape=[min(one, 1 << 62) for one in shape[:64]],
        values=min(prod(shape[:64]), 1 << 62),
    )
