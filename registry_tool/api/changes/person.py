"""Who makes a change, and the exception of a change that the check refuses; without the engine, for programs that start fast."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from registry_tool.errors import CheckFailedError, UsageError

if TYPE_CHECKING:
    from registry_tool.checks.findings import Finding, Report

__all__ = ["Person", "RefusedByCheckError"]

# What Git does not accept in a name or an address (ident.c): brackets, and marks at either end.
_PERSON: Final = re.compile(r"([^<>\s.,:;\"'\\](?:[^<>]*[^<>\s.,:;\"'\\])?) <([^<>\s]+)>")


def _describe(finding: Finding) -> str:
    words = [("found", finding.found), ("expected", finding.expected)]
    shown = [f"{what} {text}" for what, text in words if text]
    return f" ({'; '.join(shown)})" if shown else ""


class RefusedByCheckError(CheckFailedError):
    """A ``CheckFailedError`` with the ``report`` of the check."""

    def __init__(self, message: str, report: Report) -> None:
        first = report.findings[0]
        remedy = "\n       ".join(
            f"{f.path}:{f.line}: {f.rule} {f.message}{_describe(f)}"
            for f in report.findings
            if f.severity == "refuse"
        )
        super().__init__(message, remedy=remedy or first.message)
        self.report = report


class Person(NamedTuple):
    """Who makes a change, as Git records it."""

    name: str
    email: str

    def __str__(self) -> str:
        return f"{self.name} <{self.email}>"

    @classmethod
    def parse(cls, text: str | Person) -> Person:
        """``Name <email>``.

        Raises:
            UsageError: It is not of that form, or Git would drop characters of it.
        """
        if isinstance(text, Person):
            text = str(text)
        match = _PERSON.fullmatch(text)
        if match is None or not text.isprintable():
            raise UsageError(
                f"{text!a} is not a person that Git can record",
                remedy="write the name and the address: Ada Lovelace <ada@example.org>",
            )
        return cls(match[1], match[2])
