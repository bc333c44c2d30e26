"""``registry init``."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from registry_tool.cli.completion import complete_folder
from registry_tool.cli.output.console import say
from registry_tool.errors import UsageError

if TYPE_CHECKING:
    from registry_tool.api.interface.types import Host
    from registry_tool.scaffold.create import NewRegistry

__all__ = ["init"]

_SETTINGS = {"github": ".github/workflows/README.md", "gitlab": ".gitlab/README.md"}


def _next_steps(
    made: NewRegistry, folder: str, remote: str | None, ci: Host | None
) -> list[tuple[str, str]]:
    steps = [(f"cd {shlex.quote(folder)}", "")] if folder != "." else []
    if remote is None:
        steps.append(("dvc remote add -d storage URL", "the storage for files: a folder, s3://…"))
        steps.append(('git commit -m "Add the storage" .dvc/config', ""))
    steps += [
        ("registry model add nlp/lang-id --task TASK --owner TEAM --description TEXT --commit", ""),
        ("registry version add nlp/lang-id --artifact FILE --framework TYPE --commit", ""),
        (f"git push -u origin {made.branch}", "after: git remote add origin URL"),
    ]
    return [*steps, (f"less {_SETTINGS[ci]}", "settings on the host")] if ci else steps


def _after_ci(folder: str, host: Host, written: Sequence[str]) -> list[tuple[str, str]]:
    git = "git" if folder == "." else f"git -C {shlex.quote(folder)}"
    places = shlex.join(sorted({path.split("/")[0] for path in written}))
    return [
        (f"{git} add -- {places}", "review them first"),
        (
            f'{git} commit -m "Add CI for {host}"',
            "on the main branch: the check runs from it",
        ),
        (f"less {shlex.quote(str(Path(folder, _SETTINGS[host])))}", "settings on the host"),
    ]


def _add_ci(folder: str, host: Host) -> int:
    """Add CI to an existing registry."""
    from registry_tool.scaffold.create import add_ci

    added = add_ci(Path(folder), host)
    for path in added.written:
        say(f"wrote  {path}")
    for path in added.kept:
        say(f"note:  {path} already exists and was not changed", err=True)
    if not added.written:
        say(f"CI for {host} already exists")
        return 0
    say("next:")
    for command, why in _after_ci(folder, host, added.written):
        say(f"  {command}    # {why}")
    return 0


def _repair(folder: str) -> int:
    """Repair the ignore rules of an existing registry."""
    from registry_tool.scaffold.create import repair_ignore_rules

    repaired = repair_ignore_rules(Path(folder))
    for number, line in repaired.left:
        say(f"note:  .gitignore:{number}: {line} hides manifests: delete the line", err=True)
    if not repaired.written:
        if not repaired.left:
            say("the ignore rules hide no manifest: nothing to repair")
        return int(bool(repaired.left))
    git = "git" if folder == "." else f"git -C {shlex.quote(folder)}"
    say("wrote  .gitignore")
    say("next:")
    say(f"  {git} add -- .gitignore    # review it first: git diff")
    say(f'  {git} commit -m "Repair the ignore rules"')
    return 0


@click.command()
@click.argument("folder", metavar="DIR", shell_complete=complete_folder)
@click.option("--name", metavar="N", help="The name of the registry; required for a new one.")
@click.option(
    "--remote", metavar="URL",
    help="The storage for files: a folder (relative to here), s3://…, or any other DVC remote.",
)  # fmt: skip
@click.option("--description", metavar="TEXT", default="", help="The purpose of the registry.")
@click.option(
    "--shard", metavar="N", type=click.IntRange(0, 4), default=0, show_default=True,
    help="Hexadecimal digits before each model's folder, for 100,000 models in a namespace; cannot be changed later.",
)  # fmt: skip
@click.option(
    "--ci", type=click.Choice(["github", "gitlab"]),
    help="Also add workflows that check, merge and promote on this Git host.",
)  # fmt: skip
@click.option("--no-hooks", is_flag=True, help="Do not install Git hooks.")
def init(
    *,
    folder: str,
    name: str | None,
    remote: str | None,
    description: str,
    shard: int,
    ci: Host | None,
    no_hooks: bool,
) -> int:
    """DIR is a new folder, an empty one, or an empty Git repository. The first commit is made.

    In an existing registry, --ci without --name adds the workflows and overwrites nothing; without either, a .gitignore
    that hides manifests from Git or DVC is repaired.

    \b
    Examples:
      registry init models --name acme --remote s3://acme-models/registry --ci github
      registry init . --name acme --remote ../storage
      registry init . --ci gitlab                  to the current registry
      registry init .                              repair its .gitignore
    """
    from registry_tool.scaffold.create import new_registry

    if not folder:
        raise UsageError("DIR is empty", remedy="name a folder; `.` is the current one")
    if name is None:
        if not (Path(folder) / "registry.yaml").is_file():
            raise UsageError("a new registry needs --name", remedy="registry init DIR --name NAME")
        if remote or description or shard:
            raise UsageError(f"{folder} is already a registry: only --ci can be added to it")
        return _repair(folder) if ci is None else _add_ci(folder, ci)
    made = new_registry(
        Path(folder),
        name=name,
        remote_url=remote,
        description=description,
        shard=shard,
        ci=ci,
        hooks=not no_hooks,
    )
    say(f"created registry {name} in {folder}: commit {made.commit[:12]} on {made.branch}")
    if made.hooks:
        say(f"hooks: {', '.join(hook.path.name for hook in made.hooks)}")
    for note in made.notes:
        say(f"note:  {note}", err=True)
    say()
    say("next:")
    steps = _next_steps(made, folder, remote, ci)
    for command, why in steps:
        say(f"  {command}" + (f"    # {why}" if why else ""))
    return 0
