"""One tree laid over another: an edit before it is written, the index over HEAD, a work tree over HEAD."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from registry_tool.git.tree import FOLDER, Entry, Tree, split, walk

__all__ = ["OverlayTree"]

_CHANGED_FOLDER: Final = Entry(FOLDER, "")  # a folder with an edit inside has no id any more


class OverlayTree:
    """A tree whose files come from ``upper`` where it has them, and from ``base`` elsewhere.

    Listings of folders on the way to a change are copied and changed, all others are the base's; so laying a layer
    costs what the layer holds.

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
        """Lay one more layer on top; for whoever builds the tree, not while somebody else reads it."""
        for path in deletes:
            self._holders.pop(path, None)
            self._deletes.add(path)
            self._remove(path)
        for path, entry in walk(upper):
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

    def prefetch(self, paths: Iterable[str]) -> None:
        """See ``Tree.prefetch``."""
        self.base.prefetch(path for path in paths if path not in self._holders)

    def gather(self, folders: Iterable[str]) -> None:
        """See ``Tree.gather``."""
        self.base.gather(folders)
