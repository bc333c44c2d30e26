"""What ``registry check`` does before it draws: no click, so that the hook of each commit starts without it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from registry_tool.api.artifact_store import ArtifactStore
    from registry_tool.artifacts.remotes.base import Remote
    from registry_tool.checks.findings import Report
    from registry_tool.checks.subject import Subject

__all__ = ["checked"]


def _kind_words(report: Report) -> Iterator[str]:
    """The kind of the change to the published state, and whether it may merge automatically."""
    if report.kind:
        alone = ", may merge automatically" if report.automerge else ""
        yield f"change kind: {report.kind}{alone}"


@contextmanager
def _memory(subject: Subject) -> Iterator[Path | None]:
    """Where verdicts on whole models are kept, filled by a second process meanwhile; None where nothing is kept."""
    from registry_tool.git.commit_tree import CommitTree

    head, repository = subject.head, subject.repository
    if subject.base is not None or repository is None or not isinstance(head, CommitTree):
        yield None
        return
    from registry_tool.checks.worker import going_ahead
    from registry_tool.paths import cache_folder

    kept = cache_folder() / "checks"
    head.gather([""])  # once, not by both
    with going_ahead(repository.git, head.commit, subject.published, kept):
        yield kept


def _by_hand(subject: Subject) -> str:
    """The command that asks the remote which a change names."""
    from registry_tool.git.commit_tree import CommitTree

    if not isinstance(subject.head, CommitTree):
        return "registry check --remote"
    head = subject.head.commit
    return f"git fetch origin {head} && registry check --base {subject.published} --head {head} --remote"


def _same_place(store: ArtifactStore, other: ArtifactStore) -> bool:
    from registry_tool.errors import RemoteError

    try:
        one, two = store.chosen, other.chosen
    except RemoteError:
        return False
    return (one.url, one.options) == (two.url, two.options)


def _with_remote(
    report: Report, subject: Subject, paths: Sequence[str], *, published_only: bool
) -> Report:
    """A report with what the remote lacks; of a change that moves the bytes, the new remote for every version."""
    from registry_tool.api.artifact_store import ArtifactStore, identity
    from registry_tool.catalog.catalog import Catalog
    from registry_tool.checks.remote import Moving, check_remote, moved_by, with_moving

    frozen = subject.frozen
    moved = [] if frozen is None else moved_by(frozen, subject.head)
    if published_only and moved and frozen is not None:
        return with_moving(report, Moving(moved, _by_hand(subject)), frozen, subject.head)
    known = "" if subject.repository is None else identity(subject.repository)
    store, moves, asked = ArtifactStore(Catalog(subject.head), subject.root, known), False, ""
    if moved and frozen is not None:
        moves = not _same_place(store, ArtifactStore(Catalog(frozen), subject.root, known))

    def remote() -> Remote:
        nonlocal asked
        one = store.remote
        why = ", the new one of this change, for every version" if moves else ""
        asked = f"queried the remote {one.name} ({one.url}){why}"
        return one

    report = check_remote(
        report,
        subject.head,
        remote,
        base=None if moves else subject.base,
        published=frozen,
        paths=paths,
    )
    return report._replace(notes=(*report.notes, *filter(None, [asked])))


def checked(
    subject: Subject,
    paths: Sequence[str],
    *,
    remote: Literal["", "named", "published"] = "",
    progress: Callable[[int], None],
) -> Report:
    """The report on a subject, with notes on what was checked.

    Args:
        subject: What is judged.
        paths: Files and folders to which the check is narrowed, from the root of the registry.
        remote: Ask the artifact remote for the bytes too: the one that the subject names, or only the published one.
        progress: Called with the number of files that were looked at since it was called last.
    """
    from registry_tool.checks.engine import check as check_tree

    with _memory(subject) as kept:
        report = check_tree(
            subject.head, base=subject.base, published=subject.frozen, line=subject.line,
            paths=paths, kept=kept, progress=progress,
        )  # fmt: skip
    if subject.on_disk and subject.repository is not None:
        from registry_tool.checks.ignored_files import check_hidden

        report = check_hidden(
            report, subject.head, subject.repository.git,
            base=subject.base, published=subject.frozen, paths=paths,
        )  # fmt: skip
    if subject.tip and subject.published and subject.repository and not paths:
        from registry_tool.checks.commits import with_commits

        report = with_commits(report, subject.repository, subject.published, subject.tip)
    if remote:
        report = _with_remote(report, subject, paths, published_only=remote == "published")
    narrowed = f", in {', '.join(path or 'the whole registry' for path in paths)}" if paths else ""
    doubt = "" if subject.repository is None else subject.repository.doubt
    notes = [f"checked {subject.words}{narrowed}", *_kind_words(report), *report.notes]
    notes += [doubt] if doubt else []
    return report._replace(notes=tuple(notes))
