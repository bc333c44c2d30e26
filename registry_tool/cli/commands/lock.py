"""``registry lock``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from registry_tool.cli.completion import complete_file, complete_reference
from registry_tool.cli.options import format_option, open_for_reading, ref_option, repo_option
from registry_tool.cli.output.console import columns, print_json, say
from registry_tool.errors import UsageError

if TYPE_CHECKING:
    from registry_tool.api.lockfile import Pin

__all__ = ["lock"]

_SHORT = 12


def _row(pinned: Pin, before: dict[str, Pin]) -> tuple[str, str, str]:
    old = before.get(str(pinned.reference))
    version = pinned.version.selector
    if old is not None and old.version != pinned.version:
        version = f"{old.version.selector} -> {version}"
    return str(pinned.reference), version, pinned.commit[:_SHORT]


@click.command()
@click.argument("references", metavar="[REF]...", nargs=-1, shell_complete=complete_reference)
@click.option(
    "-o", "--output", metavar="FILE", default="registry.lock", show_default=True,
    help="The lock file to write.", shell_complete=complete_file,
)  # fmt: skip
@format_option
@repo_option
@ref_option
def lock(
    *, references: tuple[str, ...], output: str, form: str, repo: str, ref: str | None
) -> None:
    """`registry fetch --locked` then fetches exactly these files, whatever an alias points to by then.

    Without REF, the references in the lock file are resolved again.

    \b
    Examples:
      registry lock nlp/lang-id@production audio/vad@production
      registry lock
      registry fetch --locked -o models
    """
    from registry_tool.api.lockfile import read_pins, write_lock

    known = {str(one.reference): one for one in read_pins(output)} if Path(output).exists() else {}
    wanted = list(references) or list(known)
    if not wanted:
        raise UsageError("no references given", remedy="registry lock NAMESPACE/MODEL@ALIAS ...")
    with open_for_reading(repo, ref) as registry:
        locked = registry.lock(wanted)
    for note in locked.notes:
        say(f"note:  {note}", err=True)
    write_lock(locked, output)
    if form == "json":
        pins = [
            {
                "reference": str(one.reference),
                "version": str(one.version),
                "commit": one.commit,
                "record": one.record,
            }
            for one in locked.pins
        ]
        print_json({"file": output, "pins": pins})
        return
    for line in columns(_row(one, known) for one in locked.pins):
        say(line)
