"""``registry history`` and ``registry audit``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from registry_tool.cli.completion import complete_model, complete_reference
from registry_tool.cli.options import format_option, open_for_reading, repo_option
from registry_tool.cli.output.console import columns, print_json, say

if TYPE_CHECKING:
    from registry_tool.api.history import HistoryEntry, Holding
    from registry_tool.api.interface.types import JSON

__all__ = [
    "audit",
    "history",
]


def _data(entry: HistoryEntry) -> dict[str, JSON]:
    event = entry.event
    return {
        "reference": event.reference, "kind": event.kind, "act": event.act, **event.data(),
        "path": event.path, "commit": entry.commit, "when": f"{entry.when:%Y-%m-%dT%H:%M:%SZ}",
        "by": entry.by, "merged_by": entry.merged_by, "subject": entry.subject,
    }  # fmt: skip


def _draw(entry: HistoryEntry) -> None:
    from registry_tool.api.history import sentence

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
    help="Start at this branch, tag or commit.",
)  # fmt: skip
@format_option
@repo_option
def history(*, reference: str, limit: int | None, ref: str, form: str, repo: str) -> None:
    """REF is an alias (MODEL@ALIAS), a version (MODEL@VERSION), a tag, or a model. The newest entry is first.

    The history of a version has everything that happened to it: added, tagged, its states, evidence, aliases that pointed
    to it. The history of a model has everything in it. Deleted names have a history too.

    Entries are in commit order, whatever the clocks of the committers said. "by" is the author of the change, also if
    another user merged it. A shallow clone reports what it can and refuses the rest (exit code 4).

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


_KEYS: Final = (
    "model", "alias", "version", "from_commit", "from_time", "to_commit", "to_time", "by", "merged_by",
    "reason", "subject", "pinned",
)  # fmt: skip
_DAY: Final = len("2026-08-01")


def _row(holding: Holding) -> dict[str, JSON]:
    start, end = holding.start, holding.end
    ended = None if end is None else f"{end.when:%Y-%m-%dT%H:%M:%SZ}"
    values: tuple[JSON, ...] = (
        holding.model, holding.alias, holding.version, start.commit,
        f"{start.when:%Y-%m-%dT%H:%M:%SZ}", None if end is None else end.commit, ended,
        start.by, start.merged_by, start.reason, start.subject, start.pinned,
    )  # fmt: skip
    return dict(zip(_KEYS, values, strict=True))


def _draw_holdings(holdings: list[Holding]) -> None:
    header = ("alias", "version", "from (UTC)", "to (UTC)", "by", "in", "why")
    rows = [
        (
            f"{h.model}@{h.alias}", h.version or "(unreadable)", f"{h.start.when:%Y-%m-%d %H:%M}",
            "now" if h.end is None else f"{h.end.when:%Y-%m-%d %H:%M}", h.start.by,
            h.start.commit[:12], h.start.reason,
        )
        for h in holdings
    ]  # fmt: skip
    for number, line in enumerate(columns(rows, header=header) if rows else ()):
        say(line, dim=number == 0)
    if not rows:
        say("note:  no alias pointed to a version in this period", err=True)


@click.command()
@click.option(
    "--model",
    metavar="[NS/]MODEL",
    help="Only this model's aliases.",
    shell_complete=complete_model,
)
@click.option(
    "--since", metavar="DATE", help="Leave out entries that ended before this day or time."
)
@click.option(
    "--until", metavar="DATE", help="Leave out entries that began after this day or time."
)
@click.option(
    "--ref", metavar="REV", default="HEAD", show_default=True,
    help="Start at this branch, tag or commit.",
)  # fmt: skip
@click.option(
    "--format", "form", type=click.Choice(["text", "json", "csv"]), default="text",
    show_default=True, help="Text for people, JSON for programs, or CSV for spreadsheets.",
)  # fmt: skip
@repo_option
def audit(
    *, model: str | None, since: str | None, until: str | None, ref: str, form: str, repo: str
) -> None:
    """One row for each period in which an alias pointed to a version.

    A row has the commit and time of its start and end, who moved the alias, who merged the change, and the reason in the
    alias file. A row without an end is current. Rows are in commit order; times are those of the committers' machines. In
    CSV, a cell that a spreadsheet would read as a formula starts with an apostrophe.

    \b
    Examples:
      registry audit
      registry audit --model nlp/lang-id --since 2026-03-01 --until 2026-03-31
      registry audit --format csv > audit.csv
    """
    with open_for_reading(repo, ref) as registry:
        found = registry.audit(model=model, since=since, until=until)
    rows = [_row(holding) for holding in found]
    if form == "json":
        print_json(rows)
    elif form == "csv":
        from registry_tool.api.interface.csv_text import write_csv

        click.echo(write_csv(_KEYS, rows), nl=False)
    else:
        _draw_holdings(found)
