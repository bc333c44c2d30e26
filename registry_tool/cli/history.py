"""``registry history``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from registry_tool.cli.completion import complete_reference
from registry_tool.cli.console import print_json, say
from registry_tool.cli.options import format_option, open_for_reading, repo_option

if TYPE_CHECKING:
    from registry_tool.catalog.past import HistoryEntry
    from registry_tool.manifests.problems import JSON

__all__ = ["history"]


def _data(entry: HistoryEntry) -> dict[str, JSON]:
    event = entry.event
    return {
        "reference": event.reference, "kind": event.kind, "act": event.act, **event.data(),
        "path": event.path, "commit": entry.commit, "when": f"{entry.when:%Y-%m-%dT%H:%M:%SZ}",
        "by": entry.by, "merged_by": entry.merged_by, "subject": entry.subject,
    }  # fmt: skip


def _draw(entry: HistoryEntry) -> None:
    from registry_tool.catalog.wording import sentence

    say(f"{entry.when:%Y-%m-%d %H:%M} UTC  {sentence(entry.event)}")
    published = "" if entry.merged_by == entry.by else f", published by {entry.merged_by}"
    say(f"  by {entry.by}{published}", dim=True)
    say(f"  in {entry.commit[:12]} {entry.subject}", dim=True)


@click.command()
@click.argument("reference", metavar="REF", shell_complete=complete_reference)
@click.option(
    "-n", "--limit", type=click.IntRange(min=1), metavar="N", help="Only the newest N entries."
)
@click.option(
    "--ref", metavar="REV", default="HEAD", show_default=True,
    help="Look back from this branch, tag or commit.",
)  # fmt: skip
@format_option
@repo_option
def history(*, reference: str, limit: int | None, ref: str, form: str, repo: str) -> None:
    """Say who moved an alias, when and why, newest first.

    REF is an alias, MODEL@ALIAS; a version, MODEL@VERSION, whose whole life is told: added, tagged, its states,
    evidence, aliases that came to it and left it; a tag; or a model, of which everything is told. What is gone has a
    history too.

    The order is that of the commits on the branch, whatever their clocks said. "by" is who made the change, also where
    somebody else merged it. A shallow clone answers what it can and refuses the rest (exit code 4).

    \b
    Examples:
      registry history nlp/lang-id@production
      registry history nlp/lang-id@production -n 1
      registry history nlp/lang-id@4 --format json
      registry history nlp/lang-id --ref origin/main
    """
    with open_for_reading(repo, ref) as registry:
        found = registry.history(reference, limit=limit)
    if form == "json":
        print_json([_data(entry) for entry in found])
        return
    for entry in found:
        _draw(entry)
