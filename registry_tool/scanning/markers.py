"""HDF5 and programs: what is known of them without a reader of the whole format."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final

from registry_tool.scanning.code.documents import report_document
from registry_tool.scanning.context import Look
from registry_tool.scanning.documents import DOCUMENT_LIMIT, parse_json
from registry_tool.scanning.stream import MalformedFileError, TooLargeError

__all__ = ["is_hdf5", "is_program", "scan_hdf5", "scan_program"]

# Attributes hold text as it is, never compressed, and end with a zero.
_BEGINS: Final = re.compile(rb'\{[ \t\r\n]{0,8}"')
_BEGINNING: Final = 9
_TRIES: Final = 32
_LONGEST: Final = 8 << 30
_PROGRAMS: Final = {
    b"\x7fELF": "ELF", b"MZ": "Windows", b"\xfe\xed\xfa\xce": "Mach-O", b"\xfe\xed\xfa\xcf": "Mach-O",
    b"\xce\xfa\xed\xfe": "Mach-O", b"\xcf\xfa\xed\xfe": "Mach-O", b"\xca\xfe\xba\xbe": "Mach-O or Java",
    b"#!": "script",
}  # fmt: skip


def is_hdf5(head: bytes) -> bool:
    """True for bytes that begin as HDF5."""
    return head.startswith(b"\x89HDF\r\n\x1a\n")


def _texts(look: Look) -> Iterator[bytes]:
    """Runs of bytes without a zero, from the first place where JSON could begin."""
    begun: list[bytes] = []
    size, tail = 0, b""
    while piece := look.stream.some():
        if begun:
            end = piece.find(b"\0")
            begun.append(piece if end < 0 else piece[:end])
            size += len(begun[-1])
            if end < 0 and size <= DOCUMENT_LIMIT:
                continue
            yield b"".join(begun)
            begun, piece = [], piece[end:] if end >= 0 else b""
        piece, at = tail + piece, 0
        tail = piece[-_BEGINNING:]
        while match := _BEGINS.search(piece, at):
            at = piece.find(b"\0", match.end())
            if at < 0:
                begun, tail = [piece[match.start() :]], b""
                size = len(begun[0])
                break
            yield piece[match.start() : at]
        if look.stream.tell() > _LONGEST:
            raise TooLargeError(f"only its first {_LONGEST} bytes were searched")
    if begun:
        yield b"".join(begun)


_DECODER: Final = json.JSONDecoder()


def _report_json(look: Look, run: bytes) -> None:
    """Judge the JSON at the beginning of a run, and what follows on it."""
    text, at = run.decode(errors="replace"), 0
    for _ in range(_TRIES):
        at = text.find("{", at)
        if at < 0:
            return
        try:
            _, end = _DECODER.raw_decode(text, at)
            report_document(look, parse_json(text[at:end]))
        except MalformedFileError as exc:
            look.finds("unread", f"a text was not read: {exc}")
            return
        except (ValueError, RecursionError):
            end = at + 1
        at = end
    if len(run) > DOCUMENT_LIMIT:
        look.finds("unread", f"a text has more than {DOCUMENT_LIMIT} bytes")


def scan_hdf5(look: Look) -> None:
    """Judge the configurations that Keras keeps in attributes as JSON, such as ``model_config``."""
    for run in _texts(look):
        look.report.budget.spend("fields")
        _report_json(look, run)
    look.tells(format="hdf5")


def scan_program(look: Look) -> None:
    """A program for the processor or a shell."""
    head = look.stream.peek(4)
    kind = next(kind for begin, kind in _PROGRAMS.items() if head.startswith(begin))
    look.finds("unsafe", f"a program ({kind}): starting it runs code")
    look.tells(format="program")


def is_program(head: bytes) -> bool:
    """True for bytes that begin as a program does."""
    return head.startswith(tuple(_PROGRAMS))
