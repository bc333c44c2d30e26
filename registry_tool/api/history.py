"""Questions about the past and about differences: audit, diff, events, compare."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from registry_tool.catalog.catalog import Catalog
from registry_tool.catalog.compare import Comparison, compare
from registry_tool.catalog.describe import sentence
from registry_tool.catalog.diff import between
from registry_tool.catalog.events import Event
from registry_tool.catalog.history import (
    HistoryEntry,
    Holding,
    alias_moves,
    holdings,
    list_entries,
    moment,
    newest_entries,
)
from registry_tool.catalog.resolve import find_model
from registry_tool.catalog.review import Review, review
from registry_tool.catalog.review_report import markdown
from registry_tool.checks.comparison import TreeComparison, compare_arguments, read_published
from registry_tool.errors import ShallowHistoryError, UsageError
from registry_tool.git.history import FirstParentHistory
from registry_tool.git.repository import Repository, is_time
from registry_tool.names import ModelName
from registry_tool.promotion.evaluate import describe_gates

if TYPE_CHECKING:
    from registry_tool.api.snapshot import Snapshot

__all__ = [
    "Comparison",
    "Diff",
    "Event",
    "HistoryEntry",
    "Holding",
    "PartialHistory",
    "audit",
    "compare_versions",
    "diff",
    "entries_between",
    "events",
    "list_moves",
    "recent_entries",
    "sentence",
]

_DAY: Final = len("2026-08-01")


def compare_versions(registry: Snapshot, left: str, right: str) -> Comparison:
    """Compare two versions: metrics, artifacts, framework, environment, parameters, lineage, labels.

    Raises:
        NotFoundError: A reference names no version.
    """
    one = registry.resolve(left, allow_withdrawn=True).version
    other = registry.resolve(right, allow_withdrawn=True).version
    return compare(one, other)


def _check_time(name: str, text: str) -> None:
    if not is_time(text):
        raise UsageError(
            f"--{name}: {text!a} is not a day or a time",
            remedy="a time looks like 2026-08-01 or 2026-08-01T12:00:00Z",
        )


def audit(
    registry: Snapshot,
    *,
    model: str | None = None,
    since: str | None = None,
    until: str | None = None,
) -> list[Holding]:
    """Which alias pointed to which version, from when to when, who moved it and why.

    Args:
        registry: The registry; its history up to its commit is read.
        model: Only the aliases of this model.
        since: Leave out what ended before this day (its start, UTC) or RFC 3339 time.
        until: Leave out what began after this day (its end, UTC) or time.

    Raises:
        NotFoundError: There is no such model.
        UsageError: A day or time is not well formed.
        ShallowHistoryError: The clone does not have enough history.
    """
    repository = registry.repository
    tip = registry.commit or repository.commit("HEAD")
    name = None if model is None else ModelName.parse(model)
    after = before = None
    if since is not None:
        _check_time("since", since)
        # A day means its start here, and everywhere else its end.
        after = repository.newest_by(f"{since}T00:00:00Z" if len(since) == _DAY else since, tip)
    if until is not None:
        _check_time("until", until)
        before = repository.newest_by(until, tip)
        if before is None:
            return []
    found = holdings(repository, tip, model=name, since=after, until=before)
    if name is not None and not found:
        find_model(registry.catalog, name)
    return found


@dataclass(frozen=True)
class Diff:
    """The changes between two revisions.

    Attributes:
        events: What changed.
        words: Which revisions were compared, for people.
        base: The commit that was compared with; None where nothing is published.
        head: The commit that has the changes; None for the work tree.
        caution: Why the repository is not trusted; empty where it is.
        report: Renders the Markdown report for a reviewer, which also evaluates gates.
    """

    events: tuple[Event, ...]
    words: str
    base: str | None
    head: str | None
    caution: str
    report: str


def _evaluate_gates(compared: TreeComparison, found: Review) -> list[str]:
    """What the gates say of the versions under review, as far as this clone's history reaches."""
    if compared.repository is None or compared.published is None:
        return []
    head = Catalog(compared.head)
    models = [(head.model(ModelName.parse(v.model)), v.version) for v in found.versions]
    views = [model.version(version) for model, version in models if model is not None]
    try:
        published = read_published(compared.repository, compared.published)
        now = dt.datetime.now(dt.UTC)
        return list(
            describe_gates([view for view in views if view is not None], published, now=now)
        )
    except ShallowHistoryError as exc:
        return [f"not evaluated: {exc.message}; {exc.remedy}"]


