"""A report as JSON, for programs."""

from __future__ import annotations

from registry_tool.checks.findings import Report
from registry_tool.manifests.problems import json_lines

__all__ = ["json_report"]


def json_report(report: Report) -> str:
    """The report as one JSON object; names that are not UTF-8 are escaped."""
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
    return json_lines(data) + "\n"
