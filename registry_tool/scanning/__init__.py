"""What is in an artifact, and what it could do, found out without ever loading it.

Formats that only hold data are read for facts: safetensors, GGUF, ONNX, NumPy arrays. Formats that run code when they
are loaded are walked instruction by instruction, and nothing is executed: pickles, with those of torch, joblib and NumPy.
Archives are listed and looked into: zip, tar, and what gzip, bzip2, xz and zlib pack. All of it within limits; what lies
beyond them is said to be unread. A file of another format is named as what it seems to be, and vouched for by nobody.

Other packages import only what is in ``__all__``, from here; each name is imported from its module when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from registry_tool.scanning.age_header import (
        HEADER_LIMIT,
        NotAgeError,
        Unarmouring,
        decode_armour,
        is_armoured,
        read_armour,
        read_header,
    )
    from registry_tool.scanning.archives.tar import Forward
    from registry_tool.scanning.mislabelled import HEAD_LIMIT, contradiction
    from registry_tool.scanning.plugins import installed_scanners
    from registry_tool.scanning.report import OWN, Finding, Level, Scanned, decide_verdict
    from registry_tool.scanning.sarif import scan_sarif
    from registry_tool.scanning.scan import Scan, scan_files, scan_path, size_below
    from registry_tool.scanning.stream import MalformedFileError, Stream

__all__ = [
    "HEADER_LIMIT",
    "HEAD_LIMIT",
    "OWN",
    "Finding",
    "Forward",
    "Level",
    "MalformedFileError",
    "NotAgeError",
    "Scan",
    "Scanned",
    "Stream",
    "Unarmouring",
    "contradiction",
    "decide_verdict",
    "decode_armour",
    "installed_scanners",
    "is_armoured",
    "read_armour",
    "read_header",
    "scan_files",
    "scan_path",
    "scan_sarif",
    "size_below",
]

_HOMES: Final = {
    "HEADER_LIMIT": ("scanning.age_header", "HEADER_LIMIT"),
    "HEAD_LIMIT": ("scanning.mislabelled", "HEAD_LIMIT"),
    "OWN": ("scanning.report", "OWN"),
    "Finding": ("scanning.report", "Finding"),
    "Forward": ("scanning.archives.tar", "Forward"),
    "Level": ("scanning.report", "Level"),
    "MalformedFileError": ("scanning.stream", "MalformedFileError"),
    "NotAgeError": ("scanning.age_header", "NotAgeError"),
    "Scan": ("scanning.scan", "Scan"),
    "Scanned": ("scanning.report", "Scanned"),
    "Stream": ("scanning.stream", "Stream"),
    "Unarmouring": ("scanning.age_header", "Unarmouring"),
    "contradiction": ("scanning.mislabelled", "contradiction"),
    "decode_armour": ("scanning.age_header", "decode_armour"),
    "installed_scanners": ("scanning.plugins", "installed_scanners"),
    "is_armoured": ("scanning.age_header", "is_armoured"),
    "read_armour": ("scanning.age_header", "read_armour"),
    "read_header": ("scanning.age_header", "read_header"),
    "scan_files": ("scanning.scan", "scan_files"),
    "scan_path": ("scanning.scan", "scan_path"),
    "scan_sarif": ("scanning.sarif", "scan_sarif"),
    "size_below": ("scanning.scan", "size_below"),
    "decide_verdict": ("scanning.report", "decide_verdict"),
}

if not TYPE_CHECKING:  # a misspelt name stays an error of the type checker

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        home, attribute = _HOMES[name]
        return getattr(import_module(f"registry_tool.{home}"), attribute)
