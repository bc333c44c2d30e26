"""Objects in memory: those of commits that are being made, and those that were read or written lately.

A process that writes many commits reads what it wrote a moment ago. Here a new tree is readable at once, before it is on
the disk, and so is the state after each of several commits that are written together. ``PooledTree`` is the tree of one
such state; its entries have object ids, so that two states are compared by opening only the folders that differ.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from registry_tool.git.command import Git
from registry_tool.git.commit_tree import CommitTree, parse_tree_object
from registry_tool.git.objects.pack_file import NewObject, write_pack
from registry_tool.git.objects.reader import BlobReader
from registry_tool.git.objects.tree_lines import TreeLines
from registry_tool.git.objects.writer import ChangedFolder
from registry_tool.git.tree import EXECUTABLE, FILE, FOLDER, SUBMODULE, Entry

__all__ = ["ObjectPool", "PooledTree"]

_NO_FOLDER: Final[Mapping[str, Entry]] = {}
# Manifests are small; what is larger is read again.
_MOST_BYTES: Final = 16 * 1024 * 1024
_LARGEST: Final = 256 * 1024
# What CPython takes for an object besides its bytes: its id, a tuple, and a place in the dictionary. Most are smaller.
_OVERHEAD: Final = 256
_MOST_ENTRIES: Final = 200_000
# Smaller folders are sorted again; of larger ones the lines are kept, which they share with those of the folder before.
_WORTH_KEEPING: Final = 8
_MOST_LINES: Final = 100_000
_AT_ONCE: Final = 256
_MOST_GATHERED: Final = 10_000
_FEW: Final = 50


class ObjectPool:
    """The objects of one repository. One thread writes; it also is the one that reads.

    Args:
        git: The repository.
        reader: The process that reads objects.
    """

    def __init__(self, git: Git, reader: BlobReader) -> None:
        self.git = git
        self.reader = reader
        self._algorithm = "sha256" if git.config("extensions.objectformat") == "sha256" else "sha1"
        self._new: dict[str, NewObject] = {}
        self._recent: dict[str, tuple[str, bytes]] = {}
        self._bytes = 0
        self._listings: dict[str, Mapping[str, Entry]] = {}
        self._entries = 0
        self._lines: dict[str, TreeLines] = {}
        self._line_count = 0
        self._gathered: set[str] = set()

    def write(self, kind: str, data: bytes, *, like: str = "") -> str:
        """Add one object; its id. ``sync`` writes it to the disk.

        Args:
            kind: ``blob``, ``tree`` or ``commit``.
            data: Its bytes.
            like: The id of an object that it resembles; empty for none.
        """
        raw = b"%s %d\0" % (kind.encode(), len(data)) + data
        oid = hashlib.new(self._algorithm, raw, usedforsecurity=False).hexdigest()
        if oid not in self._recent:
            self._new.setdefault(oid, NewObject(kind, data, like))
        return oid

    def write_folder(self, folder: ChangedFolder) -> str:
        """Add the tree object of a folder; its id. Its entries need not be read from it."""
        known = self._lines.get(folder.like)
        if known is None:
            lines = TreeLines.build(folder.entries)
        else:
            lines = known.after(folder.before, folder.entries, folder.changed)
        oid = self.write("tree", lines.join(), like=folder.like)
        self._keep_listing(oid, folder.entries)
        if len(folder.entries) >= _WORTH_KEEPING:
            self._keep_lines(oid, lines)
        return oid

    def _keep_lines(self, oid: str, lines: TreeLines) -> None:
        self._line_count -= len(self._lines.pop(oid, ()))
        self._lines[oid] = lines
        self._line_count += len(lines)
        while len(self._lines) > 1 and self._line_count > _MOST_LINES:
            self._line_count -= len(self._lines.pop(next(iter(self._lines))))

    def _keep_listing(self, oid: str, entries: Mapping[str, Entry]) -> None:
        while self._listings and self._entries > _MOST_ENTRIES:
            self._entries -= len(self._listings.pop(next(iter(self._listings)))) + 1
        if oid not in self._listings:
            self._listings[oid] = entries
            self._entries += len(entries) + 1

    def read(self, oid: str, *, limit: int | None = None) -> tuple[str, bytes] | None:
        """The type and bytes of an object; None where there is none. At most ``limit`` + 1 bytes with a limit.

        Raises:
            GitError: git exited unexpectedly.
        """
        fresh = self._new.get(oid)
        found = self._recent.get(oid) if fresh is None else (fresh.kind, fresh.data)
        if found is None:
            asked = self.reader.read(oid, limit=limit)
            if asked is None:
                return None
            found = asked[1], asked[2]
            if limit is None or len(found[1]) <= limit:
                self._keep(oid, *found)
        kind, data = found
        return kind, data if limit is None else data[: limit + 1]

    def read_ahead(self, oids: Iterable[str]) -> None:
        """Read objects that will be needed with few requests."""
        wanted = [o for o in dict.fromkeys(oids) if o not in self._new and o not in self._recent]
        for start in range(0, len(wanted), _AT_ONCE):
            part = wanted[start : start + _AT_ONCE]
            found = self.reader.read_many(part, limit=_LARGEST)
            for oid, one in zip(part, found, strict=True):
                if one is not None and len(one[2]) <= _LARGEST:
                    self._keep(oid, one[1], one[2])

    def _keep(self, oid: str, kind: str, data: bytes) -> None:
        if len(data) > _LARGEST or oid in self._recent:
            return
        while self._recent and self._bytes > _MOST_BYTES:
            _, dropped = self._recent.pop(next(iter(self._recent)))
            self._bytes -= len(dropped) + _OVERHEAD
        self._recent[oid] = kind, data
        self._bytes += len(data) + _OVERHEAD

    def listing(self, oid: str) -> Mapping[str, Entry]:
        """The entries of a tree object; empty where there is none.

        Raises:
            MalformedTreeError: It is not in the form that Git writes.
            GitError: git exited unexpectedly.
        """
        known = self._listings.get(oid)
        if known is None:
            found = self.read(oid) if oid else None
            if found is None or found[0] != "tree":
                return _NO_FOLDER
            known = parse_tree_object(found[1], len(oid) // 2)
            self._keep_listing(oid, known)
        return known

    def folders_with(self, oids: Sequence[str], name: str) -> Iterator[bool]:
        """For each tree object whether it has an entry of a name; those on the disk are not kept."""
        known = {oid for oid in oids if oid in self._new or oid in self._listings}
        asked = [oid for oid in dict.fromkeys(oids) if oid and oid not in known]
        found: dict[str, bool] = {}
        for start in range(0, len(asked), _AT_ONCE):
            part = asked[start : start + _AT_ONCE]
            answers = self.reader.read_many([f"{oid}:{name}" for oid in part], limit=0)
            found |= {oid: one is not None for oid, one in zip(part, answers, strict=True)}
        return (found[oid] if oid in found else name in self.listing(oid) for oid in oids)

    def gathers(self, oid: str) -> bool:
        """True once for a folder: what it holds is to be read ahead; later it is at hand, or was dropped for others."""
        if oid in self._gathered or oid in self._new:
            return False
        if len(self._gathered) >= _MOST_GATHERED:
            self._gathered.clear()
        self._gathered.add(oid)
        return True

    def sync(self) -> None:
        """Write the added objects to the disk.

        Raises:
            OperationalError: The disk is full, or the repository cannot be written to; nothing was written.
        """
        if self._new:
            write_pack(self.git.shared_dir / "objects", self._new, self._algorithm)
            written, self._new = self._new, {}
            for oid, one in written.items():
                self._keep(oid, one.kind, one.data)

    def mark(self) -> int:
        """The present point, for ``forget_since``."""
        return len(self._new)

    def forget_since(self, mark: int = 0) -> None:
        """Forget the objects that were added since a point and are not on the disk; all of them by default."""
        while len(self._new) > mark:
            self._new.popitem()


class PooledTree:
    """The files of one tree object; see ``Tree``.

    Args:
        pool: Where its objects are.
        root: Its id.
    """

    def __init__(self, pool: ObjectPool, root: str) -> None:
        self.pool = pool
        self.root = root
        self._folders: dict[str, Mapping[str, Entry]] = {}

    def folder(self, path: str) -> Mapping[str, Entry]:
        """See ``Tree.folder``."""
        known = self._folders.get(path)
        if known is None:
            known = self._folders[path] = self.pool.listing(self._folder_id(path))
        return known

    def _folder_id(self, path: str) -> str:
        entry = Entry(FOLDER, self.root) if not path else self.entry(path)
        return entry.oid if entry is not None and entry.is_folder else ""

    def entry(self, path: str) -> Entry | None:
        """See ``Tree.entry``."""
        folder, _, name = path.rpartition("/")
        return self.folder(folder).get(name)

    def read(self, path: str, *, limit: int | None = None) -> bytes | None:
        """See ``Tree.read``."""
        entry = self.entry(path)
        found = None if entry is None else self.pool.read(entry.oid, limit=limit)
        return found[1] if found is not None and found[0] == "blob" else None

    def folders_with(self, folders: Sequence[str], name: str) -> Iterator[str]:
        """See ``folders_with``."""
        answers = self.pool.folders_with([*map(self._folder_id, folders)], name)
        return (folder for folder, has in zip(folders, answers, strict=True) if has)

    def grep(self, needles: Iterable[str], *, under: str | Sequence[str] = "") -> Iterator[str]:
        """See ``Tree.grep``; the added objects are written first, as a Git process looks through them."""
        self.pool.sync()
        return CommitTree(self.pool.git, self.root, self.pool.reader).grep(needles, under=under)

    def grep_lines(
        self, needles: Sequence[str], *, under: str | Sequence[str]
    ) -> Iterator[tuple[str, bytes]]:
        """The lines of files under some folders that contain one of some strings, with the path of each file."""
        folders = [under] if isinstance(under, str) else under
        self.pool.sync()
        words = [word for needle in needles for word in ("-e", needle)]
        asked = [
            "grep",
            "-z",
            "-F",
            "--text",
            "--full-name",
            "--no-color",
            "--no-line-number",
            "--no-column",
        ]
        out = self.pool.git.run(
            *asked, "--no-heading", "--no-break", *words, self.root, "--", *(f":(top,literal){one}" for one in folders), allowed=(0, 1)
        )  # fmt: skip
        for one in out.split(b"\n"):
            name, nul, line = one.partition(b"\0")
            if nul:
                path = name.decode(errors="surrogateescape")
                yield path.removeprefix(f"{self.root}:"), line

    def prefetch(self, paths: Iterable[str]) -> None:
        """See ``Tree.prefetch``."""
        entries = map(self.entry, paths)
        self.pool.read_ahead(
            entry.oid
            for entry in entries
            if entry is not None and (entry.is_folder or entry.mode in (FILE, EXECUTABLE))
        )

    def gather(self, folders: Iterable[str]) -> None:
        """See ``Tree.gather``; what two levels of a folder hold is read with two requests, as far as it is not at hand."""
        for folder in folders:
            entry = self.entry(folder) if folder else None
            if entry is not None and entry.is_folder and self.pool.gathers(entry.oid):
                inside = self.folder(folder)
                self.pool.read_ahead(one.oid for one in inside.values() if one.mode != SUBMODULE)
                deeper = [self.pool.listing(one.oid) for one in inside.values() if one.is_folder]
                small = (one for one in deeper if len(one) <= _FEW)
                self.pool.read_ahead(
                    one.oid for found in small for one in found.values() if one.mode != SUBMODULE
                )
