"""The console script, and its one short cut.

``registry resolve REF`` is what a serving process or a deploy script asks again and again, and importing click is half
of its time (docs/decisions/0012). In its plain form, and where all goes well, it is answered here; anything
else, every note and every error, is the command's own business.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

__all__ = ["answer", "main"]

_OPTIONS = {"--repo": "repo", "--ref": "ref", "--format": "form"}


class _Question(NamedTuple):
    reference: str
    repo: str = ""
    ref: str = ""
    form: str = "text"


def _question(arguments: Sequence[str]) -> _Question | None:
    """The question, when it is asked in the plain form: a reference, and options with their values."""
    if len(arguments) < 2 or arguments[0] != "resolve":  # noqa: PLR2004 (the command and its reference)
        return None
    words, found = list(arguments[1:]), {"repo": os.environ.get("REGISTRY_REPO", "")}
    reference = ""
    while words:
        word = words.pop(0)
        if word in _OPTIONS and words and not words[0].startswith("-"):
            found[_OPTIONS[word]] = words.pop(0)
        elif word.startswith("-") or reference:
            return None
        else:
            reference = word
    if not reference or found.get("form", "text") not in {"text", "json"}:
        return None
    return _Question(reference, **found)


def _answer(question: _Question) -> str | None:
    from registry_tool.cli.answers import answer_data, answer_line, answering_commit
    from registry_tool.cli.plain import harmless, json_text
    from registry_tool.git.clones import is_url
    from registry_tool.git.unfinished import unfinished
    from registry_tool.registry import WORK_TREE, open_registry

    if is_url(question.repo):
        return None  # a network is a matter of notes and warnings
    source = question.repo if question.repo not in {"", "."} else Path.cwd()
    with open_registry(source, ref=question.ref or WORK_TREE) as registry:
        if not question.ref and unfinished(registry.repository.git):
            return None
        found = registry.resolve(question.reference)
        if found.notes:
            return None
        if question.form == "text":
            return harmless(answer_line(found))
        commit = answering_commit(registry, found)
        return None if commit is None else json_text(answer_data(found, commit))


def answer(arguments: Sequence[str]) -> str | None:
    """What ``registry`` with these arguments prints, where that is quickly said; None where the command must run."""
    question = None if "_REGISTRY_COMPLETE" in os.environ else _question(arguments)
    if question is None:
        return None
    try:
        return _answer(question)
    except Exception:  # noqa: BLE001 (the command meets it again, and says it)
        return None


def main() -> None:
    """The console script."""
    said = answer(sys.argv[1:])
    if said is not None:
        try:
            sys.stdout.write(f"{said}\n")
            sys.stdout.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    from registry_tool.cli.main import run

    sys.exit(run())
