"""Trees of commits, read from any repository without a checkout: bare, shallow and partial clones included.

``RemoteTree`` reads a clone whose trees are still on the remote. It fetches a folder when it is opened; ``gather`` fetches
folders with their whole content in one request. So only the folders that a query opens are transferred, with one
connection for each level of folders instead of one for each file.
"""

from __future__ import annotations

import contextlib
import os
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, cached_property
from typing import Final

from registry_tool.errors import MalformedTreeError
from registry_tool.git.command import BackgroundCommand, Git, GitCommandError
from registry_tool.git.objects.reader import (
    ALONE,
    WITH_FILES,
    BlobReader,
    PartialCloneReader,
    fetch_objects,
    list_missing,
    request_objects,
)
from registry_tool.git.tree import (
    EXECUTABLE,
    FILE,
    FOLDER,
    SUBMODULE,
    SYMLINK,
    Entry,
    Folders,
    MultiPattern,
    folds_to_git,
    scan,
)

__all__ = [
    "CommitTree",
    "PickedTree",
    "RemoteTree",
    "parse_tree_object",
]

# A batch of the largest manifests is 64 MiB; most are a thousandth of that.
_MOST_AHEAD: Final = 256 * 1024
_MOST_FOLDERS: Final = 20_000
_NO_FOLDER: Mapping[str, Entry] = {}
_MANY: Final = 256  # objects that are asked for in one request
_FEW_FOLDERS: Final = 4
_FEW_OBJECTS: Final = 100
_MODES: Final = {b"%o" % mode: mode for mode in (FILE, EXECUTABLE, SYMLINK, FOLDER, SUBMODULE)}
_FOLDER: Final = b"%o" % FOLDER
# Where a name begins as `.`, `..` or a spelling of `.git` may begin; HFS+ ignores characters before it.
_MAY_FOLD: Final = re.compile(rb"(?:^|\0)(?:\.|[gG][iI][tT]~|[\xe2\xef])|\\")
# Settings of `grep` that would change what it says.
_NOTHING_MORE: Final = (
    "--no-color", "--no-line-number", "--no-column", "--no-heading", "--no-break",
)  # fmt: skip


def parse_tree_object(data: bytes, id_size: int) -> dict[str, Entry]:
    """The entries of a raw Git tree object: mode in octal, space, name, NUL, binary id, repeated.

    Args:
        data: The object, without its header.
        id_size: The bytes of an id: 20, or 32 with SHA-256.

    Raises:
        MalformedTreeError: Git would not write such an object: an entry comes twice or out of order, has a name that cannot
            be checked out or leads into ``.git``, a wrong mode, or the null id. Git reads the first of two entries
            with one name and a dictionary keeps the last, so nothing is read from it.
    """
    found = _entry(id_size).findall(data)
    try:
        # tuple.__new__ is what Entry() comes to; a registry of 100,000 versions has a million entries.
        entries = {
            name.decode("utf-8", "surrogateescape"): tuple.__new__(Entry, (_MODES[mode], oid.hex()))
            for mode, name, oid in found
        }
    except KeyError:
        entries = {}
    # Git sorts a folder as if its name ended in a slash.
    keys = [name + b"/" if mode == _FOLDER else name for mode, name, _ in found]
    odd = len(entries) != len(found) or sorted(keys) != keys or bytes(id_size) in data
    if odd or (_MAY_FOLD.search(b"\0".join(keys)) and any(map(_is_unsafe, entries))):
        from registry_tool.git.objects.malformed_tree import (
            parse_entries,  # for what Git does not write today
        )

        return parse_entries(data, id_size)
    return entries


@cache
def _entry(id_size: int) -> re.Pattern[bytes]:
    """One entry; and any byte that is not part of one, which leaves the groups empty."""
    modes = b"|".join(_MODES)
    return re.compile(rb"(%b) ([^\0/]+)\0(.{%d})|." % (modes, id_size), re.DOTALL)


def _is_unsafe(name: str) -> bool:
    return name in {".", ".."} or folds_to_git(name)


