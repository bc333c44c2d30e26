"""What all commands that write share: their options, how the registry is opened, and how the result is printed.

A change is written to the work tree by default; ``--commit``, ``--branch`` and ``--push`` make one commit of it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from registry_tool.cli.options import (
    finish_interrupted,
    format_option,
    notify,
    open_for_reading,
    repo_option,
)
from registry_tool.cli.output.console import print_json, progress_bar, say, size_words
from registry_tool.cli.parsing import check_typed
from registry_tool.errors import UsageError

if TYPE_CHECKING:
    from registry_tool.api.changes.publish import Publication, WriteOptions
    from registry_tool.api.interface.types import Progress, StagedArtifact, UploadSummary
    from registry_tool.api.registry import Registry

    Fields = Mapping[str, object]

__all__ = [
    "WriteArguments",
    "open_for_writing",
    "print_publication",
    "writing_options",
    "writing_options_and",
]


class WriteArguments(NamedTuple):
    """The options that every command which writes has."""

    repo: str
    commit: bool
    branch: str | None
    push: bool
    message: str | None
    form: str

    def options(self, progress: Progress) -> WriteOptions:
        """As the API takes them."""
        return {
            "commit": self.commit,
            "branch": self.branch,
            "push": self.push,
            "message": self.message,
            "progress": progress,
            "notify": notify,
            "on_staged": _print_staged,
        }


def _print_staged(one: StagedArtifact) -> None:
    if not one.ingested.size:
        say(f"note:  artifact {one.entry['name']} is empty", err=True)
    for finding in one.findings:
        say(f"warn:  {finding}", err=True, fg="yellow")


_OPTIONS = (
    click.option("--commit", is_flag=True, help="Make one commit on the checked-out branch."),
    click.option(
        "--branch", metavar="NAME",
        help="Make the commit on this branch; a new one starts at HEAD. The work tree does not change.",
    ),
    click.option("--push", is_flag=True, help="Make a commit and push its branch to origin."),
    click.option("--message", "-m", metavar="TEXT", help="The commit message. Default: what the command does."),
    repo_option,
)  # fmt: skip


def writing_options(function: Callable[..., int]) -> Callable[..., int]:
    """The options of a command that writes, passed to it as one value ``how``; all text arguments are checked first."""
    return writing_options_and(format_option)(function)


def writing_options_and(
    form: Callable[[Callable[..., int]], Callable[..., int]],
) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """``writing_options``, with another ``--format``."""

    def decorate(function: Callable[..., int]) -> Callable[..., int]:
        return _with_options(function, (*_OPTIONS[:-1], form, _OPTIONS[-1]))

    return decorate


def _with_options(
    function: Callable[..., int],
    options: tuple[Callable[[Callable[..., int]], Callable[..., int]], ...],
) -> Callable[..., int]:
    @functools.wraps(function)
    def wrapper(**given: object) -> int:
        for name, value in given.items():
            check_typed(name.replace("_", "-"), value)
        how = WriteArguments(**{field: given.pop(field) for field in WriteArguments._fields})  # type: ignore[arg-type]  # click made them
        if how.message is not None and not how.message.strip():
            raise UsageError("--message is empty")
        return function(how=how, **given)

    for option in reversed(options):
        wrapper = option(wrapper)
    return wrapper


@contextmanager
def open_for_writing(how: WriteArguments) -> Iterator[tuple[Registry, WriteOptions]]:
    """The registry, and how a change of it is written; a progress bar is shown on a terminal."""
    finish_interrupted(how.repo)
    with open_for_reading(how.repo, None) as registry, progress_bar() as progress:
        yield registry, how.options(progress)


def print_publication(
    registry: Registry, how: WriteArguments, done: Publication, more: Fields | None = None
) -> int:
    """Print what was done, and the next commands; the exit code.

    Args:
        registry: The registry that was changed.
        how: The options of the command.
        done: What was done.
        more: Further keys of the JSON form.
    """
    if done.uploaded is not None and done.uploaded.warning:
        say(f"warning: {done.uploaded.warning}", err=True, fg="yellow")
    if how.form == "json":
        _print_data(done, more or {})
    else:
        _print_words(done)
        if done.uploaded is not None:
            _print_upload(done.uploaded)
        if done.commit is not None:
            say(f"  committed  {done.commit[:12]} to {done.branch}")
        elif done.files:
            _print_next(registry, done)
        if done.pushed:
            say(f"  pushed     {done.branch} to origin")
    _print_notes(done)
    return 0


def _print_upload(done: UploadSummary) -> None:
    size = size_words(done.size)
    if not done.objects:
        these = f"these {size}" if done.size else "these objects"
        say(f"  uploaded   nothing: {done.remote} already has {these}")
    elif done.objects == done.of:
        say(f"  uploaded   {size} to {done.remote}")
    else:
        say(
            f"  uploaded   {done.objects} of {done.of} objects to {done.remote}, which already had the others"
            f" ({size} in total)"
        )


def _print_data(done: Publication, more: Fields) -> None:
    print_json(
        {
            **more,
            "message": done.change.message,
            "commit": done.commit,
            "branch": done.branch if done.commit is not None else None,
            "files": done.files,
        }
    )


def _print_words(done: Publication) -> None:
    say(done.change.message)
    for path in done.files:
        say(f"  {'wrote' if path in done.change.puts else 'removed':<10} {path}")


def _print_next(registry: Registry, done: Publication) -> None:
    """The commands that commit it, as they work from the current folder."""
    import os
    import shlex

    here, top = Path.cwd().resolve(), (registry.work_tree or Path()).resolve()
    inside = here.is_relative_to(top)
    place = "" if inside else f" -C {shlex.quote(os.path.relpath(top, here))}"
    paths = [os.path.relpath(top / path, here) if inside else path for path in done.files]
    hidden = registry.ignored_paths(done.change.puts)
    for path in hidden:
        say(
            f"warn:  Git ignores {path}; to repair the ignore rules: registry init .",
            err=True,
            fg="yellow",
        )
    force = " -f" if hidden else ""
    say("next:")
    say(f"  git{place} add{force} -- {shlex.join(paths)}")
    say(f"  git{place} commit -m {shlex.quote(done.change.message)}")


def _print_notes(done: Publication) -> None:
    for note in done.change.notes:
        say(f"note:  {note}", err=True)
    for finding in done.report.findings:
        words = f"{finding.path}:{finding.line}: {finding.rule} {finding.message}"
        say(f"{finding.severity}:  {words}", err=True, fg="yellow")
        if finding.remedy:
            say(f"  try: {finding.remedy}", err=True)
