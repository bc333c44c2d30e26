"""What a branch changes that the published branch does not have: by files, so that a squash and a rebase count as merges."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

from registry_tool.catalog.catalog import Catalog
from registry_tool.checks.comparison import find_base
from registry_tool.git.history import FirstParentHistory
from registry_tool.git.refs import are_related
from registry_tool.git.tree import Entry, Tree, TreeChange, differences

if TYPE_CHECKING:
    from registry_tool.git.repository import Repository

__all__ = ["Unmerged", "find_unmerged"]

# A branch with more was not made by this server; a look at it would take seconds.
_MOST: Final = 5_000
_MOST_NAMED: Final = 500
_NO_COMMON_HISTORY: Final = "it shares no history with the published branch"
_TOO_LARGE: Final = f"it changes more than {_MOST} files"


class Unmerged(NamedTuple):
    """What is left of a branch.

    Attributes:
        base: The full id of the commit where the branch left the published one; empty without one.
        paths: The files that it changes and that are not published as it has them; none once it is merged.
        conflicts: Those of them that were published with another content since.
        trouble: Why the branch cannot be looked at; empty where it can.
    """

    base: str
    paths: frozenset[str]
    conflicts: frozenset[str] = frozenset()
    trouble: str = ""

    @property
    def is_merged(self) -> bool:
        """True where nothing is left of the branch."""
        return not self.paths and not self.trouble

    @property
    def is_stuck(self) -> bool:
        """True where a person must resolve something before the branch can be merged."""
        return bool(self.conflicts or self.trouble)


def find_unmerged(repository: Repository, main: str, tip: str) -> Unmerged:
    """What a branch changes that is not published.

    A file counts as merged where the published branch has the content that the branch has, or had it since the branch began.

    Args:
        repository: The registry.
        main: The full id of the published commit.
        tip: That of the branch's last commit.

    Raises:
        ShallowHistoryError: A shallow clone does not reach back to where they parted.
        GitError: Git cannot read them.
    """
    base = find_base(repository, main, tip) or main
    if base == main != tip and not are_related(repository.git, main, tip):
        return Unmerged("", frozenset(), trouble=_NO_COMMON_HISTORY)
    if base == tip:
        return Unmerged(base, frozenset())
    before, published = repository.tree(base), repository.tree(main)
    changes = list(islice(differences(before, repository.tree(tip)), _MOST + 1))
    if len(changes) > _MOST:
        return Unmerged(base, frozenset(), trouble=_TOO_LARGE)
    left = {one.path: one for one in changes if published.entry(one.path) != one.head}
    both = {path: one.head for path, one in left.items() if published.entry(path) != one.base}
    if both:
        for path in _published_since(repository, main, base, both):
            left.pop(path, None)
            both.pop(path, None)
    conflicts = {*both, *_doubled_versions(before, published, left)}
    return Unmerged(base, frozenset(left), frozenset(conflicts))


def _published_since(
    repository: Repository, main: str, base: str, wanted: Mapping[str, Entry | None]
) -> Iterator[str]:
    """The files that had a wanted content on the published branch after a commit."""
    named = sorted(wanted) if len(wanted) <= _MOST_NAMED else []
    for touch in FirstParentHistory(repository.git, main).touches(*named, since=base):
        if touch.path in wanted and touch.after == wanted[touch.path]:
            yield touch.path


def _doubled_versions(
    before: Tree, published: Tree, left: Mapping[str, TreeChange]
) -> Iterator[str]:
    """Records of versions whose name was published meanwhile: a draft here and a version there, or the other way round."""
    layout = Catalog(published).layout
    for path, change in left.items():
        place = layout.locate(path) if change.base is None else None
        if place is None or place.kind != "version" or not (place.model and place.version):
            continue
        folder = layout.version if place.is_draft else layout.draft
        other = f"{folder(place.model, place.version)}/version.yaml"
        if published.entry(other) is not None and before.entry(other) is None:
            yield path
