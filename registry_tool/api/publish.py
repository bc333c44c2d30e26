"""A change set to files or to a commit: checked on an overlay first, so nothing wrong is ever written.

The check is the engine's own, of the edit against what it was made from. Bytes are uploaded after the check and
before anything names them. A commit is made by compare-and-swap; when somebody else was first, the act is made
again on the new tip, and so it is when somebody else pushed first. One command writes in a clone at a time, and each
begins by finishing what a killed one left.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from registry_tool.catalog.catalog import Catalog
from registry_tool.checks.engine import check
from registry_tool.checks.findings import Finding, Report
from registry_tool.edits.changeset import ChangeSet, Edit, overlaid
from registry_tool.errors import (
    CheckFailedError,
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
from registry_tool.promotion.context import ground_of

__all__ = ["Destination", "Publication", "RefusedByCheckError", "base_catalog", "publish"]

_TRIES = 10


def _seen(finding: Finding) -> str:
    words = [("found", finding.found), ("expected", finding.expected)]
    said = [f"{what} {text}" for what, text in words if text]
    return f" ({'; '.join(said)})" if said else ""


class RefusedByCheckError(CheckFailedError):
    """As CheckFailed; ``report`` is what the check said."""

    def __init__(self, message: str, report: Report) -> None:
        first = report.findings[0]
        remedy = "\n       ".join(
            f"{f.path}:{f.line}: {f.rule} {f.message}{_seen(f)}"
            for f in report.findings
            if f.severity == "refuse"
        )
        super().__init__(message, remedy=remedy or first.message)
        self.report = report


@dataclass(frozen=True)
class Destination:
    """Where a change goes: the work tree, or a commit.

    Attributes:
        commit: Make a commit; otherwise write files.
        branch: The branch to commit to, made when it is not there; None for the checked-out one.
        push: Push the branch to ``origin`` afterwards.
    """

    commit: bool = False
    branch: str | None = None
    push: bool = False

    @property
    def commits(self) -> bool:
        """True when a commit is wanted; a branch or a push needs one."""
        return self.commit or self.push or self.branch is not None


class Publication(NamedTuple):
    """What was done.

    Attributes:
        change: The change set that was written.
        commit: The commit; None when files were written.
        branch: The branch that moved, without ``refs/heads/``.
        report: What the check said; warnings may be in it.
    """

    change: ChangeSet
    commit: str | None
    branch: str | None
    report: Report


def _base_tree(repository: Repository, target: Target) -> Tree:
    return DictTree({}) if target.parent is None else repository.tree(target.parent)


def base_catalog(
    repository: Repository,
    destination: Destination,
    *,
    tell: Callable[[str], None] = ignore_message,
) -> Catalog:
    """The registry an act will be made on, after what a killed command left there is finished.

    Raises:
        OperationalError: That cannot be finished.
    """
    recover_pending(repository.git, tell=tell)
    if destination.commits:
        return Catalog(_base_tree(repository, find_target(repository.git, destination.branch)))
    return Catalog(repository.work())


class _Judged(NamedTuple):
    """A change that passes.

    Attributes:
        report: What the check said.
        published: The commit that it is a change to; None before the first.
    """

    report: Report
    published: str | None


def _checked(
    repository: Repository, base: Tree, change: ChangeSet, target: Target | None
) -> _Judged:
    head = overlaid(base, change)
    if head.entry(REGISTRY) is None:
        where = "the work tree" if target is None else f"the branch {target.branch}"
        raise NotARegistryError(
            f"{where} has no {REGISTRY}", remedy="commit it first, or name another branch"
        )
    tip = repository.git.head() if target is None else target.parent
    ground = ground_of(repository, tip)
    main = None if ground.line is None else ground.line.tip
    # What was read of the base to make the change need not be read again.
    published = base if target is not None and main == target.parent else ground.base.tree
    report = check(
        head,
        base=base if base.entry(REGISTRY) else None,
        published=None if tip is None else published,
        line=ground.line,
    )
    if report.verdict == "refuse":
        raise RefusedByCheckError(
            f"{change.message}: the result would not pass the check, nothing was written", report
        )
    return _Judged(report, main)


def _nothing(change: ChangeSet, target: Target | None) -> Publication:
    return Publication(change, None, target and target.branch, Report("pass", (), 0))


def _commit(
    repository: Repository, act: Edit, destination: Destination, tell: Callable[[str], None]
) -> Publication:
    git = repository.git
    for attempt in range(_TRIES):
        target = find_target(repository.git, destination.branch)
        base = _base_tree(repository, target)
        change = act(Catalog(base))
        if not change.puts and not change.deletes:
            return _nothing(change, target)
        report, main = _checked(repository, base, change, target)
        try:
            commit = commit_change(
                git, target, base,
                puts=change.puts, deletes=change.deletes, message=change.message, tell=tell,
            )  # fmt: skip
        except StaleBaseError:
            if attempt == _TRIES - 1:
                raise
            continue
        if main is not None and main == target.parent:
            went = [path for path in change.deletes if base.entry(path) is not None]
            extend_removed_names(git, main, commit, came=change.puts, went=went)
        return Publication(change, commit, target.branch, report)
    raise StaleBaseError("the branch kept moving")


def _work_tree(repository: Repository) -> Path:
    root = repository.git.work_tree
    if root is None:
        raise OperationalError(
            f"{repository.source} is a bare repository and has no work tree",
            remedy="commit to a branch instead: --branch NAME",
        )
    return root


def _write(repository: Repository, act: Edit) -> Publication:
    root = _work_tree(repository)
    base = repository.work()
    change = act(Catalog(base))
    if not change.puts and not change.deletes:
        return _nothing(change, None)
    report, _ = _checked(repository, base, change, None)
    write_with_journal(
        repository.git, root, change.message, plan_steps(root, change.puts, change.deletes)
    )
    return Publication(change, None, None, report)


def _rehearse(repository: Repository, act: Edit, destination: Destination) -> Publication | None:
    """Everything that can be refused, before bytes are uploaded; what was done, when there is nothing to do."""
    target = find_target(repository.git, destination.branch) if destination.commits else None
    base = repository.work() if target is None else _base_tree(repository, target)
    change = act(Catalog(base))
    if not change.puts and not change.deletes:
        return _nothing(change, target)
    _checked(repository, base, change, target)
    paths = sorted({*change.puts, *change.deletes})
    if target is None:
        check_inside(_work_tree(repository), paths)
    elif target.checked_out:
        check_clean(repository.git, paths)
        check_inside(_work_tree(repository), paths)
    return None


def _push(
    repository: Repository,
    act: Edit,
    destination: Destination,
    tell: Callable[[str], None],
    done: Publication,
) -> Publication:
    """Push the branch; where somebody else was first, make the act again on what they pushed."""
    git, branch = repository.git, str(done.branch)
    for losses in range(1, _TRIES):
        if find_tip(git, f"refs/heads/{branch}") is None:
            return done
        try:
            push_branch(git, branch)
        except LostRaceError:
            with exclusive(git, tell=tell):
                if done.commit is None or not give_way(git, branch, done.commit, losses=losses):
                    raise
                done = _commit(repository, act, destination, tell)
        else:
            return done
    push_branch(git, branch)
    return done


def publish(
    repository: Repository,
    act: Edit,
    destination: Destination,
    *,
    before: Callable[[], None] | None = None,
    tell: Callable[[str], None] = ignore_message,
) -> Publication:
    """Make an act, check its result, and write it.

    Args:
        repository: The registry.
        act: What to do; made again when somebody else was first.
        destination: Work tree or commit.
        before: Called once after a first check and before anything is written: bytes are uploaded here. No other
            command has to wait meanwhile.
        tell: Told, in words, which other command is waited for, and what a killed one had left to finish.

    Raises:
        RefusedByCheckError: The result would not pass; nothing was written.
        DirtyFilesError: Uncommitted work is in the way; nothing was written.
        StaleBaseError: The branch kept moving.
        ConflictError: The branch is checked out in another work tree; or the server refused the push, somebody else pushed
            a change of the same files first, or others kept pushing first, and the commit stays on its branch here.
        OperationalError: Another command was at work for a minute; nothing was written.
        RegistryError: What the act or the upload raises; nothing was written.
    """
    git = repository.git
    if destination.commits and before is not None:
        identity(git)  # without one, say so before bytes travel
    if destination.push:
        check_remote(git)
    done: Publication | None = None
    if before is not None:
        with exclusive(git, tell=tell):
            done = _rehearse(repository, act, destination)
        if done is None:
            before()
    if done is None:
        with exclusive(git, tell=tell):
            if not destination.commits:
                return _write(repository, act)
            done = _commit(repository, act, destination, tell)
    return _push(repository, act, destination, tell, done) if destination.push else done
