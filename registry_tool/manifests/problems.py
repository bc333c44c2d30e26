"""What can be wrong with one file, as a value: place, what was found, what was expected, what mends it."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

__all__ = ["JSON", "JSONPath", "Problem", "is_fatal"]

# Plain data as it comes out of a manifest.
JSON: TypeAlias = dict[str, "JSON"] | list["JSON"] | str | int | float | bool | None
JSONPath: TypeAlias = tuple[str | int, ...]


class Problem(NamedTuple):
    """One thing wrong with one file.

    Attributes:
        code: ``parse``, ``form``, ``schema``, ``schema-version``, ``ambiguous`` or ``lenient``.
        message: One sentence.
        line: Counted from 1.
        column: Counted from 1.
        found: What stands there.
        expected: What should stand there.
        remedy: The next step.
    """

    code: str
    message: str
    line: int = 1
    column: int = 1
    found: str = ""
    expected: str = ""
    remedy: str = ""


def is_fatal(problem: Problem) -> bool:
    """True for a problem that makes the data of a file unusable."""
    return problem.code not in {"ambiguous", "lenient"}
