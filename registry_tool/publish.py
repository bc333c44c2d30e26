"""A change set to files or to a commit: checked on an overlay first, so nothing wrong is ever written.

The check is the engine's own, of the edit against what it was made from. Bytes are uploaded after the check and
before anything names them. A commit is made by compare-and-swap; when somebody else was first, the act is made
again on the new tip.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from registry_tool.catalog.index import Catalog
from registry_tool.checks.engine import check
from registry_tool.checks.findings import Report
from registry_tool.edits.changeset import Act, ChangeSet, overlaid
from registry_tool.errors import CheckFailed, EnvironmentTrouble, GitTrouble, StaleBase, UsageError
from registry_tool.git.commit import Target, author_of, commit_change
from registry_tool.git.plumbing import GitFailed
from registry_tool.git.repository import Repository
from registry_tool.git.tree import DictTree, Tree
from registry_tool.git.working_files import write_files
from registry_tool.manifests.layout import REGISTRY

__all__ = ["Destination", "Publication", "RefusedByCheck", "base_catalog", "publish"]

_TRIES = 10
_LOCK_SECONDS = 60


class RefusedByCheck(CheckFailed):
    """As CheckFailed; ``report`` is what the check said."""

    def __init__(self, message: str, report: Report) -> None:
        first = report.findings[0]
        remedy = "\n       ".join(
            f"{f.path}:{f.line}: {f.rule} {f.message}"
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


def _tip(repository: Repository, ref: str) -> str | None:
    arguments = ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}"]
    return repository.git.run(*arguments, allowed=(0, 1, 128)).decode().strip() or None


def _target(repository: Repository, destination: Destination) -> Target:
    git = repository.git
    current, head = git.branch(), git.head()
    if destination.branch is None:
        if current is None:
            raise GitTrouble(
                "HEAD is detached: a commit would belong to no branch",
                remedy="name one with --branch NAME, or go to one: git switch NAME",
            )
        return Target(current, head, head, checked_out=git.work_tree is not None)
    ref = f"refs/heads/{destination.branch}"
    try:
        git.run("check-ref-format", ref)
    except GitFailed as exc:
        raise UsageError(f"{destination.branch!a} is not a name for a branch") from exc
    tip = _tip(repository, ref)
    checked_out = ref == current and git.work_tree is not None
    return Target(ref, tip, tip or head, checked_out=checked_out)


def _base_tree(repository: Repository, target: Target) -> Tree:
    return DictTree({}) if target.parent is None else repository.tree(target.parent)


def base_catalog(repository: Repository, destination: Destination) -> Catalog:
    """The registry an act will be made on."""
    if destination.commits:
        return Catalog(_base_tree(repository, _target(repository, destination)))
    return Catalog(repository.work())


def _checked(base: Tree, change: ChangeSet) -> Report:
    report = check(overlaid(base, change), base=base if base.entry(REGISTRY) else None)
    if report.verdict == "refuse":
        raise RefusedByCheck(
            f"{change.message}: the result would not pass the check, nothing was written", report
        )
    return report


def _commit(
    repository: Repository, act: Act, destination: Destination, before: Callable[[], None]
) -> Publication:
    git = repository.git
    author_of(git)
    for attempt in range(_TRIES):
        target = _target(repository, destination)
        base = _base_tree(repository, target)
        change = act(Catalog(base))
        if not change.puts and not change.deletes:
            return Publication(change, None, target.branch, Report("pass", (), 0))
        report = _checked(base, change)
        before()
        try:
            commit = commit_change(
                git, target, base,
                puts=change.puts, deletes=change.deletes, message=change.message,
            )  # fmt: skip
        except StaleBase:
            if attempt == _TRIES - 1:
                raise
            continue
        return Publication(change, commit, target.branch, report)
    raise StaleBase("the branch kept moving")


def _write(repository: Repository, act: Act, before: Callable[[], None]) -> Publication:
    root = repository.git.work_tree
    if root is None:
        raise EnvironmentTrouble(
            f"{repository.source} is a bare repository and has no work tree",
            remedy="commit to a branch instead: --branch NAME",
        )
    base = repository.work()
    change = act(Catalog(base))
    if not change.puts and not change.deletes:
        return Publication(change, None, None, Report("pass", (), 0))
    report = _checked(base, change)
    before()
    write_files(root, change.puts, change.deletes)
    return Publication(change, None, None, report)


def publish(
    repository: Repository,
    act: Act,
    destination: Destination,
    *,
    before: Callable[[], None] = lambda: None,
) -> Publication:
    """Make an act, check its result, and write it.

    Args:
        repository: The registry.
        act: What to do; made again when somebody else was first.
        destination: Work tree or commit.
        before: Called after the check and before anything is written: bytes are uploaded here.

    Raises:
        RefusedByCheck: The result would not pass; nothing was written.
        DirtyFiles: Uncommitted work is in the way; nothing was written.
        StaleBase: The branch kept moving.
        RegistryError: What the act or the upload raises; nothing was written.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(Path(repository.git.git_dir) / "registry-tool.lock", timeout=_LOCK_SECONDS)
    try:
        with lock:
            if not destination.commits:
                return _write(repository, act, before)
            done = _commit(repository, act, destination, before)
    except Timeout as exc:
        raise EnvironmentTrouble(
            f"another registry command has been at work in {repository.source} for {_LOCK_SECONDS} seconds",
            remedy="wait for it to end and try again",
        ) from exc
    if destination.push and done.branch is not None:
        from registry_tool.git.pushing import push_branch

        push_branch(repository.git, done.branch)
    return done
