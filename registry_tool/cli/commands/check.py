"""``registry check``."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from registry_tool.api.check import checked
from registry_tool.cli.completion import complete_file
from registry_tool.cli.options import repo_option
from registry_tool.cli.output.console import nobody_reads, say
from registry_tool.errors import NotFoundError, OperationalError, UsageError

if TYPE_CHECKING:
    from registry_tool.checks.findings import Report
    from registry_tool.checks.subject import Subject
    from registry_tool.git.repository import Repository

__all__ = ["check"]

_FORMS = ("text", "json", "sarif", "github", "markdown")
_COLOURS = {"refuse": "red", "review": "yellow", "warn": "yellow", "pass": "green"}
_MANY = 500


@contextmanager
def _counter() -> Iterator[Callable[[int], None]]:
    """Counts on standard error, on a terminal with rich, once there is a lot to count."""
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


def _below(place: Path, root: Path) -> str | None:
    """A path from the root of the registry; None when it lies outside."""
    for one, other in ((place, root), (place.parent.resolve() / place.name, root.resolve())):
        shown = os.path.relpath(os.path.normpath(one), other)
        if shown != ".." and not shown.startswith(f"..{os.sep}"):
            return "" if shown == "." else Path(shown).as_posix()
    return None


def _narrowed(subject: Subject, paths: tuple[str, ...]) -> list[str]:
    """Paths as they stand in the tree, from paths in the current folder or in the registry."""

    def known(path: str | None) -> bool:
        trees = [subject.head] if subject.base is None else [subject.head, subject.base]
        return path is not None and any(
            tree.entry(path) is not None or tree.folder(path) for tree in trees
        )

    found: list[str] = []
    for path in paths:
        here = _below(Path.cwd() / path, subject.root) if subject.root is not None else None
        plain = path.rstrip("/").removeprefix("./")
        inner = plain if ".." not in plain.split("/") and not path.startswith("/") else None
        pick = next((p for p in (here, inner) if known(p)), None)
        if pick is None and here is None and inner is None:
            raise UsageError(f"{path!a} lies outside the registry", remedy="name paths inside it")
        if pick is None:
            raise NotFoundError(
                f"there is no {path!a} in the registry", remedy="is it spelled right?"
            )
        found.append(pick)
    return found


def _show(report: Report, form: str, output: str | None) -> None:
    from registry_tool.checks.reports.text import render, summary, text_lines
    from registry_tool.cli.output.escape import json_in

    if output is not None:
        try:
            Path(output).write_text(render(report, form), encoding="utf-8")
        except OSError as exc:
            raise OperationalError(f"{output} cannot be written: {exc.strerror}") from exc
        say(summary(report), err=True, fg=_COLOURS[report.verdict])
    elif form in {"json", "sarif"}:
        click.echo(json_in(render(report, form), sys.stdout.encoding), nl=False)
    elif form != "text":
        click.echo(render(report, form), nl=False)
    else:
        for line in text_lines(report):
            say(line.text, fg=_COLOURS.get(line.tone), dim=line.tone == "detail")


def _hooked() -> Repository | None:
    """The repository of the hook that this runs in, where it lies apart from its work tree."""
    from registry_tool.git.repository import Repository, hooked_repository

    git = hooked_repository(Path.cwd())
    return None if git is None else Repository(git, source=str(git.place))


def _asked_remote(*, named: bool, published: bool) -> Literal["", "named", "published"]:
    """Which remote is asked. What runs in CI has credentials, and checks what anybody may propose."""
    is_ci = os.environ.get("CI", "").lower() not in {"", "0", "false"}
    if published or (named and is_ci):
        return "published"
    return "named" if named else ""


@click.command()
@click.option("--all", "everything", is_flag=True, help="Check everything, not only what differs.")
@click.option("--staged", is_flag=True, help="Check what is staged, against HEAD.")
@click.option("--base", metavar="REV", help="Check what changed since --head left this revision.")
@click.option("--head", metavar="REV", help="Check this revision. Default: the work tree.")
@click.option(
    "--remote",
    is_flag=True,
    help="Also ask the artifact remote whether it has the bytes: the one that the checked files name.",
)
@click.option(
    "--published-remote", is_flag=True,
    help="The same for CI: ask the published remote only, and none when the change names another.",
)  # fmt: skip
@click.option(
    "--format", "form", type=click.Choice(_FORMS), default="text", show_default=True,
    help="How to write the report.",
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
    """Check the registry, a change, or what is staged.

    Without options, what differs between the work tree and HEAD is checked; when nothing does, everything. Exit
    codes: 0 passes, 1 refused, 2 usage, 3 needs review, 4 environment. With --staged, what needs review passes: the
    pull request is where it is reviewed.

    --remote asks the remote that the checked files name: of a change that moves the bytes, the new one, for every
    version. With --published-remote, and wherever the variable CI is set, such a change needs review instead.

    \b
    Examples:
      registry check                             what I changed
      registry check --all                       everything
      registry check --base origin/main          what my branch changes
      registry check --base A --head B --format github
      registry check models/nlp                  only what lies there
    """
    from registry_tool.checks.findings import EXIT_CODES
    from registry_tool.checks.subject import choose
    from registry_tool.cli.options import tell_of_history, tell_of_owner

    source: str | Path | Repository = repo if repo != "." else Path.cwd()
    if staged and repo == ".":
        source = _hooked() or source
    tell_of_history(repo)
    subject = choose(source, everything=everything, staged=staged, base=base, head=head)
    tell_of_owner(subject.repository)
    try:
        with _counter() as count:
            report = checked(
                subject, _narrowed(subject, paths), progress=count,
                remote=_asked_remote(named=remote, published=published_remote),
            )  # fmt: skip
    finally:
        subject.close()
    try:
        _show(report, form, output)
    except BrokenPipeError:
        nobody_reads()  # and the verdict stands
    if staged and report.verdict == "review":
        return EXIT_CODES["pass"]
    return EXIT_CODES[report.verdict]
