"""Rules that look at one file."""

from __future__ import annotations

from collections.abc import Iterator

from registry_tool.checks.rule import FileRule, FileView, Hit

__all__ = ["RULES"]


def readable(file: FileView) -> Iterator[Hit]:
    """A manifest must be YAML that can be read: UTF-8 text, well-formed.

    A file that cannot be read says nothing, so nothing else is checked about it.

    Mend it: look at the line and column named; most often it is an indent, a bracket or a quote.

    Example:
        ``description: "unfinished`` has no closing quote.
    """
    for problem in file.document.problems if file.document is not None else ():
        if problem.code == "parse":
            yield Hit(
                problem.message,
                place=(problem.line, problem.column),
                found=problem.found,
                expected=problem.expected,
                remedy=problem.remedy,
            )


RULES: tuple[FileRule, ...] = (FileRule("F101", "the file can be read", "refuse", readable),)
