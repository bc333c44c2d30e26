"""``registry codeowners``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from registry_tool.cli.change import (
    WriteArguments,
    open_for_writing,
    print_publication,
    writing_options,
)
from registry_tool.cli.options import open_for_reading
from registry_tool.cli.output.console import say
from registry_tool.errors import CheckFailedError, UsageError

if TYPE_CHECKING:
    from registry_tool.api.interface.types import Host

__all__ = ["codeowners"]


def _check(how: WriteArguments, host: Host | None) -> int:
    """Report whether the file is up to date; nothing is written."""
    if how.commit or how.branch is not None or how.push:
        raise UsageError("--check writes nothing", remedy="omit --commit, --branch and --push")
    with open_for_reading(how.repo, None) as registry:
        found = registry.check_codeowners(host)
    for note in found.notes:
        say(f"note:  {note}", err=True)
    if found.outdated:
        raise CheckFailedError(
            f"{', '.join(found.outdated)} is out of date",
            remedy="run: registry codeowners --commit",
        )
    say(found.message)
    return 0


@click.command()
@click.option("--check", "compare", is_flag=True, help="Only report whether it is up to date.")
@click.option(
    "--host", type=click.Choice(["github", "gitlab"]),
    help="The Git host that reads it. Default: the one that the registry has settings for, else github.",
)  # fmt: skip
@writing_options
def codeowners(*, compare: bool, host: Host | None, how: WriteArguments) -> int:
    """Owners are set in `registry.yaml` and in each `namespace.yaml`.

    Only the lines between the two marks are written; your own lines stay, and those below the marks take precedence.
    With --check, exit code 1 means that the file is out of date.

    \b
    Examples:
      registry codeowners --commit
      registry codeowners --check
      registry codeowners --host gitlab
    """
    if compare:
        return _check(how, host)
    with open_for_writing(how) as (registry, options):
        return print_publication(registry, how, registry.write_codeowners(host, **options))
