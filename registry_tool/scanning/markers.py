"""Formats that are not read, only searched for words that say: this runs code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from registry_tool.scanning.look import Look

__all__ = ["is_hdf5", "scan_hdf5", "scan_keras_config", "scan_program", "scan_saved_model"]

_SEARCHED: Final = 256 << 20
_OVERLAP: Final = 256
_LAMBDA: Final = re.compile(rb'"class_name"\s{0,8}:\s{0,8}"(?:Lambda|TFOpLambda)"')
# Operations of TensorFlow that read or write files, or call Python: https://github.com/tensorflow/tensorflow/blob/master/SECURITY.md
_OPERATIONS: Final = re.compile(
    rb"\n.(PyFunc|PyFuncStateless|EagerPyFunc|ReadFile|WriteFile|MatchingFiles|Save|SaveV2)\x12"
)
_HARMFUL: Final = frozenset(
    {b"PyFunc", b"PyFuncStateless", b"EagerPyFunc", b"ReadFile", b"WriteFile", b"MatchingFiles"}
)
_PROGRAMS: Final = {
    b"\x7fELF": "ELF", b"MZ": "Windows", b"\xfe\xed\xfa\xce": "Mach-O", b"\xfe\xed\xfa\xcf": "Mach-O",
    b"\xce\xfa\xed\xfe": "Mach-O", b"\xcf\xfa\xed\xfe": "Mach-O", b"\xca\xfe\xba\xbe": "Mach-O or Java",
    b"#!": "script",
}  # fmt: skip


def is_hdf5(head: bytes) -> bool:
    """True for bytes that begin as HDF5."""
    return head.startswith(b"\x89HDF\r\n\x1a\n")


def _windows(look: Look) -> Iterator[bytes]:
    """The file in pieces that lie over each other a little."""
    before = b""
    while look.stream.tell() < _SEARCHED and (piece := look.stream.some()):
        yield before + piece
        before = piece[-_OVERLAP:]
    if look.stream.peek(1):
        look.finds("unread", f"only its first {_SEARCHED} bytes were searched")


def _has_lambda(look: Look) -> bool:
    return any(_LAMBDA.search(window) is not None for window in _windows(look))


_KERAS: Final = "a Lambda layer of Keras: it holds code of Python, which runs"


def scan_hdf5(look: Look) -> None:
    """Search for layers of Keras that hold code."""
    if _has_lambda(look):
        look.finds("unsafe", _KERAS)
    look.tells(format="hdf5")


def scan_keras_config(look: Look) -> None:
    """The configuration of a Keras 3 model."""
    if _has_lambda(look):
        look.finds("unsafe", _KERAS)
    look.tells(format="json")


def scan_saved_model(look: Look) -> None:
    """Search TensorFlow's graph for operations that reach out of it."""
    found = {
        match[1] for window in _windows(look) for match in _OPERATIONS.finditer(window)
    } & _HARMFUL
    if found:
        names = ", ".join(sorted(name.decode() for name in found))
        look.finds("unsafe", f"operations of TensorFlow that reach out of the graph: {names}")
    look.tells(format="tensorflow")


def scan_program(look: Look) -> None:
    """A program for the processor or a shell."""
    head = look.stream.peek(4)
    kind = next(kind for begin, kind in _PROGRAMS.items() if head.startswith(begin))
    look.finds("unsafe", f"a program ({kind}): whoever starts it runs it")
    look.tells(format="program")


def is_program(head: bytes) -> bool:
    """True for bytes that begin as a program does."""
    return head.startswith(tuple(_PROGRAMS))
