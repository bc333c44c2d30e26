"""The subject of a check: two trees of a repository, selected by the caller's arguments.

By default the working tree is checked as a change to HEAD; if there are no changes or no HEAD, everything is checked. A
folder outside Git is checked as a whole. The published state is frozen, whatever part is checked: it is the base that the
caller names, or else the commit where the history left the main branch.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from registry_tool.errors import (
    MalformedTreeError,
    NotARegistryError,
    NotFoundError,
    RegistryError,
    ShallowHistoryError,
    UsageError,
)
from registry_tool.git.command import find_repository
from registry_tool.git.commit_tree import CommitTree
from registry_tool.git.refs import are_related, main_branch, merge_base, merge_heads
from registry_tool.git.remote.url import is_url, shown_url
from registry_tool.git.repository import Repository
from registry_tool.git.shallow import boundary
from registry_tool.git.tree import Tree, differences
from registry_tool.git.worktree import FolderTree, head_tree
from registry_tool.manifests.layout import REGISTRY

if TYPE_CHECKING:
    from registry_tool.git.history import FirstParentHistory

__all__ = ["Subject", "choose"]

_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class Subject(NamedTuple):
    """What is judged.

    Attributes:
        head: The tree to judge.
        base: What it is a change to; None judges everything.
        words: Which it is, for people.
        root: The folder that paths are relative to; None without a work tree.
        repository: The repository; None for a plain folder.
        published: The commit that is frozen; None where nothing is published.
        tip: The last commit of the change, where it is a change between two revisions.
        on_disk: True where the files of the work tree are judged, also where they do not differ from HEAD.
    """

    head: Tree
    base: Tree | None
    words: str
    root: Path | None
    repository: Repository | None
    published: str | None = None
    tip: str | None = None
    on_disk: bool = False

    @property
    def frozen(self) -> Tree | None:
        """The files of what is published."""
        if self.repository is None or self.published is None:
            return None
        if isinstance(self.base, CommitTree) and self.base.commit == self.published:
            return self.base  # which keeps the folders it has read
        return self.repository.tree(self.published)

    @property
    def line(self) -> FirstParentHistory | None:
        """The history that ends at what is published."""
        if self.repository is None or self.published is None:
            return None
        from registry_tool.git.history import FirstParentHistory

        return FirstParentHistory(self.repository.git, self.published)

    def close(self) -> None:
        """End the process that reads Git."""
        if self.repository is not None:
            self.repository.close()


def _registry_folder(start: Path, top: Path | None) -> Path | None:
    """The nearest folder with a ``registry.yaml``, at or above a path and below the repository's top."""
    here = start.absolute()
    for folder in (here, *here.parents):
        if folder == top:
            return None
        if (folder / REGISTRY).is_file():
            return folder
    return None


def _plain_folder(source: str | Path) -> Subject | None:
    """A folder outside Git, or one below a Git repository that is itself no registry."""
    if is_url(str(source)):
        return None
    git = find_repository(Path(source))
    if git is not None and (git.work_tree is None or (git.work_tree / REGISTRY).exists()):
        return None
    found = _registry_folder(Path(source), None if git is None else git.work_tree)
    if found is None:
        return None
    return Subject(FolderTree(found), None, "all files in this folder", found, None)


def _commit(repository: Repository, revision: str) -> str:
    try:
        return repository.commit(revision)
    except NotFoundError as exc:
        if not boundary(repository.git):
            raise
        raise ShallowHistoryError(
            f"{exc.message}; the clone is shallow",
            remedy="fetch more history: git fetch --deepen=100; or: git fetch --unshallow",
        ) from exc


def _shown(revision: str) -> str:
    """A revision as a person can read it: of a whole commit id its beginning, as hooks and CI pass ids."""
    return revision[:12] if _ID.fullmatch(revision) else revision


