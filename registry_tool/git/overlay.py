"""One tree laid over another: an edit before it is written, the index over HEAD, a work tree over HEAD."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from registry_tool.git.tree import FOLDER, Entry, Tree, split, walk

__all__ = ["OverlayTree"]


def _folders_above(paths: Iterable[str]) -> frozenset[str]:
    """Every folder on the way from the root to one of the paths."""
    above = {""}
    for path in paths:
        folder = split(path)[0]
        while folder not in above:
            above.add(folder)
            folder = split(folder)[0]
    return frozenset(above)


class OverlayTree:
    """A tree whose files come from ``upper`` where it has them, and from ``base`` elsewhere.

    Args:
        base: The tree below.
        upper: The files that are new or replaced.
        deletes: Paths of files that are gone; a folder left empty is gone too.
    """

    def __init__(self, base: Tree, upper: Tree, *, deletes: Iterable[str] = ()) -> None:
        self.base = base
        self.upper = upper
        self._deletes = frozenset(deletes)
        self._touched = _folders_above([*(p for p, _ in walk(upper)), *self._deletes])
        self._memo: dict[str, Mapping[str, Entry]] = {}

    def _merged(self, path: str) -> Mapping[str, Entry]:
        prefix = f"{path}/" if path else ""
        merged = {
            n: e for n, e in self.base.folder(path).items() if prefix + n not in self._deletes
        }
        merged.update(self.upper.folder(path))
        for name, entry in list(merged.items()):
            inner = prefix + name
            if not entry.is_folder or inner not in self._touched:
                continue
            # A folder with an edit inside has no id any more, and an emptied one is gone.
            if self.folder(inner):
                merged[name] = Entry(FOLDER, "")
            else:
                del merged[name]
        return merged

    def folder(self, path: str) -> Mapping[str, Entry]:
        """See ``Tree.folder``."""
        if path not in self._touched:
            return self.base.folder(path)
        if path not in self._memo:
            self._memo[path] = self._merged(path)
        return self._memo[path]

    def entry(self, path: str) -> Entry | None:
        """See ``Tree.entry``."""
        folder, name = split(path)
        return self.folder(folder).get(name)

    def read(self, path: str, *, limit: int | None = None) -> bytes | None:
        """See ``Tree.read``."""
        if self.upper.entry(path) is not None:
            return self.upper.read(path, limit=limit)
        return None if path in self._deletes else self.base.read(path, limit=limit)

    def grep(self, needles: Iterable[str], *, under: str = "") -> Iterator[str]:
        """See ``Tree.grep``."""
        wanted = tuple(needles)
        yield from self.upper.grep(wanted, under=under)
        for path in self.base.grep(wanted, under=under):
            if path not in self._deletes and self.upper.entry(path) is None:
                yield path

    def prefetch(self, paths: Iterable[str]) -> None:
        """See ``Tree.prefetch``."""
        self.base.prefetch(path for path in paths if self.upper.entry(path) is None)
