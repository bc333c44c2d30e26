"""Writing objects without an index: blobs, trees and commits, and the tree of a commit with some files changed.

Only the folders on the way to a change are written, so the cost follows the change and not the repository. Objects
are synced to the disk before anything refers to them: a power cut leaves unused objects, not a broken branch.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from registry_tool.errors import EnvironmentTrouble
from registry_tool.git.plumbing import Git
from registry_tool.git.tree import FILE, FOLDER, Entry, split

__all__ = ["ObjectWriter", "tree_with"]

# Up to so many objects are files of their own, which `git gc` packs some day.
_FEW: Final = 100
_TYPES: Final = {"commit": 1, "tree": 2, "blob": 3}


class ObjectWriter:
    """Takes objects, and writes them into one repository at once.

    Args:
        git: The repository.
    """

    def __init__(self, git: Git) -> None:
        self._git = git
        self._folder = git.shared_dir / "objects"
        self._hash = "sha256" if git.config("extensions.objectformat") == "sha256" else "sha1"
        self._pending: dict[str, tuple[str, bytes]] = {}

    def write(self, kind: str, data: bytes) -> str:
        """Take one object; its id. ``sync`` writes it, unless it is there already."""
        raw = b"%s %d\0" % (kind.encode(), len(data)) + data
        oid = hashlib.new(self._hash, raw, usedforsecurity=False).hexdigest()
        self._pending[oid] = (kind, data)
        return oid

    def sync(self) -> None:
        """Write what was taken, and see to it that it is on the disk: a few files, or many objects as one pack.

        Raises:
            EnvironmentTrouble: The disk is full, or the repository cannot be written to.
            GitTrouble: Git does not take the pack.
        """
        pending, self._pending = self._pending, {}
        if len(pending) > _FEW:
            # Git writes the pack and its index, and syncs both: thousands of files would be synced one by one.
            self._git.run("index-pack", "--stdin", stdin=_pack(list(pending.values()), self._hash))
            return
        try:
            for oid, (kind, data) in pending.items():
                path = self._folder / oid[:2] / oid[2:]
                if not path.exists():
                    self._place(path, b"%s %d\0" % (kind.encode(), len(data)) + data)
        except OSError as exc:
            raise EnvironmentTrouble(
                f"Git objects cannot be written in {self._folder}: {exc.strerror}"
            ) from exc

    def _place(self, path: Path, raw: bytes) -> None:
        path.parent.mkdir(exist_ok=True)
        handle, name = tempfile.mkstemp(prefix="tmp_obj_", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(zlib.compress(raw, 1))
                stream.flush()
                os.fsync(
                    stream.fileno()
                )  # before it has its name: half an object would count as there
            Path(name).chmod(0o444)
            Path(name).rename(path)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise


def _head(kind: str, size: int) -> bytes:
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
        parts += [_head(kind, len(data)), zlib.compress(data, 1)]
    body = b"".join(parts)
    return body + hashlib.new(algorithm, body, usedforsecurity=False).digest()


def _by_folder(
    puts: Mapping[str, bytes], deletes: frozenset[str]
) -> dict[str, dict[str, bytes | None]]:
    """For each folder that changes: new bytes, or None for what goes, by name."""
    folders: dict[str, dict[str, bytes | None]] = {"": {}}
    changes: dict[str, bytes | None] = {**dict.fromkeys(deletes), **puts}
    for path, data in changes.items():
        folder, name = split(path)
        folders.setdefault(folder, {})[name] = data
        while folder:
            folder = split(folder)[0]
            folders.setdefault(folder, {})
    return folders


def _sort_key(item: tuple[str, Entry]) -> bytes:
    # Git sorts folders as if their names ended in a slash.
    name = item[0].encode(errors="surrogateescape")
    return name + b"/" if item[1].is_folder else name


def _packed(entries: Mapping[str, Entry]) -> bytes:
    parts = []
    for name, entry in sorted(entries.items(), key=_sort_key):
        parts.append(b"%o %s\0" % (entry.mode, name.encode(errors="surrogateescape")))
        parts.append(bytes.fromhex(entry.oid))
    return b"".join(parts)


def tree_with(
    writer: ObjectWriter,
    base: Callable[[str], Mapping[str, Entry]],
    puts: Mapping[str, bytes],
    deletes: frozenset[str],
) -> str:
    """Write the tree that is ``base`` with some files put and some gone; its id.

    Args:
        writer: Where objects go.
        base: The entries of a folder of the tree below.
        puts: Bytes by path.
        deletes: Paths that go; a folder left empty goes too.
    """
    folders = _by_folder(puts, deletes)
    written: dict[str, dict[str, str]] = {}  # by folder, the ids of folders in it; empty: it goes
    root = ""
    for folder in sorted(folders, key=lambda f: -f.count("/") - bool(f)):
        entries = dict(base(folder))
        for name, data in folders[folder].items():
            entries.pop(name, None)
            if data is not None:
                entries[name] = Entry(FILE, writer.write("blob", data))
        for name, oid in written.get(folder, {}).items():
            if oid:
                entries[name] = Entry(FOLDER, oid)
            elif folders[folder].get(name) is None:  # a file may have taken the folder's name
                entries.pop(name, None)
        root = writer.write("tree", _packed(entries)) if entries or not folder else ""
        if folder:
            parent, name = split(folder)
            written.setdefault(parent, {})[name] = root
    return root