def _alone(paths: Sequence[str]) -> Sequence[str]:
    """For a few folders deep inside, such as a model's: starting threads takes git longer than reading the files."""
    few = 0 < len(paths) <= _FEW_FOLDERS and all(path.count("/") > 1 for path in paths)
    return ("-c", "grep.threads=1") if few else ()


def _match_pattern(out: bytes, wanted: MultiPattern) -> Iterator[bytes]:
    """The names of ``NAME NUL LINE`` lines that contain one of several strings, each once."""
    if not wanted.are_in(out):
        return
    seen: set[bytes] = set()
    position = 0
    while position < len(out):
        middle = out.index(b"\0", position)  # a name may contain a line feed, and a line a NUL
        end = out.index(b"\n", middle)
        name = out[position:middle]
        if name not in seen and wanted.are_in(out[middle + 1 : end]):
            seen.add(name)
            yield name
        position = end + 1


class CommitTree:
    """The files of one commit.

    Folder listings are cached, so the cost follows the folders that are read; one ``git cat-file`` process serves all reads.

    Args:
        git: The repository.
        commit: A full object id of a commit or tree.
        reader: The process that reads objects; shared between trees of one repository.
    """

    def __init__(self, git: Git, commit: str, reader: BlobReader) -> None:
        self.git = git
        self.commit = commit
        self._reader = reader
        self._folders: dict[str, Mapping[str, Entry]] = {}
        self._ahead: ReadAhead | None = None

    @cached_property
    def _is_partial(self) -> bool:
        return self.git.flag("remote.origin.promisor")

    @property
    def _is_whole(self) -> bool:
        """True where no object has to be fetched, so that reading one ahead cannot fail."""
        return not self._is_partial

    def folder(self, path: str) -> Mapping[str, Entry]:
        """See ``Tree.folder``."""
        known = self._folders.get(path)
        if known is None:
            known = self._keep(path, self._list(path))
        return known

    def _keep(self, path: str, listing: Mapping[str, Entry]) -> Mapping[str, Entry]:
        # Listings of a hundred thousand versions take half a gigabyte, so they are not cached.
        if len(self._folders) >= _MOST_FOLDERS:
            self._folders.clear()
        self._folders[path] = listing
        return listing

    def _list(self, path: str) -> Mapping[str, Entry]:
        name = self._object_name(path)
        found = None if name is None else self._reader.read(name)
        if found is None or found[1] != "tree":
            return _NO_FOLDER
        return self._parse(path, found[0], found[2])

    def _parse(self, path: str, oid: str, data: bytes) -> Mapping[str, Entry]:
        try:
            return parse_tree_object(data, len(oid) // 2)
        except MalformedTreeError as exc:
            from registry_tool.git.objects.malformed_tree import add_location  # as above

            raise add_location(exc, path, oid, self.commit) from exc

    def _object_name(self, path: str) -> str | None:
        """The name that git resolves to the object at a path; None if a cached listing has no such path."""
        folder, _, name = path.rpartition("/")
        parent = self._folders.get(folder) if path else None
        if parent is None and path and (not folder or not path.isprintable()):
            # `git cat-file --batch` reads names by line and drops a final CR: only an id is safe.
            parent = self.folder(folder)
        if parent is not None:
            entry = parent.get(name)
            return None if entry is None else entry.oid
        if path:
            self.folder(
                ""
            )  # these few entries decide everything, and are read by this program too, so they are checked
        return f"{self.commit}:{path}"

    def entry(self, path: str) -> Entry | None:
        """See ``Tree.entry``."""
        folder, _, name = path.rpartition("/")
        return self.folder(folder).get(name)

    def read(self, path: str, *, limit: int | None = None) -> bytes | None:
        """See ``Tree.read``."""
        name = self._object_name(path)
        if name is None:
            return None
        if self._ahead is not None and name in self._ahead:
            return self._ahead.take(name, limit)
        found = self._reader.read(name, limit=limit)
        return found[2] if found is not None and found[1] == "blob" else None

    def folders_with(self, folders: Sequence[str], name: str) -> Iterator[str]:
        """See ``folders_with``; Git looks the name up in each, which takes a sixth of the time of their listings."""
        if not self._is_whole:  # Git would fetch each file that it finds
            self.prefetch(folders)
            yield from (folder for folder in folders if name in self.folder(folder))
            return
        for start in range(0, len(folders), _MANY):
            found = {folder: self.entry(folder) for folder in folders[start : start + _MANY]}
            known = {f: one.oid for f, one in found.items() if one is not None and one.is_folder}
            answers = self._reader.read_many([f"{oid}:{name}" for oid in known.values()], limit=0)
            yield from (folder for folder, one in zip(known, answers, strict=True) if one)

    def grep(self, needles: Iterable[str], *, under: str | Sequence[str] = "") -> Iterator[str]:
        """See ``Tree.grep``; one ``git grep`` over the commit, which begins at once."""
        wanted = MultiPattern(needles)
        if not wanted.words:
            return iter(())
        # Many that begin alike: git gives the lines with that beginning, and they are looked up here.
        asked, what = [wanted.beginning], ["--text"]
        if not wanted.beginning:
            asked, what = list(wanted.words), ["-l"]
        words = [word for each in asked for word in ("-e", os.fsdecode(each))]
        paths = list(filter(None, [under] if isinstance(under, str) else under))
        few = self._read_few(paths)
        if few is not None:
            return iter([path for path, data in few.items() if wanted.are_in(data)])
        asking = BackgroundCommand(
            self.git, *_alone(paths), "grep", "-z", "-F", "--full-name", *_NOTHING_MORE, *what,
            # From the top, wherever the work tree is.
            *words, self.commit, "--", *(f":(top,literal){path}" for path in paths or [""]),
            allowed=(0, 1),
        )  # fmt: skip
        return self._read_output(asking, wanted)

    def _read_few(self, paths: Sequence[str]) -> dict[str, bytes] | None:
        """The files at or below a few folders; None where they are many or large, or an object is missing or malformed.

        A process of git takes as long to start as this takes for a hundred files, and rules read most of these next.
        """
        files: dict[str, str] = {}
        level = list(paths)
        count = len(level) if 0 < len(level) <= _FEW_FOLDERS and self._is_whole else _FEW_OBJECTS
        while level and count < _FEW_OBJECTS:
            entries = {path: entry for path in level if (entry := self.entry(path)) is not None}
            files |= {p: e.oid for p, e in entries.items() if e.mode in (FILE, EXECUTABLE)}
            folders = {p: e.oid for p, e in entries.items() if e.is_folder}
            self._reader.read_ahead(folders.values(), limit=_MOST_AHEAD)
            try:
                listings = {path: self.folder(path) for path in folders}
            except MalformedTreeError:
                return None
            count += sum(map(len, listings.values())) if all(listings.values()) else _FEW_OBJECTS
            level = [f"{path}/{name}" for path, listing in listings.items() for name in listing]
        if count >= _FEW_OBJECTS:
            return None
        self._reader.read_ahead(files.values(), limit=_MOST_AHEAD)
        found = {path: self._reader.read(oid, limit=_MOST_AHEAD) for path, oid in files.items()}
        small = {p: one[2] for p, one in found.items() if one and len(one[2]) <= _MOST_AHEAD}
        return small if len(small) == len(found) else None

    def _read_output(self, asking: BackgroundCommand, wanted: MultiPattern) -> Iterator[str]:
        out = asking.answer()
        found = _match_pattern(out, wanted) if wanted.beginning else out.split(b"\0")
        for name in filter(None, found):
            yield name.decode(errors="surrogateescape").removeprefix(f"{self.commit}:")

    def prefetch(self, paths: Iterable[str]) -> None:
        """See ``Tree.prefetch``; git reads in batches."""
        said = list(paths)
        self._open_above(said)
        files: list[str] = []
        folders: dict[str, str] = {}
        for path in said:
            entry = self.entry(path)
            if entry is not None and entry.is_folder and path not in self._folders:
                folders[path] = entry.oid
            elif entry is not None and entry.mode in (FILE, EXECUTABLE):
                files.append(entry.oid)
        if len(files) > 1 and self._is_partial:  # one is fetched when it is read
            fetch_objects(self.git, set(files))
        if len(said) <= _FEW_OBJECTS and self._is_whole:
            self._reader.read_ahead([*folders.values(), *files], limit=_MOST_AHEAD)
            for path in folders:
                self.folder(path)
            return
        self._open(folders)
        if files:
            self._ahead = ReadAhead(self._reader, files)

    def gather(self, folders: Iterable[str]) -> None:
        """See ``Tree.gather``; nothing to do, as all folders are local, in a partial clone too."""

    def _open_above(self, paths: Iterable[str]) -> None:
        """List the parent folders of some paths in one batch, if their ids are known and their entries are not."""
        above = dict.fromkeys(path.rpartition("/")[0] for path in paths)
        known = {folder: self.entry(folder) for folder in above if folder not in self._folders}
        self._open({folder: e.oid for folder, e in known.items() if e is not None and e.is_folder})

    def _open(self, folders: Mapping[str, str]) -> None:
        """List some folders, given by path and id, and keep the listings."""
        paths = list(folders)
        for start in range(0, len(paths), ReadAhead.BATCH):
            batch = paths[start : start + ReadAhead.BATCH]
            found = self._reader.read_many([folders[path] for path in batch])
            for path, tree in zip(batch, found, strict=True):
                if tree is not None and tree[1] == "tree":
                    self._keep(path, self._parse(path, tree[0], tree[2]))


class ReadAhead:
    """Blobs that will be read in a known order, asked of git a batch at a time: no waiting for each.

    Args:
        reader: The process that reads objects.
        names: Object ids in the order of reading; each is kept until it is taken as often as it is named.
    """

    BATCH: Final = 256

    def __init__(self, reader: BlobReader, names: Iterable[str]) -> None:
        self._reader = reader
        # Files with the same bytes have one id: a label, a status, a pointer is written many times alike.
        self._times = Counter(names)
        self._order = list(self._times)
        self._position = {name: number for number, name in enumerate(self._order)}
        self._held: dict[str, bytes | None] = {}
        self._lock = threading.Lock()

    def __contains__(self, name: str) -> bool:
        return name in self._held or name in self._position

    def take(self, name: str, limit: int | None) -> bytes | None:
        """The bytes of a blob; None when there is none. At most ``limit`` + 1 bytes with a limit."""
        with self._lock:
            if name in self._position:
                self._ask(self._position[name])
            held, data = name in self._held, self._held.get(name)
            self._times[name] -= 1
            if self._times[name] <= 0:
                self._held.pop(name, None)
        # Taken before by another thread, or too large for the batch.
        if not held or (data is not None and len(data) > _MOST_AHEAD):
            found = self._reader.read(name, limit=limit)
            return found[2] if found and found[1] == "blob" else None
        return data if data is None or limit is None else data[: limit + 1]

    def _ask(self, start: int) -> None:
        batch = [n for n in self._order[start : start + self.BATCH] if n in self._position]
        answers = self._reader.read_many(batch, limit=_MOST_AHEAD)
        for name, found in zip(batch, answers, strict=True):
            del self._position[name]
            self._held[name] = found[2] if found and found[1] == "blob" else None


class PickedTree(Folders):
    """Some files by path, whose bytes a function reads by object id."""

    def __init__(
        self, files: Mapping[str, Entry], read_blob: Callable[[str, int | None], bytes | None]
    ) -> None:
        super().__init__(files)
        self._read_blob = read_blob

    def read(self, path: str, *, limit: int | None = None) -> bytes | None:
        """See ``Tree.read``."""
        entry = self.entry(path)
        return None if entry is None or entry.is_folder else self._read_blob(entry.oid, limit)

    def grep(self, needles: Iterable[str], *, under: str | Sequence[str] = "") -> Iterator[str]:
        """See ``Tree.grep``."""
        return scan(self, needles, under)


_NOTHING: Final[Mapping[str, Entry]] = {}


class RemoteTree(CommitTree):
    """See ``CommitTree``; for a clone whose missing objects git does not know of.

    Args:
        git: The repository.
        commit: A full object id of a commit or tree.
        reader: The process that reads objects; shared between trees of one repository.
    """

    def __init__(self, git: Git, commit: str, reader: PartialCloneReader) -> None:
        super().__init__(git, commit, reader)
        self._objects = reader
        self._gathered: set[str] = set()

    @property
    def _is_whole(self) -> bool:
        return False

    @cached_property
    def _root(self) -> str | None:
        found = self._objects.read(self.commit)
        if found is not None and found[1] == "commit":
            return found[2].split(b"\n", 1)[0].removeprefix(b"tree ").decode()
        return self.commit

    def _object_name(self, path: str) -> str | None:
        # By id only: of `revision:path` git cannot say whether there is no such file, or a folder on the way is missing.
        if not path:
            return self._root
        entry = self.entry(path)
        return None if entry is None or entry.mode == SUBMODULE else entry.oid

    def _list(self, path: str) -> Mapping[str, Entry]:
        entry = self.entry(path) if path else None
        return super()._list(path) if not path or (entry and entry.is_folder) else _NOTHING

    def entry(self, path: str) -> Entry | None:
        """See ``Tree.entry``."""
        return super().entry(path) if path else None

    def prefetch(self, paths: Iterable[str]) -> None:
        """See ``Tree.prefetch``; a request for each level of folders, and one for the files."""
        said = list(paths)
        self._reach({path.rpartition("/")[0] for path in said})
        found = filter(None, map(self.entry, said))
        files = {e.oid for e in found if not e.is_folder and e.mode != SUBMODULE}
        if len(files) > _MANY and not all(map(self._is_gathered, said)):
            fetch_objects(self.git, files)
        super().prefetch(said)

    def gather(self, folders: Iterable[str]) -> None:
        """See ``Tree.gather``; one request for all that is missing."""
        said = [folder for folder in dict.fromkeys(folders) if not self._is_gathered(folder)]
        if not said:
            return
        self._reach({folder.rpartition("/")[0] for folder in said})
        with contextlib.suppress(
            GitCommandError
        ):  # then each is fetched when it is read, or fails with its name
            request_objects(self.git, self._missing(said), WITH_FILES)
        self._gathered.update(said)

    def _is_gathered(self, path: str) -> bool:
        while path and path not in self._gathered:
            path = path.rpartition("/")[0]
        return path in self._gathered

    def folders_with(self, folders: Sequence[str], name: str) -> Iterator[str]:
        """See ``folders_with``; a request for each level of folders."""
        self._reach(set(folders))
        return (folder for folder in folders if name in self.folder(folder))

    def _missing(self, folders: Iterable[str]) -> list[str]:
        """The missing objects at or below some folders."""
        found = {folder: self.entry(folder) for folder in folders if folder}
        oids = [entry.oid for entry in found.values() if entry is not None and entry.is_folder]
        if not all(folders) and self._root is not None:
            oids = [self._root]
        absent = self._objects.absent(oids)
        return [*absent, *list_missing(self.git, [oid for oid in oids if oid not in absent])]

    def _reach(self, folders: Iterable[str]) -> None:
        """Fetch some folders, one level at a time."""
        wanted: set[str] = set()
        for folder in folders:
            while folder and folder not in wanted:
                wanted.add(folder)
                folder = folder.rpartition("/")[0]  # noqa: PLW2901 (upwards, until one is known)
        levels: dict[int, list[str]] = {}
        for folder in sorted(wanted.difference(self._folders)):
            levels.setdefault(folder.count("/"), []).append(folder)
        for _, level in sorted(levels.items()):
            known = {folder: self.entry(folder) for folder in level}
            opened = {f: e.oid for f, e in known.items() if e is not None and e.is_folder}
            with contextlib.suppress(GitCommandError):
                request_objects(self.git, self._objects.absent([*opened.values()]), ALONE)
            self._open(opened)

    def grep(self, needles: Iterable[str], *, under: str | Sequence[str] = "") -> Iterator[str]:
        """See ``Tree.grep``; the searched files are fetched first."""
        paths = [under] if isinstance(under, str) else list(under)
        self.gather(paths)
        with contextlib.suppress(GitCommandError):
            request_objects(self.git, self._missing(paths), ALONE)
        return super().grep(needles, under=under)
