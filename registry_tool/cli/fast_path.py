"""The console script, and a fast path for two commands.

Serving processes and deploy scripts run ``registry resolve REF`` often, and ``registry check --staged`` runs before each
commit; importing click would be a good part of their time (docs/decisions/0012). Their plain form is handled here where it
succeeds. Everything else, on a terminal, and every error is left to the command.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

__all__ = ["answer", "main"]

_OPTIONS = {"--repo": "repo", "--ref": "ref", "--format": "form"}


class _ResolveRequest(NamedTuple):
    reference: str
    repo: str = ""
    ref: str = ""
    form: str = "text"


def _parse_resolve(arguments: Sequence[str]) -> _ResolveRequest | None:
    """The request, in the plain form: a reference, and options with their values."""
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
    return _ResolveRequest(reference, **found)


def _resolve(request: _ResolveRequest) -> str | None:
    from registry_tool.api.snapshot import WORK_TREE, Snapshot, is_trusted_folder
    from registry_tool.cli.output.escape import harmless, json_text
    from registry_tool.cli.output.resolve import resolved_data, resolved_line

    source = request.repo if request.repo not in {"", "."} else Path.cwd()
    # The command reports notes on a network and on a repository of another user.
    if not is_trusted_folder(source):
        return None
    with Snapshot.open(source, ref=request.ref or WORK_TREE) as registry:
        if not request.ref and registry.interrupted:
            return None
        found = registry.resolve(request.reference)
        if found.notes:
            return None
        if request.form == "text":
            return harmless(resolved_line(found))
        commit = registry.find_commit(found)
        if commit is None:
            return None
        return json_text(resolved_data(found, commit), sys.stdout.encoding)


def _parse_check(arguments: Sequence[str]) -> str | None:
    """The repository whose staged files are checked, in the plain form."""
    match arguments:
        case ["check", "--staged"]:
            return os.environ.get("REGISTRY_REPO", "")
        case ["check", "--staged", "--repo", repo] | ["check", "--repo", repo, "--staged"]:
            return repo
    return None


def _in_hook() -> bool:
    return bool(os.environ.get("GIT_DIR") or os.environ.get("REGISTRY_HOOK_GIT_DIR"))


def _check_staged(repo: str) -> str | None:
    from registry_tool.api.check import quick_staged_check

    named = repo not in {"", "."}
    report = quick_staged_check(repo if named else Path.cwd(), in_hook=_in_hook() and not named)
    if report is None or report.verdict == "refuse":
        return None
    from registry_tool.checks.reports.text import text_lines
    from registry_tool.cli.output.escape import harmless

    return "\n".join(harmless(line.text) for line in text_lines(report))


def answer(arguments: Sequence[str]) -> str | None:
    """The output of ``registry`` with these arguments, if the fast path handles them; None if the command must run."""
    if "_REGISTRY_COMPLETE" in os.environ:
        return None
    request, repo = _parse_resolve(arguments), _parse_check(arguments)
    try:
        if request is not None:
            return _resolve(request)
        if repo is not None and not (sys.stdout.isatty() or sys.stderr.isatty()):
            return _check_staged(repo)
    except Exception:  # noqa: BLE001 (the command fails again, and reports it)
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
        os._exit(0)  # everything is closed and written; finalizing the interpreter takes 5 ms
    from registry_tool.cli.main import run

    sys.exit(run())
