"""What is compared with what: the candidate and the base of every check.

A candidate is judged as a change. The base selects what is examined: the files that differ, and their neighborhood;
without one, everything is examined. The published state is frozen, whatever is examined; policy, severities, waivers and
gates come from it.

| candidate | base | published state |
| --- | --- | --- |
| working tree, staged files | HEAD | where HEAD, and what a merge in progress merges, left the main branch |
| a revision; a pull request or an entry of a merge queue with ``--base`` | where it left the base | the same commit |
| everything (``--all``, a bare repository) | none | where it left the main branch |
| a folder outside Git | none | none |
| a pushed branch | where it left the main branch as it was, or as the push makes it | the same commit |
| a step of a pushed main branch | its first parent | the same commit |
| an edit by a command | the state that it was made on | where that left the main branch; without one, that state |
| a request to a server | the state of its branch | that state; of a proposal, where its branch left the main branch |
| a promotion | as its edit | as for its edit; gates are evaluated against it |

A tree without a ``registry.yaml`` publishes nothing, so a change to it is judged by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from registry_tool.catalog.catalog import Catalog
from registry_tool.checks.rule import Located, find_state
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
from registry_tool.git.history import FirstParentHistory
from registry_tool.git.refs import are_related, main_branch, merge_base, merge_heads
from registry_tool.git.remote.url import is_url, shown_url
from registry_tool.git.repository import Repository
from registry_tool.git.shallow import boundary
from registry_tool.git.tree import DictTree, Tree, TreeChange, differences
from registry_tool.git.worktree import FolderTree, head_tree
from registry_tool.manifests.data import records, text
from registry_tool.manifests.document import READ_LIMIT
from registry_tool.manifests.layout import REGISTRY
from registry_tool.names import ModelName

if TYPE_CHECKING:
    from registry_tool.git.history import NamedStep
    from registry_tool.manifests.document import Document
    from registry_tool.promotion.context import Published

__all__ = [
    "TreeComparison",
    "compare_arguments",
    "compare_edit",
    "compare_push",
    "compare_steps",
    "find_base",
    "find_published",
    "list_changes",
    "read_published",
]

_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class TreeComparison(NamedTuple):
    """A candidate and what it is compared with.

    Attributes:
        head: The candidate: the tree to judge.
        base: What it is a change to; None examines everything.
        frozen: The files of the published state; None where nothing is published, or the base is published.
        line: The history that ends at the published state; None where there is none.
        published: The published commit; None where nothing is published.
        words: What is compared, for people.
        root: The folder that paths are relative to; None without a work tree.
        repository: The repository; None for a plain folder.
        tip: The last commit of the change, where it is a change between two revisions.
        on_disk: True where the files of the work tree are judged, also where they do not differ from HEAD.
    """

    head: Tree
    base: Tree | None = None
    frozen: Tree | None = None
    line: FirstParentHistory | None = None
    published: str | None = None
    words: str = ""
    root: Path | None = None
    repository: Repository | None = None
    tip: str | None = None
    on_disk: bool = False

    def close(self) -> None:
        """End the process that reads Git."""
        if self.repository is not None:
            self.repository.close()


def find_base(repository: Repository, main: str | None, *tips: str) -> str | None:
    """The commit where a history left a published one, the newest of several; None where nothing is published.

    Args:
        repository: The registry.
        main: The full id of the published commit.
        tips: The full id of the last commit of the history; several for a merge in progress.

    Raises:
        ShallowHistoryError: A shallow clone does not reach back to it.
    """
    return None if main is None else merge_base(repository.git, main, *tips)


def find_published(repository: Repository, *tips: str) -> str | None:
    """The published commit that a history builds on: where it left the main branch; None without a main branch.

    Args:
        repository: The registry; its ``doubt`` becomes what is uncertain about the main branch.
        tips: As for ``find_base``.

    Raises:
        ShallowHistoryError: A shallow clone does not reach back to it.
        NotFoundError: Git's setting for the main branch names a missing branch.
    """
    main = main_branch(repository.git)
    repository.doubt = "" if main is None else main.doubt
    return find_base(repository, None if main is None else main.tip, *tips)


def read_published(repository: Repository, tip: str | None) -> Published:
    """The published state that gates are evaluated against, for a change made on a commit.

    Args:
        repository: The registry.
        tip: The full id of the commit; None before the first. Without a main branch it is published itself.

    Raises:
        ShallowHistoryError: A shallow clone does not reach back to it.
        NotFoundError: Git's setting for the main branch names a missing branch.
    """
    from registry_tool.promotion.context import Published

    if tip is None:
        return Published(Catalog(DictTree({})), None)
    commit = find_published(repository, tip) or tip
    return Published(Catalog(repository.tree(commit)), FirstParentHistory(repository.git, commit))


def _compare(
    repository: Repository,
    head: Tree,
    base: Tree | None,
    published: str | None,
    words: str = "",
    *,
    tip: str | None = None,
    on_disk: bool = False,
) -> TreeComparison:
    """A comparison in a repository; the published files are the base where that is the published commit."""
    frozen = line = None
    if published is not None:
        is_same = isinstance(base, CommitTree) and base.commit == published
        frozen = base if is_same else repository.tree(published)  # a tree keeps what was read
        line = FirstParentHistory(repository.git, published)
    root = repository.git.work_tree
    return TreeComparison(
        head, base, frozen, line, published, words, root, repository, tip, on_disk=on_disk
    )


def compare_edit(
    repository: Repository, before: Tree, after: Tree, tip: str | None
) -> TreeComparison:
    """An edit with the state that it was made on.

    Args:
        repository: The registry.
        before: That state: a commit's files, or those of the work tree.
        after: The same with the edit.
        tip: The commit that the edit is made on; None before the first. Without a main branch it is published itself.

    Raises:
        ShallowHistoryError: A shallow clone does not reach back to the main branch.
        NotFoundError: Git's setting for the main branch names a missing branch.
    """
    base = before if before.entry(REGISTRY) else None
    if tip is None:
        return TreeComparison(after, base, repository=repository)
    published = find_published(repository, tip) or tip
    return _compare(repository, after, before, published)._replace(base=base)


def compare_push(
    repository: Repository, published: str | None, commit: str
) -> TreeComparison | None:
    """A pushed branch with the main branch; None where it has nothing to do with a registry.

    Args:
        repository: The repository with the pushed commits.
        published: The tip of the main branch; None if it does not exist yet.
        commit: The tip of the branch.

    Raises:
        MalformedTreeError: The root of the branch cannot be read in one way.
        ShallowHistoryError: The repository is shallow and lacks the commit where the branch left the main one.
    """
    head = repository.tree(commit)
    has_registry = head.entry(REGISTRY) is not None
    if published is None:
        return TreeComparison(head, repository=repository) if has_registry else None
    if not has_registry and not are_related(repository.git, published, commit):
        return None
    base = merge_base(repository.git, published, commit)
    return _compare(repository, head, repository.tree(base), base, tip=commit)


def compare_steps(
    repository: Repository, steps: Sequence[NamedStep], since: str
) -> Iterator[tuple[NamedStep, TreeComparison]]:
    """Each step of a first-parent line with the step before, as if that were published.

    Args:
        repository: Where the commits can be read.
        steps: The steps, oldest first.
        since: The published commit before the first of them; empty where nothing is published.
    """
    from registry_tool.git.history import UnpublishedHistory

    line = UnpublishedHistory(repository.git, since)
    before = repository.tree(since) if since else None
    for one in steps:
        head = repository.tree(one.step.commit)
        parents = one.step.parents
        if parents and (before is None or before.commit != parents[0]):
            before = repository.tree(parents[0])
        yield one, TreeComparison(head, before, line=line.at(), repository=repository)
        line.add(one)
        before = head


def list_changes(
    published: Tree | Catalog | None, head: Catalog, known: Iterable[TreeChange] | None = None
) -> tuple[Catalog, tuple[Located, ...]]:
    """The published state and what a candidate changes in it; a candidate alone is its own base, and nothing differs.

    Args:
        published: The published files; None where nothing is published.
        head: The candidate.
        known: How they differ, where the caller knows.
    """
    if published is None:
        return head, ()
    base = published if isinstance(published, Catalog) else Catalog(published)
    if base.tree.entry(REGISTRY) is None:
        return head, ()
    differing = differences(base.tree, head.tree) if known is None else known
    found = (_locate(base, head, change) for change in differing)
    return base, tuple(filter(None, found))


def _locate(base: Catalog, head: Catalog, change: TreeChange) -> Located | None:
    """A difference and what it is about; None for a file without an id that turns out to be the published one."""
    path, before, after = change
    if before is not None and after is not None and len(before.oid) != len(after.oid):
        published = base.tree.read(path, limit=READ_LIMIT)
        if published is not None and published == head.tree.read(path, limit=READ_LIMIT):
            after = after._replace(oid=before.oid)
    if before == after:
        return None
    # Where files lie was fixed when the registry was made; a change that says otherwise is judged by that.
    place = base.layout.locate(path)
    found = Located(path, before, after, place)
    if place is None or place.model is None or found.added:
        return found
    if place.kind == "dvc" and place.version is None and found.removed:
        return found._replace(erases=place.name in _erased_uploads(base, head, place.model))
    if place.kind != "model" or before is None or after is None or before.mode != after.mode:
        return found
    documents = base.document(path, place), head.document(path, place)
    erases = _only_erases(*documents, _erased_uploads(base, head, place.model))
    return found._replace(upgrades=_only_upgrades(*documents), erases=erases)


def _erased_uploads(base: Catalog, head: Catalog, name: ModelName) -> frozenset[str]:
    """The paths of published files that were uploaded for a version that the change leaves erased."""
    model, after = base.model(name), head.model(name)
    if model is None or model.document is None or after is None:
        return frozenset()
    versions: dict[str, list[str]] = {}
    for entry in records(model.document.data, "artifacts"):
        if version := text(entry, "version"):
            versions.setdefault(version, []).append(text(entry, "path"))
    erased = (v for v in versions if find_state(after.version(v)) == "erased")
    return frozenset(path for version in erased for path in versions[version])


def _only_erases(before: Document | None, after: Document | None, uploads: frozenset[str]) -> bool:
    """True where a ``model.yaml`` loses some of these uploads, and says the same otherwise."""
    if not uploads or before is None or after is None:
        return False
    if before.data is None or after.data is None:
        return False
    left = [e for e in records(before.data, "artifacts") if text(e, "path") not in uploads]
    others = [{k: v for k, v in d.items() if k != "artifacts"} for d in (before.data, after.data)]
    return others[0] == others[1] and left == records(after.data, "artifacts")


def _only_upgrades(before: Document | None, after: Document | None) -> bool:
    """True where a manifest names a later version of its schema, and no other byte differs."""
    if before is None or after is None or before.data is None or after.data is None:
        return False
    old, new = text(before.data, "schema"), text(after.data, "schema")
    is_later = int(old.rpartition("/v")[2]) < int(new.rpartition("/v")[2])
    return is_later and before.source.replace(old.encode(), new.encode(), 1) == after.source


def _registry_folder(start: Path, top: Path | None) -> Path | None:
    """The nearest folder with a ``registry.yaml``, at or above a path and below the repository's top."""
    here = start.absolute()
    for folder in (here, *here.parents):
        if folder == top:
            return None
        if (folder / REGISTRY).is_file():
            return folder
    return None


