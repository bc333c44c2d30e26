"""A report as annotations: workflow commands that GitHub's runner reads from the output of a job."""

from __future__ import annotations

from registry_tool.checks.findings import Report
from registry_tool.checks.reports.text import details, summary
from registry_tool.manifests.problems import inert, one_line

__all__ = ["github_report"]


def _escape(text: str, *, attribute: bool = False) -> str:
    """Text in a workflow command: https://github.com/actions/toolkit, ``command.ts``."""
    text = text.replace("%", "%25")
    if attribute:
        for character in "\r\n:,":
            text = text.replace(character, f"%{ord(character):02X}")
    return inert(one_line(text))


def github_report(report: Report) -> str:
    """One command for each finding, and the summary."""
    lines = []
    for finding in report.findings:
        level = "error" if finding.severity == "refuse" else "warning"
        attributes = ",".join(
            f"{name}={_escape(str(value), attribute=True)}"
            for name, value in (
                ("file", finding.path),
                ("line", finding.line),
                ("col", finding.column),
                ("title", f"{finding.rule} {finding.severity}"),
            )
        )
        fields = [f"{name}: {text}" for name, text in details(finding)]
        said = "%0A".join(_escape(words) for words in (finding.message, *fields))
        lines.append(f"::{level} {attributes}::{said}\n")
    return "".join([*lines, f"{summary(report)}\n"])
