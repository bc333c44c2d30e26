"""Check a registry, a change or the staged files. Imports no click, so that hooks start fast."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from registry_tool.checks.findings import EXIT_CODES
from registry_tool.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from registry_tool.api.changes.artifact_store import ArtifactStore
    from registry_tool.artifacts.remotes.base import Remote
    from registry_tool.checks.comparison import TreeComparison
    from registry_tool.checks.findings import Report
    from registry_tool.git.repository import Repository

__all__ = ["EXIT_CODES", "check", "check_comparison", "check_hook_repository", "quick_staged_check"]


def _ignore(_: object) -> None:
    pass


def _kind_words(report: Report) -> Iterator[str]:
    """The kind of change to the published state, and whether it may be merged automatically."""
    if report.kind:
        automatic = "; it may be merged automatically" if report.automerge else ""
        yield f"change kind: {report.kind}{automatic}"


_Cache = tuple[Path | None, Callable[[int], None]]


@contextmanager
def _result_cache(compared: TreeComparison, workers: int | None) -> Iterator[_Cache]:
    """The folder that caches verdicts on whole models, None for no cache; and a function that starts workers."""
    from registry_tool.git.commit_tree import CommitTree

    head, repository = compared.head, compared.repository
    if compared.base is not None or repository is None or not isinstance(head, CommitTree):
        yield None, _ignore
        return
    from registry_tool.checks.worker import check_workers
    from registry_tool.paths import cache_folder

    kept = cache_folder() / "checks"
    head.gather([""])
    with check_workers(repository.git, head.commit, compared.published, kept, workers) as start:
        yield kept, start


def _remote_command(compared: TreeComparison) -> str:
    """The command that queries the remote which a change configures."""
    from registry_tool.git.commit_tree import CommitTree

    if not isinstance(compared.head, CommitTree):
        return "registry check --remote"
    head = compared.head.commit
    return f"git fetch origin {head} && registry check --base {compared.published} --head {head} --remote"


def _is_same_remote(store: ArtifactStore, other: ArtifactStore) -> bool:
    from registry_tool.errors import RemoteError

    try:
        one, two = store.chosen, other.chosen
    except RemoteError:
        return False
    return (one.url, one.options) == (two.url, two.options)


def _with_remote(
    report: Report, compared: TreeComparison, paths: Sequence[str], *, published_only: bool
) -> Report:
    """A report with the objects that the remote lacks; for a change that moves them, the new remote and every version."""
    from registry_tool.api.changes.artifact_store import ArtifactStore, identity
    from registry_tool.catalog.catalog import Catalog
    from registry_tool.checks.remote import Moving, check_remote, moved_by, with_moving

    frozen = compared.frozen
    moved = [] if frozen is None else moved_by(frozen, compared.head)
    if published_only and moved and frozen is not None:
        return with_moving(report, Moving(moved, _remote_command(compared)), frozen, compared.head)
    known = "" if compared.repository is None else identity(compared.repository)
    store, moves, asked = ArtifactStore(Catalog(compared.head), compared.root, known), False, ""
    if moved and frozen is not None:
        moves = not _is_same_remote(store, ArtifactStore(Catalog(frozen), compared.root, known))

    def remote() -> Remote:
        nonlocal asked
        one = store.remote
        why = ", the new remote of this change, for every version" if moves else ""
        asked = f"queried the remote {one.name} ({one.url}){why}"
        return one

    report = check_remote(
        report,
        compared.head,
        remote,
        base=None if moves else compared.base,
        published=frozen,
        paths=paths,
    )
    return report._replace(notes=(*report.notes, *filter(None, [asked])))


def check_comparison(
    compared: TreeComparison,
    paths: Sequence[str],
    *,
    remote: Literal["", "named", "published"] = "",
    workers: int | None = 1,
    progress: Callable[[int], None],
) -> Report:
    """Check a compared; the report has notes on its scope.

    Args:
        compared: The trees to check.
        paths: Only these files and folders, from the root of the registry.
        remote: Query the artifact remote too: the one that the compared configures, or only the published one.
        workers: As for ``check``.
        progress: Called with the number of files that were checked since the last call.
    """
    from registry_tool.checks.engine import check as check_tree

    with _result_cache(compared, workers) as (kept, many):
        report = check_tree(
            compared.head, base=compared.base, published=compared.frozen, line=compared.line,
            paths=paths, kept=kept, many=many, progress=progress,
        )  # fmt: skip
    if compared.on_disk and compared.repository is not None:
        from registry_tool.checks.ignored_files import check_hidden

        report = check_hidden(
            report, compared.head, compared.repository.git,
            base=compared.base, published=compared.frozen, paths=paths,
        )  # fmt: skip
    if compared.tip and compared.published and compared.repository and not paths:
        from registry_tool.checks.commits import with_commits

        report = with_commits(report, compared.repository, compared.published, compared.tip)
    if remote:
        report = _with_remote(report, compared, paths, published_only=remote == "published")
    narrowed = f", in {', '.join(path or 'the whole registry' for path in paths)}" if paths else ""
    doubt = "" if compared.repository is None else compared.repository.doubt
    notes = [f"checked {compared.words}{narrowed}", *_kind_words(report), *report.notes]
    notes += [doubt] if doubt else []
    return report._replace(notes=tuple(notes))


def _below(place: Path, root: Path) -> str | None:
    """A path from the root of the registry; None when it is outside."""
    for one, other in ((place, root), (place.parent.resolve() / place.name, root.resolve())):
        shown = os.path.relpath(os.path.normpath(one), other)
        if shown != ".." and not shown.startswith(f"..{os.sep}"):
            return "" if shown == "." else Path(shown).as_posix()
    return None


def _tree_paths(compared: TreeComparison, paths: Sequence[str]) -> list[str]:
    """Paths in the tree, from paths in the current folder or in the registry."""

    def is_known(path: str | None) -> bool:
        trees = [compared.head] if compared.base is None else [compared.head, compared.base]
        return path is not None and any(
            tree.entry(path) is not None or tree.folder(path) for tree in trees
        )

    found: list[str] = []
    for path in paths:
        here = _below(Path.cwd() / path, compared.root) if compared.root is not None else None
        plain = path.rstrip("/").removeprefix("./")
        inner = plain if ".." not in plain.split("/") and not path.startswith("/") else None
        pick = next((p for p in (here, inner) if is_known(p)), None)
        if pick is None and here is None and inner is None:
            raise UsageError(f"{path!a} is outside the registry", remedy="name paths inside it")
        if pick is None:
            raise NotFoundError(
                f"no such path in the registry: {path!a}", remedy="check the spelling"
            )
        found.append(pick)
    return found


def check(
    source: str | Path | Repository,
    paths: Sequence[str] = (),
    *,
    everything: bool = False,
    staged: bool = False,
    base: str | None = None,
    head: str | None = None,
    remote: Literal["", "named", "published"] = "",
    workers: int | None = 1,
    progress: Callable[[int], None] = _ignore,
    notify: Callable[[str], None] = _ignore,
) -> Report:
    """Check the work tree as a change to HEAD, the staged files, a change between revisions, or everything.

    Args:
        source: A path in a checkout, a bare repository or a folder; or a Git URL.
        paths: Only these files and folders.
        everything: Check all files.
        staged: Check the staged files against HEAD.
        base: Check the changes that ``head`` made since it left this revision.
        head: Check this revision; the work tree by default.
        remote: Query the artifact remote too: the one that the checked files configure, or only the published one.
        workers: The number of processes for a full check, this one included; None for as many as ``REGISTRY_WORKERS``,
            ``registry.workers`` or the usable processors. More than one start only where there is much to check.
        progress: Called with the number of files that were checked since the last call.
        notify: Called with a note on a repository that is not trusted.

    Raises:
        NotARegistryError: There is no ``registry.yaml``.
        NotFoundError: There is no such revision or path.
        UsageError: The arguments contradict each other.
    """
    from registry_tool.checks.comparison import compare_arguments

    compared = compare_arguments(source, everything=everything, staged=staged, base=base, head=head)
    if compared.repository is not None and compared.repository.caution:
        notify(compared.repository.caution)
    try:
        narrowed = _tree_paths(compared, paths)
        return check_comparison(
            compared, narrowed, remote=remote, workers=workers, progress=progress
        )
    finally:
        compared.close()


def check_hook_repository(folder: Path) -> Repository | None:
    """The repository of the Git hook that runs, where it is apart from its work tree; None elsewhere."""
    from registry_tool.git.repository import Repository, hooked_repository

    git = hooked_repository(folder)
    return None if git is None else Repository(git, source=str(git.place))


def quick_staged_check(folder: str | Path, *, in_hook: bool) -> Report | None:
    """Check the staged files; None where they are not a change, or need the full command: then nothing was decided.

    Args:
        folder: A folder in the registry.
        in_hook: True where a Git hook runs: then the hook's repository is checked.
    """
    from importlib import import_module

    from registry_tool.git.repository import Repository

    repository = check_hook_repository(Path(folder)) if in_hook else None
    if repository is None:
        repository = Repository.open(folder)
    top = repository.git.work_tree
    if repository.caution or top is None or not (top / "registry.yaml").exists():
        return None
    repository.begin_staged()  # Git runs while the modules are imported
    from registry_tool.checks.comparison import compare_arguments

    import_module("registry_tool.checks.engine")
    compared = compare_arguments(repository, staged=True)
    try:
        # Without a base, everything would be checked, which takes a progress display.
        return None if compared.base is None else check_comparison(compared, (), progress=_ignore)
    finally:
        compared.close()
