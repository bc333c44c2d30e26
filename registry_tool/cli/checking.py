"""What ``registry check`` does before it draws: no click, so that the hook of each commit starts without it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from registry_tool.checks.findings import Report
    from registry_tool.checks.subject import Subject

__all__ = ["checked"]


def _kind_words(report: Report) -> Iterator[str]:
    """What kind of change it is to what is published, and whether that needs a person."""
    if report.kind:
        alone = "; it may merge by itself" if report.automerge else ""
        yield f"a change of kind {report.kind} to what is published{alone}"


@contextmanager
def _memory(subject: Subject) -> Iterator[Path | None]:
    """Where verdicts on whole models are kept, filled by a second process meanwhile; None where nothing is kept."""
    from registry_tool.git.stored import CommitTree

    head, repository = subject.head, subject.repository
    if subject.base is not None or repository is None or not isinstance(head, CommitTree):
        yield None
        return
    from registry_tool.checks.ahead import going_ahead
    from registry_tool.places import cache_folder

    kept = cache_folder() / "checks"
    head.gather([""])  # once, not by both
    with going_ahead(repository.git, head.commit, subject.published, kept):
        yield kept


def checked(
    subject: Subject, paths: Sequence[str], *, remote: bool, progress: Callable[[int], None]
) -> Report:
    """The report on a subject, with notes on what was checked.

    Args:
        subject: What is judged.
        paths: Files and folders to which the check is narrowed, from the root of the registry.
        remote: Ask the artifact remote for the bytes too.
        progress: Called with the number of files that were looked at since it was called last.
    """
    from registry_tool.checks.engine import check as check_tree

    with _memory(subject) as kept:
        report = check_tree(
            subject.head, base=subject.base, published=subject.frozen, line=subject.line,
            paths=paths, kept=kept, progress=progress,
        )  # fmt: skip
    if subject.tip and subject.published and subject.repository and not paths:
        from registry_tool.checks.commits import with_commits

        report = with_commits(report, subject.repository, subject.published, subject.tip)
    if remote:
        from registry_tool.catalog.index import Catalog
        from registry_tool.checks.remote import check_remote
        from registry_tool.store import Store

        # The remote that the base names: a change cannot send the question, and our credentials, elsewhere.
        named = subject.head if subject.frozen is None else subject.frozen
        store = Store(Catalog(named), subject.root)
        report = check_remote(
            report, subject.head, lambda: store.remote,
            base=subject.base, published=subject.frozen, paths=paths,
        )  # fmt: skip
    narrowed = f", in {', '.join(path or 'all of it' for path in paths)}" if paths else ""
    notes = [f"checked {subject.words}{narrowed}", *_kind_words(report), *report.notes]
    return report._replace(notes=tuple(notes))
