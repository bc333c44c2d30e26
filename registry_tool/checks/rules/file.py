"""Rules about one manifest as text: it can be read, has the form, and meets its schema.

The reader of manifests has found these problems already; each rule hands on those of its kind.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from registry_tool.checks.rule import FileRule, FileView, Hit, Rule

__all__ = ["RULES"]

_DIGEST = re.compile(r"[0-9a-f]{32}(?:\.dir)?|[0-9a-f]{40}|[0-9a-f]{64}")
# The digests that some reader of YAML 1.1 or 1.2 takes for a number.
_SIDE = re.compile(rb"^<{7} .*$", re.MULTILINE)
_NUMBER = re.compile(r"[0-9]+(?:e[0-9]+)?|0b[01]+")


def _problems(file: FileView, code: str) -> Iterator[Hit]:
    """The reader's problems of one kind."""
    document = file.document
    if document is None:
        return
    for problem in document.problems:
        if problem.code == code:
            yield Hit(
                problem.message,
                place=(problem.line, problem.column),
                found=problem.found,
                expected=problem.expected,
                remedy=problem.remedy,
            )


def _conflict(file: FileView) -> Hit | None:
    """What Git leaves behind where two branches say different things: a reader sees only broken YAML."""
    side = _SIDE.search(file.source)
    if side is None:
        return None
    return Hit(
        "the file holds both sides of a merge conflict",
        place=(file.source.count(b"\n", 0, side.start()) + 1, 1),
        found=side[0].decode(errors="replace").strip(),
        expected="one of the two sides",
        remedy="keep one side, delete the lines <<<<<<<, ======= and >>>>>>>, then `git add` the file",
    )


def readable(file: FileView) -> Iterator[Hit]:
    """A manifest must be YAML that can be read: UTF-8 text, well-formed.

    A file that cannot be read says nothing, so nothing else is checked about it.

    Mend it: look at the line and column named; most often it is an indent, a bracket or a quote. After a merge that
    conflicted, keep one of the two sides.

    Example:
        ``description: "unfinished`` has no closing quote.
    """
    problems = [*_problems(file, "parse")]
    conflict = _conflict(file) if problems else None
    yield from problems if conflict is None else [conflict]


def form(file: FileView) -> Iterator[Hit]:
    """A manifest must be one plain document: each key once, LF line ends, at most 256 kB and 64 levels.

    Readers of YAML differ about the rest of the language: of two equal keys one keeps the first and another the last,
    and an anchor can make a small file huge. Anchors, aliases, tags and directives are therefore refused.

    Mend it: write the value out where it stands; delete the second key; save the file with LF line ends.

    Example:
        ``owner: speech`` on line 4 and ``owner: vision`` on line 9 of one ``model.yaml``.
    """
    return _problems(file, "form")


def schema(file: FileView) -> Iterator[Hit]:
    """A manifest must meet the JSON Schema of its kind.

    Programs read manifests without looking twice. An unknown field is most often a misspelt one, and would otherwise
    be lost in silence.

    Mend it: the finding names the field, what stands there and what the schema wants.

    Example:
        ``descripton: Tells languages apart`` in a ``model.yaml``: the field is called ``description``.
    """
    return _problems(file, "schema")


def schema_version(file: FileView) -> Iterator[Hit]:
    """The ``schema:`` line must name a version that this registry-tool knows.

    A newer file may mean something that this installation would misread.

    Mend it: upgrade with ``pip install -U registry-tool``, or write the version of the schema that the finding names.

    Example:
        ``schema: version/v7`` where the newest known one is ``version/v1``.
    """
    return _problems(file, "schema-version")


def unambiguous(file: FileView) -> Iterator[Hit]:
    """A value that readers of YAML differ about should stand in quotes.

    ``010`` is 8 to some readers, 10 to others and text to this one; ``no`` is false to some. Here the schema decides,
    but other programs read these files too.

    Mend it: put the value in quotes.

    Example:
        ``version: 1.10`` is the number 1.1 to most readers; ``version: "1.10"`` is not.
    """
    for hit in _problems(file, "ambiguous"):
        # `0b13ec7e…` begins as a number, but no reader takes it for one.
        if not _DIGEST.fullmatch(hit.found) or _NUMBER.fullmatch(hit.found):
            yield hit


def read_alike(file: FileView) -> Iterator[Hit]:
    """A manifest must be YAML 1.2 that every reader of YAML reads alike.

    Some forms are refused by YAML 1.2 and read by many programs, or read differently: ``key: "value"# comment``, a
    dash alone inside brackets, a line inside brackets that is not indented. What is published with such a form keeps
    the value it had, with a warning; a change may not bring a new one.

    Mend it: the finding names the place and what to write there.

    Example:
        ``labels: [-]`` is a list with a dash to some readers and an error to others; write ``labels: ["-"]``.
    """
    return _problems(file, "lenient")


RULES: tuple[Rule, ...] = (
    FileRule("F101", "the file can be read", "refuse", readable, of_problems=True),
    FileRule("F102", "the file has the plain form", "refuse", form, of_problems=True),
    FileRule("F103", "the file meets its schema", "refuse", schema, of_problems=True),
    FileRule(
        "F104", "the version of the schema is known", "refuse", schema_version, of_problems=True
    ),
    FileRule(
        "F106", "values that readers differ about are quoted", "warn", unambiguous, of_problems=True
    ),
    FileRule(
        "F121", "the file is YAML that all read alike", "refuse", read_alike, of_problems=True
    ),
)
