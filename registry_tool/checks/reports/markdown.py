"""A report as Markdown, for the summary of a CI job or a comment on a pull request; all of a finding is escaped."""

from __future__ import annotations

from typing import Final

from registry_tool.catalog.describe import escape_markdown
from registry_tool.checks.findings import Finding, Report
from registry_tool.checks.reports.text import summary

__all__ = ["markdown_report"]

_LIMIT: Final = 200  # GitHub cuts a job's summary at 1 MiB
_HEADS: Final = {"pass": "✅ passes", "review": "🟡 needs review", "refuse": "❌ refused"}


def _row(finding: Finding) -> str:
    place = f"{escape_markdown(finding.path)}&#58;{finding.line}"
    words = [escape_markdown(finding.message)]
    for name, text in (("found", finding.found), ("expected", finding.expected)):
        words += [f"{name}: {escape_markdown(text)}"] if text else []
    remedy = escape_markdown(finding.remedy)
    cells = (finding.severity, finding.rule, place, "<br>".join(words), remedy)
    return f"| {' | '.join(cells)} |"


def markdown_report(report: Report) -> str:
    """A heading with the verdict, a table of the findings, and the summary."""
    lines = [f"## Registry check: {_HEADS[report.verdict]}", ""]
    if report.findings:
        lines += [
            "| Severity | Rule | Location | Finding | How to fix |",
            "| --- | --- | --- | --- | --- |",
        ]
        lines += [_row(finding) for finding in report.findings[:_LIMIT]]
        lines += [""]
    if len(report.findings) > _LIMIT:
        lines += [f"… and {len(report.findings) - _LIMIT} more: run `registry check`", ""]
    lines += [f"{escape_markdown(note)}\\" for note in report.notes]
    return "\n".join([*lines, f"{summary(report)}."]) + "\n"
