"""Options that several commands share, and the one way a command opens its registry."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from registry_tool.registry import Registry

__all__ = ["format_of", "format_option", "open_for_reading", "ref_option", "repo_option"]

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

    from registry_tool.cli.console import say
    from registry_tool.cli.waiting import tell_of_history, tell_of_owner
    from registry_tool.git.unfinished import unfinished
    from registry_tool.registry import (
        WORK_TREE,
        StaleRegistryWarning,
        UntrustedRegistryWarning,
        open_registry,
    )

    source: str | Path = repo if repo != "." else Path.cwd()
    tell_of_history(repo)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", StaleRegistryWarning)
        warnings.simplefilter("ignore", UntrustedRegistryWarning)
        opened = open_registry(source, ref=ref or WORK_TREE, offline=offline)
    if opened.note:
        say(f"note:  {opened.note}", err=True)
    tell_of_owner(opened.repository)
    if ref is None and (what := unfinished(opened.repository.git)):
        say(f"note:  a registry command was interrupted here: {what}", err=True)
        say("  try: registry recover", err=True)
    return opened
