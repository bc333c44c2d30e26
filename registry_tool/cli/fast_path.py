"""The console script, and its two short cuts.

``registry resolve REF`` is what a serving process or a deploy script asks again and again, ``registry check --staged``
runs before each commit, and importing click is a good part of their time (docs/decisions/0012). In their plain form, and
where all goes well, they are answered here; anything else, everything on a terminal and every error, is the command's own
business.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from registry_tool.git.command import Git

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
    from registry_tool.api.snapshot import WORK_TREE, Snapshot
    from registry_tool.cli.output.escape import harmless, json_text
    from registry_tool.cli.output.resolve import answer_data, answer_line, answering_commit
    from registry_tool.git.command import find_repository
    from registry_tool.git.remote.clone_cache import is_url
    from registry_tool.git.transaction.journal import describe_interrupted

    source = question.repo if question.repo not in {"", "."} else Path.cwd()
    # A network and another user's repository are matters of notes and warnings.
    git = None if is_url(question.repo) else find_repository(Path(source))
    if git is None or not git.is_trusted:
        return None
    with Snapshot.open(source, ref=question.ref or WORK_TREE) as registry:
        if not question.ref and describe_interrupted(registry.repository.git):
            return None
        found = registry.resolve(question.reference)
        if found.notes:
            return None
        if question.form == "text":
            return harmless(answer_line(found))
        commit = answering_commit(registry, found)
        if commit is None:
            return None
        return json_text(answer_data(found, commit), sys.stdout.encoding)


def _staged(arguments: Sequence[str]) -> str | None:
    """The repository whose staged files are to be checked, when that is asked in the plain form."""
    match arguments:
        case ["check", "--staged"]:
            return os.environ.get("REGISTRY_REPO", "")
        case ["check", "--staged", "--repo", repo] | ["check", "--repo", repo, "--staged"]:
            return repo
    return None


def _in_a_hook() -> bool:
    return bool(os.environ.get("GIT_DIR") or os.environ.get("REGISTRY_HOOK_GIT_DIR"))


def _hooked() -> Git | None:
    from registry_tool.git.repository import hooked_repository

    return hooked_repository(Path.cwd())


def _verdict(repo: str) -> str | None:
    from registry_tool.git.repository import Repository

    named = repo not in {"", "."}
    git = None if named or not _in_a_hook() else _hooked()
    if git is None:
        repository = Repository.open(repo if named else Path.cwd())
    else:
        repository = Repository(git, source=str(git.place))
    top = repository.git.work_tree
    if repository.caution or top is None or not (top / "registry.yaml").exists():
        return None
    repository.begin_staged()  # and meanwhile everything else is imported
    from registry_tool.api.check import checked
    from registry_tool.checks.subject import choose
    from registry_tool.cli.output.escape import harmless

    import_module("registry_tool.checks.engine")
    subject = choose(repository, staged=True)
    try:
        if subject.base is None:
            return None  # a check of everything, with a bar to watch
        report = checked(subject, (), progress=lambda _: None)
    finally:
        subject.close()
    if report.verdict == "refuse":
        return None
    from registry_tool.checks.reports.text import text_lines

    return "\n".join(harmless(line.text) for line in text_lines(report))


def answer(arguments: Sequence[str]) -> str | None:
    """What ``registry`` with these arguments prints, where that is quickly said; None where the command must run."""
    if "_REGISTRY_COMPLETE" in os.environ:
        return None
    question, repo = _question(arguments), _staged(arguments)
    try:
        if question is not None:
            return _answer(question)
        if repo is not None and not (sys.stdout.isatty() or sys.stderr.isatty()):
            return _verdict(repo)
    except Exception:  # noqa: BLE001 (the command meets it again, and says it)
        return None
    return None


def main() -> None:
    """The console script."""
    said = answer(sys.argv[1:])
    if said is not None:
        from registry_tool.cli.output.escape import print_what_can_be_printed

        print_what_can_be_printed()
        try:
            sys.stdout.write(f"{said}\n")
            sys.stdout.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.stderr.flush()
        os._exit(0)  # everything is closed and said; taking the interpreter apart takes 5 ms
    from registry_tool.cli.main import run

    sys.exit(run())
