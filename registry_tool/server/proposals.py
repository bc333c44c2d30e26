"""What each author has proposed and is not merged yet: the published state with the commits of their branch on it.

Their own reads see it, so that a client can go on with what it has just registered. Others see it once it is merged.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from registry_tool.live.moving import Step
    from registry_tool.live.snapshot import Snapshot
    from registry_tool.writer.request import Move, Person

__all__ = ["Proposals"]


class _Branch(NamedTuple):
    """A branch with proposals.

    Attributes:
        steps: Its commits, oldest first.
        published: The state that they were laid on.
        snapshot: The state with them.
    """

    steps: tuple[Step, ...]
    published: Snapshot
    snapshot: Snapshot


class Proposals:
    """The branches of a server that proposes; safe for threads."""

    def __init__(self) -> None:
        self._branches: dict[str, _Branch] = {}
        self._lock = threading.Lock()

    def add(self, moved: Move, published: Snapshot) -> None:
        """Follow a branch that the writer has moved.

        Args:
            moved: The move.
            published: The published state.
        """
        if moved.foreign:
            return
        with self._lock:
            known = self._branches.get(moved.branch)
            goes_on = known is not None and known.steps[-1].commit == moved.before
            steps = (*known.steps, *moved.steps()) if known and goes_on else tuple(moved.steps())
            if steps:
                self._branches[moved.branch] = _lay(steps, published)

    def snapshot(self, author: Person, published: Snapshot) -> Snapshot:
        """What an author sees: the published state, with what they have proposed."""
        if not self._branches:
            return published
        from registry_tool.writer.modes import branch_of_author

        name = branch_of_author(author)
        with self._lock:
            known = self._branches.get(name)
            if known is None:
                return published
            if known.published is not published:
                if _is_merged(known, published):
                    del self._branches[name]
                    return published
                known = self._branches[name] = _lay(known.steps, published)
            return known.snapshot


def _lay(steps: tuple[Step, ...], published: Snapshot) -> _Branch:
    from registry_tool.live.moving import move

    snapshot = move(published.on_branch(), steps, int(time.time() * 1000))
    return _Branch(steps, published, snapshot)


def _is_merged(branch: _Branch, published: Snapshot) -> bool:
    """True where the published state has the branch: its last commit, or every version and model that it adds."""
    if published.line.position(branch.steps[-1].commit) is not None:
        return True
    layout = published.layout
    places = [layout.locate(path) for step in branch.steps for path in step.files]
    models = {place.model for place in places if place is not None and place.model is not None}
    new = [name for name in models if branch.published.model(name) is None]
    versions = {
        (place.model, place.version)
        for place in places
        if place is not None and place.model is not None and place.version is not None
    }
    added = [(m, v) for m, v in versions if branch.published.version(m, v) is None]
    if not new and not added:
        return False
    has_models = all(published.model(name) is not None for name in new)
    return has_models and all(published.version(m, v) is not None for m, v in added)
