"""Findings and verdicts: what a check says, as values."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

__all__ = ["EXIT_CODES", "Finding", "Report", "Severity", "Verdict", "decide_verdict"]

Severity = Literal["refuse", "review", "warn"]
Verdict = Literal["pass", "review", "refuse"]

EXIT_CODES: dict[Verdict, int] = {"pass": 0, "refuse": 1, "review": 3}
_RANK: dict[str, int] = {"refuse": 0, "review": 1, "warn": 2}


class Finding(NamedTuple):
    """One thing a rule found.

    Attributes:
        rule: The rule's permanent id, such as ``M203``.
        severity: ``refuse``, ``review`` or ``warn``.
        path: The file, from the root of the registry.
        line: Counted from 1.
        column: Counted from 1.
        message: One sentence.
        found: The value in the file; empty where the message says it.
        expected: The value that would be valid.
        remedy: The next step, or the command that fixes it.
    """

    rule: str
    severity: Severity
    path: str
    line: int
    column: int
    message: str
    found: str = ""
    expected: str = ""
    remedy: str = ""


class Report(NamedTuple):
    """What a check found.

    Attributes:
        verdict: ``pass``, ``review`` or ``refuse``.
        findings: In the order of paths and lines, the grave ones of a line first.
        checked: How many files were looked at.
        notes: What the reader should know about the check itself, such as rules that were skipped.
        kind: What kind of change it is, such as ``version`` or ``alias``; empty where nothing is published to compare
            with, or nothing differs from it.
        automerge: True when the policy of what is published lets a change of this kind merge without a person, and
            the verdict is ``pass``.
    """

    verdict: Verdict
    findings: tuple[Finding, ...]
    checked: int
    notes: tuple[str, ...] = ()
    kind: str = ""
    automerge: bool = False


def decide_verdict(findings: Iterable[Finding]) -> Verdict:
    """The gravest severity decides; warnings pass."""
    grave = {finding.severity for finding in findings}
    if "refuse" in grave:
        return "refuse"
    return "review" if "review" in grave else "pass"


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Each finding once, in the order a reader of the files meets them."""
    return tuple(
        sorted(
            set(findings),
            key=lambda f: (f.path, f.line, f.column, _RANK[f.severity], f.rule, f.message),
        )
    )
