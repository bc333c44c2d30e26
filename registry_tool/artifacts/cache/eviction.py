"""Evict the least recently used objects of the cache; never those that a running process uses.

An artifact and its objects are names of the same files, so bytes are free when the last of their names went.
"""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from registry_tool.artifacts.cache.cache import Cache
from registry_tool.artifacts.cache.locks import lock_for_eviction, remove_partial
from registry_tool.artifacts.filesystem import on_disk, remove, temporary_name
from registry_tool.errors import UsageError

__all__ = [
    "NO_ROOM",
    "EvictionSummary",
    "Usage",
    "cache_limit",
    "clear",
    "clear_unfinished",
    "make_room",
    "parse_size",
    "usage",
]

LIMIT_VARIABLE: Final = "REGISTRY_CACHE_SIZE"
NO_ROOM: Final = "files used in the last hour fill it (limit: REGISTRY_CACHE_SIZE)"
# A script may have got a path a moment ago from a command that ended since.
_SPARED_SECONDS: Final = 3600.0
_BLOCK: Final = 512
_SIZE: Final = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,6})?)\s*([kmgtp]?)(i?)b?", re.IGNORECASE)
_POWERS: Final = "kmgtp"
_Inode = tuple[int, int]


class Usage(NamedTuple):
    """The content of the cache: bytes on disk, objects, artifacts, and bytes of unfinished downloads."""

    size: int
    objects: int
    artifacts: int
    unfinished: int


class EvictionSummary(NamedTuple):
    """What went, or would go: bytes that became free, and names; and bytes that are in use and stay."""

    size: int
    names: int
    in_use: int


class _ArtifactPath(NamedTuple):
    """One name in the cache: an object, an artifact, or a list of a folder's files."""

    path: Path
    digest: str
    inodes: tuple[_Inode, ...]


class _CachedFile(NamedTuple):
    size: int
    used: float


class _Inventory(NamedTuple):
    """All names, and the files behind them."""

    objects: list[_ArtifactPath]
    artifacts: list[_ArtifactPath]
    lists: list[_ArtifactPath]
    files: dict[_Inode, _CachedFile]

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files.values())

    def names(self) -> Iterator[_ArtifactPath]:
        yield from self.artifacts
        yield from self.lists
        yield from self.objects

    def find_use_time(self, named: _ArtifactPath) -> float:
        return max((self.files[inode].used for inode in named.inodes), default=0.0)


def parse_size(text: str) -> int | None:
    """Bytes: ``50GB``, ``1.5 TiB``, ``1000000``; None for ``none``.

    Raises:
        UsageError: It is not a size.
    """
    if text.strip().lower() in {"", "none"}:
        return None
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"{text[:40]!a} is not a size", remedy="write it as 50GB, 800MiB or none")
    power = _POWERS.find(match[2].lower()) + 1 if match[2] else 0
    return int(float(match[1]) * (1024 if match[3] else 1000) ** power)


def cache_limit() -> int | None:
    """How large the cache may become: ``$REGISTRY_CACHE_SIZE``; None without a limit.

    Raises:
        UsageError: The variable is not a size.
    """
    return parse_size(os.environ.get(LIMIT_VARIABLE, ""))


def _below(folder: Path) -> Iterator[os.DirEntry[str]]:
    """All files, at any depth."""
    folders = [os.fspath(folder)]
    while folders:
        try:
            entries = list(os.scandir(folders.pop()))
        except (FileNotFoundError, NotADirectoryError):
            continue
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.path)
            else:
                yield entry


def _look(
    paths: Iterable[os.DirEntry[str]], files: dict[_Inode, _CachedFile]
) -> tuple[_Inode, ...]:
    found = []
    for entry in paths:
        try:
            info = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            continue
        inode = (info.st_dev, info.st_ino)
        blocks = getattr(info, "st_blocks", None)
        size = info.st_size if blocks is None else blocks * _BLOCK
        files[inode] = _CachedFile(size, info.st_atime)
        found.append(inode)
    return tuple(found)


def _single(folder: Path, files: dict[_Inode, _CachedFile]) -> list[_ArtifactPath]:
    """Files that are named by the last two parts of their paths."""
    return [
        _ArtifactPath(Path(entry.path), "".join(Path(entry.path).parts[-2:]), _look([entry], files))
        for entry in _below(folder)
    ]


