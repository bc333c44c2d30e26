"""Tar files, packed or not, read forward once."""

from __future__ import annotations

import io
import tarfile
from typing import Final

from registry_tool.scanning.archives.members import Sizes, link_problem, name_problem
from registry_tool.scanning.context import Look
from registry_tool.scanning.report import BudgetExceededError
from registry_tool.scanning.stream import MalformedFileError, Stream

__all__ = ["Forward", "is_tar", "scan_tar"]

_HEADER: Final = 1 << 20
_MAGIC: Final = slice(257, 262)
# Headers may follow on headers so often that `tarfile` recurses too deeply.
_BROKEN: Final = (
    tarfile.TarError, ValueError, OverflowError, OSError, EOFError, LookupError, RecursionError,
)  # fmt: skip


def is_tar(head: bytes) -> bool:
    """True for bytes that begin as tar files of this century do."""
    return head[_MAGIC] == b"ustar"


class Forward(io.RawIOBase):
    """A stream as `tarfile` reads it: forward only, and never much for a header."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def tell(self) -> int:
        """See ``io.IOBase``."""
        return self._stream.tell()

    def seek(self, offset: int, _: int = io.SEEK_SET, /) -> int:
        """See ``io.IOBase``; only forward."""
        if offset < self._stream.tell():
            raise MalformedFileError("a size is negative")
        self._stream.skip(offset - self._stream.tell())
        return offset

    def read(self, size: int = -1, /) -> bytes:
        """See ``io.RawIOBase``; never much at once."""
        if not 0 <= size <= _HEADER:
            raise MalformedFileError("a header exceeds the limit of a scan")
        return self._stream.take(len(self._stream.peek(size)))


def _check(look: Look, member: tarfile.TarInfo) -> None:
    if problem := name_problem(member.name):
        look.finds("dangerous", f"a member has {problem}: {member.name}")
    if member.issym() or member.islnk():
        problem = link_problem(member.name, member.linkname, symbolic=member.issym())
        if problem:
            look.finds("dangerous", f"a member is {problem}: {member.name}")
        else:
            look.finds("unsafe", f"a member is a link: {member.name}")
    elif not (member.isreg() or member.isdir()):
        look.finds("dangerous", f"a member is a device or a pipe: {member.name}")


def _look_into(look: Look, stream: Stream, member: tarfile.TarInfo) -> None:
    if not member.isreg() or not member.size:
        return
    if member.issparse():
        look.finds("unread", f"a member is sparse: {member.name}")
        return
    left = member.size

    def read(size: int) -> bytes:
        nonlocal left
        piece = stream.take(len(stream.peek(min(size, left))))
        left -= len(piece)
        return piece

    look.inside(Stream(read, size=member.size), member.name)


def _scan(look: Look) -> None:
    stream, count = look.stream, 0
    sizes = Sizes(look)
    with tarfile.open(fileobj=Forward(stream), mode="r:") as archive:
        while (member := archive.next()) is not None:
            archive.members = []  # type: ignore[attr-defined]  # it would keep every header in memory
            look.report.budget.spend("members")
            count += 1
            _check(look, member)
            sizes.add(member.size)
            _look_into(look, stream, member)
    look.tells(format="tar", members=count)


def scan_tar(look: Look) -> None:
    """List the members of a tar file, and look into each."""
    try:
        _scan(look)
    except BudgetExceededError as exc:
        look.finds("unread", str(exc))
    except _BROKEN as exc:
        look.finds("unread", f"it cannot be read as a tar file: {str(exc) or type(exc).__name__}")
