"""One branch that a writer writes: its state, what others do to it, and trains that are published on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from registry_tool.checks.comparison import find_base
from registry_tool.edits.changeset import ChangeSet, Edit
from registry_tool.errors import (
    ConflictError,
    DirtyFilesError,
    GitError,
    StaleBaseError,
)
from registry_tool.git.commit import CheckoutChange, Target, find_uncommitted, move_checkout
from registry_tool.git.objects.pool import ObjectPool
from registry_tool.git.ref_mover import RefMover
from registry_tool.git.ref_watch import RefWatch
from registry_tool.git.refs import find_target
from registry_tool.git.remote.push import LostRaceError, fetch_branch
from registry_tool.git.remote.ref_updates import BRANCHES
from registry_tool.git.repository import Repository
from registry_tool.git.tree import TreeChange, differences
from registry_tool.writer.clock import Clock, latest_time
from registry_tool.writer.idempotency import AnsweredRequests
from registry_tool.writer.memory import ManifestMemory
from registry_tool.writer.modes import Mode, Pusher
from registry_tool.writer.request import Move, Person, WriteRequest
from registry_tool.writer.state import BranchState, Ground, check_move, read_state
from registry_tool.writer.train import Attempt, Train, TrainMaker
from registry_tool.writer.unmerged import Unmerged, find_unmerged

__all__ = ["Branch", "Yard"]

_REMOTE: Final = "origin"
_MOST_CHANGES: Final = 5_000


@dataclass(frozen=True)
class Yard:
    """What the branches of one writer share.

    Attributes:
        repository: The registry.
        mode: How requests are written.
        committer: Who writes the commits.
        main: The published branch, without ``refs/heads/``.
        on_moving: Called with a move of the writer while its commits are written to the disk.
        on_moved: Called with each move of a branch.
        latest: Gives the time of the newest published commit, where it is known exactly; 0 elsewhere.
        notify: Receives messages for whoever runs the writer.
    """

    repository: Repository
    mode: Mode
    committer: Person
    main: str
    on_moving: Callable[[Move], None]
    on_moved: Callable[[Move], None]
    latest: Callable[[], int]
    notify: Callable[[str], None]
    pool: ObjectPool
    main_watch: RefWatch
    mover: RefMover
    pusher: Pusher
    answered: AnsweredRequests
    clock: Clock = field(default_factory=Clock)
    memory: ManifestMemory = field(default_factory=ManifestMemory)

    def prepare(self, move: Move) -> None:
        """Have the next state prepared before a branch moves; where that fails, it is made when the branch has moved."""
        with Attempt():
            self.on_moving(move)

    def announce(self, move: Move) -> None:
        """Say that a branch has moved. What is published stays so, whatever becomes of the news."""
        attempt = Attempt()
        with attempt:
            self.on_moved(move)
        if attempt.error is not None:
            self.notify(
                f"the move of {move.branch} to {move.after[:12]} was not taken in: {attempt.error}"
            )


class Branch:
    """A branch and its newest state.

    Args:
        yard: What it shares with others.
        name: Its name, without ``refs/heads/``.
    """

    def __init__(self, yard: Yard, name: str) -> None:
        self.name = name
        self.ref = f"{BRANCHES}{name}"
        self._yard = yard
        self._git = yard.repository.git
        self._is_main = name == yard.main
        self._watch = yard.main_watch if self._is_main else RefWatch(self._git, self.ref)
        self._memory = yard.memory.fork(name)
        self._state: BranchState | None = None
        self._tip: str | None = None
        self._ground: Ground | None = None
        self._ground_tip = ""
        self._unmerged = Unmerged("", frozenset())
        self._seen_main = ""
        # A branch that is checked out in another work tree is refused here.
        self.checked_out = find_target(self._git, name).checked_out
        self._maker = TrainMaker(yard.pool, yard.clock, yard.committer, proposing=not self._is_main)

    @property
    def state(self) -> BranchState | None:
        """The state that was seen last."""
        return self._state

    @property
    def unmerged(self) -> Unmerged:
        """Of a proposal: what the published branch does not have of it.

        Raises:
            NotARegistryError: The branch has no registry.
            GitError: Git cannot read it.
        """
        if self._watch.tip() != self._tip or self._seen_main != self._main_tip():
            self._adopt(self._watch.tip())
        return self._unmerged

    def edits_proposed(self, edit: Edit) -> bool:
        """True for an edit of files that this branch adds or changes: elsewhere it would be made on another content."""
        left, attempt, change = self.unmerged, Attempt(), None
        with attempt:
            change = None if self._state is None else edit(self._state.catalog)
        if change is None:
            return False
        return not (left.paths - left.conflicts).isdisjoint({*change.puts, *change.deletes})

    def follow_main(self, train: Train) -> None:
        """Take in a train of the published branch; where it changes nothing that is proposed here, nothing is read."""
        changed = {*train.puts, *train.deletes}
        if self._seen_main == train.before.commit and self._unmerged.paths.isdisjoint(changed):
            self._seen_main = train.after.commit

    def look(self) -> BranchState:
        """The newest state; what others did to the branch is taken in and announced.

        Raises:
            NotARegistryError: The branch has no registry.
            GitError: Git cannot read it.
        """
        tip = self._watch.tip()
        state = self._state
        if state is not None and tip == self._tip and not self._has_moved_on():
            return state
        return self._adopt(tip)

    def _main_tip(self) -> str:
        tip = self._yard.main_watch.tip()
        if tip is None:
            raise GitError(f"branch {self._yard.main} does not exist", remedy="git branch --list")
        return tip

    def _has_moved_on(self) -> bool:
        """True when the published branch, which a proposal builds on, has moved."""
        return self._ground is not None and self._ground_tip != self._main_tip()

    def _adopt(self, tip: str | None) -> BranchState:
        """Take in the state of the branch as others left it."""
        yard, before, seen = self._yard, self._state, self._tip
        start = tip
        if not self._is_main:
            main = self._main_tip()
            nothing = Unmerged(main, frozenset())
            left = nothing if tip is None else find_unmerged(yard.repository, main, tip)
            # After a squashed merge the branch has other commits than the published one, and the same content.
            start = main if left.is_merged else tip
            base = main if left.is_merged else left.base or main
            self._unmerged = left
            published = read_state(yard.pool, yard.memory, base)
            self._ground = Ground(published.catalog, published.history(yard.pool))
            self._ground_tip = self._seen_main = main
        if start is None:
            start = self._main_tip()
        state = read_state(yard.pool, self._memory, start, before=before)
        changes = [] if before is None else self._take_in(before, state)
        yard.clock.follow(latest_time(self._git, start, str(yard.committer)))
        # Another server may write to the same branch, by way of the remote.
        since = "" if before is None else before.commit
        yard.answered.read(self._git, start, self.name, since=since)
        self._state, self._tip = state, tip
        if before is not None and tip is not None and tip != seen:
            report = check_move(yard.pool, before, state, changes)
            committer = str(yard.committer)
            yard.announce(Move(self.name, seen, tip, committer, foreign=True, report=report))
        return state

    def _take_in(self, before: BranchState, state: BranchState) -> Sequence[TreeChange]:
        """The files that others changed; the values that they give are remembered."""
        changes = list(differences(before.catalog.tree, state.catalog.tree))
        if len(changes) > _MOST_CHANGES:
            self._memory.forget_values()
        else:
            self._memory.add(state.catalog, (one.path for one in changes))
        return changes

    def make(self, requests: Sequence[WriteRequest]) -> Train:
        """Make a train of requests on the newest state.

        Raises:
            NotARegistryError: The branch has no registry.
            GitError: Git cannot read it.
        """
        state = self.look()
        self._yard.clock.follow(self._yard.latest())
        self._memory.begin(state.commit)
        train = self._maker.make(requests, state, ground=self._ground)
        if not self.checked_out or not train.commits:
            return train
        dirty = set(find_uncommitted(self._git, sorted({*train.puts, *train.deletes})))
        if not dirty:
            return train
        self._yard.pool.forget_since()

        def refuse(_: WriteRequest, change: ChangeSet) -> None:
            if found := sorted(dirty.intersection({*change.puts, *change.deletes})):
                raise DirtyFilesError(
                    f"uncommitted changes would be overwritten: {', '.join(found[:5])}",
                    remedy="on the server: commit them, or stash them: git stash",
                )

        return self._maker.make(requests, state, ground=self._ground, refuse=refuse)

    def publish(self, train: Train) -> Sequence[str]:
        """Write a train to the disk, push it where the mode says so, and move the branch to it.

        Returns:
            What the remote said.

        Raises:
            StaleBaseError: Others moved the branch, here or on the remote; the train must be made again.
            ForbiddenError: The remote refused it.
            OperationalError: The disk is full, the repository cannot be written, or the remote cannot be reached.
        """
        yard, committer = self._yard, str(self._yard.committer)
        move = Move(self.name, self._tip, train.after.commit, committer, train.commits)
        yard.pool.sync(lambda: yard.prepare(move))
        said: Sequence[str] = ()
        if yard.mode.push:
            said = self._push(train)
        self._move(train)
        self._state, self._tip = train.after, train.after.commit
        if not self._is_main:
            changed = {*train.puts, *train.deletes}
            left = self._unmerged
            self._unmerged = left._replace(paths=left.paths | changed)
        yard.announce(move)
        return said

    def _push(self, train: Train) -> Sequence[str]:
        yard = self._yard
        replaced = self._tip if self._tip not in {None, train.before.commit} else None
        title = train.riders[0].change.message if train.riders[0].change else self.name
        try:
            return yard.pusher.push(
                train.after.commit, self.name, main=yard.main, title=title, replaces=replaced or ""
            )
        except LostRaceError as exc:
            self._give_way(exc)
            raise StaleBaseError(f"{self.name} moved on the remote") from exc

    def _give_way(self, lost: LostRaceError) -> None:
        """Bring the branch here to where it is on the remote.

        Raises:
            ConflictError: The remote cannot be read, or this clone has commits that it does not have.
        """
        theirs = fetch_branch(self._git, self.name, _REMOTE)
        here = self._tip
        if theirs is None or (here and find_base(self._yard.repository, theirs, here) != here):
            raise ConflictError(
                f"{lost.message}; {self.name} of this clone has commits that the remote does not have",
                remedy=f"on the server: git pull --rebase {_REMOTE} {self.name} && git push",
            ) from lost
        if self.checked_out:
            self._git.run("merge", "--ff-only", "--quiet", theirs)
        else:
            self._yard.mover.move(self.ref, theirs, here or "")

    def _move(self, train: Train) -> None:
        before, after = self._tip or "", train.after.commit
        if not self.checked_out:
            try:
                self._yard.mover.move(self.ref, after, before)
            except GitError:
                if self._watch.tip() != after:  # git died after it moved the branch
                    raise
            return
        what = f"{len(train.commits)} commits of {self._yard.committer.name}"
        tree = train.before.catalog.tree
        change = CheckoutChange(after, tree, train.puts, train.deletes, what)
        target = Target(self.ref, self._tip, train.before.commit, checked_out=True)
        move_checkout(self._git, target, change, notify=self._yard.notify)
