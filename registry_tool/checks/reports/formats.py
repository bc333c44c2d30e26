"""The formats of a report, one row each. The command's choices, its output and its tests follow from the table.

To add a format, write a module with a function from a report to text, and add a row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from registry_tool.checks.findings import Report

__all__ = ["FORMATS", "ReportFormat", "render"]


class ReportFormat(NamedTuple):
    """One format.

    Attributes:
        module: The module in this package that writes it; it is imported on first use.
        function: A function of the module: from a report to text that ends in a line feed.
        is_json: True for JSON, which is escaped for terminals that cannot show all characters.
    """

    module: str
    function: str
    is_json: bool = False


FORMATS: Final[dict[str, ReportFormat]] = {
    "text": ReportFormat("text", "text_report"),
    "json": ReportFormat("json_report", "json_report", is_json=True),
    "sarif": ReportFormat("sarif", "sarif_report", is_json=True),
    "github": ReportFormat("github", "github_report"),
    "markdown": ReportFormat("markdown", "markdown_report"),
}


def render(report: Report, form: str) -> str:
    """A report as text in one of ``FORMATS``; it ends in a line feed."""
    from importlib import import_module

    row = FORMATS[form]
    written: str = getattr(import_module(f"{__package__}.{row.module}"), row.function)(report)
    return written
