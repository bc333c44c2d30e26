"""``registry hooks``."""

from __future__ import annotations

import contextlib
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from registry_tool.cli.options import Part
from registry_tool.cli.output.console import say
from registry_tool.errors import NotARegistryError, OperationalError, UsageError

if TYPE_CHECKING:
    from registry_tool.git.command import Git
    from registry_tool.hooks.judge import PushVerdict

__all__ = ["hooks"]

Function = TypeVar("Function", bound=Callable[..., object])

_BESIDE = "what was there lies beside it as NAME.replaced"
_DONE = {
    "installed": "installed",
    "updated": "brought up to date",
    "kept": "there already",
    "edited": f"had other words in it and is as it should be again; {_BESIDE}",
    "replaced": f"installed; {_BESIDE}",
    "framework": "kept: pre-commit runs registry-check from it",
}
_SEEN = {
    "installed": "missing",
    "updated": "of another installation, or not executable",
    "kept": "in place",
    "edited": "has other words in it than this release writes",
    "replaced": "of another program",
    "framework": "in place: pre-commit runs registry-check from it",
}


@click.group(cls=Part)
def hooks() -> None:
    """Git hooks that check what is committed, pushed and received.

    For pre-commit and prek, put the hook `registry-check` into .pre-commit-config.yaml instead.
    """


def _repo_option(function: Function) -> Function:
    return click.option(
        "--repo", metavar="DIR", default=".", envvar="REGISTRY_REPO",
        help="A folder in the registry. Default: the current one.",
    )(function)  # fmt: skip


def _server_option(function: Function) -> Function:
    return click.option(
        "--server", metavar="BARE_DIR", default=None,
        help="The bare repository on a server that people push to.",
    )(function)  # fmt: skip


def _clone(repo: str) -> Git:
    from registry_tool.git.command import find_repository

    git = find_repository(Path(repo))
    if git is None:
        raise NotARegistryError(
            f"{Path(repo).absolute()} is not in a Git repository",
            remedy="go into a registry, or name one with --repo",
        )
    git.check_trusted()
    return git


def _bare(folder: str) -> Git:
    from registry_tool.git.command import find_repository

    git = find_repository(Path(folder))
    # A folder inside a repository is not it: a slip in the path must not guard another one.
    if git is None or git.place.resolve() != Path(folder).resolve():
        raise UsageError(
            f"{Path(folder).absolute()} is no Git repository",
            remedy="make one: git init --bare --initial-branch=main DIR; or: git clone --bare REGISTRY DIR",
        )
    git.check_trusted()
    return git


def _say_what_is_guarded(git: Git) -> None:
    from registry_tool.git.revisions import find_tip

    ref = git.branch()
    name = "no branch" if ref is None else ref.removeprefix("refs/heads/")
    say(f"guards {name}: that is what HEAD of {git.git_dir} names")
    heads = git.line("for-each-ref", "--count=1", "--format=%(refname)", "refs/heads/")
    if heads and (ref is None or find_tip(git, ref) is None):
        say("note:  it is not there; git symbolic-ref HEAD refs/heads/NAME names another", err=True)


@hooks.command(short_help="Install the hooks in this clone, or on a server.")
@_server_option
@_repo_option
@click.option("--force", is_flag=True, help="Replace hooks of somebody else; they are kept beside.")
def install(*, server: str | None, repo: str, force: bool) -> int:
    """Install the hooks pre-commit, pre-merge-commit and pre-push where Git looks for them.

    With --server, the hook pre-receive of a bare repository: it judges each push before any branch moves. The main
    branch, the one HEAD names there, only grows, and takes nothing that `registry check` refuses. In its Git configuration,
    registry.receive.review (accept, refuse) says what becomes of changes of main that ask for a review, and
    registry.receive.branches (report, refuse, off) of what is wrong on other branches; with off, they are not looked at.
    registry.receive.timeLimit is how many seconds a push may take, 1800 by default; 0 is no limit.
    Each commit that main would gain is judged, and no ref takes a secret or a large file. receive.fsckObjects is switched on.

    \b
    Examples:
      registry hooks install
      registry hooks install --repo ~/models --force
      registry hooks install --server /srv/git/models.git
    """
    from registry_tool.hooks.install import install_hooks, install_server_hook
    from registry_tool.hooks.server import guard_settings

    if server is None:
        for hook in install_hooks(_clone(repo), force=force):
            say(f"{hook.path}: {_DONE[hook.state]}")
        return 0
    git = _bare(server)
    for hook in install_server_hook(git, force=force):
        say(f"{hook.path}: {_DONE[hook.state]}")
    for setting, value in guard_settings(git):
        say(f"git config {setting} {value}: set")
    _say_what_is_guarded(git)
    return 0


