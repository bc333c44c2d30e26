"""ZIP archives as a stream: they are sent while they are made, and never held whole.

Equal files give equal bytes: each has the same time, and nothing of this machine is in the archive.
"""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Final, NamedTuple, cast

from registry_tool.artifacts.filesystem import on_disk

__all__ = ["ArchivedFile", "read_pieces", "stream_zip"]

_PIECE: Final = 1 << 20
_TIME: Final = (1980, 1, 1, 0, 0, 0)  # the first that the format has
_MODE: Final = stat.S_IFREG | 0o644


class ArchivedFile(NamedTuple):
    """One file of an archive.

    Attributes:
        name: Its path in the archive.
        content: Where its bytes are, or the bytes.
        size: How many there are.
    """

    name: str
    content: Path | bytes
    size: int


class _Sink:
    """What ``zipfile`` writes to. It has no ``tell``, so that sizes and checksums follow each file."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self.size = 0

    def write(self, data: bytes, /) -> int:
        self._pieces.append(bytes(data))
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        pass

    def take(self) -> bytes:
        """What was written since the last call."""
        whole = b"".join(self._pieces)
        self._pieces.clear()
        self.size = 0
        return whole


def read_pieces(content: Path | bytes) -> Iterator[bytes]:
    """The bytes of a file, in pieces of 1 MiB.

    Raises:
        OperationalError: It cannot be read.
    """
    if isinstance(content, bytes):
        yield content
        return
    with on_disk(f"{content} cannot be read"), content.open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece


def stream_zip(files: Iterable[ArchivedFile], *, compress: bool) -> Iterator[bytes]:
    """The bytes of an archive, in pieces of about 1 MiB.

    Args:
        files: Its files, in their order; each is read when its turn comes.
        compress: Deflate them. Weights hardly become smaller, so this is quick rather than thorough.

    Raises:
        OperationalError: A file cannot be read.
    """
    sink = _Sink()
    kind = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
    with zipfile.ZipFile(cast("IO[bytes]", sink), "w", kind, compresslevel=1) as archive:
        for one in files:
            info = zipfile.ZipInfo(one.name, _TIME)
            info.compress_type, info.external_attr = kind, _MODE << 16
            info.file_size = one.size  # which decides whether it has 64-bit sizes
            with archive.open(info, "w") as target:
                for piece in read_pieces(one.content):
                    target.write(piece)
                    if sink.size >= _PIECE:
                        yield sink.take()
    yield sink.take()
