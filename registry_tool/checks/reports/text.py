"""Reports of a check as text and JSON for people and programs.

``FORMATS`` picks a writer by name. A finding may hold anything a hostile file holds, so every format escapes what could
end a line, begin a command or draw on a terminal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

from registry_tool.checks.findings import Finding, Report
from registry_tool.manifests.problems import inert, json_lines, one_line

__all__ = [
    "FORMATS",
    "ReportLine",
    "as_json",
    "finding_lines",
    "render",
    "summary",
    "text_lines",
]

_WORDS: Final = (("refuse", "refused"), ("review", "to review"), ("warn", "warning"))


class ReportLine(NamedTuple):
    """One line for a terminal, and what it is about: a severity, ``detail``, ``pass`` or nothing."""

    text: str
    tone: str = ""


def as_json(data: object) -> str:
    """JSON that every reader takes, names that are not UTF-8 included."""
    return json_lines(data) + "\n"


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


def _details(finding: Finding) -> Iterator[tuple[str, str]]:
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
        for name, text in _details(finding):
            yield ReportLine(inert(f"    {name + ':':<10}{text}"), "detail")


def text_lines(report: Report) -> Iterator[ReportLine]:
    """The report for a terminal; the last line is the summary."""
    yield from finding_lines(report.findings)
    if report.findings:
        yield ReportLine("")
    for note in report.notes:
        yield ReportLine(inert(f"note: {one_line(note)}"), "detail")
    yield ReportLine(summary(report), report.verdict)


def _as_text(report: Report) -> str:
    return "".join(f"{line.text}\n" for line in text_lines(report))


def _as_json(report: Report) -> str:
    findings = [
        {
            "rule": f.rule,
            "severity": f.severity,
            "path": f.path,
            "line": f.line,
            "column": f.column,
            "message": f.message,
            "found": f.found,
            "expected": f.expected,
            "remedy": f.remedy,
        }
        for f in report.findings
    ]
    data = {
        "verdict": report.verdict,
        "kind": report.kind or None,
        "automerge": report.automerge,
        "findings": findings,
        "checked": report.checked,
        "notes": list(report.notes),
    }
    return as_json(data)


def _as_sarif(report: Report) -> str:
    from registry_tool.checks.reports.sarif import sarif

    return as_json(sarif(report))


def _escaped(text: str, *, attribute: bool = False) -> str:
    """Text in a workflow command: https://github.com/actions/toolkit, ``command.ts``."""
    text = text.replace("%", "%25")
    if attribute:
        for character in "\r\n:,":
            text = text.replace(character, f"%{ord(character):02X}")
    return inert(one_line(text))


def _as_github(report: Report) -> str:
    """Annotations: commands that GitHub's runner reads from a job's output."""
    lines = []
    for finding in report.findings:
        level = "error" if finding.severity == "refuse" else "warning"
        attributes = ",".join(
            f"{name}={_escaped(str(value), attribute=True)}"
            for name, value in (
                ("file", finding.path),
                ("line", finding.line),
                ("col", finding.column),
                ("title", f"{finding.rule} {finding.severity}"),
            )
        )
        details = [f"{name}: {text}" for name, text in _details(finding)]
        said = "%0A".join(_escaped(words) for words in (finding.message, *details))
        lines.append(f"::{level} {attributes}::{said}\n")
    return "".join([*lines, f"{summary(report)}\n"])


def _as_markdown(report: Report) -> str:
    from registry_tool.checks.reports.markdown import markdown

    return markdown(report, summary(report))


FORMATS: Final[dict[str, Callable[[Report], str]]] = {
    "text": _as_text,
    "json": _as_json,
    "sarif": _as_sarif,
    "github": _as_github,
    "markdown": _as_markdown,
}


def render(report: Report, form: str) -> str:
    """A report as text in one of ``FORMATS``; it ends in a line feed."""
    return FORMATS[form](report)