def _compare_folder(source: str | Path) -> TreeComparison | None:
    """A folder outside Git, or one below a Git repository that is itself no registry."""
    if is_url(str(source)):
        return None
    git = find_repository(Path(source))
    if git is not None and (git.work_tree is None or (git.work_tree / REGISTRY).exists()):
        return None
    found = _registry_folder(Path(source), None if git is None else git.work_tree)
    if found is None:
        return None
    return TreeComparison(FolderTree(found), words="all files in this folder", root=found)


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


def _shorten(revision: str) -> str:
    """A revision as a person can read it: of a whole commit id its beginning, as hooks and CI pass ids."""
    return revision[:12] if _ID.fullmatch(revision) else revision


def _compare_revisions(
    repository: Repository, base: str | None, head: str | None
) -> TreeComparison:
    tip = _commit(repository, head or "HEAD")
    on_disk = head is None and repository.git.work_tree is not None
    tree: Tree = repository.work() if on_disk else repository.tree(tip)
    shown = "the working tree" if on_disk else _shorten(head or "HEAD")
    if base is None:
        published = find_published(repository, tip)
        words = f"all files at {shown}"
        return _compare(repository, tree, None, published, words, on_disk=on_disk)
    commit = _commit(repository, base)
    parted = merge_base(repository.git, commit, tip)
    since = _shorten(base) if parted == base else f"{_shorten(base)} ({parted[:12]})"
    words = f"changes in {shown} since {since}"
    if parted == commit and not are_related(repository.git, commit, tip):
        words += ", which shares no history with it"
    before = repository.tree(parted)
    return _compare(repository, tree, before, parted, words, tip=tip, on_disk=on_disk)


