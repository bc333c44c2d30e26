"""Options that several commands share, groups of commands, and how a command opens its registry."""

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

__all__ = [
    "Part",
    "build_format_option",
    "check_signed",
    "finish_interrupted",
    "format_option",
    "notify",
    "notify_of_history",
    "open_for_reading",
    "read_signers",
    "ref_option",
    "repo_option",
    "signers_option",
    "title_option",
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
        help="A branch, tag or commit. Default: the files of the work tree.",
    )(function)  # fmt: skip


def title_option(function: Function) -> Function:
    """``--title``: the reference consists of titles."""
    return click.option(
        "--title", "by_title", is_flag=True,
        help="REF consists of titles, [NAMESPACE/]TITLE[@TITLE], not of the names in paths.",
    )(function)  # fmt: skip


def build_format_option(*forms: str) -> Callable[[Function], Function]:
    """``--format``: for people or for programs, in these forms."""
    said = "Text for people, or JSON for programs."
    if "sarif" in forms:
        said = "Text for people, JSON for programs, or SARIF for code scanning services."
    return click.option(
        "--format", "form", type=click.Choice(forms), default="text", show_default=True, help=said
    )


def format_option(function: Function) -> Function:
    """``--format``: for people or for programs."""
    return build_format_option("text", "json")(function)


def open_for_reading(repo: str, ref: str | None, *, offline: bool = False) -> Registry:
    """The registry that a command reads; a stale clone is reported on standard error."""
    import warnings

    from registry_tool.api.registry import (
        WORK_TREE,
        StaleRegistryWarning,
        UntrustedRegistryWarning,
        open_registry,
    )

    source: str | Path = repo if repo != "." else Path.cwd()
    notify_of_history(repo)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", StaleRegistryWarning)
        warnings.simplefilter("ignore", UntrustedRegistryWarning)
        opened = open_registry(source, ref=ref or WORK_TREE, offline=offline)
    if opened.note:
        say(f"note:  {opened.note}", err=True)
    if opened.caution:
        notify(opened.caution)
    if ref is None and (what := opened.interrupted):
        say(f"note:  a registry command was interrupted here: {what}", err=True)
        say("  try: registry recover", err=True)
    return opened


# What people look for here, and where it is.
_ELSEWHERE = ("list", "show", "search")


class Part(click.Group):
    """A group of commands; an unknown command is answered with similar ones."""

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
            hint = f"Did you mean {' or '.join(meant)}?" if meant else f"Commands: {known}."
            ctx.fail(f"no such command: {name!r}. {hint}")
        return super().resolve_command(ctx, args)


Command = TypeVar("Command", bound="Callable[..., object]")
_LIMIT = 1 << 20


def signers_option(function: Command) -> Command:
    """``--signers``: whose signatures count."""
    return click.option(
        "--signers", metavar="FILE", shell_complete=complete_file,
        help="An allowed_signers file. Default: the one in the registry, in the state that is read.",
    )(function)  # fmt: skip


def read_signers(path: str | None) -> bytes | None:
    """The content of the ``--signers`` file; None if the option is not given.

    Raises:
        UsageError: The file cannot be read.
    """
    if path is None:
        return None
    try:
        with Path(path).open("rb") as file:
            found = file.read(_LIMIT + 1)
    except OSError as exc:
        raise UsageError(f"--signers: cannot read {path}: {exc.strerror}") from exc
    if len(found) > _LIMIT:
        raise UsageError(f"--signers: {path} is larger than {_LIMIT} bytes")
    return found


def check_signed(registry: Registry, reference: str, signers: str | None) -> None:
    """Require that an allowed signer signed the version that a reference names.

    Raises:
        RefusedError: None did.
    """
    registry.require_signature(reference, signers=read_signers(signers))


def notify(words: str) -> None:
    """Print one note: which process is waited for, or what was recovered."""
    say(f"note:  {words}", err=True)


def notify_of_history(repo: str) -> None:
    """Report when the history of a registry that is opened by URL is fetched: that takes a while."""
    from registry_tool.api.snapshot import is_url

    if not is_url(repo):
        return
    import logging

    logger = logging.getLogger("registry_tool.git.remote.clone")
    if logger.handlers:
        return
    handler = logging.Handler()
    handler.emit = lambda record: notify(record.getMessage())  # type: ignore[method-assign]  # one line of one kind
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)


def finish_interrupted(repo: str) -> None:
    """Recover from an interrupted command in the registry of a folder, before its files are read.

    Raises:
        OperationalError: It cannot be recovered.
        UntrustedRepositoryError: The registry belongs to another user; nothing is changed in it.
    """
    from registry_tool.api.recovery import finish_interrupted as finish
    from registry_tool.api.snapshot import is_url

    if not is_url(repo):
        finish(Path(repo), notify=notify)
