"""``registry hooks``."""

from __future__ import annotations

import contextlib
import shlex
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import click

from registry_tool.cli.options import Part
from registry_tool.cli.output.console import say
from registry_tool.errors import OperationalError

if TYPE_CHECKING:
    from pathlib import Path

    from registry_tool.hooks.judge import PushVerdict

__all__ = ["hooks"]

Function = TypeVar("Function", bound=Callable[..., object])

_SAVED = "the previous hook was saved next to it as NAME.replaced"
_INSTALLED = {
    "installed": "installed",
    "updated": "updated",
    "kept": "already installed",
    "edited": f"had been edited, and was restored; {_SAVED}",
    "replaced": f"installed; {_SAVED}",
    "framework": "kept: pre-commit runs registry-check from it",
}
_STATES = {
    "installed": "missing",
    "updated": "from another installation, or not executable",
    "kept": "installed",
    "edited": "edited: differs from what this release writes",
    "replaced": "from another program",
    "framework": "installed: pre-commit runs registry-check from it",
}


@click.group(cls=Part)
def hooks() -> None:
    """For pre-commit and prek, add the hook `registry-check` to .pre-commit-config.yaml instead."""


def _repo_option(function: Function) -> Function:
    return click.option(
        "--repo", metavar="DIR", default=".", envvar="REGISTRY_REPO",
        help="A folder in the registry. Default: the current one.",
    )(function)  # fmt: skip


def _server_option(function: Function) -> Function:
    return click.option(
        "--server", metavar="BARE_DIR", default=None,
        help="A bare repository on a server that users push to.",
    )(function)  # fmt: skip


def _print_guarded(name: str, git_dir: Path, *, is_missing: bool) -> None:
    say(f"guards {name}: HEAD of {git_dir} names it")
    if is_missing:
        say(
            "note:  that branch does not exist; to guard another one: git symbolic-ref HEAD refs/heads/NAME",
            err=True,
        )


@hooks.command(short_help="Install the hooks in this clone, or on a server.")
@_server_option
@_repo_option
@click.option(
    "--force",
    is_flag=True,
    help="Replace hooks of other programs; they are saved next to the new ones.",
)
def install(*, server: str | None, repo: str, force: bool) -> int:
    """Install the hooks pre-commit, pre-merge-commit and pre-push in the clone's hook folder.

    With --server, install the hook pre-receive of a bare repository. It checks each push before any branch moves: the main
    branch, which HEAD names there, can only move forward, and accepts nothing that `registry check` refuses. Every commit
    that main would gain is checked, and no ref accepts a secret or a large file. receive.fsckObjects is switched on.

    Git settings of the bare repository: registry.receive.review (accept, refuse): changes of main that need review;
    registry.receive.branches (report, refuse, off): problems on other branches; registry.receive.timeLimit: the maximum
    number of seconds for a push, 1800 by default; 0 for no limit.

    \b
    Examples:
      registry hooks install
      registry hooks install --repo ~/models --force
      registry hooks install --server /srv/git/models.git
    """
    from registry_tool.hooks.install import install_hooks, install_server_hook
    from registry_tool.hooks.run import find_bare, find_clone, guarded_branch
    from registry_tool.hooks.server import guard_settings

    if server is None:
        for hook in install_hooks(find_clone(repo), force=force):
            say(f"{hook.path}: {_INSTALLED[hook.state]}")
        return 0
    git = find_bare(server)
    for hook in install_server_hook(git, force=force):
        say(f"{hook.path}: {_INSTALLED[hook.state]}")
    for setting, value in guard_settings(git):
        say(f"git config {setting} {value}: set")
    name, is_missing = guarded_branch(git)
    _print_guarded(name, git.git_dir, is_missing=is_missing)
    return 0


@hooks.command(short_help="Report whether the hooks are installed.")
@_server_option
@_repo_option
def status(*, server: str | None, repo: str) -> int:
    """Report whether the hooks are installed as this release writes them; nothing is changed.

    Exit codes: 0 all are, 1 one is not.

    \b
    Examples:
      registry hooks status
      registry hooks status --server /srv/git/models.git
    """
    from registry_tool.hooks.install import inspect_hooks, inspect_server_hook
    from registry_tool.hooks.run import find_bare, find_clone
    from registry_tool.hooks.server import missing_settings

    git = find_clone(repo) if server is None else find_bare(server)
    seen = inspect_hooks(git) if server is None else inspect_server_hook(git)
    for hook in seen:
        say(f"{hook.path}: {_STATES[hook.state]}")
    lacking = [] if server is None else list(missing_settings(git))
    for setting, value, why in lacking:
        say(f"{setting}: not set, {why}")
        say(f"    try:      git -C {shlex.quote(str(git.git_dir))} config {setting} {value}")
    good = all(hook.state in {"kept", "framework"} for hook in seen)
    return 0 if good and not lacking else 1


def _print_line(line: str) -> None:
    """One line for the user who pushes; a closed connection does not change the verdict."""
    with contextlib.suppress(OSError):
        say(f"registry: {line}", err=True)


def _report(judge: Callable[[], PushVerdict]) -> int:
    """Print a verdict; where there is none, for whatever reason, the push is refused."""
    try:
        answer = judge()
    except Exception as exc:  # raised again, after the user who pushes has been informed
        _print_line("the push cannot be checked, so it is refused")
        if isinstance(exc, BrokenPipeError):  # elsewhere a closed output, which is not an error
            raise OperationalError(
                "a program that reads the repository exited unexpectedly"
            ) from exc
        raise
    for line in answer.lines:
        _print_line(line)
    return 1 if answer.refused else 0


@hooks.command(hidden=True)
def receive() -> int:
    """Check a push at the server; for the hook pre-receive, which passes the updates on standard input."""
    from registry_tool.hooks.run import check_received

    return _report(lambda: check_received(sys.stdin.buffer.read()))


@hooks.command(hidden=True)
@click.argument("remote")
def send(*, remote: str) -> int:
    """Check a push in a clone; for the hook pre-push, which passes the updates on standard input."""
    from registry_tool.hooks.run import check_sent

    return _report(lambda: check_sent(remote, sys.stdin.buffer.read()))
