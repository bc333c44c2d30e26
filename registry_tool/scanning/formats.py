"""Which format a run of bytes has, and who looks at it."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Final, NamedTuple

from registry_tool.scanning.age_header import HEADER_LIMIT, NotAge, is_age, read_header
from registry_tool.scanning.gguf import is_gguf, scan_gguf
from registry_tool.scanning.inflate import inflated
from registry_tool.scanning.look import Look
from registry_tool.scanning.markers import (
    is_hdf5,
    is_program,
    scan_hdf5,
    scan_keras_config,
    scan_program,
    scan_saved_model,
)
from registry_tool.scanning.numpy_arrays import is_npy, scan_npy
from registry_tool.scanning.onnx import scan_onnx
from registry_tool.scanning.pickle_files import (
    could_be_pickle,
    is_pickle,
    scan_pickle,
    try_pickle,
)
from registry_tool.scanning.report import Spent
from registry_tool.scanning.safetensors import is_safetensors, scan_safetensors
from registry_tool.scanning.stream import Malformed, TooLarge
from registry_tool.scanning.tars import is_tar, scan_tar
from registry_tool.scanning.zips import scan_zip

__all__ = ["look_at"]

_HEAD: Final = 512


class _Format(NamedTuple):
    """A format: how it is known, by its first bytes and its name, and who looks at it."""

    name: str
    fits: Callable[[bytes, str], bool]
    scan: Callable[[Look], None]


def _begins(sign: bytes) -> Callable[[bytes, str], bool]:
    return lambda head, _: head.startswith(sign)


def _head(test: Callable[[bytes], bool]) -> Callable[[bytes, str], bool]:
    return lambda head, _: test(head)


def _called(*ends: str) -> Callable[[bytes, str], bool]:
    return lambda _, name: name.endswith(ends)


def _is_zlib(head: bytes, _: str) -> bool:
    """True for what zlib packed: its two bytes of header say little, so the first bytes must unpack."""
    if head[:1] != b"\x78" or int.from_bytes(head[:2]) % 31:
        return False
    try:
        return bool(zlib.decompressobj().decompress(head, 64))
    except zlib.error:
        return False


def _packed(kind: str) -> Callable[[Look], None]:
    def scan(look: Look) -> None:
        look.tells(packed=kind)
        inner = inflated(look.stream, kind, look.report.budget)
        look.unpacked(inner)

    return scan


def _fasttext(look: Look) -> None:
    magic, version, dimensions = look.stream.numbers("<iii")
    look.tells(format="fasttext", version=version, dimensions=dimensions, magic=hex(magic))


def _tflite(look: Look) -> None:
    look.tells(format="tflite")


def _age(look: Look) -> None:
    try:
        header = read_header(look.stream.peek(HEADER_LIMIT))
    except NotAge as exc:
        raise Malformed(str(exc)) from exc
    look.tells(format="age", recipients=[*header.stanzas[:32]])


# In order: the first that fits. By content where there is a mark, then by name.
_FORMATS: Final = (
    _Format("zip", _begins(b"PK\x03\x04"), scan_zip),
    _Format("zip", _begins(b"PK\x05\x06"), scan_zip),
    _Format("gzip", _begins(b"\x1f\x8b"), _packed("gzip")),
    _Format("bzip2", _begins(b"BZh"), _packed("bzip2")),
    _Format("xz", _begins(b"\xfd7zXZ\0"), _packed("xz")),
    _Format("zlib", _is_zlib, _packed("zlib")),
    _Format("tar", _head(is_tar), scan_tar),
    _Format("pickle", _head(is_pickle), scan_pickle),
    _Format("npy", _head(is_npy), scan_npy),
    _Format("gguf", _head(is_gguf), scan_gguf),
    _Format("hdf5", _head(is_hdf5), scan_hdf5),
    _Format("safetensors", _head(is_safetensors), scan_safetensors),
    _Format("safetensors", _called(".safetensors"), scan_safetensors),
    _Format("fasttext", _begins((793712314).to_bytes(4, "little")), _fasttext),
    _Format("age", _head(is_age), _age),
    _Format("tflite", lambda head, _: head[4:8] == b"TFL3", _tflite),
    _Format("onnx", _called(".onnx"), scan_onnx),
    _Format("tensorflow", _called("saved_model.pb"), scan_saved_model),
    _Format("json", lambda _, name: name == "config.json", scan_keras_config),
    _Format("program", _head(is_program), scan_program),
)  # fmt: skip


def _unknown(look: Look) -> None:
    """No mark and no known name: pickles of old protocols have none."""
    empty = not look.stream.peek(1)
    if not empty and try_pickle(look):
        return
    if could_be_pickle(look.name) and not empty:
        look.finds("unread", "it is called like a pickle, and is none that a scan can follow")
    look.tells(format="empty" if empty else "unknown")


def look_at(look: Look) -> None:
    """Find out what a run of bytes is, and look at it. What is in the file is never an error here."""
    format_ = "unknown"
    try:
        head, name = look.stream.peek(_HEAD), look.name
        for one in _FORMATS:
            if one.fits(head, name):
                format_ = one.name
                one.scan(look)
                return
        _unknown(look)
    except Spent as exc:
        look.finds("unread", str(exc))
    except TooLarge as exc:
        look.finds("unread", str(exc))
    except Malformed as exc:
        look.finds("unread", f"it is broken as {format_}: {exc}")
    look.tells(format=look.report.facts.get("format", format_))
