"""A report as text for a terminal, and its summary in one line.

A finding may contain anything that a hostile file contains, so every format escapes characters that could end a line,
start a command or control a terminal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from registry_tool.checks.findings import Finding, Report
from registry_tool.manifests.problems import inert, one_line

__all__ = [
    "ReportLine",
    "details",
    "finding_lines",
    "summary",
    "text_lines",
    "text_report",
]

_WORDS: Final = (("refuse", "refused"), ("review", "to review"), ("warn", "warning"))


class ReportLine(NamedTuple):
    """One line for a terminal, and what it is about: a severity, ``detail``, ``pass`` or nothing."""

    text: str
    tone: str = ""


def summary(report: Report) -> str:
    """The report in one line: ``14 files checked, 2 refused, 1 warning``."""
    counted = {
        words: sum(f.severity == severity for f in report.findings) for severity, words in _WORDS
    }
    counts = [
        f"{n} {words}{'s' if words == 'warning' and n > 1 else ''}"
        for words, n in counted.items()
        if n
    ]
    files = "1 file" if report.checked == 1 else f"{report.checked} files"
    return f"{files} checked, {', '.join(counts) or 'no problems found'}"


def details(finding: Finding) -> Iterator[tuple[str, str]]:
    """The other fields of a finding that are not empty, by label."""
    fields = (
        ("found", finding.found),
        ("expected", finding.expected),
        ("try", finding.remedy),
    )
    return ((name, one_line(text)) for name, text in fields if text)


def finding_lines(findings: Iterable[Finding]) -> Iterator[ReportLine]:
    """Findings for a terminal, by file."""
    path = None
    for finding in findings:
        if path not in {None, finding.path}:
            yield ReportLine("")
        path = finding.path
        place = f"{one_line(finding.path)}:{finding.line}:{finding.column}"
        message = one_line(finding.message)
        yield ReportLine(
            inert(f"{place}: {finding.severity} {finding.rule} {message}"), finding.severity
        )
        for name, text in details(finding):
            yield ReportLine(inert(f"    {name + ':':<10}{text}"), "detail")


def text_lines(report: Report) -> Iterator[ReportLine]:
    """The report for a terminal; the last line is the summary."""
    yield from finding_lines(report.findings)
    if report.findings:
        yield ReportLine("")
    for note in report.notes:
        yield ReportLine(inert(f"note: {one_line(note)}"), "detail")
    yield ReportLine(summary(report), report.verdict)


def text_report(report: Report) -> str:
    """The report as plain text."""
    return "".join(f"{line.text}\n" for line in text_lines(report))