@hooks.command(short_help="Say whether the hooks are in place.")
@_server_option
@_repo_option
def status(*, server: str | None, repo: str) -> int:
    """Say whether the hooks are in place and as this release writes them; nothing is changed.

    Exit codes: 0 all are, 1 one is not.

    \b
    Examples:
      registry hooks status
      registry hooks status --server /srv/git/models.git
    """
    from registry_tool.hooks.install import inspect_hooks, inspect_server_hook
    from registry_tool.hooks.server import missing_settings

    git = _clone(repo) if server is None else _bare(server)
    seen = inspect_hooks(git) if server is None else inspect_server_hook(git)
    for hook in seen:
        say(f"{hook.path}: {_SEEN[hook.state]}")
    lacking = [] if server is None else list(missing_settings(git))
    for setting, value, why in lacking:
        say(f"{setting}: not set, {why}")
        say(f"    try:      git -C {shlex.quote(str(git.git_dir))} config {setting} {value}")
    good = all(hook.state in {"kept", "framework"} for hook in seen)
    return 0 if good and not lacking else 1


def _tell(line: str) -> None:
    """One line for who pushes; a pusher who went away changes no verdict."""
    with contextlib.suppress(OSError):
        say(f"registry: {line}", err=True)


def _answered(judge: Callable[[], PushVerdict]) -> int:
    """Tell an answer; where there is none, for whatever reason, nothing passes."""
    try:
        answer = judge()
    except (
        Exception
    ) as exc:  # whatever it is: it is raised again, and who pushes hears of it before
        _tell("the push cannot be judged, so it is refused")
        if isinstance(exc, BrokenPipeError):  # elsewhere a reader who went away, which is no error
            raise OperationalError("a program that reads the repository went away") from exc
        raise
    for line in answer.lines:
        _tell(line)
    return 1 if answer.refused else 0


def _received() -> PushVerdict:
    from registry_tool.git.command import receiving_repository
    from registry_tool.git.remote.ref_updates import received_updates
    from registry_tool.git.repository import Repository
    from registry_tool.hooks.pre_receive import receive as judge
    from registry_tool.hooks.time_limit import limit_time

    git = receiving_repository()
    repository = Repository(git, source=str(git.git_dir))
    try:
        with limit_time(git):
            return judge(repository, received_updates(sys.stdin.buffer.read()))
    finally:
        repository.close()


@hooks.command(hidden=True)
def receive() -> int:
    """Judge a push at the server; for the hook pre-receive, which is told on standard input what is pushed."""
    return _answered(_received)


def _sent(remote: str) -> PushVerdict:
    from registry_tool.git.remote.ref_updates import outgoing_updates
    from registry_tool.git.repository import Repository, hooked_repository
    from registry_tool.hooks.pre_push import send as judge

    git = hooked_repository(Path.cwd()) or _clone(".")
    repository = Repository(git, source=str(git.place))
    try:
        return judge(repository, remote, outgoing_updates(sys.stdin.buffer.read()))
    finally:
        repository.close()


@hooks.command(hidden=True)
@click.argument("remote")
def send(*, remote: str) -> int:
    """Judge a push in a clone; for the hook pre-push, which is told on standard input what is pushed."""
    return _answered(lambda: _sent(remote))
