"""Trees of a checkout: the staged files, the work tree, and a plain folder without Git.

The index and the work tree are read as HEAD plus the differences, so their cost follows the change and not the size of
the registry. ``ignored_files`` lists files that Git ignores; ``is_tracked`` shows whether a file
came with a commit.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

from registry_tool.errors import ConflictError, OperationalError
from registry_tool.git.command import BackgroundCommand, Git, find_repository
from registry_tool.git.commit_tree import CommitTree, PickedTree
from registry_tool.git.objects.reader import BlobReader
from registry_tool.git.tree import (
    EXECUTABLE,
    FILE,
    FOLDER,
    SUBMODULE,
    SYMLINK,
    DictTree,
    Entry,
    OverlayTree,
    Tree,
    scan,
)

__all__ = [
    "FolderTree",
    "begin_staged",
    "head_tree",
    "ignored_among",
    "ignored_files",
    "is_tracked",
    "staged_tree",
    "work_tree",
]

_SKIPPED = frozenset({".git", ".venv", "__pycache__"})
_DVC_PRIVATE = frozenset({"cache", "tmp", "config.local"})


def head_tree(git: Git, reader: BlobReader) -> Tree:
    """The files of HEAD; an empty tree before the first commit."""
    head = git.head()
    return DictTree({}) if head is None else CommitTree(git, head, reader)


def _index_environment() -> dict[str, str]:
    """Inside a hook of a partial commit Git names the index of that commit; elsewhere there is none."""
    index = os.environ.get("GIT_INDEX_FILE")
    return {} if index is None else {"GIT_INDEX_FILE": str(Path(index).absolute())}


def _raw_changes(out: bytes) -> Iterator[tuple[str, str, int, str]]:
    """Status letter, path, new mode and new id out of ``git diff-index --raw -z``."""
    fields = iter(out.split(b"\0"))
    for meta in fields:
        if not meta:
            return
        parts = meta.decode().removeprefix(":").split(" ")
        yield parts[4][0], next(fields).decode(errors="surrogateescape"), int(parts[1], 8), parts[3]


def begin_staged(git: Git) -> BackgroundCommand:
    """Have git begin to read the index, which takes 0.07 s where it is large; honours ``GIT_INDEX_FILE``."""
    base = git.head() or git.line("hash-object", "-t", "tree", os.devnull)  # the empty tree
    return BackgroundCommand(
        git, "diff-index", "--cached", "--raw", "-z", "--no-renames", "--no-abbrev",
        "--ita-invisible-in-index",  # `git add -N` adds no content
        "--end-of-options", base, env=_index_environment(),
    )  # fmt: skip


def staged_tree(
    git: Git,
    reader: BlobReader,
    begun: BackgroundCommand | None = None,
    *,
    merged_only: bool = False,
) -> Tree:
    """The files as they are staged.

    Args:
        git: The repository.
        reader: Reads its objects.
        begun: The result of ``begin_staged``, if it was called before.
        merged_only: Leave out the files of an unresolved merge.

    Raises:
        ConflictError: The index has an unresolved merge.
    """
    out = (begun or begin_staged(git)).answer()
    puts: dict[str, Entry] = {}
    deletes: list[str] = []
    for status, path, mode, oid in _raw_changes(out):
        if status == "U" and merged_only:
            continue
        if status == "U":
            raise ConflictError(
                f"{path} has an unresolved merge conflict",
                remedy="resolve it, run `git add` on the file, and retry",
            )
        if status == "D":
            deletes.append(path)
        else:
            puts[path] = Entry(mode, oid)

    def read_blob(oid: str, limit: int | None) -> bytes | None:
        found = reader.read(oid, limit=limit)
        return None if found is None else found[2]

    return OverlayTree(head_tree(git, reader), PickedTree(puts, read_blob), deletes=deletes)


def work_tree(git: Git, reader: BlobReader) -> Tree:
    """The files of the work tree, untracked ones included, ignored ones not.

    Raises:
        OperationalError: The repository is bare.
    """
    if git.work_tree is None:
        raise OperationalError(
            f"{git.place} is a bare repository, which has no working tree",
            remedy="name a revision with --ref, or --base and --head",
        )
    out = git.run(
        "status",
        "--porcelain=v1",
        "-z",
        "--untracked-files=all",
        "--no-renames",
        "--ignore-submodules=dirty",  # do not run git inside a submodule; its changes do not matter here
    )
    folder = FolderTree(git.work_tree)
    puts: dict[str, Entry] = {}
    deletes: list[str] = []
    for line in out.split(b"\0"):
        path = line[3:].decode(errors="surrogateescape")
        if not path:
            continue
        name = path.rstrip("/")  # an untracked repository inside is listed as a folder
        entry = folder.entry(name)
        if entry is None:
            deletes.append(path)
        elif not entry.is_folder:
            puts[path] = entry
        elif folder.entry(f"{name}/.git") is not None:
            puts[name] = Entry(SUBMODULE, "")
        else:
            deletes.append(path)  # a folder replaced the file; its files are listed separately
    upper = PickedTree(puts, lambda _oid, _limit: None)
    return OverlayTree(head_tree(git, reader), _OnDisk(upper, folder), deletes=deletes)


class _OnDisk:
    """Listings from Git's answer, bytes from the disk."""

    def __init__(self, listing: PickedTree, folder: FolderTree) -> None:
        self.folder = listing.folder
        self.entry = listing.entry
        self.read = folder.read

    def grep(self, needles: Iterable[str], *, under: str | Sequence[str] = "") -> Iterator[str]:
        """See ``Tree.grep``."""
        return scan(self, needles, under)

    def prefetch(self, paths: Iterable[str]) -> None:
        """See ``Tree.prefetch``; these files are at hand."""

    def gather(self, folders: Iterable[str]) -> None:
        """See ``Tree.gather``; these files are at hand."""


