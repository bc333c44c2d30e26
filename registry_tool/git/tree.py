"""Trees: the one interface for reading files, wherever they are.

A tree is folders of entries, each with a mode and, where Git knows one, an object id. A commit, the index, a folder on
disk, an edit laid over another tree and a dict in a test are all trees, so one engine serves them all. Paths are
``/``-separated, relative, without ``.`` or ``..``; the root is the empty string.

``OverlayTree`` lays one tree over another: an edit over its base, the index over HEAD, a work tree over HEAD.

``MultiPattern`` searches for many strings at once. Searching ten thousand files for a thousand digests one by one takes
ten seconds, in git too. But the strings share a prefix: one pass finds the prefix, and a look-up matches the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, takewhile
from typing import Final, NamedTuple, Protocol, runtime_checkable

__all__ = [
    "DEEPEST",
    "EXECUTABLE",
    "FILE",
    "FOLDER",
    "SUBMODULE",
    "SYMLINK",
    "DictTree",
    "Entry",
    "FolderSearch",
    "Folders",
    "MultiPattern",
    "OverlayTree",
    "Tree",
    "TreeChange",
    "blob_id",
    "differences",
    "folders_with",
    "folds_to_git",
    "scan",
    "split",
    "walk",
]

# Fewer are found as fast one by one; a shorter prefix occurs too often.
_MANY: Final = 16
_LONG: Final = 4


def _beginning(words: Sequence[bytes]) -> bytes:
    """What some words all begin with."""
    lowest, highest = min(words), max(words)
    same = (one == other for one, other in zip(lowest, highest, strict=False))
    return lowest[: sum(takewhile(bool, same))]


class MultiPattern:
    """Strings that are looked for.

    Args:
        words: The strings.

    Attributes:
        words: Each of them once, as bytes.
        beginning: What they all begin with; empty where they are better looked for one by one.
    """

    def __init__(self, words: Iterable[str]) -> None:
        self.words = tuple(dict.fromkeys(word.encode(errors="surrogateescape") for word in words))
        # Git returns lines, which contain no line feed.
        lines = len(self.words) >= _MANY and not any(b"\n" in word for word in self.words)
        shared = _beginning(self.words) if lines else b""
        self.beginning = shared if len(shared) >= _LONG else b""
        self._lengths = sorted(set(map(len, self.words)))
        self._known = frozenset(self.words)

    def are_in(self, data: bytes) -> bool:
        """True if some bytes contain one of them."""
        if not self.beginning:
            return any(word in data for word in self.words)
        place = data.find(self.beginning)
        while place >= 0:
            for length in self._lengths:
                if data[place : place + length] in self._known:
                    return True
            place = data.find(self.beginning, place + 1)
        return False


FOLDER = 0o040000
FILE = 0o100644
EXECUTABLE = 0o100755
SYMLINK = 0o120000
SUBMODULE = 0o160000
# Levels of folders. Git reads 2,048 (`core.maxTreeDepth`), on Windows 512; no system checks out a path so long.
DEEPEST: Final = 1000


# HFS+ leaves these out of a name: `next_hfs_char` in https://github.com/git/git/blob/v2.47.0/utf8.c.
_IGNORED_BY_HFS = dict.fromkeys(
    [*range(0x200C, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0xFEFF]
)


def folds_to_git(name: str) -> bool:
    """True for a name that some file system takes for ``.git``, as Git's own check decides it.

    The rules are those of ``is_hfs_dotgit`` and ``is_ntfs_dotgit``: case, characters that HFS+ ignores, the short name
    ``git~1``, dots and spaces at the end, alternate data streams, and a backslash as a separator.
    """
    if name.translate(_IGNORED_BY_HFS).lower() == ".git":
        return True
    for part in name.lower().split("\\"):
        stem = part.split(":", 1)[0].rstrip(". ")
        if stem in {".git", "git~1"}:
            return True
    return False


class Entry(NamedTuple):
    """One name in a folder. ``oid`` is the object id, or empty if it is not computed."""

    mode: int
    oid: str

    @property
    def is_folder(self) -> bool:
        """True for a folder; a submodule is not one."""
        return self.mode == FOLDER


class Tree(Protocol):
    """Folders of entries, and the bytes of files."""

    def folder(self, path: str) -> Mapping[str, Entry]:
        """The entries of one folder by name; empty when there is no such folder."""
        ...

    def entry(self, path: str) -> Entry | None:
        """The entry at a path, or None."""
        ...

    def read(self, path: str, *, limit: int | None = None) -> bytes | None:
        """A file's bytes, or None when there is no such file; at most ``limit`` + 1 bytes with a limit."""
        ...

    def grep(self, needles: Iterable[str], *, under: str | Sequence[str] = "") -> Iterator[str]:
        """Paths of files that contain one of the strings, in no particular order; all, or those at or under some paths."""
        ...

    def prefetch(self, paths: Iterable[str]) -> None:
        """Announce files that will be read, or folders that will be listed: they are fetched together instead of one by one."""
        ...

    def gather(self, folders: Iterable[str]) -> None:
        """Announce that most files of some folders will be read: those on a remote are fetched in one request."""
        ...