def _compare_checkout(repository: Repository, *, staged: bool) -> TreeComparison:
    """The staged files, or those of the work tree, with HEAD."""
    git, tip = repository.git, repository.git.head()
    # While a merge is under way, what it brings in may be published already.
    published = None if tip is None else find_published(repository, tip, *merge_heads(git))
    head: Tree = repository.open_staged() if staged else repository.work()
    base: Tree | None = head_tree(git, repository.reader)
    shown = "the index" if staged else "the working tree"
    words = "staged changes" if staged else "changes in the working tree since HEAD"
    if tip is None:
        words, base = f"all files in {shown}: there is no commit yet", None
    elif base is not None and next(differences(base, head), None) is None:
        words = f"all files: no changes in {shown} since HEAD"
        # The same files, by ids that verdicts can be remembered by.
        head, base = repository.tree(tip), None
    return _compare(repository, head, base, published, words, on_disk=not staged)


def _check_registry(comparison: TreeComparison, source: str | Path) -> None:
    """Refuse what neither is a registry nor was one: a deleted ``registry.yaml`` is for a rule to find.

    Raises:
        NotARegistryError: There is no ``registry.yaml``.
    """
    head, base = comparison.head, comparison.base
    try:
        root = head.entry(REGISTRY) or (None if base is None else base.entry(REGISTRY))
    except MalformedTreeError:
        return  # for the check to report
    if root is None:
        raise NotARegistryError(
            f"{shown_url(str(source))} is a Git repository but not a registry: it has no {REGISTRY}",
            remedy="create one: registry init DIR --name NAME",
        )


def compare_arguments(
    source: str | Path | Repository,
    *,
    everything: bool = False,
    staged: bool = False,
    base: str | None = None,
    head: str | None = None,
) -> TreeComparison:
    """What the arguments of a check select.

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
    folder = None if isinstance(source, Repository) else _compare_folder(source)
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
            found = _compare_revisions(repository, base, head)
        else:
            found = _compare_checkout(repository, staged=staged)
        _check_registry(found, repository.source)
    except RegistryError:
        repository.close()
        raise
    return found._replace(base=None, words="all files", tip=None) if everything else found
