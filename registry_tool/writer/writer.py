"""The writer of a registry: one thread that takes what waits, and publishes it as a train of commits.

A request is answered when its commit is on the disk and its branch has moved; with a push, when the remote has it. A
kill at any point leaves the branch where it was, or at the end of a whole train.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from types import TracebackType
from typing import Final, NamedTuple, Self

from registry_tool.errors import (
    GitError,
    NotFoundError,
    RegistryError,
    StaleBaseError,
    UsageError,
)
from registry_tool.git.command import Git
from registry_tool.git.objects.pool import ObjectPool
from registry_tool.git.ref_mover import RefMover
from registry_tool.git.ref_watch import RefWatch
from registry_tool.git.remote.ref_updates import BRANCHES
from registry_tool.git.repository import Repository
from registry_tool.git.transaction.journal import lock_file
from registry_tool.git.transaction.lock import LONGEST_PAUSE, ignore_message, is_awaited
from registry_tool.git.transaction.recovery import exclusive
from registry_tool.writer.author_branches import AuthorBranches
from registry_tool.writer.branch import Branch, Yard
from registry_tool.writer.idempotency import AnsweredRequests
from registry_tool.writer.memory import (
    FindIdentities,
    FindProposed,
    ManifestMemory,
    find_no_identities,
    find_none_proposed,
)
from registry_tool.writer.modes import SERVER, Mode, Pusher
from registry_tool.writer.packing import Packer
from registry_tool.writer.policy import FollowedPolicy, ModeChoice
from registry_tool.writer.request import (
    BusyError,
    Move,
    Person,
    ReviewNeededError,
    WriteRequest,
    WriterStoppedError,
    Written,
)
from registry_tool.writer.train import Attempt, Rider, Train

__all__ = ["Writer"]

_MOST_WAITING: Final = 1000
# A longer train gains nothing, and its first request would wait for its last.
_LONGEST_TRAIN: Final = 64
_TRIES: Final = 20
_LOOK: Final = 0.5
_MOST_BRANCHES: Final = 64


def _ignore_move(_: Move) -> None:
    pass


def _find_head(git: Git) -> str:
    """The branch that HEAD names, without ``refs/heads/``."""
    head = git.branch()
    if head is None:
        raise UsageError(
            "HEAD is detached, so there is no branch to write", remedy="git switch NAME"
        )
    return head.removeprefix(BRANCHES)


class _Waiting(NamedTuple):
    request: WriteRequest
    future: Future[Written]
    refused_by: tuple[str, ...] = ()  # branches that lack what the request is about
    rehearsed: tuple[WriteRequest, ...] = ()  # in order; then nothing is written


class Writer:
    """Writes what clients ask for, each request as one commit. Use it in a ``with`` block, or call ``close``.

    Args:
        repository: The registry, which has a commit; no other thread uses this object.
        mode: How requests are written; see ``choose_mode``.
        committer: Who writes the commits.
        choose: Gives the mode again whenever another ``serve.yaml`` is published; None keeps mode and committer.
        main: The published branch, without ``refs/heads/``; by default the one that HEAD names.
        on_moving: Called by the writer's thread with a move of its own while the commits are written to the disk, for what
            can be prepared in that time. The move may not come about, and what it raises is ignored.
        on_moved: Called by the writer's thread with each move of a branch, its own and those of others, in their order and
            before the requests are answered. What it raises is a message to ``notify``, as the move has happened.
        latest: Gives the time of the newest published commit in milliseconds since 1970, where it is known exactly.
        find_proposed: Gives the versions of a model that other branches than one propose; the next version passes over them.
        find_identities: Gives the identities of a model's versions at a commit, where they are known without reading.
        notify: Receives a message when another command is waited for, or an interrupted one is recovered.
        most_waiting: How many requests may wait.
        look: After how many idle seconds to look whether others moved the published branch.

    Raises:
        UsageError: HEAD names no branch.
        NotARegistryError: The branch has no ``registry.yaml``.
        ConflictError: The branch is checked out in another work tree.
        UntrustedRepositoryError: The repository belongs to another user.
        OperationalError: The repository cannot be written or read.
    """

    def __init__(
        self,
        repository: Repository,
        *,
        mode: Mode = Mode("commit", push=False),  # noqa: B008 (a tuple)
        committer: Person = SERVER,
        choose: ModeChoice | None = None,
        main: str = "",
        on_moving: Callable[[Move], None] = _ignore_move,
        on_moved: Callable[[Move], None] = _ignore_move,
        latest: Callable[[], int] = int,
        find_identities: FindIdentities = find_no_identities,
        find_proposed: FindProposed = find_none_proposed,
        notify: Callable[[str], None] = ignore_message,
        most_waiting: int = _MOST_WAITING,
        look: float = _LOOK,
    ) -> None:
        git = repository.git
        git.check_trusted()
        pool, published = ObjectPool(git, repository.reader), main or _find_head(git)
        self._yard = Yard(
            repository, mode, committer, published, on_moving, on_moved, latest, notify, pool,
            RefWatch(git, f"{BRANCHES}{published}"), RefMover(git, "registry serve"), Pusher(git, mode),
            AnsweredRequests(pool, str(committer)), memory=ManifestMemory(find_identities, find_proposed),
        )  # fmt: skip
        self._git = git
        self._policy = FollowedPolicy(mode, committer, choose)
        self._notify = notify
        self._look = look
        self._packer = Packer(git)
        self._branches: dict[str, Branch] = {}
        self._began_at: str | None = None
        self._proposals = AuthorBranches(git, published, self._branch)
        self._queue: queue.Queue[_Waiting | None] = queue.Queue(most_waiting)
        self._gate = threading.Lock()
        self._stopping = False
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="registry-writer", daemon=True)
        self._begin()

    def _begin(self) -> None:
        with self._locked():
            self._follow_policy()
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self.close()

    @property
    def failure(self) -> Exception | None:
        """Why the writer has stopped by itself; None while it works. It is a fault of this program."""
        return self._failure

    @property
    def began_at(self) -> str | None:
        """The commit of the published branch that the writer saw first; None before it has looked."""
        return self._began_at

    @property
    def mode(self) -> Mode:
        """How requests are written now."""
        return self._policy.mode

    @property
    def policy_trouble(self) -> str:
        """Why the published ``serve.yaml`` is not followed; empty where it is."""
        return self._policy.trouble

    @property
    def waiting(self) -> int:
        """How many requests wait."""
        return self._queue.qsize()

    def submit(self, request: WriteRequest) -> Future[Written]:
        """Ask for a change.

        Returns:
            The answer, when the change is published. It raises what the edit raised, ``RefusedByCheckError``,
            ``RepeatedRequestError``, ``DirtyFilesError``, ``ConflictError``, ``ForbiddenError`` (the remote refused), or
            ``OperationalError`` (the repository cannot be written, the disk is full, the remote cannot be reached).

        Raises:
            BusyError: Too many requests wait.
            WriterStoppedError: The writer is stopping.
        """
        return self._enqueue(_Waiting(request, Future()))

    def rehearse(self, requests: Sequence[WriteRequest]) -> Future[Written]:
        """Ask what would become of changes that are made one after the other; nothing is written.

        Args:
            requests: At least one; their keys do not count.

        Returns:
            The answer to the last one, without a commit. It raises what ``submit`` would raise for the first that would be
            refused. One that would become a proposal is not refused.

        Raises:
            BusyError: As ``submit``.
        """
        return self._enqueue(_Waiting(requests[0], Future(), rehearsed=tuple(requests)))

    def _enqueue(self, waiting: _Waiting) -> Future[Written]:
        with self._gate:
            if self._stopping or self._failure is not None:
                raise WriterStoppedError("the server is stopping", remedy="retry in a few seconds")
            try:
                self._queue.put_nowait(waiting)
            except queue.Full:
                raise BusyError(
                    f"{self._queue.maxsize} changes are waiting", remedy="retry in a second"
                ) from None
        return waiting.future

    def close(self) -> None:
        """Finish the train under way, refuse what still waits, and end."""
        with self._gate:
            self._stopping = True
            with contextlib.suppress(queue.Full):  # then the thread is not waiting for one
                self._queue.put_nowait(None)
        self._thread.join()

    def _run(self) -> None:
        attempt = Attempt()
        with attempt:
            while not self._stopping:
                batch = self._next_batch()
                if batch:
                    self._serve(batch)
                elif not self._stopping:
                    self._look_around()
        with self._gate:
            self._failure = attempt.error
            self._stopping = True
        self._refuse_waiting()
        self._packer.close()
        self._yard.mover.close()

    def _refuse_waiting(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                waiting = self._queue.get_nowait()
                if waiting is not None and waiting.future.set_running_or_notify_cancel():
                    waiting.future.set_exception(
                        WriterStoppedError(
                            "the server is stopping; nothing was written",
                            remedy="retry in a few seconds",
                        )
                    )

    def _next_batch(self) -> list[_Waiting]:
        """What waits, at most a train; empty after a while without anything, and when the writer is to stop."""
        found: list[_Waiting] = []
        with contextlib.suppress(queue.Empty):
            one = self._queue.get(timeout=self._look)
            while one is not None:
                if one.future.set_running_or_notify_cancel():
                    found.append(one)
                if len(found) >= _LONGEST_TRAIN:
                    break
                one = self._queue.get_nowait()
        return found

    def _locked(self) -> contextlib.AbstractContextManager[None]:
        return exclusive(self._git, notify=self._notify)

    def _branch(self, name: str) -> Branch:
        known = self._branches.pop(name, None) or Branch(self._yard, name)
        while len(self._branches) >= _MOST_BRANCHES:
            del self._branches[next(iter(self._branches))]
        self._branches[name] = known  # the longest unused comes first
        return known

    def _look_around(self) -> None:
        """Notice what others did to the published branch."""
        with contextlib.suppress(RegistryError):  # the next request is told
            self._follow_policy()

    def _follow_policy(self) -> None:
        """Look at the published branch, and take on its ``serve.yaml`` where that is another one."""
        state = self._branch(self._yard.main).look()
        self._began_at = self._began_at or state.commit
        if not self._policy.follow(state.catalog):
            return
        mode, committer = self._policy.mode, self._policy.committer
        self._yard = replace(
            self._yard,
            mode=mode,
            committer=committer,
            pusher=Pusher(self._git, mode),
            answered=self._yard.answered.also_by(str(committer)),
        )
        self._branches.clear()
        self._notify(f"serve.yaml was changed: write: {mode.write}, committer: {committer}")

    def _serve(self, batch: Sequence[_Waiting]) -> None:
        attempt = Attempt()
        with attempt, self._locked():
            self._follow_policy()
            self._serve_branches(batch)
        if attempt.error is not None:
            _fail(batch, attempt.error)
        if is_awaited(lock_file(self._git)):
            threading.Event().wait(1.2 * LONGEST_PAUSE)  # whoever waits takes the lock now

    def _serve_branches(self, batch: Sequence[_Waiting]) -> None:
        self._proposals.forget()
        groups: dict[str, list[_Waiting]] = {}
        for one in batch:
            attempt, name = Attempt(), ""
            if one.rehearsed:
                self._rehearse(one)
                continue
            with attempt:
                name = self._choose_branch(one.request)
            if attempt.error is None:
                groups.setdefault(name, []).append(one)
            else:
                _fail([one], attempt.error)
        for name, group in groups.items():
            self._serve_branch(name, group)

    def _rehearse(self, one: _Waiting) -> None:
        attempt = Attempt()
        with attempt:
            name = self._choose_branch(one.request)
            riders = self._branch(name).make(one.rehearsed).riders
            if any(isinstance(rider.error, ReviewNeededError) for rider in riders):
                self._yard.pool.forget_since()
                name = self._proposals.choose(one.request.author)
                riders = self._branch(name).make(one.rehearsed).riders
            error = next((rider.error for rider in riders if rider.error is not None), None)
            if error is not None:
                raise error
            last = riders[-1]._replace(made=None)
            self._answer(one, last, self._branch(name), ())
        self._yard.pool.forget_since()
        if attempt.error is not None:
            _fail([one], attempt.error)

    def _choose_branch(self, request: WriteRequest) -> str:
        """The branch that a request is written to first.

        What edits a file that the author has proposed joins that proposal: elsewhere it would be made on another content,
        and the proposal could not be merged any more.
        """
        proposals = self._proposals.list_open(request.author)
        first = (
            self._proposals.choose(request.author) if self._yard.mode.proposes else self._yard.main
        )
        others = (one for one in proposals if one.name != first)
        return next((one.name for one in others if one.edits_proposed(request.edit)), first)

    def _serve_branch(self, name: str, group: Sequence[_Waiting]) -> None:
        attempt = Attempt()
        with attempt:
            branch = self._branch(name)
            self._write(branch, group)
        if attempt.error is not None:
            self._yard.pool.forget_since()
            _fail(group, attempt.error)

    def _write(self, branch: Branch, group: Sequence[_Waiting]) -> None:
        """Write requests as one train, made again until nothing came in between; those that repeat others come last."""
        for _ in range(_TRIES):
            new, again = self._sort(branch, [one for one in group if not one.future.done()])
            train = branch.make([one.request for one in new])
            if branch.name == self._yard.main and not self._policy.is_read(train.before.catalog):
                # Another policy came in between: it may want a proposal.
                self._yard.pool.forget_since()
                self._follow_policy()
                self._serve_branches(group)
                return
            said: Sequence[str] = ()
            try:
                if train.commits:
                    said = branch.publish(train)
                    self._follow(branch, train)
                    self._packer.added()
            except StaleBaseError:
                continue
            finally:
                self._yard.pool.forget_since()
            for one, rider in zip(new, train.riders, strict=True):
                if not self._is_moved_on(one, rider, branch):
                    self._answer(one, rider, branch, said)
            for one in again:
                # Its answer is known now; where the first of its kind was refused, it is made like a new one.
                self._serve_branch(branch.name, [one])
            return
        raise GitError(
            f"{branch.name} kept moving; nothing was written", remedy="retry in a few seconds"
        )

    def _follow(self, branch: Branch, train: Train) -> None:
        self._proposals.forget()
        if branch.name == self._yard.main:
            for other in self._branches.values():
                other.follow_main(train)

    def _is_moved_on(self, one: _Waiting, rider: Rider, branch: Branch) -> bool:
        """Write a refused request to a proposal instead: if it needs review, or is about something that is only proposed."""
        attempt, name = Attempt(), ""
        with attempt:
            name = self._find_other_branch(one, rider, branch)
        if attempt.error is not None:
            _fail([one], attempt.error)
        elif name:
            refused_by = (*one.refused_by, branch.name)
            self._serve_branch(name, [one._replace(refused_by=refused_by)])
        return one.future.done()

    def _find_other_branch(self, one: _Waiting, rider: Rider, branch: Branch) -> str:
        if isinstance(rider.error, ReviewNeededError):
            return self._proposals.choose(one.request.author)
        if not isinstance(rider.error, NotFoundError):
            return ""
        tried = {branch.name, *one.refused_by}
        others = self._proposals.list_open(one.request.author)
        readable = (other.name for other in others if not other.unmerged.trouble)
        return next((name for name in readable if name not in tried), "")

    def _sort(
        self, branch: Branch, group: Sequence[_Waiting]
    ) -> tuple[list[_Waiting], list[_Waiting]]:
        """New requests, and those that repeat one of them; what was written before is answered at once."""
        new: list[_Waiting] = []
        again: list[_Waiting] = []
        keys: set[tuple[str, str]] = set()
        layout = branch.look().catalog.layout
        for one in group:
            key = str(one.request.author), one.request.request_id
            attempt, found = Attempt(), None
            with attempt:
                found = self._yard.answered.find(one.request, layout)
            if attempt.error is not None:
                one.future.set_exception(attempt.error)
            elif found is not None:
                proposed = found.branch != self._yard.main
                one.future.set_result(found._replace(proposed=proposed))
            elif key in keys:
                again.append(one)
            else:
                new.append(one)
                keys.update([key] if one.request.request_id else [])
        return new, again

    def _answer(self, one: _Waiting, rider: Rider, branch: Branch, said: Sequence[str]) -> None:
        if rider.error is not None:
            one.future.set_exception(rider.error)
            return
        if rider.change is None:
            raise GitError("a request was neither written nor refused")
        made = rider.made
        written = Written(
            None if made is None else made.commit, rider.change, rider.report,
            0 if made is None else made.time, branch.name,
            proposed=branch.name != self._yard.main, notes=tuple(said),
        )  # fmt: skip
        self._yard.answered.add(rider.request, written)
        one.future.set_result(written)


def _fail(group: Sequence[_Waiting], error: Exception) -> None:
    for one in group:
        if not one.future.done():
            one.future.set_exception(error)
