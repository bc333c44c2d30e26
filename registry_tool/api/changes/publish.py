"""Write an edit: to the work tree, or as one commit that may be pushed.

An edit is made on a catalog and checked on an overlay before anything is written, with the engine that checks pull
requests. Artifacts are uploaded after the check and before anything names them. A commit is made by compare-and-swap:
when the branch has moved, the edit is made and checked again on the new tip, and likewise when another clone pushed
first. What was checked is what is committed: while the branch has not moved, the checked change set is written as it is. One
process writes in a clone at a time, and each begins by recovering from an interrupted one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, TypedDict

from registry_tool.api.changes.person import Person, RefusedByCheckError
from registry_tool.catalog.catalog import Catalog
from registry_tool.checks.comparison import compare_edit, find_published
from registry_tool.checks.engine import check
from registry_tool.checks.findings import Report
from registry_tool.edits.changeset import ChangeSet, Edit, overlaid
from registry_tool.errors import (
    NotARegistryError,
    OperationalError,
    StaleBaseError,
)
from registry_tool.git.commit import Target, check_clean, commit_change, identity
from registry_tool.git.history import extend_removed_names
from registry_tool.git.refs import find_target
from registry_tool.git.remote.push import LostRaceError, check_remote, give_way, push_branch
from registry_tool.git.repository import Repository
from registry_tool.git.revisions import find_tip
from registry_tool.git.transaction.files import check_inside
from registry_tool.git.transaction.journal import plan_steps, write_with_journal
from registry_tool.git.transaction.lock import ignore_message
from registry_tool.git.transaction.recovery import exclusive, recover_pending
from registry_tool.git.tree import DictTree, Tree
from registry_tool.manifests.layout import REGISTRY

if TYPE_CHECKING:
    from registry_tool.api.changes.artifact_store import StagedArtifact, UploadSummary
    from registry_tool.artifacts.progress import Progress

__all__ = [
    "Base",
    "Destination",
    "Person",
    "Publication",
    "RefusedByCheckError",
    "WriteOptions",
    "publish",
    "read_base",
]

_TRIES: Final = 10


class WriteOptions(TypedDict, total=False):
    """How a use case that writes is carried out; every method of ``Registry`` that writes takes these.

    Attributes:
        commit: Make one commit on the checked-out branch. Default: write to the work tree, where there is one.
        branch: Make the commit on this branch, created at HEAD if it does not exist.
        push: Make a commit and push its branch to ``origin``.
        message: The commit message, in place of the one that the edit proposes.
        author: Who made the change, ``Name <email>``. Default: Git's configuration.
        committer: Who writes the commit. Default: Git's configuration.
        progress: Receives the progress of reads, uploads and downloads.
        notify: Called with one line when another process is waited for, or an interrupted one is recovered.
        on_staged: Called with each artifact that was read, and what a scan of it found.
    """

    commit: bool
    branch: str | None
    push: bool
    message: str | None
    author: Person | str
    committer: Person | str
    progress: Progress
    notify: Callable[[str], None]
    on_staged: Callable[[StagedArtifact], None]


@dataclass(frozen=True)
class Destination:
    """Where a change is written: the work tree, or a commit.

    Attributes:
        commit: Make a commit; otherwise write files.
        branch: The branch to commit to, created if it does not exist; None for the checked-out one.
        push: Push the branch to ``origin`` afterwards.
        message: The commit message, in place of the one that the edit proposes.
        author: Who made the change; None for Git's configuration.
        committer: Who writes the commit; None for Git's configuration.
    """

    commit: bool = False
    branch: str | None = None
    push: bool = False
    message: str | None = None
    author: Person | None = None
    committer: Person | None = None

    @property
    def commits(self) -> bool:
        """True when a commit is requested; a branch or a push needs one."""
        return self.commit or self.push or self.branch is not None


class Publication(NamedTuple):
    """The result of a change.

    Attributes:
        change: The change set that was written; empty when there was nothing to change.
        commit: The commit; None when files were written.
        branch: The branch that moved, without ``refs/heads/``.
        report: The report of the check; it may contain warnings.
        uploaded: The result of the upload; None where the change has no stored artifacts.
        pushed: True when a push was requested, also where there was nothing to push.
    """

    change: ChangeSet
    commit: str | None
    branch: str | None
    report: Report
    uploaded: UploadSummary | None = None
    pushed: bool = False

    @property
    def files(self) -> list[str]:
        """The paths that were written or deleted."""
        return sorted({*self.change.puts, *self.change.deletes})


class Base(NamedTuple):
    """The state that a change is made on.

    Attributes:
        target: Where the commit goes; None for the work tree.
        catalog: The registry there.
    """

    target: Target | None
    catalog: Catalog


def read_base(
    repository: Repository,
    destination: Destination,
    *,
    notify: Callable[[str], None] = ignore_message,
) -> Base:
    """The state that a change will be made on, after an interrupted command was recovered.

    Raises:
        OperationalError: The interrupted command cannot be recovered.
    """
    recover_pending(repository.git, notify=notify)
    if destination.commits:
        repository.reader.start()
    return _read_base(repository, destination, None)


def _read_base(repository: Repository, destination: Destination, known: Base | None) -> Base:
    """The state now: the known one while its branch has not moved, since a commit does not change."""
    if not destination.commits:
        return Base(None, Catalog(repository.work()))
    target = find_target(repository.git, destination.branch)
    if known is not None and known.target == target:
        return known
    tree = DictTree({}) if target.parent is None else repository.tree(target.parent)
    return Base(target, Catalog(tree))


class _Draft(NamedTuple):
    """A change set that was not checked yet, and the state it was made on."""

    base: Base
    change: ChangeSet


class _Rehearsal(NamedTuple):
    """A change set that passed the check.

    Attributes:
        base: The state it was made on.
        change: The change set.
        report: The report of the check.
        published: The published commit that it was compared with; None before the first commit.
    """

    base: Base
    change: ChangeSet
    report: Report
    published: str | None

    @property
    def is_empty(self) -> bool:
        return not self.change.puts and not self.change.deletes

    def publication(self, commit: str | None = None) -> Publication:
        target = self.base.target
        return Publication(self.change, commit, target and target.branch, self.report)


def _find_tip(repository: Repository, base: Base) -> str | None:
    return repository.git.head() if base.target is None else base.target.parent


def _draft(
    repository: Repository, edit: Edit, destination: Destination, known: Base | None
) -> _Draft:
    """Make the edit; nothing is written."""
    base = _read_base(repository, destination, known)
    change = edit(base.catalog)
    if destination.message is not None:
        change = replace(change, message=destination.message)
    return _Draft(base, change)


def _reuse(base: Base, tree: Tree | None) -> Tree | Catalog | None:
    """A tree with what the edit has read of it; the files of a work tree may change at any time, and are read again."""
    is_known = base.target is not None and tree is base.catalog.tree
    return base.catalog if is_known else tree


def _rehearse(repository: Repository, draft: _Draft) -> _Rehearsal:
    """Check the result of an edit; nothing is written.

    Raises:
        RefusedByCheckError: It would not pass.
    """
    base, change = draft
    if not change.puts and not change.deletes:
        return _Rehearsal(base, change, Report("pass", (), 0), None)
    head, paths = overlaid(base.catalog.tree, change), {*change.puts, *change.deletes}
    if head.entry(REGISTRY) is None:
        where = "the work tree" if base.target is None else f"branch {base.target.branch}"
        raise NotARegistryError(
            f"{where} has no {REGISTRY}", remedy="commit it first, or name another branch"
        )
    compared = compare_edit(repository, base.catalog.tree, head, _find_tip(repository, base))
    report = check(
        head if base.target is None else base.catalog.after(paths, head),
        base=_reuse(base, compared.base), published=_reuse(base, compared.frozen),
        line=compared.line,
    )  # fmt: skip
    if report.verdict == "refuse":
        raise RefusedByCheckError(
            f"{change.message}: the result would not pass the check; nothing was written", report
        )
    return _Rehearsal(base, change, report, compared.published)


def _still_stands(repository: Repository, destination: Destination, made: _Rehearsal) -> bool:
    """True while neither the branch nor the published branch has moved since the check."""
    base = _read_base(repository, destination, made.base)
    if base is not made.base:
        return False
    tip = _find_tip(repository, base)
    published = None if tip is None else find_published(repository, tip) or tip
    return published == made.published


def _commit(
    repository: Repository,
    edit: Edit,
    destination: Destination,
    notify: Callable[[str], None],
    *,
    known: Base | None = None,
    rehearsal: _Rehearsal | None = None,
) -> Publication:
    people = {"author": destination.author, "committer": destination.committer}
    for attempt in range(_TRIES):
        made = rehearsal
        if made is None or not _still_stands(repository, destination, made):
            made = _rehearse(repository, _draft(repository, edit, destination, known))
        target, change = made.base.target, made.change
        if made.is_empty or target is None:
            return made.publication()
        try:
            commit = commit_change(
                repository.git, target, made.base.catalog.tree,
                puts=change.puts, deletes=change.deletes, message=change.message, notify=notify,
                people={role: str(person) for role, person in people.items() if person},
            )  # fmt: skip
        except StaleBaseError:
            if attempt == _TRIES - 1:
                raise
            known = rehearsal = None
            continue
        if made.published is not None and made.published == target.parent:
            tree = made.base.catalog.tree
            went = [path for path in change.deletes if tree.entry(path) is not None]
            extend_removed_names(
                repository.git, made.published, commit, came=change.puts, went=went
            )
        return made.publication(commit)
    raise StaleBaseError("the branch kept moving")


def _work_tree(repository: Repository) -> Path:
    root = repository.git.work_tree
    if root is None:
        raise OperationalError(
            f"{repository.source} is a bare repository and has no work tree",
            remedy="commit to a branch instead: --branch NAME",
        )
    return root


def _write(repository: Repository, edit: Edit, destination: Destination) -> Publication:
    root = _work_tree(repository)
    made = _rehearse(repository, _draft(repository, edit, destination, None))
    if not made.is_empty:
        steps = plan_steps(root, made.change.puts, made.change.deletes)
        write_with_journal(repository.git, root, made.change.message, steps)
    return made.publication()


def _check_writable(repository: Repository, made: _Rehearsal) -> None:
    """Refuse now what would stop the write later: artifacts are uploaded in between."""
    target, change = made.base.target, made.change
    paths = sorted({*change.puts, *change.deletes})
    if target is None:
        check_inside(_work_tree(repository), paths)
    elif target.checked_out:
        check_clean(repository.git, paths)
        check_inside(_work_tree(repository), paths)


def _push(
    repository: Repository,
    edit: Edit,
    destination: Destination,
    notify: Callable[[str], None],
    done: Publication,
) -> Publication:
    """Push the branch; when another clone pushed first, make the edit again on what it pushed."""
    git, branch = repository.git, str(done.branch)
    for losses in range(1, _TRIES):
        if find_tip(git, f"refs/heads/{branch}") is None:
            return done
        try:
            push_branch(git, branch)
        except LostRaceError:
            with exclusive(git, notify=notify):
                if done.commit is None or not give_way(git, branch, done.commit, losses=losses):
                    raise
                done = _commit(repository, edit, destination, notify)
        else:
            return done
    push_branch(git, branch)
    return done


def publish(
    repository: Repository,
    edit: Edit,
    destination: Destination,
    *,
    base: Base | None = None,
    before: Callable[[], None] | None = None,
    notify: Callable[[str], None] = ignore_message,
) -> Publication:
    """Make an edit, check its result, and write it.

    Args:
        repository: The registry.
        edit: The change; made again when the branch has moved.
        destination: Work tree or commit.
        base: The state that was read before, see ``read_base``; it is used while its branch has not moved.
        before: Called once after the check and before anything is written: artifacts are uploaded here. Other
            commands do not have to wait for it.
        notify: Called with one line when another process is waited for, or an interrupted one is recovered.

    Raises:
        RefusedByCheckError: The result would not pass; nothing was written.
        DirtyFilesError: Uncommitted changes would be overwritten; nothing was written.
        StaleBaseError: The branch kept moving.
        ConflictError: The branch is checked out in another work tree; or the server refused the push, another clone
            pushed a change of the same files first, or others kept pushing first, and the commit stays on its branch here.
        OperationalError: Another process was writing for a minute; nothing was written.
        RegistryError: Raised by the edit or the upload; nothing was written.
    """
    git = repository.git
    if destination.commits and before is not None and destination.author is None:
        identity(git)  # a missing identity is reported before artifacts are uploaded
    if destination.push:
        check_remote(git)
    rehearsal: _Rehearsal | None = None
    if before is not None:
        with exclusive(git, notify=notify):
            rehearsal = _rehearse(repository, _draft(repository, edit, destination, base))
            if not rehearsal.is_empty:
                _check_writable(repository, rehearsal)
        if not rehearsal.is_empty:
            before()
    with exclusive(git, notify=notify):
        if rehearsal is not None and rehearsal.is_empty:
            done = rehearsal.publication()
        elif destination.commits:
            done = _commit(repository, edit, destination, notify, known=base, rehearsal=rehearsal)
        else:
            return _write(repository, edit, destination)
    if not destination.push:
        return done
    return _push(repository, edit, destination, notify, done)._replace(pushed=True)
