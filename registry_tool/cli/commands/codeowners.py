"""``registry codeowners``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from registry_tool.cli.change import How, carry_out, writing_options
from registry_tool.cli.options import open_for_reading
from registry_tool.cli.output.console import say
from registry_tool.errors import CheckFailedError, UsageError

if TYPE_CHECKING:
    from registry_tool.edits.changeset import Edit
    from registry_tool.edits.codeowners import Host

__all__ = ["codeowners"]


def _compared(how: How, act: Edit) -> int:
    """Say whether the file is as the act would write it; nothing is written."""
    if how.commit or how.branch is not None or how.push:
        raise UsageError("--check writes nothing", remedy="leave out --commit, --branch and --push")
    with open_for_reading(how.repo, None) as registry:
        change = act(registry.catalog)
    for note in change.notes:
        say(f"note:  {note}", err=True)
    if change.puts:
        raise CheckFailedError(
            f"{', '.join(change.puts)} is out of date", remedy="run: registry codeowners --commit"
        )
    say(change.message)
    return 0


@click.command()
@click.option("--check", "compare", is_flag=True, help="Only say whether it is up to date.")
@click.option(
    "--host", type=click.Choice(["github", "gitlab"]),
    help="Who reads it. Default: whose settings lie in the registry, else github.",
)  # fmt: skip
@writing_options
def codeowners(*, compare: bool, host: Host | None, how: How) -> int:
    """Write CODEOWNERS from the owners of the registry and of its namespaces.

    The owners stand in `registry.yaml` and in each `namespace.yaml`. Only the lines between the two marks are written;
    your own lines stay, and those below the marks win. With --check, exit code 1 says that it is out of date.

    \b
    Examples:
      registry codeowners --commit
      registry codeowners --check
      registry codeowners --host gitlab
    """
    from registry_tool.edits.codeowners import write_codeowners

    act = write_codeowners(host)
    return _compared(how, act) if compare else carry_out(how, act)
