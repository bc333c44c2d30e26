"""A change set to files or to a commit: checked on an overlay first, so nothing wrong is ever written.

The check is the engine's own, of the edit against what it was made from. Bytes are uploaded after the check and
before anything names them. A commit is made by compare-and-swap; when somebody else was first, the act is made
again on the new tip.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from registry_tool.catalog.index import Catalog
from registry_tool.checks.engine import check
from registry_tool.checks.findings import Finding, Report
from registry_tool.edits.changeset import Act, ChangeSet, overlaid
from registry_tool.errors import CheckFailed, EnvironmentTrouble, NotARegistry, StaleBase
from registry_tool.git.branches import target_of, tip_of
from registry_tool.git.commit import Target, author_of, check_clean, commit_change
from registry_tool.git.pushing import check_remote, push_branch
from registry_tool.git.repository import Repository
from registry_tool.git.tree import DictTree, Tree
from registry_tool.git.working_files import check_places, write_files
from registry_tool.manifests.layout import REGISTRY

__all__ = ["Destination", "Publication", "RefusedByCheck", "base_catalog", "publish"]

_TRIES = 10
_LOCK_SECONDS = 60


def _seen(finding: Finding) -> str:
    words = [("found", finding.found), ("expected", finding.expected)]
    said = [f"{what} {text}" for what, text in words if text]
    return f" ({'; '.join(said)})" if said else ""


class RefusedByCheck(CheckFailed):
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


def base_catalog(repository: Repository, destination: Destination) -> Catalog:
    """The registry an act will be made on."""
    if destination.commits:
        return Catalog(_base_tree(repository, target_of(repository.git, destination.branch)))
    return Catalog(repository.work())


def _checked(base: Tree, change: ChangeSet, target: Target | None) -> Report:
    head = overlaid(base, change)
    if head.entry(REGISTRY) is None:
        where = "the work tree" if target is None else f"the branch {target.branch}"
        raise NotARegistry(
            f"{where} has no {REGISTRY}", remedy="commit it first, or name another branch"
        )
    report = check(head, base=base if base.entry(REGISTRY) else None)
    if report.verdict == "refuse":
        raise RefusedByCheck(
            f"{change.message}: the result would not pass the check, nothing was written", report
        )
    return report


def _commit(repository: Repository, act: Act, destination: Destination) -> Publication:
    git = repository.git
    for attempt in range(_TRIES):
        target = target_of(repository.git, destination.branch)
        base = _base_tree(repository, target)
        change = act(Catalog(base))
        if not change.puts and not change.deletes:
            return Publication(change, None, target.branch, Report("pass", (), 0))
        report = _checked(base, change, target)
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


def _work_tree(repository: Repository) -> Path:
    root = repository.git.work_tree
    if root is None:
        raise EnvironmentTrouble(
            f"{repository.source} is a bare repository and has no work tree",
            remedy="commit to a branch instead: --branch NAME",
        )
    return root


def _write(repository: Repository, act: Act) -> Publication:
    root = _work_tree(repository)
    base = repository.work()
    change = act(Catalog(base))
    if not change.puts and not change.deletes:
        return Publication(change, None, None, Report("pass", (), 0))
    report = _checked(base, change, None)
    write_files(root, change.puts, change.deletes)
    return Publication(change, None, None, report)


def _rehearse(repository: Repository, act: Act, destination: Destination) -> bool:
    """Everything that can be refused, before bytes are uploaded; False when there is nothing to do."""
    target = target_of(repository.git, destination.branch) if destination.commits else None
    base = repository.work() if target is None else _base_tree(repository, target)
    change = act(Catalog(base))
    if not change.puts and not change.deletes:
        return False
    _checked(base, change, target)
    paths = sorted({*change.puts, *change.deletes})
    if target is None:
        check_places(_work_tree(repository), paths)
    elif target.checked_out:
        check_clean(repository.git, paths)
        check_places(_work_tree(repository), paths)
    return True


@contextmanager
def _alone(repository: Repository) -> Iterator[None]:
    """No other registry command writes in this clone; bytes never travel meanwhile, so nobody waits for long."""
    from filelock import FileLock, Timeout

    lock = FileLock(Path(repository.git.git_dir) / "registry-tool.lock", timeout=_LOCK_SECONDS)
    try:
        lock.acquire()
    except Timeout as exc:
        raise EnvironmentTrouble(
            f"another registry command has been at work in {repository.source} for {_LOCK_SECONDS} seconds",
            remedy="wait for it to end and try again",
        ) from exc
    except OSError as exc:
        raise EnvironmentTrouble(
            f"{repository.git.git_dir} cannot be written: {exc.strerror}"
        ) from exc
    try:
        yield
    finally:
        lock.release()


def publish(
    repository: Repository,
    act: Act,
    destination: Destination,
    *,
    before: Callable[[], None] | None = None,
) -> Publication:
    """Make an act, check its result, and write it.

    Args:
        repository: The registry.
        act: What to do; made again when somebody else was first.
        destination: Work tree or commit.
        before: Called once after a first check and before anything is written: bytes are uploaded here.

    Raises:
        RefusedByCheck: The result would not pass; nothing was written.
        DirtyFiles: Uncommitted work is in the way; nothing was written.
        StaleBase: The branch kept moving.
        Conflict: The branch is checked out in another work tree; or the server refused the push, and the commit
            stays on its branch here.
        RegistryError: What the act or the upload raises; nothing was written.
    """
    if destination.commits:
        author_of(repository.git)
    if destination.push:
        check_remote(repository.git)
    if before is not None:
        with _alone(repository):
            wanted = _rehearse(repository, act, destination)
        if wanted:
            before()
    with _alone(repository):
        if not destination.commits:
            return _write(repository, act)
        done = _commit(repository, act, destination)
    if destination.push and tip_of(repository.git, f"refs/heads/{done.branch}") is not None:
        push_branch(repository.git, str(done.branch))
    return done
