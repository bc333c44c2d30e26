"""Writing objects without an index: blobs, trees and commits, and the tree of a commit with some files changed.

Only the folders of changed files are written, so the cost follows the change and not the repository. Objects are synced
to the disk before any ref uses them: a power cut leaves unused objects, not a broken branch. ``sync_all`` flushes many
files at once, in about the time of one.
"""

from __future__ import annotations

import _thread
import contextlib
import hashlib
import itertools
import os
import time
import zlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Final, NamedTuple, Protocol

from registry_tool.errors import OperationalError
from registry_tool.git.command import Git
from registry_tool.git.objects.tree_lines import TreeLines
from registry_tool.git.tree import FILE, FOLDER, Entry, split

__all__ = [
    "ChangedFolder",
    "ObjectSink",
    "ObjectWriter",
    "compress_object",
    "do_nothing",
    "sync_all",
    "tree_with",
]

# More threads gain nothing; each waits in the kernel and needs a small stack.
_AT_ONCE: Final = 8


def _sync(handles: Iterable[int], failures: SimpleQueue[OSError | None]) -> None:
    try:
        for handle in handles:
            os.fsync(handle)
    except OSError as exc:
        failures.put(exc)
    else:
        failures.put(None)


def do_nothing() -> None:
    """For callers that have nothing to do while the disk works."""


def sync_all(handles: Sequence[int], meanwhile: Callable[[], None] = do_nothing) -> None:
    """Flush some open files to the disk.

    A file system writes its journal once for all threads that wait at that moment, so they wait together: for eight
    files that takes a fifth of the time of one after the other (ext4, Linux 6).

    Args:
        handles: The files.
        meanwhile: Called while the disk works. It must not raise.

    Raises:
        OSError: One of them cannot be written.
    """
    if hasattr(os, "posix_fadvise"):
        for handle in handles:
            with contextlib.suppress(OSError):  # on Linux this starts the writing without waiting
                os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    ended: SimpleQueue[OSError | None] = SimpleQueue()
    parts = [handles[start::_AT_ONCE] for start in range(min(_AT_ONCE, len(handles)))]
    # With something to do meanwhile, this thread waits for no disk.
    own = 1 if meanwhile is do_nothing else 0
    others = 0
    try:
        for part in parts[own:]:
            # Not threading.Thread, nor a pool: its start waits until the thread runs, and the syncs would follow one
            # another. Eight files took 1.8 times as long with ThreadPoolExecutor (median of 60, loaded machine).
            _thread.start_new_thread(_sync, (part, ended))
            others += 1
    except RuntimeError:  # no more threads
        for part in parts[own + others :]:
            _sync(part, ended)
    for part in parts[:own]:
        _sync(part, ended)
    meanwhile()
    failures = [ended.get() for _ in parts]
    for failure in failures:
        if failure is not None:
            raise failure


# Up to this number objects are separate files, which `git gc` packs later.
_FEW: Final = 100
_NUMBERS = itertools.count()
_TYPES: Final = {"commit": 1, "tree": 2, "blob": 3}


# zlib's window for small objects, as a power of two, and its memory level.
_WINDOW: Final = 12
_MEMORY: Final = 4


def compress_object(data: bytes) -> bytes:
    """Bytes as Git stores them, compressed fast.

    zlib's usual window takes 260 KB of fresh memory for each object, which costs ten times as much as compressing a manifest.
    """
    if len(data) > 1 << _WINDOW:
        return zlib.compress(data, 1)
    stream = zlib.compressobj(1, zlib.DEFLATED, _WINDOW, _MEMORY)
    return stream.compress(data) + stream.flush()


class ObjectSink(Protocol):
    """Takes new objects."""

    def write(self, kind: str, data: bytes) -> str:
        """Add one object; its id."""
        ...

    def write_folder(self, folder: ChangedFolder) -> str:
        """Add the tree object of a folder; its id."""
        ...


class ObjectWriter:
    """Collects objects, and writes them to one repository together.

    Args:
        git: The repository.
    """

    def __init__(self, git: Git) -> None:
        self._git = git
        self._folder = git.shared_dir / "objects"
        self._hash = "sha256" if git.config("extensions.objectformat") == "sha256" else "sha1"
        self._pending: dict[str, tuple[str, bytes]] = {}

    def write(self, kind: str, data: bytes) -> str:
        """Add one object; its id. ``sync`` writes it, unless it exists."""
        raw = b"%s %d\0" % (kind.encode(), len(data)) + data
        oid = hashlib.new(self._hash, raw, usedforsecurity=False).hexdigest()
        self._pending[oid] = (kind, data)
        return oid

    def write_folder(self, folder: ChangedFolder) -> str:
        """Add the tree object of a folder; its id."""
        return self.write("tree", TreeLines.build(folder.entries).join())

    def sync(self) -> None:
        """Write the added objects and flush them to the disk: a few as files, many as one pack.

        Raises:
            OperationalError: The disk is full, or the repository cannot be written to.
            GitError: Git refuses the pack.
        """
        pending, self._pending = self._pending, {}
        if len(pending) > _FEW:
            # Git writes the pack and its index, and syncs both: thousands of files would be synced one by one.
            self._git.run("index-pack", "--stdin", stdin=_pack(list(pending.values()), self._hash))
            return
        try:
            self._place(pending)
        except OSError as exc:
            raise OperationalError(
                f"Git objects cannot be written in {self._folder}: {exc.strerror}"
            ) from exc

    def _place(self, pending: Mapping[str, tuple[str, bytes]]) -> None:
        """Write each object as a separate file, visible only after all are on the disk: a partial object would count as existing."""
        made: dict[str, str] = {}
        handles: list[int] = []
        try:
            try:
                for oid, (kind, data) in pending.items():
                    path = f"{self._folder}/{oid[:2]}/{oid[2:]}"
                    if os.path.exists(path):  # noqa: PTH110 (a Path costs more than the answer)
                        continue
                    handle, fresh = _create_temporary(path)
                    made[fresh] = path
                    handles.append(handle)
                    _write(handle, compress_object(b"%s %d\0" % (kind.encode(), len(data)) + data))
                sync_all(handles)
            finally:
                for handle in handles:
                    os.close(handle)
            for fresh, path in made.items():
                os.replace(fresh, path)  # noqa: PTH105 (as above)
        except BaseException:
            for fresh in made:
                Path(fresh).unlink(missing_ok=True)
            raise


