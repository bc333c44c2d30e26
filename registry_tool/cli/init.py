"""``registry init``."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from registry_tool.cli.completion import complete_folder
from registry_tool.cli.console import say
from registry_tool.errors import UsageError

if TYPE_CHECKING:
    from registry_tool.scaffold import NewRegistry

__all__ = ["init"]


def _next_steps(made: NewRegistry, folder: str, remote: str | None) -> list[tuple[str, str]]:
    steps = [(f"cd {shlex.quote(folder)}", "")] if folder != "." else []
    if remote is None:
        steps.append(("dvc remote add -d storage URL", "where the bytes go: a folder, s3://…"))
        steps.append(('git commit -m "Add the storage" .dvc/config', ""))
    steps += [
        ("registry model add nlp/lang-id --task TASK --owner TEAM --description TEXT --commit", ""),
        ("registry version add nlp/lang-id --artifact FILE --framework TYPE --commit", ""),
        (f"git push -u origin {made.branch}", "after: git remote add origin URL"),
    ]
    return steps


@click.command()
@click.argument("folder", metavar="DIR", shell_complete=complete_folder)
@click.option("--name", metavar="N", required=True, help="The registry's name.")
@click.option(
    "--remote", metavar="URL",
    help="Where the bytes go: a folder (from here), s3://…, or what else DVC takes.",
)  # fmt: skip
@click.option("--description", metavar="TEXT", default="", help="What the registry is for.")
@click.option(
    "--shard", metavar="N", type=click.IntRange(0, 4), default=0, show_default=True,
    help="Hexadecimal digits before each model's folder, for 100,000 models in a namespace; final.",
)  # fmt: skip
@click.option("--no-hooks", is_flag=True, help="Install no Git hooks.")
def init(
    *, folder: str, name: str, remote: str | None, description: str, shard: int, no_hooks: bool
) -> int:
    """Make a new registry in DIR, with its first commit.

    DIR is a new folder, an empty one, or an empty Git repository, such as the clone of one.

    \b
    Examples:
      registry init models --name acme --remote s3://acme-models/registry
      registry init . --name acme --remote ../storage
    """
    from registry_tool.scaffold import new_registry

    if not folder:
        raise UsageError("DIR is empty", remedy="name a folder; `.` is the current one")
    made = new_registry(
        Path(folder),
        name=name,
        remote_url=remote,
        description=description,
        shard=shard,
        hooks=not no_hooks,
    )
    say(f"made the registry {name} in {folder}: commit {made.commit[:12]} on {made.branch}")
    if made.hooks:
        say(f"hooks: {', '.join(hook.path.name for hook in made.hooks)}")
    for note in made.notes:
        say(f"note:  {note}", err=True)
    say()
    say("next:")
    steps = _next_steps(made, folder, remote)
    for command, why in steps:
        say(f"  {command}" + (f"    # {why}" if why else ""))
    return 0