@runtime_checkable
class FolderSearch(Protocol):
    """A tree that finds files of one name in many folders without their listings."""

    def folders_with(self, folders: Sequence[str], name: str) -> Iterator[str]:
        """See ``folders_with``."""
        ...


def folders_with(tree: Tree, folders: Sequence[str], name: str) -> Iterator[str]:
    """Those of some folders in which there is a file or folder of a name, in their order."""
    if isinstance(tree, FolderSearch):
        return tree.folders_with(folders, name)
    tree.prefetch(folders)
    return (folder for folder in folders if name in tree.folder(folder))


class TreeChange(NamedTuple):
    """One path that differs between two trees; ``base`` or ``head`` is None where it is absent."""

    path: str
    base: Entry | None
    head: Entry | None


def split(path: str) -> tuple[str, str]:
    """A path's folder and name."""
    folder, _, name = path.rpartition("/")
    return folder, name


def blob_id(data: bytes) -> str:
    """The id Git (SHA-1 object format) gives a file's bytes."""
    import hashlib  # 3 ms that a command reading a commit does not need

    header = b"blob %d\0" % len(data)
    return hashlib.sha1(header + data, usedforsecurity=False).hexdigest()


def walk(tree: Tree, under: str = "") -> Iterator[tuple[str, Entry]]:
    """Every file (not folder) at or under a path, with its entry, in path order.

    A folder more than ``DEEPEST`` levels down is not opened: it comes as it is, for a rule to find.
    """
    tree.gather([under])
    opened = [_list_entries(tree, under)]
    while opened:
        for path, entry in opened[-1]:
            if entry.is_folder and len(opened) <= DEEPEST:
                opened.append(_list_entries(tree, path))
                break
            yield path, entry
        else:
            opened.pop()


def _list_entries(tree: Tree, under: str) -> Iterator[tuple[str, Entry]]:
    prefix = f"{under}/" if under else ""
    listing = [(f"{prefix}{name}", entry) for name, entry in sorted(tree.folder(under).items())]
    folders = [path for path, entry in listing if entry.is_folder]
    if len(folders) > 1:
        tree.prefetch(folders)
    return iter(listing)


def differences(base: Tree, head: Tree, under: str = "") -> Iterator[TreeChange]:
    """The files that differ, in path order; folders with one object id are not opened.

    If a tree has no object ids, every file counts as different, so a caller may check too much, never too little. As
    for ``walk``, a folder that is too deep is returned as it is.
    """
    opened: list[Iterator[TreeChange]] = [_compare(base, head, under)]
    while opened:
        for change in opened[-1]:
            if any(e and e.is_folder for e in change[1:]) and len(opened) <= DEEPEST:
                inner = _compare(base, head, change.path)
                opened.append(chain(inner, [TreeChange(change.path, *map(_file, change[1:]))]))
                break
            if change.base is not None or change.head is not None:
                yield change
        else:
            opened.pop()


def _file(entry: Entry | None) -> Entry | None:
    return None if entry is None or entry.is_folder else entry


def _compare(base: Tree, head: Tree, under: str) -> Iterator[TreeChange]:
    """The names of one folder that differ, files and folders."""
    old, new = base.folder(under), head.folder(under)
    # Equal entries without an id may differ in content.
    names = {n for n, entry in new.items() if old.get(n) != entry or not entry.oid}
    for name in sorted(names | (old.keys() - new.keys())):
        yield TreeChange(f"{under}/{name}" if under else name, old.get(name), new.get(name))


def scan(tree: Tree, needles: Iterable[str], under: str | Sequence[str]) -> Iterator[str]:
    """``Tree.grep`` for trees that have nothing better than reading every file."""
    wanted = MultiPattern(needles)
    for folder in [under] if isinstance(under, str) else under:
        for path, entry in walk(tree, folder):
            data = tree.read(path) if entry.mode in (FILE, EXECUTABLE) else None
            if data is not None and wanted.are_in(data):
                yield path


class Folders:
    """Folder listings made from a flat list of files."""

    def __init__(self, files: Mapping[str, Entry]) -> None:
        self._folders: dict[str, dict[str, Entry]] = {"": {}}
        for path, entry in files.items():
            self._add(path, entry)

    def _add(self, path: str, entry: Entry) -> None:
        folder, name = split(path)
        while folder not in self._folders:
            self._folders[folder] = {name: entry}
            entry = Entry(FOLDER, "")
            folder, name = split(folder)
        self._folders[folder][name] = entry

    def folder(self, path: str) -> Mapping[str, Entry]:
        """See ``Tree.folder``."""
        return self._folders.get(path, {})

    def entry(self, path: str) -> Entry | None:
        """See ``Tree.entry``."""
        folder, name = split(path)
        return self._folders.get(folder, {}).get(name)

    def prefetch(self, paths: Iterable[str]) -> None:
        """See ``Tree.prefetch``; these files are at hand."""

    def gather(self, folders: Iterable[str]) -> None:
        """See ``Tree.gather``; these files are at hand."""


