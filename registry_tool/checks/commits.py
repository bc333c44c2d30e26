"""The commits of a change, one by one: the state that each would publish, and the files that they add to the repository.

History, ``at``, audits and the check for reused names trust every commit on the first-parent line of the main branch, so
each step of it is checked as a change to the step before. And Git keeps every file of every commit, also of a side branch
and of a commit that a later one reverts, so all of them are checked for secrets and size.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple

from registry_tool.catalog.catalog import Catalog
from registry_tool.checks.comparison import TreeComparison, compare_steps
from registry_tool.checks.engine import check, judge_file, report_malformed
from registry_tool.checks.findings import Finding, Report, in_order
from registry_tool.checks.rule import FileRule, FileView
from registry_tool.checks.rules.file import no_large_blob
from registry_tool.checks.rules.secrets import no_secret
from registry_tool.checks.waivers import apply_waivers
from registry_tool.errors import MalformedTreeError
from registry_tool.git.commit_tree import PickedTree
from registry_tool.git.history import NamedStep, list_steps
from registry_tool.git.log import HistoryStep, log
from registry_tool.git.repository import Repository
from registry_tool.git.shallow import boundary
from registry_tool.git.tree import FILE, SUBMODULE, Entry, Tree, walk
from registry_tool.manifests.layout import REGISTRY

if TYPE_CHECKING:
    from registry_tool.manifests.document import Document

__all__ = [
    "Added",
    "JudgedStep",
    "judge_added",
    "judge_bare_object",
    "judge_files",
    "judge_steps",
    "with_commits",
]

# What stays in the repository when a later commit takes it back, by the ids of the rules about files.
_LASTING: Final = (
    FileRule("F111", "no secret is committed", "refuse", no_secret),
    FileRule("F112", "no payload or large file is in Git", "refuse", no_large_blob),
)
_LASTING_IDS: Final = frozenset(rule.id for rule in _LASTING)
_ID: Final = 12
# Of a branch with more commits only the newest are judged one by one for the notes on it.
_NOTED_STEPS: Final = 500
_NOTED: Final = 5


class JudgedStep(NamedTuple):
    """One step of a first-parent line.

    Attributes:
        step: The commit.
        report: The report on it as a change to the step before; None where neither is a registry.
    """

    step: HistoryStep
    report: Report | None


class Added(NamedTuple):
    """A file that a commit adds.

    Attributes:
        commit: The full id; empty for what is pushed without one.
        catalog: The files of the commit.
        path: From the root.
        entry: Its mode and id.
    """

    commit: str
    catalog: Catalog
    path: str
    entry: Entry


class _Blob(FileView):
    """A file of which the bytes count, whatever manifest it is meant to be."""

    @cached_property
    def document(self) -> Document | None:
        """None: nothing is parsed."""
        return None


def _judge_step(compared: TreeComparison, now: dt.datetime | None) -> Report | None:
    head, base = compared.head, compared.base
    try:
        if base is None or base.entry(REGISTRY) is None:
            return None if head.entry(REGISTRY) is None else check(head, now=now)
    except MalformedTreeError as exc:
        return report_malformed(exc)
    return check(head, base=base, line=compared.line, now=now)


def judge_steps(
    repository: Repository,
    steps: Sequence[NamedStep],
    since: str,
    *,
    skipped: frozenset[str] = frozenset(),
) -> Iterator[JudgedStep]:
    """Judge each step as a change to the step before; only what it changes is looked at.

    Args:
        repository: Where the commits can be read.
        steps: The steps, oldest first.
        since: The published commit before the first of them; empty where nothing is published. Then each is judged by
            the time of its commit, since a history that steps to another server brings waivers that were good in their day.
        skipped: Commits that are not judged.

    Raises:
        GitError: A commit cannot be read.
    """
    for one, compared in compare_steps(repository, steps, since):
        if one.step.commit not in skipped:
            now = None if since else dt.datetime.fromtimestamp(one.step.when, dt.UTC)
            yield JudgedStep(one.step, _judge_step(compared, now))


def _list_added(
    repository: Repository, revisions: Sequence[str], options: Sequence[str], passed: frozenset[str]
) -> Iterator[Added | MalformedTreeError]:
    """The files that commits bring, each content once at a path; and folders that cannot be read."""
    seen: set[tuple[str, str]] = set()
    catalog: Catalog | None = None
    commit = ""
    arguments = ("--raw", "-t", "--diff-merges=first-parent", *options)
    for step, touch in log(repository.git, revisions, (), *arguments):
        if step.commit in passed:
            continue
        if catalog is None or step.commit != commit:
            commit, catalog = step.commit, Catalog(repository.tree(step.commit))
        path, entry = ("", None) if touch is None else (touch.path, touch.after)
        if (touch is not None and entry is None) or (entry and (path, entry.oid) in seen):
            continue
        if entry is not None:
            seen.add((path, entry.oid))
        if entry is None or entry.is_folder:
            try:
                catalog.tree.folder(path)
            except MalformedTreeError as exc:
                yield exc
        elif entry.mode != SUBMODULE:
            yield Added(commit, catalog, path, entry)


def judge_files(
    repository: Repository,
    revisions: Sequence[str],
    *,
    policy: Catalog | None,
    options: Sequence[str] = (),
    passed: frozenset[str] = frozenset(),
    known: Tree | None = None,
    now: dt.datetime | None = None,
) -> tuple[Finding, ...]:
    """What commits bring that must not be in a repository at all, whether or not a later one takes it back.

    Args:
        repository: Where the commits can be read.
        revisions: Full ids of commits; ``^`` before one leaves out what it reaches.
        policy: What severities and waivers come from; None where nothing is published.
        options: More of ``git log``.
        passed: Commits that need no look, since every file of theirs is judged elsewhere.
        known: A tree whose files are judged elsewhere.
        now: The time, for waivers; None is the clock's.

    Raises:
        GitError: A commit cannot be read.
    """
    found: list[Finding] = []
    today = (now or dt.datetime.now(dt.UTC)).date()
    for added in _list_added(repository, revisions, options, passed):
        if isinstance(added, MalformedTreeError):
            found += report_malformed(added).findings
        elif known is None or known.entry(added.path) != added.entry:
            found += judge_added(added, policy, today)
    return in_order(found)


def judge_added(added: Added, policy: Catalog | None, today: dt.date) -> Iterator[Finding]:
    """What is wrong for ever with one file that a commit brings."""
    # Of a link the bytes are where it leads to.
    file = _Blob(added.catalog, added.path, added.entry._replace(mode=FILE))
    found = judge_file(_LASTING, file, added.catalog if policy is None else policy)
    if not found:
        return
    judged = found if policy is None else apply_waivers(found, policy, added.catalog, today)
    for one in judged:
        where = f" (in commit {added.commit[:_ID]})" if added.commit else ""
        yield one._replace(message=one.message + where)


def judge_bare_object(
    repository: Repository, oid: str, name: str, policy: Catalog
) -> Iterator[Finding]:
    """What a file or folder brings that no commit holds.

    Args:
        repository: Where it can be read.
        oid: Its full id.
        name: What to call it in place of a path.
        policy: What severities and waivers come from.

    Raises:
        GitError: It cannot be read.
    """
    found = repository.reader.read(oid, limit=0)
    if found is None:
        return

    def read(of: str, limit: int | None) -> bytes | None:
        blob = repository.reader.read(of, limit=limit)
        return None if blob is None else blob[2]

    tree: Tree = repository.tree(oid)
    if found[1] == "blob":
        tree = PickedTree({name: Entry(FILE, oid)}, read)
    catalog, today = Catalog(tree), dt.datetime.now(dt.UTC).date()
    try:
        for path, entry in walk(tree):
            if entry.mode != SUBMODULE:
                yield from judge_added(Added("", catalog, path, entry), policy, today)
    except MalformedTreeError as exc:
        yield from report_malformed(exc).findings


def _branch(repository: Repository, base: str, tip: str) -> tuple[str, ...]:
    """The commits that a change is made of end in these: the tip, or what the tip as a merge brings to the base."""
    found = repository.reader.read(tip)
    header = b"" if found is None else found[2].split(b"\n\n", 1)[0]
    parents = [
        line.removeprefix(b"parent ").decode()
        for line in header.split(b"\n")
        if line.startswith(b"parent ")
    ]
    if parents == [base]:
        return ()
    return tuple(parents[1:]) if parents[:1] == [base] else (tip,)


def _brought_up(repository: Repository, base: str, steps: Sequence[NamedStep]) -> frozenset[str]:
    """The merges by which a branch took in what is published: what they bring was judged when it was."""
    found = set()
    for step in (one.step for one in steps if len(one.step.parents) > 1):
        # Those of a merge queue bring branches, which the base does not reach.
        arguments = ("rev-list", "--max-count=1", "--end-of-options", *step.parents[1:], f"^{base}")
        if not repository.git.run(*arguments).strip():
            found.add(step.commit)
    return frozenset(found)


def _steps_note(repository: Repository, base: str, tip: str) -> str:
    """A note on commits that only a later one repairs; empty where every commit passes on its own."""
    steps = list_steps(repository.git, tip, base)
    if len(steps) < 2:  # noqa: PLR2004 (one is the change itself)
        return ""
    if len(steps) > _NOTED_STEPS:
        return f"the branch has {len(steps)} commits, too many to check one by one: squash them or use a merge commit"
    skipped = _brought_up(repository, base, steps)
    wrong: list[tuple[HistoryStep, Finding]] = []
    for judged in judge_steps(repository, steps, base, skipped=skipped):
        findings = () if judged.report is None else judged.report.findings
        # Of files that stay in the repository something else is said: a merge commit does not help there.
        found = (f for f in findings if f.severity == "refuse" and f.rule not in _LASTING_IDS)
        wrong += [(judged.step, first) for first in [next(found, None)] if first is not None]
    if not wrong:
        return ""
    step, first = wrong[0]
    return (
        f"{len(wrong)} of {len(steps)} commits would be refused on their own (first {step.commit[:_ID]}:"
        f" {first.path}:{first.line} {first.rule} {first.message}): merge this with a squash or a merge commit, not by rebase"
        " or fast-forward"
    )


def _files_note(findings: Sequence[Finding]) -> Iterator[str]:
    for finding in findings[:_NOTED]:
        secret = f"; {finding.remedy}" if finding.rule == "F111" else ""
        yield (
            f"{finding.path}:{finding.line} {finding.rule} {finding.message}: a later commit removes it, but after a merge"
            f" commit or a rebase it stays in the history of the main branch; squash the branch{secret}"
        )
    if len(findings) > _NOTED:
        yield f"and {len(findings) - _NOTED} more in earlier commits only: squash the branch"


def with_commits(report: Report, repository: Repository, base: str, tip: str) -> Report:
    """A report on a change with notes on the commits that it is made of.

    A commit that only a later one repairs does not refuse a pull request, as it may be squashed or merged in one step. What
    stays in the repository even so keeps it from merging by itself.

    Args:
        report: On the whole change.
        repository: Where the commits can be read.
        base: The commit that it was judged as a change to.
        tip: The last commit of the change.

    Raises:
        GitError: A commit cannot be read.
    """
    ends = _branch(repository, base, tip)
    if not ends or report.verdict == "refuse":
        return report
    cut = boundary(repository.git)
    head, policy = repository.tree(tip), Catalog(repository.tree(base))
    # At the end of a shallow clone a commit looks as if it brought everything.
    whole = [] if cut else ends
    notes = [note for end in whole if (note := _steps_note(repository, base, end))]
    files = judge_files(
        repository, [*ends, f"^{base}"], policy=policy, passed=cut | {tip}, known=head
    )
    grave = [finding for finding in files if finding.severity != "warn"]
    notes += _files_note(grave)
    return report._replace(notes=(*report.notes, *notes), automerge=report.automerge and not grave)