def _of_revisions(repository: Repository, base: str | None, head: str | None) -> Subject:
    root = repository.git.work_tree
    tip = _commit(repository, head or "HEAD")
    on_disk = head is None and root is not None
    tree: Tree = repository.work() if on_disk else repository.tree(tip)
    shown = "the working tree" if on_disk else _shown(head or "HEAD")
    if base is None:
        frozen = _frozen(repository, tip)
        return Subject(
            tree, None, f"all files at {shown}", root, repository, frozen, on_disk=on_disk
        )
    commit = _commit(repository, base)
    parted = merge_base(repository.git, commit, tip)
    since = _shown(base) if parted == base else f"{_shown(base)} ({parted[:12]})"
    words = f"changes in {shown} since {since}"
    if parted == commit and not are_related(repository.git, commit, tip):
        words += ", which shares no history with it"
    return Subject(
        tree, repository.tree(parted), words, root, repository, parted, tip, on_disk=on_disk
    )


def _frozen(repository: Repository, *tips: str) -> str | None:
    """The published commit that a history builds on, or the merge of several."""
    main = main_branch(repository.git)
    repository.doubt = "" if main is None else main.doubt
    return None if main is None else merge_base(repository.git, main.tip, *tips)


def _of_checkout(repository: Repository, *, staged: bool) -> Subject:
    """What is staged, or lies in the work tree, against HEAD."""
    git, tip = repository.git, repository.git.head()
    # While a merge is under way, what it brings in may be published already.
    frozen = None if tip is None else _frozen(repository, tip, *merge_heads(git))
    head = repository.staged() if staged else repository.work()
    base = head_tree(git, repository.reader)
    shown = "the index" if staged else "the working tree"
    words = "staged changes" if staged else "changes in the working tree since HEAD"
    if tip is None:
        words = f"all files in {shown}: there is no commit yet"
        return Subject(head, None, words, git.work_tree, repository, on_disk=not staged)
    if next(differences(base, head), None) is None:
        # The same files, by ids that verdicts can be remembered by.
        words = f"all files: no changes in {shown} since HEAD"
        return Subject(
            repository.tree(tip), None, words, git.work_tree, repository, frozen, on_disk=not staged
        )
    return Subject(head, base, words, git.work_tree, repository, frozen, on_disk=not staged)


def _checked(subject: Subject, source: str | Path) -> Subject:
    """The subject itself, when it is a registry or was one: a deleted ``registry.yaml`` is for a rule to find."""
    head, base = subject.head, subject.base
    try:
        root = head.entry(REGISTRY) or (None if base is None else base.entry(REGISTRY))
    except MalformedTreeError:
        return subject  # for the check to report
    if root is None:
        raise NotARegistryError(
            f"{shown_url(str(source))} is a Git repository but not a registry: it has no {REGISTRY}",
            remedy="create one: registry init DIR --name NAME",
        )
    return subject


def choose(
    source: str | Path | Repository,
    *,
    everything: bool = False,
    staged: bool = False,
    base: str | None = None,
    head: str | None = None,
) -> Subject:
    """What to check.

    Args:
        source: A path in a checkout, a bare repository or a folder; or a Git URL; or a repository that is open.
        everything: Judge all files, not only what differs.
        staged: Judge what is staged instead of the work tree.
        base: A revision; what changed since ``head`` left it is judged.
        head: A revision to judge; without ``base`` the whole of it.

    Raises:
        NotARegistryError: There is no ``registry.yaml``.
        NotFoundError: There is no such revision.
        ShallowHistoryError: A shallow clone does not reach it.
        UsageError: The arguments contradict each other, or need Git where there is none.
    """
    if staged and (base or head):
        raise UsageError(
            "--staged cannot be combined with --base or --head", remedy="use one of them"
        )
    folder = None if isinstance(source, Repository) else _plain_folder(source)
    if folder is not None:
        if staged or base or head:
            raise UsageError(
                f"{source} is not a Git repository with a registry, so there is no base to compare with",
                remedy="omit --staged, --base and --head, or run: git init",
            )
        return folder
    repository = source if isinstance(source, Repository) else Repository.open(source)
    try:
        bare = repository.git.work_tree is None
        if base or head or (bare and not staged):
            subject = _of_revisions(repository, base, head)
        else:
            subject = _of_checkout(repository, staged=staged)
        subject = _checked(subject, repository.source)
    except RegistryError:
        repository.close()
        raise
    return subject._replace(base=None, words="all files", tip=None) if everything else subject