def _create_temporary(path: str) -> tuple[int, str]:
    """A new file next to an object's path, open for writing; Git's pruning recognizes such names."""
    folder = os.path.dirname(path)  # noqa: PTH120 (as above)
    fresh = f"{folder}/tmp_obj_{os.getpid()}_{next(_NUMBERS)}_{time.time_ns()}"  # noqa: S108 (not there)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        return os.open(fresh, flags, 0o444), fresh
    except FileNotFoundError:
        Path(folder).mkdir(exist_ok=True)
        return os.open(fresh, flags, 0o444), fresh


def _write(handle: int, data: bytes) -> None:
    while data:
        data = data[os.write(handle, data) :]


def _object_header(kind: str, size: int) -> bytes:
    """Type and size at the start of an object in a pack: four bits, then seven in each byte, low ones first."""
    byte, size = _TYPES[kind] << 4 | size & 15, size >> 4
    found = bytearray()
    while size:
        found.append(byte | 128)
        byte, size = size & 127, size >> 7
    found.append(byte)
    return bytes(found)


def _pack(objects: Sequence[tuple[str, bytes]], algorithm: str) -> bytes:
    """Objects as a pack without deltas: https://git-scm.com/docs/gitformat-pack, version 2."""
    parts = [b"PACK", (2).to_bytes(4, "big"), len(objects).to_bytes(4, "big")]
    for kind, data in objects:
        parts += [_object_header(kind, len(data)), compress_object(data)]
    body = b"".join(parts)
    return body + hashlib.new(algorithm, body, usedforsecurity=False).digest()


def _group_by_folder(
    puts: Mapping[str, bytes], deletes: frozenset[str]
) -> dict[str, dict[str, bytes | None]]:
    """For each changed folder: new bytes, or None for a deleted file, by name."""
    folders: dict[str, dict[str, bytes | None]] = {"": {}}
    changes: dict[str, bytes | None] = {**dict.fromkeys(deletes), **puts}
    for path, data in changes.items():
        folder, name = split(path)
        folders.setdefault(folder, {})[name] = data
        while folder:
            folder = split(folder)[0]
            folders.setdefault(folder, {})
    return folders


class ChangedFolder(NamedTuple):
    """A folder of a tree, before and after a change.

    Attributes:
        before: Its entries.
        entries: Its entries afterwards.
        changed: The names that may differ.
        like: The id of the tree object before; empty where it is not known.
    """

    before: Mapping[str, Entry]
    entries: Mapping[str, Entry]
    changed: Collection[str]
    like: str


def _id_before(base: Callable[[str], Mapping[str, Entry]], folder: str) -> str:
    """The id of a folder of the tree below; empty where there is none."""
    parent, name = split(folder)
    entry = base(parent).get(name) if folder else None
    return "" if entry is None else entry.oid


def tree_with(
    writer: ObjectSink,
    base: Callable[[str], Mapping[str, Entry]],
    puts: Mapping[str, bytes],
    deletes: frozenset[str],
    *,
    root: str = "",
) -> str:
    """Write the tree that is ``base`` with some files written and some deleted; its id.

    Args:
        writer: Writes the objects.
        base: The entries of a folder of the tree below.
        puts: Bytes by path.
        deletes: Paths to delete, with folders that become empty.
        root: The id of the tree below, where it is known.
    """
    folders = _group_by_folder(puts, deletes)
    written: dict[
        str, dict[str, str]
    ] = {}  # by folder, the ids of its subfolders; empty for a deleted one
    made = ""
    for folder in sorted(folders, key=lambda f: -f.count("/") - bool(f)):
        before = base(folder)
        entries = dict(before)
        for name, data in folders[folder].items():
            entries.pop(name, None)
            if data is not None:
                entries[name] = Entry(FILE, writer.write("blob", data))
        for name, oid in written.get(folder, {}).items():
            if oid:
                entries[name] = Entry(FOLDER, oid)
            elif folders[folder].get(name) is None:  # a file may have taken the folder's name
                entries.pop(name, None)
        made = ""
        if entries or not folder:
            like = _id_before(base, folder) if folder else root
            changed = {*folders[folder], *written.get(folder, ())}
            made = writer.write_folder(ChangedFolder(before, entries, changed, like))
        if folder:
            parent, name = split(folder)
            written.setdefault(parent, {})[name] = made
    return made
