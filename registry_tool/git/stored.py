"""Trees that Git stores: any commit of any repository, bare, shallow and partial ones included. No checkout."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property

from registry_tool.git.plumbing import Git, GitFailed
from registry_tool.git.reader import BlobReader
from registry_tool.git.tree import EXECUTABLE, FILE, Entry, Folders, scan

__all__ = ["CommitTree", "PickedTree", "parse_tree_object"]

_NO_FOLDER: Mapping[str, Entry] = {}


def parse_tree_object(data: bytes, id_size: int) -> dict[str, Entry]:
    """The entries of a raw Git tree object: mode in octal, space, name, NUL, binary id, repeated."""
    entries: dict[str, Entry] = {}
    position = 0
    while position < len(data):
        end = data.index(b"\0", position)
        mode, _, name = data[position:end].partition(b" ")
        position = end + 1 + id_size
        # surrogateescape: a hostile name need not be UTF-8, and must survive to be reported.
        text = name.decode(errors="surrogateescape")
        entries[text] = Entry(int(mode, 8), data[end + 1 : position].hex())
    return entries


class CommitTree:
    """The files of one commit.

    Folder listings are kept, so a tree costs what is asked of it; one ``git cat-file`` process serves all reads.

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

    @cached_property
    def _is_partial(self) -> bool:
        return self.git.flag("remote.origin.promisor")

    def folder(self, path: str) -> Mapping[str, Entry]:
        """See ``Tree.folder``."""
        known = self._folders.get(path)
        if known is None:
            known = self._folders[path] = self._list(path)
        return known

    def _list(self, path: str) -> Mapping[str, Entry]:
        found = self._reader.read(self._object_name(path))
        if found is None or found[1] != "tree":
            return _NO_FOLDER
        return parse_tree_object(found[2], len(found[0]) // 2)

    def _object_name(self, path: str) -> str:
        folder, _, name = path.rpartition("/")
        parent = self._folders.get(folder) if path else None
        if parent is None and not path.isprintable():
            # `git cat-file --batch` reads names by line and drops a final CR: only an id is safe.
            parent = self.folder(folder)
        if parent is not None:
            entry = parent.get(name)
            return entry.oid if entry is not None else "0" * len(self.commit)
        return f"{self.commit}:{path}"

    def entry(self, path: str) -> Entry | None:
        """See ``Tree.entry``."""
        folder, _, name = path.rpartition("/")
        return self.folder(folder).get(name)

    def read(self, path: str, *, limit: int | None = None) -> bytes | None:
        """See ``Tree.read``."""
        found = self._reader.read(self._object_name(path), limit=limit)
        return found[2] if found is not None and found[1] == "blob" else None

    def grep(self, needles: Iterable[str], *, under: str = "") -> Iterator[str]:
        """See ``Tree.grep``; one ``git grep`` over the commit."""
        words = [word for needle in needles for word in ("-e", needle)]
        if not words:
            return
        out = self.git.run(
            "grep", "-z", "-l", "-F", "--full-name", *words, self.commit, "--",
            *([f":(literal){under}"] if under else []),
            allowed=(0, 1),
        )  # fmt: skip
        for line in out.split(b"\0"):
            if line:
                yield line.decode(errors="surrogateescape").removeprefix(f"{self.commit}:")

    def prefetch(self, paths: Iterable[str]) -> None:
        """See ``Tree.prefetch``."""
        if not self._is_partial:
            return
        entries = (self.entry(path) for path in paths)
        wanted = sorted({e.oid for e in entries if e is not None and e.mode in (FILE, EXECUTABLE)})
        # The one way to ask that fetches nothing itself, before Git 2.45 too.
        known = self.git.run(
            "rev-list", "--objects", "--no-walk", "--no-object-names", "--ignore-missing",
            "--missing=allow-any", "--stdin", stdin="\n".join(wanted).encode() + b"\n",
        )  # fmt: skip
        missing = sorted({oid.encode() for oid in wanted}.difference(known.split()))
        if not missing:
            return
        try:
            self.git.run(
                "-c", "fetch.negotiationAlgorithm=noop", "fetch", "origin", "--no-tags",
                "--no-write-fetch-head", "--recurse-submodules=no", "--filter=blob:none", "--stdin",
                stdin=b"\n".join(missing) + b"\n",
            )  # fmt: skip
        except GitFailed:
            return  # each blob is asked for again when it is read, and fails there with its name


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

    def grep(self, needles: Iterable[str], *, under: str = "") -> Iterator[str]:
        """See ``Tree.grep``."""
        return scan(self, needles, under)
