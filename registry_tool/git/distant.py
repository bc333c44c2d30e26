"""The files of a commit whose folders are still on the remote: each is brought when it is opened.

Below a commit everything is missing at first. A folder on the way is brought alone; what is gathered comes with all
that is in it, in one request. So what travels is what a question opens, and a connection is made for each step on the
way, not for each file.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Final

from registry_tool.git.plumbing import Git, GitFailed
from registry_tool.git.promised import ALONE, WITH_FILES, PromisedReader, bring, lacking, request
from registry_tool.git.stored import CommitTree
from registry_tool.git.tree import SUBMODULE, Entry

__all__ = ["DistantTree"]

_NOTHING: Final[Mapping[str, Entry]] = {}
_MANY: Final = 256  # files that are asked for in one request when they are read


class DistantTree(CommitTree):
    """See ``CommitTree``; for a clone whose git does not know what is missing.

    Args:
        git: The repository.
        commit: A full object id of a commit or tree.
        reader: The process that reads objects; shared between trees of one repository.
    """

    def __init__(self, git: Git, commit: str, reader: PromisedReader) -> None:
        super().__init__(git, commit, reader)
        self._objects = reader
        self._gathered: set[str] = set()

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
            bring(self.git, files)
        super().prefetch(said)

    def gather(self, folders: Iterable[str]) -> None:
        """See ``Tree.gather``; one request for all that is missing."""
        said = [folder for folder in dict.fromkeys(folders) if not self._is_gathered(folder)]
        if not said:
            return
        self._reach({folder.rpartition("/")[0] for folder in said})
        with contextlib.suppress(
            GitFailed
        ):  # then it is brought piece by piece, or fails with its name
            request(self.git, self._missing(said), WITH_FILES)
        self._gathered.update(said)

    def _is_gathered(self, path: str) -> bool:
        while path and path not in self._gathered:
            path = path.rpartition("/")[0]
        return path in self._gathered

    def _missing(self, folders: Iterable[str]) -> list[str]:
        """What is missing at or below some folders."""
        found = {folder: self.entry(folder) for folder in folders if folder}
        oids = [entry.oid for entry in found.values() if entry is not None and entry.is_folder]
        if not all(folders) and self._root is not None:
            oids = [self._root]
        absent = self._objects.absent(oids)
        return [*absent, *lacking(self.git, [oid for oid in oids if oid not in absent])]

    def _reach(self, folders: Iterable[str]) -> None:
        """Have some folders, a level at a time."""
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
            with contextlib.suppress(GitFailed):
                request(self.git, self._objects.absent([*opened.values()]), ALONE)
            self._open(opened)

    def grep(self, needles: Iterable[str], *, under: str | Sequence[str] = "") -> Iterator[str]:
        """See ``Tree.grep``; all that is looked through is brought first."""
        paths = [under] if isinstance(under, str) else list(under)
        self.gather(paths)
        with contextlib.suppress(GitFailed):
            request(self.git, self._missing(paths), ALONE)
        return super().grep(needles, under=under)
