"""Content that contradicts its name: what a broken download or a forgotten step leaves under the name of a model.

Only what is certain counts: a name that this table does not know, and content without a mark of its own, contradict
nothing. Pages of errors and Git LFS pointers are what registries of models are known to have frozen by mistake.
"""

from __future__ import annotations

import json
import re
from typing import Final

from registry_tool.scanning.markers import is_hdf5, is_program
from registry_tool.scanning.pickles.files import is_pickle
from registry_tool.scanning.tensors.gguf import is_gguf
from registry_tool.scanning.tensors.numpy_arrays import is_npy
from registry_tool.scanning.tensors.safetensors import is_safetensors

__all__ = ["HEAD_LIMIT", "contradiction"]

# What is looked at; a page of JSON is read whole, and an error is short.
HEAD_LIMIT: Final = 1 << 16
# Formats that are never text.
_BINARY: Final = (
    ".onnx", ".pt", ".pth", ".ckpt", ".safetensors", ".bin", ".gguf", ".ggml", ".h5", ".hdf5", ".keras", ".tflite",
    ".npy", ".npz", ".pkl", ".pickle", ".joblib", ".pb", ".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".whl",
    ".jar", ".mar", ".nemo", ".parquet", ".arrow", ".ftz", ".engine", ".plan", ".pdiparams", ".caffemodel", ".cbm", ".ubj",
    ".msgpack", ".mlmodelc", ".jpg", ".jpeg", ".png", ".mp3", ".mp4", ".wav", ".pdf",
)  # fmt: skip
# Formats that begin with a mark: which marks a name allows.
_MARKED: Final[dict[str, frozenset[str]]] = {
    ".safetensors": frozenset({"safetensors"}),
    ".onnx": frozenset(),
    ".gguf": frozenset({"GGUF"}),
    ".h5": frozenset({"HDF5"}),
    ".hdf5": frozenset({"HDF5"}),
    ".keras": frozenset({"a zip file", "HDF5"}),
    ".npy": frozenset({"a NumPy array"}),
    ".npz": frozenset({"a zip file"}),
    ".tflite": frozenset(),
    ".zip": frozenset({"a zip file"}),
    ".whl": frozenset({"a zip file"}),
    ".gz": frozenset({"a gzip file"}),
    ".tgz": frozenset({"a gzip file"}),
    ".png": frozenset({"a PNG picture"}),
    ".pdf": frozenset({"a PDF document"}),
}
_LFS: Final = re.compile(
    rb"version https://(?:git-lfs|hawser)\.github\.com/spec/v1\r?\n(?:[a-z0-9.-]+ [^\n]*\n){1,10}\Z"
)
_PAGE: Final = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<!--[^>]{0,2000}-->\s*)?<(?:(!doctype html|html|head|body|title)\b|(\?xml|error)\b)",
    re.IGNORECASE,
)


def _text(head: bytes, size: int) -> str:
    """What text it is that no format of bytes begins with; empty where it is none."""
    page = _PAGE.match(head[:4096])
    if page is not None:
        return "an HTML page" if page[1] else "XML"
    if size > HEAD_LIMIT or head.lstrip()[:1] not in {b"{", b"["}:
        return ""
    try:
        json.loads(head)
    except (ValueError, RecursionError):
        return ""
    return "JSON"


def _mark(head: bytes) -> str:
    """The format that the first bytes are the mark of; empty where they are none."""
    found = (
        ("a zip file", head.startswith((b"PK\x03\x04", b"PK\x05\x06"))),
        ("a gzip file", head.startswith(b"\x1f\x8b\x08")),
        ("a pickle", is_pickle(head)),
        ("a NumPy array", is_npy(head)),
        ("GGUF", is_gguf(head)),
        ("HDF5", is_hdf5(head)),
        ("a PNG picture", head.startswith(b"\x89PNG\r\n\x1a\n")),
        ("a PDF document", head.startswith(b"%PDF-")),
        ("a program", is_program(head) and not head.startswith(b"MZ")),
        ("safetensors", is_safetensors(head)),
    )
    return next((words for words, fits in found if fits), "")


def contradiction(name: str, head: bytes, size: int) -> str:
    """What a file holds that its name denies, in words such as ``an HTML page``; empty where nothing is denied.

    Args:
        name: The file's name, or a path that ends in it.
        head: Its first bytes, at most ``HEAD_LIMIT`` of them.
        size: How many it has.
    """
    if size <= HEAD_LIMIT and _LFS.match(head):
        return "a Git LFS pointer"
    called = name.lower()
    if called.endswith(_BINARY) and (text := _text(head, size)):
        return text
    suffix = next((suffix for suffix in _MARKED if called.endswith(suffix)), None)
    mark = _mark(head) if suffix is not None else ""
    return mark if suffix is not None and mark not in _MARKED[suffix] else ""