def diff(
    source: str | Path | Repository,
    base: str,
    head: str | None = None,
    *,
    with_report: bool = False,
) -> Diff:
    """The changes that one revision made since it left another, as for a pull request.

    Args:
        source: A path in a checkout, a bare repository, or a Git URL.
        base: The revision that the changes are compared with.
        head: The revision with the changes; the work tree by default.
        with_report: Also write the Markdown report for a reviewer.

    Raises:
        NotFoundError: There is no such revision.
        NotARegistryError: There is no ``registry.yaml``.
    """
    compared = compare_arguments(source, base=base, head=head)
    try:
        found = review(Catalog(compared.base or compared.head), Catalog(compared.head))
        report = markdown(found, gates=_evaluate_gates(compared, found)) if with_report else ""
        commit, caution = None, ""
        if compared.repository is not None:
            caution = compared.repository.caution
            commit = compared.repository.commit(head) if head is not None else None
    finally:
        compared.close()
    return Diff(tuple(found.events), compared.words, compared.published, commit, caution, report)


def _net(repository: Repository, base: str, head: str) -> Iterator[HistoryEntry]:
    """What differs between two states that no first-parent history connects."""
    step = next(FirstParentHistory(repository.git, head).steps())
    trees = (Catalog(repository.tree(base)), Catalog(repository.tree(head)))
    for event in between(*trees):
        yield HistoryEntry(event, head, base, moment(step.when), "", "", step.subject)


def entries_between(repository: Repository, base: str | None, head: str) -> list[HistoryEntry]:
    """What happened on a branch between two of its states, oldest first.

    A deploy job knows the state it deployed, ``base``, and must get to ``head``. Where ``base`` is in the first-parent
    history of ``head``, as after every ordinary push, each step reports its changes. Otherwise (the branch was rewound or
    rewritten, or a merge made the published commit its second parent) the steps do not lead from one to the other: then
    the differences between the two states are reported, once for each file, without an author.

    Args:
        repository: The repository that has both.
        base: The full id of the commit before; None for none, at the first push.
        head: The full id of the commit now.

    Raises:
        ShallowHistoryError: The clone does not have enough history.
        GitError: Git cannot read the history.
    """
    line = FirstParentHistory(repository.git, head)
    if base is not None and not line.holds(base):
        return list(_net(repository, base, head))
    layout = Catalog(repository.tree(head)).layout
    steps = list(list_entries(repository, layout, line.touches(since=base or "")))
    return list(chain.from_iterable(reversed(steps)))


def events(registry: Snapshot, base: str | None) -> list[HistoryEntry]:
    """What happened between a revision and this registry's commit (of a work tree: HEAD), oldest first.

    Args:
        registry: The registry.
        base: The revision before; None from the first commit. It may be a commit that was rewound.
    """
    repository = registry.repository
    start = None if base is None else repository.past_commit(base)
    return entries_between(repository, start, registry.commit or repository.commit("HEAD"))


@dataclass(frozen=True)
class PartialHistory:
    """What the history says, as far as this clone has it.

    Attributes:
        entries: What happened.
        missing: Why earlier entries are missing, with the command that fetches them; empty where none are.
    """

    entries: tuple[HistoryEntry, ...]
    missing: str = ""


def _read_available(entries: Iterator[HistoryEntry]) -> PartialHistory:
    found: list[HistoryEntry] = []
    try:
        found.extend(entries)
    except ShallowHistoryError as exc:
        return PartialHistory(tuple(found), f"{exc.message}; run: {exc.remedy}")
    return PartialHistory(tuple(found))


def list_moves(registry: Snapshot, *, since: str = "") -> PartialHistory:
    """Every move and removal of an alias up to this registry's commit, newest first.

    Args:
        registry: The registry.
        since: The full id of a commit on the first-parent line; only what came after it.
    """
    tip = registry.commit or registry.repository.commit("HEAD")
    return _read_available(alias_moves(registry.repository, tip, since=since))


def recent_entries(registry: Snapshot, limit: int) -> PartialHistory:
    """The newest things that happened up to this registry's commit, newest first; at most ``limit``."""
    tip = registry.commit or registry.repository.commit("HEAD")
    return _read_available(islice(newest_entries(registry.repository, tip), limit))