def _inventory(root: Path) -> _Inventory:
    files: dict[_Inode, _CachedFile] = {}
    trees = [
        Path(tree.path)
        for prefix in _entries(root / "artifacts")
        for tree in _entries(Path(prefix.path))
    ]
    return _Inventory(
        objects=_single(root / "objects" / "sha256", files),
        artifacts=[_ArtifactPath(tree, tree.name, _look(_below(tree), files)) for tree in trees],
        lists=_single(root / "folders", files),
        files=files,
    )


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        return list(os.scandir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []


def usage(cache: Cache) -> Usage:
    """The content of the cache.

    Raises:
        OperationalError: It cannot be read.
    """
    with on_disk(f"the cache {cache.root} cannot be read"):
        found = _inventory(cache.root)
        partial: dict[_Inode, _CachedFile] = {}
        _look(_below(cache.root / "partial"), partial)
    unfinished = sum(file.size for file in partial.values())
    return Usage(found.size, len(found.objects), len(found.artifacts), unfinished)


def _select(
    found: _Inventory, used: frozenset[str], *, down_to: int, spared: float
) -> tuple[list[_ArtifactPath], EvictionSummary]:
    """What goes, oldest use first, until the rest is small enough; and what that gives."""
    kept = {inode for one in found.names() if one.digest in used for inode in one.inodes}
    names = Counter(inode for one in found.names() for inode in one.inodes)
    newest = time.time() - spared
    going: list[_ArtifactPath] = []
    left, freed = found.size, 0
    for one in sorted(found.names(), key=found.find_use_time):
        if (down_to and left <= down_to) or (spared and found.find_use_time(one) > newest):
            break  # where nothing is to stay, files of no bytes go too
        if one.digest in used or kept.issuperset(one.inodes):
            continue
        going.append(one)
        for inode in one.inodes:
            names[inode] -= 1
            freed += 0 if names[inode] else found.files[inode].size
        left = found.size - freed
    in_use = sum(found.files[inode].size for inode in kept)
    return going, EvictionSummary(freed, len(going), in_use)


def _take_away(root: Path, going: Sequence[_ArtifactPath]) -> list[Path]:
    """Give what goes another name, at once; the new names, to be removed at leisure."""
    folder = root / "tmp"
    folder.mkdir(parents=True, exist_ok=True)
    aside = []
    for one in going:
        place = temporary_name(folder)
        try:
            one.path.rename(place)
        except FileNotFoundError:
            continue
        aside.append(place)
    return aside


def clear(
    cache: Cache, *, down_to: int = 0, spared: float = 0.0, dry_run: bool = False
) -> EvictionSummary:
    """Remove the least recently used objects.

    Args:
        cache: Which cache.
        down_to: How many bytes may stay.
        spared: Objects used in the last ``spared`` seconds stay in any case.
        dry_run: Only say what would go.

    Raises:
        OperationalError: It cannot be written.
    """
    with on_disk(f"the cache {cache.root} cannot be cleared"):
        found = _inventory(cache.root)
        with lock_for_eviction(cache.root) as used:
            going, cleared = _select(found, used, down_to=down_to, spared=spared)
            aside = [] if dry_run else _take_away(cache.root, going)
        for path in aside:
            remove(path)
    return cleared


def clear_unfinished(cache: Cache) -> int:
    """Remove the unfinished downloads that no process works on; returns their bytes.

    Raises:
        OperationalError: They cannot be removed.
    """
    freed = 0
    with on_disk(f"the cache {cache.root} cannot be cleared"):
        for entry in _entries(cache.root / "partial"):
            size = entry.stat().st_size
            freed += size if remove_partial(Path(entry.path)) else 0
    return freed


def make_room(cache: Cache, needed: int) -> bool:
    """Before ``size`` bytes are added, evict objects so that the cache stays within the user's limit.

    Returns:
        False where it cannot: objects used in the last hour stay.

    Raises:
        UsageError: The limit is not a size.
        OperationalError: The cache cannot be written.
    """
    limit = cache_limit()
    if limit is None:
        return True
    size = usage(cache).size
    if size + needed > limit:
        size -= clear(cache, down_to=max(0, limit - needed), spared=_SPARED_SECONDS).size
    return size + needed <= limit
