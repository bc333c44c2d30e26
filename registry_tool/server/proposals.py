"""What each author has proposed and is not merged yet: the published state with the commits of their branches on it.

Their own reads see it, so that a client can go on with what it has just registered. Others see it once it is merged. The
branches in the repository say what is proposed, so a restart forgets none, and what people do to them counts: they push,
merge by merge commit, squash or rebase, and delete. A thread looks at them; no request starts Git, unless it is the first
of an author whose branch has not been looked at.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Final

from registry_tool.errors import RegistryError
from registry_tool.git.ref_watch import FolderWatch
from registry_tool.git.remote.ref_updates import BRANCHES
from registry_tool.server.state_files import StateFiles
from registry_tool.server.views import (
    GivenIds,
    ProposedBranch,
    SubjectView,
    ViewMaker,
    find_keys,
)
from registry_tool.writer.branch_names import PROPOSALS, branch_of_author, split_proposal

if TYPE_CHECKING:
    from registry_tool.git.repository import Repository
    from registry_tool.live.snapshot import Snapshot
    from registry_tool.manifests.problems import JSON
    from registry_tool.names import ModelName
    from registry_tool.writer.request import Move, Person

__all__ = ["Proposals"]

_INTERVAL: Final = 0.5
_GRACE: Final = 0.4
_MOST_BRANCHES: Final = 2_000
_MOST_STEPS: Final = 10_000
_MOST_SHOWN: Final = 20
_MOST_MAKERS: Final = 64  # of authors without branches
_MOST_BYTES: Final = 64 << 20
_TOO_LARGE: Final = (
    f"it has more than {_MOST_STEPS} commits, or than {_MOST_BYTES >> 20} MiB of manifests"
)


@dataclass
class _Author:
    """The proposals of one author.

    Attributes:
        maker: Makes the view.
        tips: For each branch the full id of its last commit.
        known: The branches that were looked at and are not merged, by name.
        is_stale: Branches that must be looked at again, because the published branch has moved.
        view: What the author sees; None until it is asked for, and after a change.
        published: The state that the view was made on.
    """

    maker: ViewMaker
    tips: dict[str, str] = field(default_factory=dict)
    known: dict[str, ProposedBranch] = field(default_factory=dict)
    is_stale: set[str] = field(default_factory=set)
    view: SubjectView | None = None
    published: Snapshot | None = None

    def open(self) -> list[ProposedBranch]:
        """The branches in the order in which they were begun."""
        return sorted(self.known.values(), key=lambda one: split_proposal(one.name)[1])


class Proposals:
    """The branches with proposals in a repository; safe for threads.

    Args:
        repository: The registry, for this object alone.
        published: Gives the published state.
        files: Where the ids of what was proposed are remembered.
    """

    def __init__(
        self,
        repository: Repository,
        published: Callable[[], Snapshot],
        files: StateFiles | None = None,
    ) -> None:
        self._repository = repository
        self._files = StateFiles(None) if files is None else files
        self._makers: dict[str, ViewMaker] = {}
        self._published = published
        self._watch = FolderWatch(repository.git, f"{BRANCHES}{PROPOSALS}")
        self._authors: dict[str, _Author] = {}
        self._notes: dict[str, tuple[str, ...]] = {}
        self._gone: dict[str, float] = {}
        self._is_too_many = False
        self._own_commit = ""
        self._trouble = ""
        self._lock = threading.RLock()
        self._reading = threading.Lock()
        self._wake = threading.Event()
        self._stopped = False
        self._thread: threading.Thread | None = None
        self._find_branches()

    # --- following

    def start(self) -> None:
        """Look at the branches again and again, in a thread, until ``close``."""
        self._thread = threading.Thread(target=self._follow, name="proposals", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop looking."""
        self._stopped = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join()

    def wake(self) -> None:
        """Have the thread look at once."""
        self._wake.set()

    def _follow(self) -> None:
        while not self._stopped:
            try:
                self.look()
                self._trouble = ""
            except RegistryError as exc:
                self._trouble = f"proposals cannot be read: {exc}"
            self._wake.wait(_INTERVAL)
            self._wake.clear()

    def look(self) -> None:
        """Take in what others did to the branches, and to the published one.

        Raises:
            GitError: Git cannot read them.
        """
        with self._reading:
            self._find_branches()
        with self._lock:
            waiting = [
                (author, branch)
                for author in self._authors.values()
                for branch, tip in author.tips.items()
                if _is_unread(author, branch, tip)
            ]
        for author, branch in waiting:
            with self._reading:  # who waits for one branch does not wait for all
                self._read(author, branch)

    def _find_branches(self) -> None:
        with self._lock:
            found: dict[str, dict[str, str]] = {}
            tips = self._watch.tips()
            self._is_too_many = len(tips) > _MOST_BRANCHES
            for name, oid in islice(tips.items(), _MOST_BRANCHES):
                branch = f"{PROPOSALS}{name}"
                found.setdefault(split_proposal(branch)[0], {})[branch] = oid
            for first in found.keys() - self._authors.keys():
                self._authors[first] = _Author(self._find_maker(first))
            for first, author in self._authors.items():
                now = found.get(first, {})
                now |= {n: oid for n, oid in author.tips.items() if self._is_just_gone(n, now)}
                if now != author.tips:
                    for gone in author.tips.keys() - now.keys():
                        self._notes.pop(gone, None)
                    author.tips, author.view = now, None
                    author.known = {n: one for n, one in author.known.items() if n in now}
                    author.is_stale &= now.keys()

    def _is_just_gone(self, branch: str, present: Mapping[str, str]) -> bool:
        """True for a branch that was just deleted: who merges it often deletes it, and that is seen before the merge."""
        if branch in present:
            self._gone.pop(branch, None)
            return False
        since = self._gone.setdefault(branch, time.monotonic())
        if time.monotonic() - since < _GRACE:
            return True
        del self._gone[branch]
        return False

    def _read(self, author: _Author, branch: str) -> None:
        """Look at one branch; a branch that moves meanwhile is looked at again."""
        with self._lock:
            tip = author.tips.get(branch)
            author.is_stale.discard(branch)
        if tip is None:
            return
        try:
            found = self._read_branch(branch, tip)
        except RegistryError as exc:
            from registry_tool.writer.unmerged import Unmerged

            found = ProposedBranch(branch, tip, Unmerged("", frozenset(), trouble=exc.message))
        with self._lock:
            if author.tips.get(branch) == tip:
                author.known[branch] = found
                author.view = None
            else:
                author.is_stale.add(branch)

    def _read_branch(self, branch: str, tip: str) -> ProposedBranch:
        from registry_tool.live.steps import read_steps
        from registry_tool.writer.unmerged import find_unmerged

        published = self._published()
        left = find_unmerged(self._repository, published.commit, tip)
        if left.is_merged or left.trouble:
            return ProposedBranch(branch, tip, left)
        steps, size = [], 0
        for number, step in enumerate(read_steps(self._repository, tip, since=left.base)):
            if number >= _MOST_STEPS or size > _MOST_BYTES:
                return ProposedBranch(branch, tip, left._replace(trouble=_TOO_LARGE))
            files = {path: one for path, one in step.files.items() if path in left.paths}
            size += sum(map(len, filter(None, files.values())))
            if files:
                steps.append(step._replace(files=files))
        keys = find_keys(published.layout, left.paths)
        return ProposedBranch(branch, tip, left, tuple(steps), keys)

    def add(self, move: Move) -> None:
        """Follow a branch that this server's writer has moved, before the request is answered."""
        if not move.branch.startswith(PROPOSALS):
            return
        if move.foreign or not self._append(move):
            with self._reading:
                self._find_branches()
                author = self._authors.get(split_proposal(move.branch)[0])
                if author is not None:
                    self._read(author, move.branch)

    def _append(self, move: Move) -> bool:
        from registry_tool.writer.unmerged import Unmerged

        with self._lock:
            first = split_proposal(move.branch)[0]
            if first not in self._authors:
                self._authors[first] = _Author(self._find_maker(first))
            author = self._authors[first]
            known = author.known.get(move.branch)
            goes_on = (
                known is not None and known.tip == move.before and not known.unmerged.is_merged
            )
            if not goes_on and move.before is not None:
                return False
            steps = move.steps()
            paths = frozenset(path for step in steps for path in step.files)
            if known is None or not goes_on:
                known = ProposedBranch(move.branch, "", Unmerged("", frozenset()))
            left = known.unmerged._replace(paths=known.unmerged.paths | paths)
            keys = known.keys | find_keys(self._published().layout, paths)
            new = ProposedBranch(move.branch, move.after, left, (*known.steps, *steps), keys)
            author.tips = {**author.tips, move.branch: move.after}
            author.known[move.branch] = new
            author.view = None
            return True

    def publish(self, move: Move) -> None:
        """Note a move of the published branch by this server's writer, before the live catalog has it."""
        self._own_commit = move.after
        if not self._authors:
            return
        paths = {path for step in move.steps() for path in step.files}
        keys = find_keys(self._published().layout, paths)
        with self._lock:
            for author in self._authors.values():
                changed = (b for b, one in author.known.items() if not keys.isdisjoint(one.keys))
                author.is_stale.update(changed)

    def published_moved(self, new: Snapshot) -> None:
        """Note a move of the published branch; one by others may have merged something."""
        if new.commit == self._own_commit:
            return
        with self._lock:
            for author in self._authors.values():
                author.is_stale.update(author.tips)
        self._wake.set()

    # --- reading

    @property
    def exist(self) -> bool:
        """True where a branch with proposals was seen since the start."""
        return bool(self._authors)

    def view(self, author: Person, published: Snapshot) -> SubjectView:
        """What an author sees."""
        if not self._authors:
            return SubjectView(published, published.commit)
        found = self._authors.get(branch_of_author(author))
        if found is None or not found.tips:
            return SubjectView(published, published.commit)
        for branch in [*found.tips]:
            if branch not in found.known:
                with self._reading:
                    self._read(found, branch)
        with self._lock:
            if found.view is None or found.published is not published:
                found.view = found.maker.make(found.open(), published)
                found.published = published
            return found.view

    def find_published(
        self, author: Person, number: int, snapshot: Snapshot, *, is_artifact: bool = False
    ) -> int:
        """The id that an object has now, after it had another one while it was proposed; 0 where it is not known.

        Args:
            author: Who proposed it.
            number: Its id then.
            snapshot: What the author sees now.
            is_artifact: Artifacts have ids of their own.
        """
        with self._lock:
            maker = self._find_maker(branch_of_author(author))
            return maker.find_now(number, snapshot, is_artifact=is_artifact)

    def _find_maker(self, first: str) -> ViewMaker:
        """What makes the views of an author, and knows former ids, also of one who has no branch any more."""
        found = self._makers.pop(first, None) or ViewMaker(GivenIds(self._files, first))
        for unused in [one for one in self._makers if one not in self._authors][:-_MOST_MAKERS]:
            del self._makers[unused]
        self._makers[first] = found  # the longest unused comes first
        return found

    def note(self, branch: str, notes: Sequence[str]) -> None:
        """Keep what the host said of a proposal, such as the address that opens a pull request."""
        if notes:
            self._notes[branch] = tuple(note[:300] for note in notes[:10])

    def list_open(self, author: Person) -> dict[str, bool]:
        """The branches of an author that are not merged, each with whether it cannot be merged as it is."""
        with self._lock:
            found = self._authors.get(branch_of_author(author))
            every = [] if found is None else found.open()
        return {one.name: one.unmerged.is_stuck for one in every if not one.unmerged.is_merged}

    def list_versions(self, model: ModelName, but: str) -> list[str]:
        """The versions of a model that branches other than one add or change, so that no number is proposed twice."""
        home = self._published().layout.model(model)
        with self._lock:
            branches = (one for author in self._authors.values() for one in author.known.values())
            others = (one for one in branches if one.name != but and not one.unmerged.is_merged)
            return [version for one in others for version in one.list_versions(home)]

    @property
    def trouble(self) -> str:
        """Why branches may not be served as they are; empty where they are."""
        if self._is_too_many:
            return f"more than {_MOST_BRANCHES} branches {PROPOSALS}*; delete those that are merged"
        return self._trouble

    def describe(self, may_see: Callable[[str], bool]) -> list[JSON]:
        """The proposals for ``/status``, by branch.

        Args:
            may_see: True for a file that the reader may know of; a branch with another one is left out.
        """
        with self._lock:
            every = [one for author in self._authors.values() for one in author.open()]
        found: list[JSON] = []
        for one in sorted(every, key=lambda one: one.name):
            left = one.unmerged
            if left.is_merged or not all(map(may_see, left.paths)):
                continue
            shown: dict[str, JSON] = {
                "branch": one.name,
                "commit": one.tip,
                "files": len(left.paths),
            }
            if left.is_stuck:
                shown["trouble"] = (
                    left.trouble or "the published branch has other content in these files"
                )
                shown["conflicts"] = [*sorted(left.conflicts)[:_MOST_SHOWN]]
            if one.name in self._notes:
                shown["notes"] = [*self._notes[one.name]]
            found.append(shown)
        return found


def _is_unread(author: _Author, branch: str, tip: str) -> bool:
    known = author.known.get(branch)
    return known is None or known.tip != tip or branch in author.is_stale
