"""Archives and compressions that are recognised and not opened: what lies in them is unread, which no gate takes for clean."""

from __future__ import annotations

from typing import Final

from registry_tool.scanning.context import Look

__all__ = ["KINDS", "is_unopened", "scan_unopened"]

# By the first bytes, https://www.garykessler.net/library/file_sigs.html and the formats' own documents.
_SIGNS: Final = (
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"\x28\xb5\x2f\xfd", "Zstandard"),
    (b"Rar!\x1a\x07", "RAR"),
    (b"\x04\x22\x4d\x18", "LZ4"),
    (b"\x02\x21\x4c\x18", "LZ4"),
    (b"LZIP", "lzip"),
    (b"\x89LZO\x00\r\n\x1a\n", "lzop"),
    (b"\xff\x06\x00\x00sNaPpY", "Snappy"),
    (b"\x1f\x9d", "compress"),
    (b"\x1f\xa0", "compress"),
    (b"MSCF\0\0\0\0", "cabinet"),
    (b"!<arch>\n", "ar"),
    (b"070701", "cpio"),
    (b"070702", "cpio"),
    (b"070707", "cpio"),
    (b"xar!", "xar"),
    (b"hsqs", "SquashFS"),
    (b"ISc(", "InstallShield"),
    (b"\x60\xea", "ARJ"),
)  # fmt: skip
# Some of these have no mark of their own, or only a short one.
_ENDS: Final = (
    (".7z", "7z"), (".zst", "Zstandard"), (".rar", "RAR"), (".lz4", "LZ4"), (".br", "Brotli"), (".lzma", "LZMA"),
    (".lz", "lzip"), (".lzo", "lzop"), (".sz", "Snappy"), (".cab", "cabinet"), (".arj", "ARJ"), (".ace", "ACE"),
    (".zpaq", "zpaq"), (".zoo", "zoo"), (".lha", "LHA"), (".lzh", "LHA"),
)  # fmt: skip
_SKIPPABLE: Final = b"\x2a\x4d\x18"
KINDS: Final = tuple(sorted({kind for _, kind in (*_SIGNS, *_ENDS)}))


def _kind(head: bytes, name: str) -> str:
    for sign, kind in _SIGNS:
        if head.startswith(sign):
            return kind
    # Frames of Zstandard and LZ4 that a reader skips may come first.
    if head[1:4] == _SKIPPABLE and 0x50 <= head[0] <= 0x5F:  # noqa: PLR2004 (RFC 8878, 3.1.2)
        return "Zstandard"
    return next((kind for end, kind in _ENDS if name.endswith(end) and head), "")


def is_unopened(head: bytes, name: str) -> bool:
    """True for bytes, or the name, of an archive that no scan opens."""
    return bool(_kind(head, name))


def scan_unopened(look: Look) -> None:
    """Say that nothing was seen of what lies in it."""
    kind = _kind(look.stream.peek(16), look.name)
    look.finds("unread", f"it is compressed with {kind}, which a scan does not read")
    look.tells(format=kind.lower())
