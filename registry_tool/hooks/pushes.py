"""Judging what is pushed: the one engine, for the hook of a server and for that of a clone.

A branch is judged as the change it makes to the main branch since it left that; with no main branch yet, whole. A push
may hold any number of branches, so only some are looked at, and what is told about them has an end too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from registry_tool.checks.engine import check
from registry_tool.checks.findings import Report
from registry_tool.checks.reports import finding_lines, summary
from registry_tool.git.line import Line
from registry_tool.git.published import parting
from registry_tool.git.repository import Repository
from registry_tool.git.updates import Update
from registry_tool.manifests.layout import REGISTRY
from registry_tool.manifests.shown import inert, one_line

__all__ = ["LOOKED_AT", "Answer", "Judge", "Judged", "Reply", "told"]

LOOKED_AT: Final = 20
_ORDER: Final = ("refuse", "review", "warn")
_FINDINGS = 10
_LINES = 120
_LENGTH = 400


class Judged(NamedTuple):
    """One branch of a push, looked at.

    Attributes:
        update: The branch.
        report: What the check said; None where it holds no registry.
    """

    update: Update
    report: Report | None


class Answer(NamedTuple):
    """What a hook says about a push.

    Attributes:
        lines: For the person who pushes; bounded, and nothing in them can draw on a terminal.
        refused: True when nothing of the push may go in.
    """

    lines: tuple[str, ...]
    refused: bool


class Judge:
    """Checks branches against what is published.

    Args:
        repository: Where the pushed commits can be read.
        published: The tip of the main branch; None when there is none yet.
    """

    def __init__(self, repository: Repository, published: str | None) -> None:
        self._repository = repository
        self._published = published
        self._reports: dict[str, Report | None] = {}

    def look(self, updates: Iterable[Update]) -> Iterator[Judged]:
        """Judge branches; those whose commit would be the 21st one looked at are left out.

        Raises:
            ShallowHistory: The repository does not reach back to where a branch left the main one.
            GitTrouble: A commit cannot be read.
        """
        for update in updates:
            if update.new not in self._reports:
                if len(self._reports) >= LOOKED_AT:
                    continue
                self._reports[update.new] = self._report(update.new)
            yield Judged(update, self._reports[update.new])

    def _report(self, commit: str) -> Report | None:
        found = self._repository.reader.read(commit, limit=0)
        if found is None or found[1] != "commit":
            return None  # Git takes no such thing for a branch
        git = self._repository.git
        head = self._repository.tree(commit)
        if self._published is None:
            return None if head.entry(REGISTRY) is None else check(head)
        if head.entry(REGISTRY) is None and not self._is_related(commit):
            return None
        base = parting(git, self._published, commit)
        return check(head, base=self._repository.tree(base), line=Line(git, base))

    def _is_related(self, commit: str) -> bool:
        arguments = ("merge-base", "--end-of-options", str(self._published), commit)
        return bool(self._repository.git.run(*arguments, allowed=(0, 1)).strip())


def told(judged: Judged) -> Iterator[str]:
    """A judged branch in words: the count, then the findings, those that decide first."""
    name, report = judged.update.shown, judged.report
    if report is None:
        yield f"{name}: not checked, it holds no {REGISTRY}"
        return
    yield f"{name}: {summary(report)}"
    yield from (f"note: {note}" for note in report.notes)
    findings = sorted(report.findings, key=lambda f: _ORDER.index(f.severity))
    # A blank line parts the files in a report; here every line counts.
    yield from (line.text for line in finding_lines(findings[:_FINDINGS]) if line.text)
    if len(findings) > _FINDINGS:
        yield f"and {len(findings) - _FINDINGS} more: registry check --base origin/main lists all"


def _short(line: str) -> str:
    plain = inert(one_line(line))
    return plain if len(plain) <= _LENGTH else f"{plain[:_LENGTH]}…"


class Reply:
    """The words so far, and whether anything was refused."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self.refused = False

    def say(self, *lines: str) -> None:
        """Tell something."""
        self._lines += lines

    def refuse(self, message: str, remedy: str) -> None:
        """Refuse the push, and say what to do instead."""
        self.say(message, f"    try:      {remedy}")
        self.refused = True

    def answer(self, last: str) -> Answer:
        """The words, as many as fit a terminal; ``last`` is the last line, however many come before."""
        shown = [_short(line) for line in self._lines[:_LINES]]
        if len(self._lines) > _LINES:
            shown.append(f"and {len(self._lines) - _LINES} more lines")
        return Answer((*shown, _short(last)), self.refused)
