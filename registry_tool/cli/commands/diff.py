"""``registry diff``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from registry_tool.cli.options import notify, repo_option
from registry_tool.cli.output.console import print_json, say

if TYPE_CHECKING:
    from registry_tool.api.history import Event
    from registry_tool.api.interface.types import JSON

__all__ = ["diff"]

_MARKS: Final = {"added": ("+", "green"), "removed": ("-", "red")}
_OTHER: Final = ("~", "yellow")


def _data(event: Event) -> dict[str, JSON]:
    return {
        "kind": event.kind, "act": event.act, "reference": event.reference, "path": event.path,
        **event.data(),
    }  # fmt: skip


def _draw(events: tuple[Event, ...], words: str) -> None:
    from registry_tool.api.history import sentence

    say(words, dim=True)
    for event in events:
        mark, colour = _MARKS.get(event.act, _OTHER)
        say(f"{mark} {sentence(event)}", fg=colour)
    if not events:
        say("no differences")


@click.command()
@click.argument("base", metavar="BASE")
@click.argument("head", metavar="[HEAD]", required=False)
@click.option(
    "--format", "form", type=click.Choice(["text", "json", "markdown"]), default="text",
    show_default=True, help="Text for people, JSON for programs, or a report for the reviewer.",
)  # fmt: skip
@repo_option
def diff(*, base: str, head: str | None, form: str, repo: str) -> None:
    """As for a pull request, these are the changes that HEAD made since it left BASE, not those of BASE since then.

    HEAD is the work tree by default. The Markdown report also compares each new version with the previous version and with
    the one in production: metrics, artifacts, framework, environment.

    \b
    Examples:
      registry diff main                        my changes
      registry diff main my-branch
      registry diff origin/main HEAD --format markdown > report.md
    """
    from registry_tool.api.history import diff as diff_revisions

    source: str | Path = repo if repo != "." else Path.cwd()
    found = diff_revisions(source, base, head, with_report=form == "markdown")
    if found.caution:
        notify(found.caution)
    if form == "markdown":
        click.echo(found.report, nl=False)
    elif form == "json":
        changes = [_data(event) for event in found.events]
        print_json({"base": found.base, "head": found.head, "changes": changes})
    else:
        _draw(found.events, found.words)
