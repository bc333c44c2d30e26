"""A report as Markdown, for the summary of a CI job or a comment on a pull request.

Whoever opens a pull request writes the paths and values in it, so nothing of a finding may act as Markdown or HTML,
link, or call people: punctuation becomes character references, and what would mention is parted.
"""

from __future__ import annotations

import re
from typing import Final

from registry_tool.checks.findings import Finding, Report

__all__ = ["markdown"]

_LIMIT: Final = 200  # GitHub cuts a job's summary at 1 MiB
_LONGEST: Final = 500
_HEADS: Final = {"pass": "✅ passes", "review": "🟡 needs review", "refuse": "❌ refused"}
_SPACE: Final = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")
_INVISIBLE: Final = re.compile("[\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")
# All ASCII punctuation: a character reference is text to Markdown, never structure (CommonMark 2.5).
_PUNCTUATION: Final = re.compile(r"[!-,./:-@\[-`{-~-]")
# After rendering GitHub looks for mentions and issues in the text; a zero-width space parts them.
_CALLS: Final = frozenset("@#")


def _cell(text: str) -> str:
    short = text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
    plain = _SPACE.sub(" ", _INVISIBLE.sub("�", short)).strip()
    return _PUNCTUATION.sub(
        lambda c: f"&#{ord(c[0])};" + ("&#8203;" if c[0] in _CALLS else ""), plain
    )


def _row(finding: Finding) -> str:
    place = f"{_cell(finding.path)}&#58;{finding.line}"
    words = [_cell(finding.message)]
    for name, text in (("found", finding.found), ("expected", finding.expected)):
        words += [f"{name}: {_cell(text)}"] if text else []
    remedy = _cell(finding.remedy)
    cells = (finding.severity, finding.rule, place, "<br>".join(words), remedy)
    return f"| {' | '.join(cells)} |"


def markdown(report: Report, summary: str) -> str:
    """A heading with the verdict, a table of the findings, and the summary."""
    lines = [f"## Registry check: {_HEADS[report.verdict]}", ""]
    if report.findings:
        lines += ["| Severity | Rule | Where | What | Try |", "| --- | --- | --- | --- | --- |"]
        lines += [_row(finding) for finding in report.findings[:_LIMIT]]
        lines += [""]
    if len(report.findings) > _LIMIT:
        lines += [f"… and {len(report.findings) - _LIMIT} more: run `registry check`", ""]
    lines += [f"{_cell(note)}\\" for note in report.notes]
    return "\n".join([*lines, f"{summary}."]) + "\n"
