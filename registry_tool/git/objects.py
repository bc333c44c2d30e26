"""Writing objects without an index: blobs and trees as loose objects, and the tree of a commit with some files changed.

Only the folders on the way to a change are written, so the cost follows the change and not the repository. Objects
are synced to the disk before anything refers to them: a power cut leaves unused objects, not a broken branch.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

from registry_tool.errors import EnvironmentTrouble
from registry_tool.git.plumbing import Git
from registry_tool.git.tree import FILE, FOLDER, Entry, split

__all__ = ["ObjectWriter", "tree_with"]


class ObjectWriter:
    """Writes loose objects into one repository."""

    def __init__(self, git: Git) -> None:
        common = git.git_dir / "commondir"  # a linked work tree keeps objects elsewhere
        home = git.git_dir
        if common.exists():
            home = (git.git_dir / common.read_text(encoding="utf-8").strip()).resolve()
        self._folder = home / "objects"
        self._hash = "sha256" if git.config("extensions.objectformat") == "sha256" else "sha1"
        self._written: list[Path] = []

    def write(self, kind: str, data: bytes) -> str:
        """Write one object; its id. An object that is there is not written again.

        Raises:
            EnvironmentTrouble: The disk is full, or the repository cannot be written to.
        """
        raw = b"%s %d\0" % (kind.encode(), len(data)) + data
        oid = hashlib.new(self._hash, raw, usedforsecurity=False).hexdigest()
        path = self._folder / oid[:2] / oid[2:]
        if not path.exists():
            try:
                self._place(path, zlib.compress(raw, 1))
            except OSError as exc:
                raise EnvironmentTrouble(
                    f"Git objects cannot be written in {self._folder}: {exc.strerror}"
                ) from exc
        return oid

    def _place(self, path: Path, packed: bytes) -> None:
        path.parent.mkdir(exist_ok=True)
        handle, name = tempfile.mkstemp(prefix="tmp_obj_", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(packed)
            Path(name).chmod(0o444)
            Path(name).rename(path)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise
        self._written.append(path)

    def sync(self) -> None:
        """See to it that what was written is on the disk; the first call flushes for most of them."""
        for path in self._written:
            handle = os.open(path, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
        self._written.clear()


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
