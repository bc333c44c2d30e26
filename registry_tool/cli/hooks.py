"""``registry hooks``."""

from __future__ import annotations

from pathlib import Path

import click

from registry_tool.cli.console import say
from registry_tool.cli.parts import Part

__all__ = ["hooks"]

_WORDS = {
    "installed": "installed",
    "updated": "brought up to date",
    "kept": "there already",
    "replaced": "installed; what was there lies beside it as NAME.replaced",
}


@click.group(cls=Part)
def hooks() -> None:
    """Git hooks that check what is committed and pushed.

    For pre-commit and prek, put the hook `registry-check` into .pre-commit-config.yaml instead.
    """


@hooks.command(short_help="Install the hooks in this clone.")
@click.option(
    "--repo", metavar="DIR", default=".", envvar="REGISTRY_REPO",
    help="A folder in the registry. Default: the current one.",
)  # fmt: skip
@click.option("--force", is_flag=True, help="Replace hooks of somebody else; they are kept beside.")
def install(*, repo: str, force: bool) -> int:
    """Install the hooks pre-commit, pre-merge-commit and pre-push where Git looks for them.

    \b
    Examples:
      registry hooks install
      registry hooks install --repo ~/models --force
    """
    from registry_tool.errors import NotARegistry
    from registry_tool.git.plumbing import find_repository
    from registry_tool.hooks import install_hooks

    git = find_repository(Path(repo))
    if git is None:
        raise NotARegistry(
            f"{Path(repo).absolute()} is not in a Git repository",
            remedy="go into a registry, or name one with --repo",
        )
    for hook in install_hooks(git, force=force):
        say(f"{hook.path}: {_WORDS[hook.state]}")
    return 0
