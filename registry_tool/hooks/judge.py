"""Checking pushed branches with the one engine, for the hook of a server and for that of a clone.

A branch is checked as the change that it makes to the main branch; without a main branch, as a whole. A push may contain
any number of branches, so the number of checked branches and of reported lines is limited.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from registry_tool.catalog.catalog import Catalog
from registry_tool.checks.commits import judge_bare_object, judge_files, judge_steps
from registry_tool.checks.comparison import compare_push
from registry_tool.checks.engine import check, report_malformed
from registry_tool.checks.findings import Report, decide_verdict, in_order
from registry_tool.checks.reports.text import finding_lines, summary
from registry_tool.errors import MalformedTreeError, RefusedError
from registry_tool.git.command import Git
from registry_tool.git.history import FirstParentHistory, list_steps
from registry_tool.git.refs import are_related, is_ancestor
from registry_tool.git.remote.ref_updates import RESTORE, Update
from registry_tool.git.repository import Repository
from registry_tool.manifests.layout import REGISTRY
from registry_tool.manifests.problems import inert, one_line

__all__ = [
    "MAX_BRANCHES",
    "BranchChecker",
    "CheckedBranch",
    "PushVerdict",
    "Reply",
    "check_bare_objects",
    "check_new_files",
    "check_steps",
    "describe",
    "describe_findings",
    "keeps_line",
    "restores_line",
    "select_relevant",
    "squash_command",
]

MAX_BRANCHES: Final = 20
_OID: Final = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_ORDER: Final = ("refuse", "review", "warn")
_FINDINGS = 10
_LINES = 120
_LENGTH = 400
_ID = 12
# Each step costs a check, a hundredth of a second.
_MOST_STEPS: Final = 10_000
# At most this number of commits without a registry are compared with the main branch; others are checked anyway.
_ASKED: Final = 100


class CheckedBranch(NamedTuple):
    """One checked branch of a push.

    Attributes:
        update: The branch.
        report: The report of the check; None if it has no registry.
    """

    update: Update
    report: Report | None


class PushVerdict(NamedTuple):
    """The result of a hook for a push.

    Attributes:
        lines: For the user who pushes; limited, and without control characters.
        refused: True if the whole push is refused.
    """

    lines: tuple[str, ...]
    refused: bool


class BranchChecker:
    """Checks branches as changes to the published state.

    Args:
        repository: The repository with the pushed commits.
        published: The tip of the main branch; None if it does not exist yet.
    """

    def __init__(self, repository: Repository, published: str | None) -> None:
        self._repository = repository
        self._published = published
        self._reports: dict[str, Report | None] = {}

    def check(self, updates: Iterable[Update]) -> Iterator[CheckedBranch]:
        """Check branches, at most ``MAX_BRANCHES`` different commits; the others are left out.

        Raises:
            ShallowHistoryError: The repository is shallow and lacks the commit where a branch left the main one.
            GitError: A commit cannot be read.
        """
        for update in updates:
            if update.new not in self._reports:
                if len(self._reports) >= MAX_BRANCHES:
                    continue
                self._reports[update.new] = self._report(update.new)
            yield CheckedBranch(update, self._reports[update.new])

    def _report(self, commit: str) -> Report | None:
        found = self._repository.reader.read(commit, limit=0)
        if found is None or found[1] != "commit":
            return None  # Git takes no such thing for a branch
        try:
            compared = compare_push(self._repository, self._published, commit)
        except MalformedTreeError as exc:
            return report_malformed(exc)
        if compared is None:
            return None
        return check(compared.head, base=compared.base, line=compared.line)


def check_steps(
    repository: Repository, update: Update, published: str | None
) -> Iterator[tuple[str, Report]]:
    """What the steps of the main branch would be one by one, where the push has several; those that pass are left out.

    Args:
        repository: Where the pushed commits can be read.
        update: The main branch.
        published: The commit on its first-parent line that is published; None where nothing is.

    Yields:
        The name of each step and its report; last, a report on files of commits outside the line.

    Raises:
        GitError: A commit cannot be read.
        RefusedError: There are too many steps for one push.
    """
    since = published or ""
    steps = list_steps(repository.git, update.new, since)
    if len(steps) > _MOST_STEPS:
        part = steps[_MOST_STEPS - 1].step.commit
        raise RefusedError(
            f"{update.shown}: the push has {len(steps):,} commits on the first-parent line; at most {_MOST_STEPS:,} are checked per push",
            remedy=f"push them in parts: git push origin {part}:{update.ref}",
        )
    passed = {update.new}  # the tip is judged as what it changes in all
    for step, report in judge_steps(repository, steps, since) if len(steps) > 1 else ():
        if report is not None:
            passed.add(step.commit)
            if report.findings or report.notes:
                yield f"{update.shown} at {step.commit[:_ID]}", report
    if len(passed) == len(steps) and all(len(one.step.parents) < 2 for one in steps):  # noqa: PLR2004 (a merge)
        return
    known = [published] if published else []
    files = check_new_files(repository, [update.new], known, frozenset(passed))
    if files is not None:
        yield f"{update.shown}, in commits outside the first-parent line", files


def check_new_files(
    repository: Repository,
    tips: Sequence[str],
    known: Sequence[str],
    passed: frozenset[str] = frozenset(),
    options: Sequence[str] = (),
) -> Report | None:
    """A report on the files of new commits, which stay in the repository even if a later commit deletes them.

    Args:
        repository: Where the pushed commits can be read.
        tips: The commits that are pushed.
        known: Existing commits, whose history is not checked; the policy comes from the first.
        passed: Commits of which every file is judged elsewhere.
        options: More of ``git log``.

    Returns:
        A report with findings; None where there are none.

    Raises:
        GitError: A commit cannot be read.
    """
    policy = Catalog(repository.tree(known[0])) if known else None
    revisions = [*dict.fromkeys(tips), *(f"^{commit}" for commit in known)]
    found = judge_files(repository, revisions, policy=policy, options=options, passed=passed)
    return Report(decide_verdict(found), found, len(found)) if found else None


def check_bare_objects(
    repository: Repository, objects: Mapping[str, str], published: str
) -> Report | None:
    """A report on files and folders that are pushed without a commit, as the target of a tag.

    Args:
        repository: Where they can be read.
        objects: The ref by the full id of the object it leads to.
        published: The commit that the policy comes from.

    Returns:
        A report with findings; None where there are none.

    Raises:
        GitError: An object cannot be read.
    """
    policy = Catalog(repository.tree(published))
    found = in_order(
        finding
        for oid, ref in objects.items()
        for finding in judge_bare_object(repository, oid, ref, policy)
    )
    return Report(decide_verdict(found), found, len(found)) if found else None


def squash_command(since: str | None) -> str:
    """The command that makes one commit of those since a published one; of all, where nothing is published."""
    if since is None:
        return "git reset --soft $(git rev-list --max-parents=0 HEAD) && git commit --amend"
    return f"git reset --soft {since[:_ID]} && git commit"


def select_relevant(
    repository: Repository, published: str | None, commits: Iterable[str]
) -> Iterator[str]:
    """The commits that contain a registry, or share history with the published one."""
    asked = 0
    for commit in commits:
        try:
            holds = repository.tree(commit).entry(REGISTRY) is not None
        except MalformedTreeError:
            holds = True
        if not holds and published is not None:
            asked += 1
            holds = asked > _ASKED or are_related(repository.git, published, commit)
        if holds:
            yield commit


def describe(judged: CheckedBranch) -> Iterator[str]:
    """A judged branch in words: the count, then the findings, those that decide first."""
    name, report = judged.update.shown, judged.report
    if report is None:
        yield f"{name}: not checked, it has no {REGISTRY}"
        return
    yield f"{name}: {summary(report)}"
    yield from describe_findings(report)


def describe_findings(report: Report) -> Iterator[str]:
    """The notes and findings of a report, those that decide first."""
    yield from (f"note: {note}" for note in report.notes)
    findings = sorted(report.findings, key=lambda f: _ORDER.index(f.severity))
    # A blank line parts the files in a report; here every line counts.
    yield from (line.text for line in finding_lines(findings[:_FINDINGS]) if line.text)
    if len(findings) > _FINDINGS:
        yield f"and {len(findings) - _FINDINGS} more; to list all: registry check --base origin/main"


def _short(line: str) -> str:
    plain = inert(one_line(line))
    return plain if len(plain) <= _LENGTH else f"{plain[:_LENGTH]}…"


class Reply:
    """The words so far, and whether anything was refused."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self.refused = False

    @property
    def said(self) -> bool:
        """True if there is a line to print."""
        return bool(self._lines)

    def say(self, *lines: str) -> None:
        """Add some lines."""
        self._lines += lines

    def refuse(self, message: str, remedy: str) -> None:
        """Refuse the push, and say what to do instead."""
        self.say(message, f"    try:      {remedy}")
        self.refused = True

    def answer(self, last: str) -> PushVerdict:
        """The words, as many as fit a terminal; ``last`` is the last line, however many come before."""
        shown = [_short(line) for line in self._lines[:_LINES]]
        if len(self._lines) > _LINES:
            shown.append(f"and {len(self._lines) - _LINES} more lines")
        return PushVerdict((*shown, _short(last)), self.refused)


def keeps_line(git: Git, published: str, new: str) -> bool:
    """True where a published commit stays on the first-parent line, which history and the ids of a server are read from.

    Args:
        git: The repository.
        published: Its full id.
        new: The full id of the commit that the branch moves to.

    Raises:
        ShallowHistoryError: The clone is shallow and does not reach the commit.
        GitError: Git cannot read the history.
    """
    return FirstParentHistory(git, new).holds(published)


def restores_line(git: Git, published: str, new: str) -> bool:
    """True where a push brings back the first-parent line that an earlier merge in the wrong order has left.

    The published branch is then the second parent of a merge into the commit that was published before. No commit says which of
    two parents was published first, so Git's setting ``registry.restore`` has to name that one.

    Args:
        git: The repository.
        published: The full id of the commit that is published now.
        new: The full id of the commit that the branch moves to.

    Raises:
        ShallowHistoryError: The clone is shallow and does not reach the commits.
        GitError: Git cannot read the history.
    """
    former = git.config(RESTORE) or ""
    return (
        _OID.fullmatch(former) is not None
        and is_ancestor(git, new, published)
        and keeps_line(git, former, new)
        and not keeps_line(git, former, published)
    )
