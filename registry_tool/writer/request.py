"""What a client asks to be written, what it is answered, and why a request is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from registry_tool.api.changes.person import Person, RefusedByCheckError
from registry_tool.checks.findings import Report
from registry_tool.edits.changeset import ChangeSet, Edit
from registry_tool.errors import CheckFailedError, ConflictError, ErrorCode, OperationalError
from registry_tool.live.moving import Step
from registry_tool.names import ModelName

__all__ = [
    "BusyError",
    "MadeCommit",
    "Move",
    "Person",
    "RefusedByCheckError",
    "RepeatedRequestError",
    "ReviewNeededError",
    "WriteRequest",
    "WriterStoppedError",
    "Written",
]


@dataclass(frozen=True)
class WriteRequest:
    """One change that a client asks for: it becomes one commit, or none.

    Attributes:
        edit: The change. It may be made several times, each on the newest state, and raises what the client is told.
        author: Who asks; the author of the commit.
        api: The protocol, for the trailer ``Registry-Api``, such as ``kubeflow``; empty for none.
        request_id: The client's idempotency key; empty for none. A request with the same key and author within a day gets
            the answer of the first one.
        content: A digest of what the client sent; a repeated key with another content is refused.
        may_review: The author may publish what the check would have a person review; where not, it becomes a proposal.
        message: The commit message, in place of the one that the edit proposes.
        about: The model that it is about, where one is known; what is there of the models of a train is read at once.
    """

    edit: Edit
    author: Person
    api: str = ""
    request_id: str = ""
    content: str = ""
    may_review: bool = False
    message: str = ""
    about: ModelName | None = None


class Written(NamedTuple):
    """The answer to a request that was written.

    Attributes:
        commit: The full id of its commit; None where there was nothing to change.
        change: What was written and deleted, with the versions that this adds.
        report: The report of the check; it may contain warnings.
        time: When it was written, in milliseconds since 1970: the trailer ``Registry-Time``; 0 without a commit.
        branch: The branch that has it, without ``refs/heads/``.
        proposed: True where that is not the published branch, so that a person has to merge it.
        notes: What the remote said of a proposal, such as the address that opens a pull request.
        repeated: True for the answer to a request that was written before.
    """

    commit: str | None
    change: ChangeSet
    report: Report
    time: int
    branch: str
    proposed: bool = False
    notes: tuple[str, ...] = ()
    repeated: bool = False


class MadeCommit(NamedTuple):
    """One commit of a branch that moved, as a change of the state before it.

    Attributes:
        commit: Its full id.
        time: When, in milliseconds since 1970.
        author: Its author, as ``Name <email>``.
        api: The protocol it came through; empty for commits by others.
        puts: New bytes by path.
        deletes: The deleted paths.
    """

    commit: str
    time: int
    author: str
    api: str
    puts: Mapping[str, bytes]
    deletes: frozenset[str]


class Move(NamedTuple):
    """One move of a branch, by this writer or noticed by it.

    Attributes:
        branch: The branch, without ``refs/heads/``.
        before: The commit it was at; None for a new branch.
        after: The commit it is at.
        committer: Who writes the server's commits, as ``Name <email>``.
        commits: The commits in between, oldest first; empty for a foreign move.
        foreign: True where others moved it: pushed, committed, or set it back. Then readers compare the two commits.
        report: The check of a foreign move as one change; None where there is none.
    """

    branch: str
    before: str | None
    after: str
    committer: str
    commits: tuple[MadeCommit, ...] = ()
    foreign: bool = False
    report: Report | None = None

    def steps(self) -> list[Step]:
        """Its commits as the live catalog takes them."""
        return [
            Step(
                made.commit,
                made.time // 1000,
                self.committer,
                made.time,
                {**dict.fromkeys(made.deletes), **made.puts},
            )
            for made in self.commits
        ]


class ReviewNeededError(CheckFailedError):
    """The change needs a person's review, and its author may not publish it without one: it becomes a proposal.

    Args:
        message: What was asked for.
        report: The report of the check, with the findings that need review.
    """

    code: ClassVar[ErrorCode] = "forbidden"

    def __init__(self, message: str, report: Report) -> None:
        asked = [
            f"{f.path}:{f.line}: {f.rule} {f.message}"
            for f in report.findings
            if f.severity == "review"
        ]
        super().__init__(f"{message}: this change needs review", remedy="\n       ".join(asked))
        self.report = report


class RepeatedRequestError(ConflictError):
    """The key of the request was used for another request within the last day; nothing was written."""


class BusyError(OperationalError):
    """Too many requests wait; this one was not taken.

    Attributes:
        retry_after: After how many seconds to try again.
    """

    retry_after: ClassVar[int] = 1


class WriterStoppedError(BusyError):
    """The writer is stopping, or has stopped; the request was not taken."""

    retry_after: ClassVar[int] = 5
