"""Packs: many new objects as one file and its index, written without a Git process.

The form is https://git-scm.com/docs/gitformat-pack, version 2 of both files. An object may be a delta of an earlier
one in the same pack: of a folder with a thousand entries, of which one changes in each of fifty commits, the pack has one
full copy. Both files are on the disk before Git can see them, the pack before its index.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from registry_tool.errors import OperationalError
from registry_tool.git.objects.writer import compress_object, do_nothing, sync_all

__all__ = ["NewObject", "write_pack"]

_TYPES: Final = {"commit": 1, "tree": 2, "blob": 3}
_OFFSET_DELTA: Final = 6
# Git's own limit, `pack.depth`: a longer chain takes longer to read.
_DEEPEST: Final = 50
# Of smaller objects a delta gains nothing.
_WORTH_A_DELTA: Final = 256
_LONGEST_COPY: Final = 0xFFFF
_LONGEST_INSERT: Final = 127


class NewObject(NamedTuple):
    """An object that is not in the repository yet.

    Attributes:
        kind: ``blob``, ``tree`` or ``commit``.
        data: Its bytes.
        like: The id of an object that it resembles, such as the same folder before; empty for none.
    """

    kind: str
    data: bytes
    like: str = ""


def _header(number: int, size: int) -> bytes:
    """Type and size: four bits of the size, then seven in each byte, low ones first."""
    byte, size = number << 4 | size & 15, size >> 4
    found = bytearray()
    while size:
        found.append(byte | 128)
        byte, size = size & 127, size >> 7
    found.append(byte)
    return bytes(found)


def _size(number: int) -> bytes:
    found = bytearray()
    while number > 127:  # noqa: PLR2004 (seven bits)
        found.append(number & 127 | 128)
        number >>= 7
    found.append(number)
    return bytes(found)


def _distance(number: int) -> bytes:
    """How far before an object in the pack its base begins."""
    found = [number & 127]
    number >>= 7
    while number:
        number -= 1
        found.append(number & 127 | 128)
        number >>= 7
    return bytes(reversed(found))


def _measure_shared(one: bytes, other: bytes, most: int) -> int:
    """How many bytes two strings have in common at the start; the comparison halves what is left to look at."""
    low, high = 0, min(len(one), len(other), most)
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _copy(start: int, length: int) -> bytes:
    found = bytearray()
    while length:
        part = min(length, _LONGEST_COPY)
        code, numbers = 128, bytearray()
        for bit, byte in enumerate((*start.to_bytes(4, "little"), *part.to_bytes(2, "little"))):
            if byte:
                code |= 1 << bit
                numbers.append(byte)
        found += bytes([code]) + numbers
        start, length = start + part, length - part
    return bytes(found)


def _insert(data: bytes) -> bytes:
    parts = (data[at : at + _LONGEST_INSERT] for at in range(0, len(data), _LONGEST_INSERT))
    return b"".join(bytes([len(part)]) + part for part in parts)


def _delta(base: bytes, data: bytes) -> bytes:
    """Instructions that make an object of its base: the beginning and the end are copied, what differs is inserted."""
    first = _measure_shared(base, data, len(data))
    rest = min(len(base), len(data)) - first
    last = _measure_shared(base[len(base) - rest :][::-1], data[len(data) - rest :][::-1], rest)
    middle = data[first : len(data) - last]
    sizes = _size(len(base)) + _size(len(data))
    return sizes + _copy(0, first) + _insert(middle) + _copy(len(base) - last, last)


class _Placed(NamedTuple):
    offset: int
    depth: int
    crc: int


def _encode(
    one: NewObject, offset: int, objects: Mapping[str, NewObject], placed: Mapping[str, _Placed]
) -> tuple[bytes, int]:
    """An object as it is in the pack, and the length of its chain of deltas."""
    base = placed.get(one.like)
    if base is not None and base.depth < _DEEPEST and len(one.data) >= _WORTH_A_DELTA:
        delta = _delta(objects[one.like].data, one.data)
        if len(delta) < len(one.data) // 2:
            head = _header(_OFFSET_DELTA, len(delta)) + _distance(offset - base.offset)
            return head + compress_object(delta), base.depth + 1
    return _header(_TYPES[one.kind], len(one.data)) + compress_object(one.data), 0


def _pack(objects: Mapping[str, NewObject], algorithm: str) -> tuple[bytes, dict[str, _Placed]]:
    parts = [b"PACK" + (2).to_bytes(4, "big") + len(objects).to_bytes(4, "big")]
    offset, placed = len(parts[0]), dict[str, _Placed]()
    for oid, one in objects.items():
        raw, depth = _encode(one, offset, objects, placed)
        placed[oid] = _Placed(offset, depth, zlib.crc32(raw))
        parts.append(raw)
        offset += len(raw)
    body = b"".join(parts)
    return body + hashlib.new(algorithm, body, usedforsecurity=False).digest(), placed


def _index(placed: Mapping[str, _Placed], checksum: bytes, algorithm: str) -> bytes:
    oids = sorted(placed)
    starts, count = [0] * 256, 0
    for oid in oids:
        starts[int(oid[:2], 16)] += 1
    fan = bytearray()
    for number in starts:
        count += number
        fan += count.to_bytes(4, "big")
    parts = [b"\377tOc" + (2).to_bytes(4, "big"), bytes(fan)]
    parts += [bytes.fromhex(oid) for oid in oids]
    parts += [placed[oid].crc.to_bytes(4, "big") for oid in oids]
    # An offset of more than 31 bits needs another table; a pack of this program fits in memory.
    parts += [placed[oid].offset.to_bytes(4, "big") for oid in oids]
    body = b"".join([*parts, checksum])
    return body + hashlib.new(algorithm, body, usedforsecurity=False).digest()


def _write_synced(files: Mapping[Path, bytes], meanwhile: Callable[[], None]) -> None:
    handles: list[int] = []
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        for place, data in files.items():
            handle = os.open(place, flags, 0o444)
            handles.append(handle)
            while data:
                data = data[os.write(handle, data) :]  # noqa: PLW2901 (what is left)
        sync_all(handles, meanwhile)
    finally:
        for handle in handles:
            os.close(handle)


def write_pack(
    objects_folder: Path,
    objects: Mapping[str, NewObject],
    algorithm: str,
    *,
    meanwhile: Callable[[], None] = do_nothing,
) -> None:
    """Write some objects as a pack, flushed to the disk.

    Args:
        objects_folder: The folder ``objects`` of the repository.
        objects: Objects by id, at least one; one that another is like comes before it.
        algorithm: ``sha1`` or ``sha256``.
        meanwhile: Called while the disk works. It must not raise.

    Raises:
        OperationalError: The disk is full, or the repository cannot be written to; nothing is visible to Git.
    """
    data, placed = _pack(objects, algorithm)
    size = hashlib.new(algorithm, usedforsecurity=False).digest_size
    folder, checksum = objects_folder / "pack", data[-size:]
    # Git removes files of this name that are left over (`git prune-packed`, `git gc`).
    fresh = folder / f"tmp_pack_{os.getpid()}_{time.time_ns()}"
    parts = {fresh: data, fresh.with_name(f"{fresh.name}_idx"): _index(placed, checksum, algorithm)}
    try:
        folder.mkdir(exist_ok=True)
        _write_synced(parts, meanwhile)
        # Without its index Git does not see a pack, so it comes first.
        for place, suffix in zip(parts, ("pack", "idx"), strict=True):
            place.replace(folder / f"pack-{checksum.hex()}.{suffix}")
    except OSError as exc:
        raise OperationalError(
            f"Git objects cannot be written in {folder}: {exc.strerror}",
            remedy="nothing was changed; free disk space or make the folder writable, then retry",
        ) from exc
    finally:
        for place in parts:
            with contextlib.suppress(OSError):
                place.unlink(missing_ok=True)
