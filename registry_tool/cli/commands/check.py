"""``registry check``."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from registry_tool.api.check import EXIT_CODES, check_hook_repository
from registry_tool.api.check import check as check_registry
from registry_tool.checks.reports.formats import FORMATS, render
from registry_tool.cli.completion import complete_file
from registry_tool.cli.options import notify, notify_of_history, repo_option
from registry_tool.cli.output.console import discard_output, say
from registry_tool.errors import OperationalError

if TYPE_CHECKING:
    from registry_tool.api.interface.types import GitRepository, Report

__all__ = ["check"]

_COLOURS = {"refuse": "red", "review": "yellow", "warn": "yellow", "pass": "green"}
_MANY = 500


@contextmanager
def _counter() -> Iterator[Callable[[int], None]]:
    """A count on standard error, on a terminal with rich, once there are many files."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    try:
        from rich.console import Console
    except ModuleNotFoundError:  # registry-tool-reader does without
        yield lambda _: None
        return

    done = 0
    status = Console(stderr=True).status("checking", spinner="line")

    def count(files: int) -> None:
        nonlocal done
        if done < _MANY <= done + files:
            status.start()
        done += files
        if done >= _MANY:
            status.update(f"checked {done:,} files")

    try:
        yield count
    finally:
        status.stop()


def _show(report: Report, form: str, output: str | None) -> None:
    from registry_tool.checks.reports.text import summary, text_lines
    from registry_tool.cli.output.escape import json_in

    if output is not None:
        try:
            Path(output).write_text(render(report, form), encoding="utf-8")
        except OSError as exc:
            raise OperationalError(f"cannot write {output}: {exc.strerror}") from exc
        say(summary(report), err=True, fg=_COLOURS[report.verdict])
    elif FORMATS[form].is_json:
        click.echo(json_in(render(report, form), sys.stdout.encoding), nl=False)
    elif form != "text":
        click.echo(render(report, form), nl=False)
    else:
        for line in text_lines(report):
            say(line.text, fg=_COLOURS.get(line.tone), dim=line.tone == "detail")


def _select_remote(*, named: bool, published: bool) -> Literal["", "named", "published"]:
    """Which remote is queried. A CI job has credentials, and checks changes that anyone may propose."""
    is_ci = os.environ.get("CI", "").lower() not in {"", "0", "false"}
    if published or (named and is_ci):
        return "published"
    return "named" if named else ""


@click.command()
@click.option("--all", "everything", is_flag=True, help="Check everything, not only changes.")
@click.option("--staged", is_flag=True, help="Check the staged files against HEAD.")
@click.option(
    "--base", metavar="REV", help="Check the changes that --head made since it left this revision."
)
@click.option("--head", metavar="REV", help="Check this revision. Default: the work tree.")
@click.option(
    "--remote",
    is_flag=True,
    help="Also check that the artifact remote has the objects: the remote that the checked files configure.",
)
@click.option(
    "--published-remote", is_flag=True,
    help="The same for CI: query only the published remote, and none if the change configures another.",
)  # fmt: skip
@click.option(
    "--format", "form", type=click.Choice(tuple(FORMATS)), default="text", show_default=True,
    help="The format of the report.",
)  # fmt: skip
@click.option("--output", metavar="FILE", help="Write the report to a file.")
@click.argument("paths", metavar="[PATH]...", nargs=-1, shell_complete=complete_file)
@repo_option
def check(
    *,
    everything: bool,
    staged: bool,
    base: str | None,
    head: str | None,
    remote: bool,
    published_remote: bool,
    form: str,
    output: str | None,
    paths: tuple[str, ...],
    repo: str,
) -> int:
    """Without options, the differences between the work tree and HEAD are checked; if there are none, everything.

    Exit codes: 0 passes, 1 refused, 2 usage, 3 needs review, 4 environment. With --staged, changes that need review
    pass: they are reviewed in the pull request.

    --remote queries the remote that the checked files configure. If a change moves the objects to another remote, that is
    the new one, for every version. With --published-remote, and wherever the variable CI is set, such a change needs
    review instead.

    \b
    Examples:
      registry check                             my changes
      registry check --all                       everything
      registry check --base origin/main          the changes of my branch
      registry check --base A --head B --format github
      registry check models/nlp                  only this folder
    """
    source: str | Path | GitRepository = repo if repo != "." else Path.cwd()
    if staged and repo == ".":
        source = check_hook_repository(Path.cwd()) or source
    notify_of_history(repo)
    with _counter() as count:
        report = check_registry(
            source, paths, everything=everything, staged=staged, base=base, head=head,
            remote=_select_remote(named=remote, published=published_remote),
            workers=None, progress=count, notify=notify,
        )  # fmt: skip
    try:
        _show(report, form, output)
    except BrokenPipeError:
        discard_output()  # the exit code still has the verdict
    if staged and report.verdict == "review":
        return EXIT_CODES["pass"]
    return EXIT_CODES[report.verdict]
