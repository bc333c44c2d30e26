"""``registry resolve``; its plain form is answered in ``cli/fast_path.py``."""

from __future__ import annotations

import click

from registry_tool.cli.completion import complete_reference
from registry_tool.cli.options import format_option, open_for_reading, ref_option, repo_option
from registry_tool.cli.output.console import print_json, say
from registry_tool.cli.output.resolve import answer_data, answer_line, answering_commit

__all__ = ["resolve"]


@click.command()
@click.argument("reference", metavar="REF", shell_complete=complete_reference)
@click.option("--allow-withdrawn", is_flag=True, help="Answer for a withdrawn version too.")
@format_option
@repo_option
@ref_option
def resolve(
    *, reference: str, allow_withdrawn: bool, form: str, repo: str, ref: str | None
) -> None:
    """Say which version a reference means.

    REF is [NAMESPACE/]MODEL[@VERSION|TAG|ALIAS|latest].

    \b
    Examples:
      registry resolve nlp/lang-id@production
      registry resolve nlp/lang-id --format json
      registry resolve nlp/lang-id@production --ref v1.2
    """
    with open_for_reading(repo, ref) as registry:
        found = registry.resolve(reference, allow_withdrawn=allow_withdrawn)
        for note in found.notes:
            say(f"note:  {note}", err=True)
        if form != "json":
            say(answer_line(found))
            return
        commit = answering_commit(registry, found)
        if commit is None:
            say("note:  this answer is not committed", err=True)
        print_json(answer_data(found, commit))