class DictTree(Folders):
    """A tree in memory: what tests read, and the upper layer of an edit."""

    def __init__(
        self, files: Mapping[str, bytes | str], *, modes: Mapping[str, int] | None = None
    ) -> None:
        self._files = {p: d.encode() if isinstance(d, str) else d for p, d in files.items()}
        known = modes or {}
        super().__init__({p: Entry(known.get(p, FILE), blob_id(d)) for p, d in self._files.items()})

    def files(self) -> Iterator[tuple[str, Entry]]:
        """As ``walk``, in no particular order."""
        for path in self._files:
            entry = self.entry(path)
            if entry is not None and not entry.is_folder:
                yield path, entry

    def read(self, path: str, *, limit: int | None = None) -> bytes | None:
        """See ``Tree.read``."""
        data = self._files.get(path)
        return data if data is None or limit is None else data[: limit + 1]

    def grep(self, needles: Iterable[str], *, under: str | Sequence[str] = "") -> Iterator[str]:
        """See ``Tree.grep``."""
        return scan(self, needles, under)


_CHANGED_FOLDER: Final = Entry(FOLDER, "")  # a folder with an edit inside has no id any more


class OverlayTree:
    """A tree whose files come from ``upper`` where it has them, and from ``base`` elsewhere.

    Listings of folders on the way to a change are copied and changed, all others are the base's; so laying a layer
    costs as much as the layer has entries.

    Args:
        base: The tree below.
        upper: The files that are new or replaced.
        deletes: Paths of files that are gone; a folder left empty is gone too.
    """

    def __init__(self, base: Tree, upper: Tree, *, deletes: Iterable[str] = ()) -> None:
        self.base = base
        self._folders: dict[str, dict[str, Entry]] = {}
        self._holders: dict[str, Tree] = {}  # which layer has the bytes of a path
        self._deletes: set[str] = set()
        self.lay(upper, deletes=deletes)

    def lay(self, upper: Tree, *, deletes: Iterable[str] = ()) -> None:
        """Add one more layer on top, before other threads read the tree."""
        for path in deletes:
            self._holders.pop(path, None)
            self._deletes.add(path)
            self._remove(path)
        for path, entry in upper.files() if isinstance(upper, DictTree) else walk(upper):
            self._holders[path] = upper
            self._put(path, entry)

    def _own(self, folder: str) -> dict[str, Entry]:
        """A folder's listing, ours to change."""
        if folder not in self._folders:
            self._folders[folder] = dict(self.base.folder(folder))
        return self._folders[folder]

    def _put(self, path: str, entry: Entry) -> None:
        while path:
            folder, name = split(path)
            self._own(folder)[name] = entry
            path, entry = folder, _CHANGED_FOLDER

    def _remove(self, path: str) -> None:
        while path:
            folder, name = split(path)
            listing = self._own(folder)
            if listing.pop(name, None) is None:
                return
            if listing:
                self._put(folder, _CHANGED_FOLDER)
                return
            path = folder  # it is empty, and goes too

    def folder(self, path: str) -> Mapping[str, Entry]:
        """See ``Tree.folder``."""
        own = self._folders.get(path)
        return self.base.folder(path) if own is None else own

    def entry(self, path: str) -> Entry | None:
        """See ``Tree.entry``."""
        folder, name = split(path)
        return self.folder(folder).get(name)

    def read(self, path: str, *, limit: int | None = None) -> bytes | None:
        """See ``Tree.read``."""
        holder = self._holders.get(path)
        if holder is not None:
            return holder.read(path, limit=limit)
        return None if path in self._deletes else self.base.read(path, limit=limit)

    def grep(self, needles: Iterable[str], *, under: str | Sequence[str] = "") -> Iterator[str]:
        """See ``Tree.grep``."""
        wanted = tuple(needles)
        return self._found(wanted, under, self.base.grep(wanted, under=under))

    def _found(
        self, wanted: Sequence[str], under: str | Sequence[str], below: Iterator[str]
    ) -> Iterator[str]:
        for upper in dict.fromkeys(self._holders.values()):
            for path in upper.grep(wanted, under=under):
                if self._holders.get(path) is upper:
                    yield path
        for path in below:
            if path not in self._deletes and path not in self._holders:
                yield path

    def folders_with(self, folders: Sequence[str], name: str) -> Iterator[str]:
        """See ``folders_with``."""
        below = [folder for folder in folders if folder not in self._folders]
        found = {*folders_with(self.base, below, name)}
        return (f for f in folders if f in found or name in self._folders.get(f, ()))

    def prefetch(self, paths: Iterable[str]) -> None:
        """See ``Tree.prefetch``."""
        self.base.prefetch(path for path in paths if path not in self._holders)

    def gather(self, folders: Iterable[str]) -> None:
        """See ``Tree.gather``."""
        self.base.gather(folders)
