"""Options that several commands share, and the one way a command opens its registry.

Commands that have commands of their own, such as ``registry alias set``.

The options of commands that may ask for a signature before they go on.

What a command says on standard error while it waits, and after it finished what a killed one had left.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from registry_tool.cli.completion import complete_file
from registry_tool.cli.output.console import say
from registry_tool.errors import UsageError

if TYPE_CHECKING:
    from registry_tool.api.registry import Registry
    from registry_tool.git.repository import Repository

__all__ = [
    "Part",
    "check_signed",
    "finish_interrupted",
    "format_of",
    "format_option",
    "open_for_reading",
    "read_signers",
    "ref_option",
    "repo_option",
    "signers_option",
    "tell",
    "tell_of_history",
    "tell_of_owner",
]

Function = TypeVar("Function", bound=Callable[..., object])


def repo_option(function: Function) -> Function:
    """``--repo``: which registry."""
    return click.option(
        "--repo", metavar="DIR|URL", default=".", envvar="REGISTRY_REPO",
        help="The registry: a folder in it, or a Git URL. Default: the enclosing repository.",
    )(function)  # fmt: skip


def ref_option(function: Function) -> Function:
    """``--ref``: which state of it."""
    return click.option(
        "--ref", metavar="REV", default=None,
        help="A branch, tag or commit. Default: the files as they lie in the work tree.",
    )(function)  # fmt: skip


def format_of(*forms: str) -> Callable[[Function], Function]:
    """``--format``: for people or for programs, in these forms."""
    said = "Text for people, or JSON for programs."
    if "sarif" in forms:
        said = "Text for people, JSON for programs, or SARIF for code scanning services."
    return click.option(
        "--format", "form", type=click.Choice(forms), default="text", show_default=True, help=said
    )


def format_option(function: Function) -> Function:
    """``--format``: for people or for programs."""
    return format_of("text", "json")(function)


def open_for_reading(repo: str, ref: str | None, *, offline: bool = False) -> Registry:
    """The registry a read command works on; a stale clone is said on standard error."""
    import warnings

    from registry_tool.api.registry import (
        WORK_TREE,
        StaleRegistryWarning,
        UntrustedRegistryWarning,
        open_registry,
    )
    from registry_tool.cli.output.console import say
    from registry_tool.git.transaction.journal import describe_interrupted

    source: str | Path = repo if repo != "." else Path.cwd()
    tell_of_history(repo)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", StaleRegistryWarning)
        warnings.simplefilter("ignore", UntrustedRegistryWarning)
        opened = open_registry(source, ref=ref or WORK_TREE, offline=offline)
    if opened.note:
        say(f"note:  {opened.note}", err=True)
    tell_of_owner(opened.repository)
    if ref is None and (what := describe_interrupted(opened.repository.git)):
        say(f"note:  a registry command was interrupted here: {what}", err=True)
        say("  try: registry recover", err=True)
    return opened


# What people look for here, and where it is.
_ELSEWHERE = ("list", "show", "search")


class Part(click.Group):
    """A group that answers an unknown command with where it is, or with near ones."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """See ``click.Group``."""
        name = args[0] if args else ""
        if name and not name.startswith("-") and name not in self.commands:
            import difflib

            shown = sorted(name for name, command in self.commands.items() if not command.hidden)
            near = difflib.get_close_matches(name, shown, n=2)
            meant = [f"registry {name}"] if name in _ELSEWHERE else near
            known = ", ".join(shown)
            hint = f"Did you mean {' or '.join(meant)}?" if meant else f"It has: {known}."
            ctx.fail(f"there is no command {name!r} here. {hint}")
        return super().resolve_command(ctx, args)


Command = TypeVar("Command", bound="Callable[..., object]")
_LIMIT = 1 << 20


def signers_option(function: Command) -> Command:
    """``--signers``: whose signatures count."""
    return click.option(
        "--signers", metavar="FILE", shell_complete=complete_file,
        help="Your own allowed_signers file. Default: the one of the registry, in the state that is read.",
    )(function)  # fmt: skip


def read_signers(path: str | None) -> bytes | None:
    """The content of ``--signers``; None where it is not given.

    Raises:
        UsageError: The file cannot be read.
    """
    if path is None:
        return None
    try:
        with Path(path).open("rb") as file:
            found = file.read(_LIMIT + 1)
    except OSError as exc:
        raise UsageError(f"--signers: {path} cannot be read: {exc.strerror}") from exc
    if len(found) > _LIMIT:
        raise UsageError(f"--signers: {path} is larger than {_LIMIT} bytes")
    return found


def check_signed(registry: Registry, reference: str, signers: str | None) -> None:
    """Go on only where an allowed signer signed the version that a reference means.

    Raises:
        RefusedError: Nobody did.
    """
    from registry_tool.signing.signatures import require_signature

    version = registry.resolve(reference, allow_withdrawn=True).version
    require_signature(registry.repository, version, signers=read_signers(signers))


def tell(words: str) -> None:
    """One line: which command is waited for, or what was finished."""
    say(f"note:  {words}", err=True)


def tell_of_history(repo: str) -> None:
    """From now on, say when the history of a registry that is opened by URL has to be brought: that takes a while."""
    from registry_tool.git.remote.clone_cache import is_url

    if not is_url(repo):
        return
    import logging

    logger = logging.getLogger("registry_tool.git.remote.clone")
    if logger.handlers:
        return
    handler = logging.Handler()
    handler.emit = lambda record: tell(record.getMessage())  # type: ignore[method-assign]  # one line of one kind
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)


def tell_of_owner(repository: Repository | None) -> None:
    """Say that a repository belongs to somebody else, and how it is read."""
    if repository is not None and (words := repository.caution):
        tell(words)


def finish_interrupted(repo: str) -> None:
    """Finish what a killed command left in the registry of a folder, before a command looks at its files.

    Raises:
        OperationalError: Something is in the way.
        UntrustedRepositoryError: The registry belongs to somebody else: then nothing is changed in it.
    """
    from registry_tool.git.command import find_repository
    from registry_tool.git.remote.clone_cache import is_url
    from registry_tool.git.transaction.recovery import recover_pending

    git = None if is_url(repo) else find_repository(Path(repo))
    if git is not None:
        git.check_trusted()
        recover_pending(git, tell=tell)
