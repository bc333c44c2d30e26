"""Zip files, and the formats that are ones: torch, NumPy's npz, Keras 3."""

from __future__ import annotations

import io
import stat
import zipfile
import zlib
from collections.abc import Sequence
from typing import BinaryIO, Final

from registry_tool.scanning.archives.members import Sizes, link_problem, name_problem
from registry_tool.scanning.context import Look
from registry_tool.scanning.report import BudgetExceededError
from registry_tool.scanning.stream import Stream, TooLargeError

__all__ = ["ends_as_zip", "scan_zip"]

_DIRECTORY: Final = 16 << 20
_ON_DISK: Final = 64 << 20
_TARGET: Final = 4096
_LOCAL_HEADER: Final = 30
_END: Final = b"PK\x05\x06"
# The record at the end, and the longest comment in it.
_TAIL: Final = 22 + 65535
_READABLE: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2})
_ENCRYPTED: Final = 0x1
_BROKEN: Final = (
    zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError, RuntimeError, ValueError, OverflowError,
    LookupError,
)  # fmt: skip


class _Capped(io.RawIOBase):
    """A file of which nobody reads much at once: a directory of members is held in memory."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def read(self, size: int | None = -1, /) -> bytes:
        wanted = _DIRECTORY + 1 if size is None or size < 0 else min(size, _DIRECTORY + 1)
        found = self._file.read(wanted)
        if len(found) > _DIRECTORY:
            raise TooLargeError("its list of members exceeds the limit of a scan")
        return found


def ends_as_zip(file: BinaryIO, size: int) -> bool:
    """True for a file with a zip's list of members at its end, whatever it begins with."""
    file.seek(max(0, size - _TAIL))
    if _END not in file.read(_TAIL):
        return False
    file.seek(0)
    try:
        return zipfile.is_zipfile(_Capped(file))
    except _BROKEN:
        return True


def _check_names(look: Look, members: Sequence[zipfile.ZipInfo]) -> None:
    seen: set[str] = set()
    for member in members:
        name = member.filename
        if problem := name_problem(name) or name_problem(member.orig_filename):
            look.finds("dangerous", f"a member has {problem}: {name}")
        if name in seen:
            look.finds("dangerous", f"two members have the same name: {name}")
        seen.add(name)


def _check_overlap(look: Look, members: Sequence[zipfile.ZipInfo]) -> None:
    """Bytes that several members share: a few of them can unpack to any amount."""
    end = 0
    for member in sorted(members, key=lambda m: m.header_offset):
        if member.header_offset < end:
            look.finds("dangerous", f"members overlap: {member.filename}")
            return
        end = member.header_offset + _LOCAL_HEADER + member.compress_size


def _check_link(look: Look, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    with archive.open(member) as file:
        target = file.read(_TARGET).decode(errors="surrogateescape")
    problem = link_problem(member.filename, target, symbolic=True)
    if problem:
        look.finds("dangerous", f"a member is {problem}: {member.filename}")
    else:
        look.finds("unsafe", f"a member is a link: {member.filename}")


def _look_into(look: Look, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    if member.flag_bits & _ENCRYPTED:
        look.finds("unread", f"a member is encrypted: {member.filename}")
        return
    if member.compress_type not in _READABLE:
        look.finds("unread", f"a member has an unknown compression: {member.filename}")
        return
    if stat.S_ISLNK(member.external_attr >> 16):
        _check_link(look, archive, member)
        return
    with archive.open(member) as file:

        def read(size: int) -> bytes:
            piece = file.read(size)
            look.report.budget.spend("unpacked", len(piece))
            return piece

        look.inside(Stream(read, size=member.file_size), member.filename)


def _kind(names: Sequence[str]) -> str:
    """What a zip file is, by the names in it."""
    ends = {name.rpartition("/")[2] for name in names}
    if "data.pkl" in ends:
        return "torchscript" if "constants.pkl" in ends else "torch"
    if names and all(name.endswith(".npy") for name in names):
        return "npz"
    return "keras" if {"config.json", "metadata.json"} <= set(names) else "zip"


def _scan(look: Look, file: BinaryIO) -> None:
    with zipfile.ZipFile(_Capped(file)) as archive:
        members = archive.infolist()
        look.report.budget.spend("members", len(members))
        _check_names(look, members)
        _check_overlap(look, members)
        sizes = Sizes(look)
        for member in members:
            sizes.add(member.file_size)
        look.tells(
            format=_kind([m.filename for m in members]), members=len(members), unpacked=sizes.total
        )
        for member in members:
            if member.filename.endswith("/"):
                continue
            try:
                _look_into(look, archive, member)
            except _BROKEN as exc:
                words = str(exc) or type(exc).__name__
                look.finds("unread", f"a member cannot be read: {member.filename}: {words}")


def scan_zip(look: Look) -> None:
    """List the members of a zip file, and look into each."""
    try:
        if look.stream.file is not None:
            _scan(look, look.stream.file)
            return
        with look.stream.on_disk(_ON_DISK) as file:
            _scan(look, file)
    except (BudgetExceededError, TooLargeError) as exc:
        look.finds("unread", str(exc))
    except _BROKEN as exc:
        look.finds("unread", f"it cannot be read as a zip file: {str(exc) or type(exc).__name__}")
