"""Size, md5 and sha256 of a stream, in one pass, with an optional copy made in the same pass.

md5 is the address DVC gives an object; sha256 is what we trust. For large streams md5 runs in a second thread
(hashlib releases the interpreter lock): measured on two cores, 100 MB took 180 ms instead of 260 ms.
"""

from __future__ import annotations

import hashlib
import re
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Protocol

from registry_tool.artifacts.filesystem import on_disk
from registry_tool.errors import UsageError

__all__ = [
    "ByteReader",
    "ByteWriter",
    "Digest",
    "check_md5",
    "check_sha256",
    "digest_file",
    "digest_stream",
    "ignore_progress",
]

_BUFFER = 1 << 20
_WORTH_A_THREAD = 4 << 20
_LAG = 2  # buffers the second thread may be behind; bounds memory
_MD5 = re.compile(r"[0-9a-f]{32}(?:\.dir)?")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class ByteReader(Protocol):
    """Anything bytes can be read from; an empty answer is the end."""

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes."""


class ByteWriter(Protocol):
    """Anything bytes can be written to, whole."""

    def write(self, data: bytes, /) -> object:
        """Write all of it."""


class Digest(NamedTuple):
    """What a run of bytes is: length in bytes, and two digests in lower-case hex."""

    size: int
    md5: str
    sha256: str


def ignore_progress(n: int) -> None:
    """Progress that is not shown."""


def check_md5(text: str) -> str:
    """The digest, if it is one (``.dir`` allowed): it becomes part of a path.

    Raises:
        UsageError: It is something else.
    """
    if _MD5.fullmatch(text):
        return text
    raise UsageError(f"{text[:80]!a} is not an md5 digest in lower-case hex")


def check_sha256(text: str) -> str:
    """The digest, if it is one: it becomes part of a path.

    Raises:
        UsageError: It is something else.
    """
    if _SHA256.fullmatch(text):
        return text
    raise UsageError(f"{text[:80]!a} is not a sha256 digest in lower-case hex")


def _chunks(stream: ByteReader, limit: int | None) -> Iterator[bytes]:
    seen = 0
    while chunk := stream.read(_BUFFER):
        yield chunk
        seen += len(chunk)
        if limit is not None and seen > limit:
            return


@contextmanager
def _in_second_thread(update: Callable[[bytes], None]) -> Iterator[Callable[[bytes], None]]:
    waiting: deque[Future[None]] = deque()
    with ThreadPoolExecutor(1) as worker:

        def feed(chunk: bytes) -> None:
            waiting.append(worker.submit(update, chunk))
            if len(waiting) > _LAG:
                waiting.popleft().result()

        yield feed
        for one in waiting:
            one.result()


@contextmanager
def _in_this_thread(update: Callable[[bytes], None]) -> Iterator[Callable[[bytes], None]]:
    yield update


def digest_stream(
    stream: ByteReader,
    *,
    sink: ByteWriter | None = None,
    progress: Callable[[int], None] = ignore_progress,
    expected: int = 0,
    limit: int | None = None,
) -> Digest:
    """Read a stream to its end and say what it was.

    Args:
        stream: Where the bytes come from.
        sink: Receives the same bytes, in the same pass.
        progress: Called with the number of bytes after each buffer.
        expected: About how many bytes will come; decides whether a second thread pays.
        limit: Stop once more than this many bytes came (a remote may send without end). The size in the answer
            is then larger than the limit.
    """
    md5, sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()
    beside = _in_second_thread if expected >= _WORTH_A_THREAD else _in_this_thread
    size = 0
    with beside(md5.update) as feed_md5:
        for chunk in _chunks(stream, limit):
            feed_md5(chunk)
            sha256.update(chunk)
            if sink is not None:
                sink.write(chunk)
            size += len(chunk)
            progress(len(chunk))
    return Digest(size, md5.hexdigest(), sha256.hexdigest())


def digest_file(path: Path, *, progress: Callable[[int], None] = ignore_progress) -> Digest:
    """Size and digests of one file.

    Raises:
        OperationalError: The file cannot be read.
    """
    with on_disk(f"{path} cannot be read"), path.open("rb", buffering=0) as stream:
        return digest_stream(stream, progress=progress, expected=path.stat().st_size)
