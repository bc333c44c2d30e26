"""``registry resolve``; ``cli/fast_path.py`` handles its plain form."""

from __future__ import annotations

import click

from registry_tool.cli.completion import complete_reference
from registry_tool.cli.options import (
    format_option,
    open_for_reading,
    ref_option,
    repo_option,
    title_option,
)
from registry_tool.cli.output.console import print_json, say
from registry_tool.cli.output.resolve import resolved_data, resolved_line

__all__ = ["resolve"]


@click.command()
@click.argument("reference", metavar="REF", shell_complete=complete_reference)
@click.option("--allow-withdrawn", is_flag=True, help="Resolve to a withdrawn version too.")
@title_option
@format_option
@repo_option
@ref_option
def resolve(
    *,
    reference: str,
    allow_withdrawn: bool,
    by_title: bool,
    form: str,
    repo: str,
    ref: str | None,
) -> None:
    """REF is [NAMESPACE/]MODEL[@VERSION|TAG|ALIAS|latest].

    \b
    Examples:
      registry resolve nlp/lang-id@production
      registry resolve nlp/lang-id --format json
      registry resolve nlp/lang-id@production --ref v1.2
      registry resolve --title "nlp/Which language?@production"
    """
    with open_for_reading(repo, ref) as registry:
        if by_title:
            reference = str(registry.by_title(reference))
        found = registry.resolve(reference, allow_withdrawn=allow_withdrawn)
        for note in found.notes:
            say(f"note:  {note}", err=True)
        if form != "json":
            say(resolved_line(found))
            return
        commit = registry.find_commit(found)
        if commit is None:
            say("note:  this version is not committed", err=True)
        print_json(resolved_data(found, commit))
