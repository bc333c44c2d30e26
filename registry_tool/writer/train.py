"""A train: requests that are made one after the other, each checked as a change of its own, and committed together.

What is refused leaves no trace for the next. Nothing here moves a branch or writes to the disk, unless a check reads the
history of a commit that the train has made.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Final, NamedTuple, Self

from registry_tool.checks.engine import check
from registry_tool.checks.findings import Report
from registry_tool.edits.changeset import ChangeSet, check_fits
from registry_tool.errors import NotARegistryError
from registry_tool.git.objects.pool import ObjectPool, PooledTree
from registry_tool.git.objects.writer import tree_with
from registry_tool.git.tree import TreeChange
from registry_tool.manifests.layout import REGISTRY
from registry_tool.writer.clock import Clock, write_time
from registry_tool.writer.memory import WriterCatalog
from registry_tool.writer.request import (
    MadeCommit,
    Person,
    RefusedByCheckError,
    ReviewNeededError,
    WriteRequest,
)
from registry_tool.writer.state import BranchState, Ground

__all__ = ["Attempt", "Rider", "Train", "TrainMaker", "safe_word"]

_WORD: Final = re.compile(r"[\x21-\x7e]{1,200}")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_PASSES: Final = Report("pass", (), 0)


class Attempt:
    """Keeps what a block raises, instead of raising it: it belongs to one request, and the others go on.

    Attributes:
        error: What was raised; None for nothing.
    """

    def __init__(self) -> None:
        self.error: Exception | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None
    ) -> bool:
        if isinstance(error, Exception):
            self.error = error
        return self.error is not None


class Rider(NamedTuple):
    """One request of a train, and what became of it.

    Attributes:
        request: The request.
        change: What it writes and deletes; None where it was refused.
        report: The report of the check.
        made: Its commit; None where there is nothing to change, or it was refused.
        error: Why it was refused; None where it was not.
    """

    request: WriteRequest
    change: ChangeSet | None
    report: Report
    made: MadeCommit | None = None
    error: Exception | None = None


class Train(NamedTuple):
    """Requests with their commits, which are not published yet.

    Attributes:
        riders: The requests, in their order.
        before: The state that it was made on.
        after: The state after the last commit.
    """

    riders: tuple[Rider, ...]
    before: BranchState
    after: BranchState

    @property
    def commits(self) -> tuple[MadeCommit, ...]:
        """Its commits, oldest first."""
        return tuple(rider.made for rider in self.riders if rider.made is not None)

    @property
    def puts(self) -> dict[str, bytes]:
        """The bytes of the files that it writes, as they are after the last commit."""
        found: dict[str, bytes] = {}
        for made in self.commits:
            for path in made.deletes:
                found.pop(path, None)
            found.update(made.puts)
        return found

    @property
    def deletes(self) -> frozenset[str]:
        """The files that it deletes and does not write again."""
        found: set[str] = set()
        for made in self.commits:
            found = (found | made.deletes).difference(made.puts)
        return frozenset(found)


def safe_word(text: str) -> str:
    """A text of a client as one word in a trailer: itself, or a digest of it."""
    if not text or _WORD.fullmatch(text):
        return text
    return "sha256:" + hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def _trailers(request: WriteRequest, when: int) -> Iterator[str]:
    yield f"Registry-Time: {write_time(when)}"
    if request.api:
        yield f"Registry-Api: {safe_word(request.api)}"
    if request.request_id:
        yield f"Registry-Request: {safe_word(request.request_id)}"
        if request.content:
            yield f"Registry-Content: {safe_word(request.content)}"


def _message(request: WriteRequest, change: ChangeSet, when: int) -> str:
    said = _CONTROL.sub(" ", request.message or change.message).strip()
    return f"{said}\n\n" + "".join(f"{line}\n" for line in _trailers(request, when))


class TrainMaker:
    """Makes trains for one repository.

    Args:
        pool: Where new objects go.
        clock: The times of commits.
        committer: Who writes the commits.
        proposing: Changes that need review are made too, as a person will merge them.
    """

    def __init__(
        self, pool: ObjectPool, clock: Clock, committer: Person, *, proposing: bool = False
    ) -> None:
        self._pool = pool
        self._clock = clock
        self._committer = committer
        self._proposing = proposing
        self._signs = False

    def make(
        self,
        requests: Sequence[WriteRequest],
        state: BranchState,
        *,
        ground: Ground | None = None,
        refuse: Callable[[WriteRequest, ChangeSet], None] | None = None,
    ) -> Train:
        """Make requests one after the other.

        Args:
            requests: What to make.
            state: The state of the branch.
            ground: The published state that the branch will be merged to; None where it is the branch itself.
            refuse: Called with each change before its check; raises if it cannot be written.
        """
        riders, before = [], state
        models = dict.fromkeys(one.about for one in requests if one.about is not None)
        state.catalog.tree.gather(map(state.catalog.layout.model, models))
        self._signs = self._pool.git.flag("commit.gpgsign")
        for request in requests:
            mark, attempt = self._pool.mark(), Attempt()
            with attempt:
                rider, state = self._couple(request, state, ground, refuse)
                riders.append(rider)
            if attempt.error is not None:
                self._pool.forget_since(mark)
                riders.append(Rider(request, None, _PASSES, error=attempt.error))
        return Train(tuple(riders), before, state)

    def _couple(
        self,
        request: WriteRequest,
        state: BranchState,
        ground: Ground | None,
        refuse: Callable[[WriteRequest, ChangeSet], None] | None,
    ) -> tuple[Rider, BranchState]:
        change = request.edit(state.catalog)
        tree = state.catalog.files
        if not change.puts and not change.deletes:
            return Rider(request, change, _PASSES), state
        check_fits(tree, change)
        if refuse is not None:
            refuse(request, change)
        root = tree_with(self._pool, tree.folder, change.puts, change.deletes, root=tree.root)
        if root == tree.root:
            return Rider(request, change, _PASSES), state
        paths = {*change.puts, *change.deletes}
        head = state.catalog.moved(PooledTree(self._pool, root), paths)
        report = self._judge(request, change, head, state, ground)
        made = self._commit(request, change, root, state.commit)
        head.memory.add(head, change.puts)
        went = [path for path in change.deletes if tree.entry(path) is not None]
        after = state.after(made.commit, head, came=change.puts, went=went)
        return Rider(request, change, report, made), after

    def _judge(
        self,
        request: WriteRequest,
        change: ChangeSet,
        head: WriterCatalog,
        state: BranchState,
        ground: Ground | None,
    ) -> Report:
        if head.tree.entry(REGISTRY) is None:
            raise NotARegistryError(f"{change.message}: {REGISTRY} cannot be removed")
        published = state.catalog if ground is None else ground.catalog
        line = state.history(self._pool) if ground is None else ground.history
        base = state.catalog
        differing = [
            TreeChange(path, before, after)
            for path in sorted({*change.puts, *change.deletes})
            if (before := base.tree.entry(path)) != (after := head.tree.entry(path))
        ]
        report = check(head, base=base, published=published, differing=differing, line=line)
        words = _CONTROL.sub(" ", change.message)
        if report.verdict == "refuse":
            raise RefusedByCheckError(
                f"{words}: the result would not pass the check; nothing was written", report
            )
        if report.verdict == "review" and not (request.may_review or self._proposing):
            raise ReviewNeededError(words, report)
        return report

    def _commit(
        self, request: WriteRequest, change: ChangeSet, root: str, parent: str
    ) -> MadeCommit:
        when = self._clock.next()
        message = _message(request, change, when)
        date = f"{when // 1000} +0000"
        if self._signs:
            commit = self._sign(request.author, root, parent, message, date)
        else:
            lines = [
                f"tree {root}", f"parent {parent}",
                f"author {request.author} {date}", f"committer {self._committer} {date}", "", message,
            ]  # fmt: skip
            commit = self._pool.write("commit", "\n".join(lines).encode(errors="replace"))
        author = str(request.author)
        return MadeCommit(commit, when, author, request.api, dict(change.puts), change.deletes)

    def _sign(self, author: Person, root: str, parent: str, message: str, date: str) -> str:
        """Have Git make the commit and sign it, as its settings want."""
        self._pool.sync()
        env = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
        for role, person in (("AUTHOR", author), ("COMMITTER", self._committer)):
            env |= {f"GIT_{role}_NAME": person.name, f"GIT_{role}_EMAIL": person.email}
        arguments = ["commit-tree", "-S", "-p", parent, "-F", "-", root]
        made = self._pool.git.run(*arguments, stdin=message.encode(errors="replace"), env=env)
        return made.decode().strip()