def _mode(info: os.stat_result) -> int:
    if stat.S_ISDIR(info.st_mode):
        return FOLDER
    if stat.S_ISLNK(info.st_mode):
        return SYMLINK
    return EXECUTABLE if info.st_mode & stat.S_IXUSR else FILE


class FolderTree:
    """A folder on disk, without Git.

    Bytes that a ``.dvc`` pointer stands for are left out, as Git would ignore them; symbolic links are entries and
    are never followed.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = cache(self._list)

    def _list(self, path: str) -> Mapping[str, Entry]:
        if self._leads_out(path):
            return {}
        try:
            with os.scandir(self.root / path) as found:
                entries = {e.name: Entry(_mode(e.stat(follow_symlinks=False)), "") for e in found}
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except OSError as exc:
            if exc.errno == errno.ENAMETOOLONG:
                return {}
            raise OperationalError(f"{self.root / path} cannot be read: {exc.strerror}") from exc
        private = _DVC_PRIVATE if path == ".dvc" else _SKIPPED
        return {
            name: entry
            for name, entry in entries.items()
            if name not in private and f"{name}.dvc" not in entries
        }

    def _leads_out(self, path: str) -> bool:
        """True when a component of the path is a symbolic link, or ``..``."""
        here = self.root
        for part in path.split("/") if path else ():
            here = here / part
            try:
                if part == ".." or here.is_symlink():
                    return True
            except OSError as exc:
                if exc.errno == errno.ENAMETOOLONG:
                    return False  # so it does not exist, which the next call reports
                raise OperationalError(f"{here} cannot be read: {exc.strerror}") from exc
        return False

    def entry(self, path: str) -> Entry | None:
        """See ``Tree.entry``."""
        folder = path.rpartition("/")[0]
        if not path or self._leads_out(folder):
            return None
        try:
            return Entry(_mode((self.root / path).lstat()), "")
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as exc:
            if exc.errno == errno.ENAMETOOLONG:  # Git allows names that no file system can store
                return None
            raise OperationalError(f"{self.root / path} cannot be read: {exc.strerror}") from exc

    def read(self, path: str, *, limit: int | None = None) -> bytes | None:
        """See ``Tree.read``; a symbolic link reads as its target's name, as in Git."""
        entry = self.entry(path)
        if entry is None or entry.is_folder:
            return None
        place = self.root / path
        try:
            if entry.mode == SYMLINK:
                return os.fsencode(place.readlink())
            if not place.is_file():
                return b""  # a pipe or device: never opened
            with place.open("rb") as stream:
                return stream.read(-1 if limit is None else limit + 1)
        except OSError as exc:
            raise OperationalError(f"{place} cannot be read: {exc.strerror}") from exc

    def grep(self, needles: Iterable[str], *, under: str | Sequence[str] = "") -> Iterator[str]:
        """See ``Tree.grep``."""
        return scan(self, needles, under)

    def prefetch(self, paths: Iterable[str]) -> None:
        """See ``Tree.prefetch``; these files are at hand."""

    def gather(self, folders: Iterable[str]) -> None:
        """See ``Tree.gather``; these files are at hand."""


def ignored_files(git: Git, under: Sequence[str]) -> Iterator[str]:
    """The ignored files below some paths, in order; a folder that is ignored as a whole is one, with a slash at its end.

    Every rule counts that Git follows, those of the user and of ``.git/info/exclude`` too.

    Args:
        git: The repository; one without a work tree has no such files.
        under: Paths from the root, taken as they are.
    """
    if git.work_tree is None or not under:
        return
    out = git.run(
        "ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "-z", "--", *under,
        env={"GIT_LITERAL_PATHSPECS": "1"},
    )  # fmt: skip
    found = out.decode(errors="surrogateescape").split("\0")
    for path, following in zip(found, [*found[1:], ""], strict=True):
        # A folder without a tracked file is listed too, where only some of its files are ignored.
        if path and not (path.endswith("/") and following.startswith(path)):
            yield path


def ignored_among(git: Git, paths: Iterable[str]) -> list[str]:
    """Those of some paths that Git ignores, and does not know yet."""
    asked = "\0".join(paths).encode(errors="surrogateescape")
    if not asked:
        return []
    out = git.run("check-ignore", "--stdin", "-z", stdin=asked, allowed=(0, 1))
    return out.decode(errors="surrogateescape").split("\0")[:-1]


# A path stands for itself, and `.DVC` is `.dvc` where the disk says so.
_ANY_CASE = {"GIT_NOGLOB_PATHSPECS": "1", "GIT_ICASE_PATHSPECS": "1"}


def is_tracked(root: Path, path: str) -> bool:
    """Whether a file of a work tree, or a link through which it is reached, is in Git's index.

    Args:
        root: The folder of a registry; one without Git tracks nothing.
        path: From the root.

    Raises:
        GitError: The index cannot be read.
    """
    git = find_repository(root)
    if git is None or git.work_tree is None:
        return False
    top, ways = git.work_tree.resolve(), set[str]()
    # As it is called, and where it really is: a tracked link may lead to a tracked file of another name.
    for place in (root.resolve() / path, (root / path).resolve()):
        if place.is_relative_to(top):
            inner = place.relative_to(top)
            ways |= {one.as_posix() for one in (inner, *inner.parents) if one.parts}
    listed = git.run("ls-files", "-z", "--cached", "--", *sorted(ways), env=_ANY_CASE)
    found = {name.decode(errors="surrogateescape").casefold() for name in listed.split(b"\0")}
    # A folder's own name is in the index only where it is a link or a submodule.
    return not found.isdisjoint(way.casefold() for way in ways)
