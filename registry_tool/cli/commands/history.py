"""``registry history``.

``registry audit``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from registry_tool.cli.completion import complete_model, complete_reference
from registry_tool.cli.options import format_option, open_for_reading, repo_option
from registry_tool.cli.output.console import columns, print_json, say
from registry_tool.errors import UsageError

if TYPE_CHECKING:
    from registry_tool.api.registry import Registry
    from registry_tool.catalog.history import HistoryEntry, Holding
    from registry_tool.manifests.problems import JSON

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
    from registry_tool.catalog.describe import sentence

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


_KEYS: Final = (
    "model", "alias", "version", "from_commit", "from_time", "to_commit", "to_time", "by", "merged_by",
    "reason", "subject", "pinned",
)  # fmt: skip
_DAY: Final = len("2026-08-01")
# What a spreadsheet takes for the beginning of a formula.
_FORMULA: Final = ("=", "+", "-", "@")


def _row(holding: Holding) -> dict[str, JSON]:
    start, end = holding.start, holding.end
    ended = None if end is None else f"{end.when:%Y-%m-%dT%H:%M:%SZ}"
    values: tuple[JSON, ...] = (
        holding.model, holding.alias, holding.version, start.commit,
        f"{start.when:%Y-%m-%dT%H:%M:%SZ}", None if end is None else end.commit, ended,
        start.by, start.merged_by, start.reason, start.subject, start.pinned,
    )  # fmt: skip
    return dict(zip(_KEYS, values, strict=True))


def _as_csv(rows: list[dict[str, JSON]]) -> str:
    import csv
    import io

    from registry_tool.manifests.problems import inert, one_line

    def cell(value: JSON) -> str:
        plain = "" if value is None else inert(one_line(str(value)))
        return f"'{plain}" if plain.startswith(_FORMULA) else plain

    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(_KEYS)
    writer.writerows([cell(row[key]) for key in _KEYS] for row in rows)
    return written.getvalue()


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
        say("note:  nothing was held", err=True)


def _bound(option: str, moment: str) -> None:
    from registry_tool.git.repository import is_time

    if not is_time(moment):
        raise UsageError(
            f"{option}: {moment!a} is not a day or a time",
            remedy="a time looks like 2026-08-01 or 2026-08-01T12:00:00Z",
        )


def _found(
    registry: Registry, model: str | None, since: str | None, until: str | None
) -> list[Holding]:
    from registry_tool.catalog.history import holdings
    from registry_tool.catalog.resolve import find_model
    from registry_tool.names import ModelName

    repository = registry.repository
    tip = registry.commit or repository.commit("HEAD")
    name = None if model is None else ModelName.parse(model)
    after = before = None
    if since is not None:
        _bound("--since", since)
        # A day is meant from its beginning here, and everywhere else to its end.
        after = repository.newest_by(f"{since}T00:00:00Z" if len(since) == _DAY else since, tip)
    if until is not None:
        _bound("--until", until)
        before = repository.newest_by(until, tip)
        if before is None:
            return []
    found = holdings(repository, tip, model=name, since=after, until=before)
    if name is not None and not found:
        find_model(registry.catalog, name)
    return found


@click.command()
@click.option(
    "--model",
    metavar="[NS/]MODEL",
    help="Only this model's aliases.",
    shell_complete=complete_model,
)
@click.option("--since", metavar="DATE", help="Leave out what ended before this day or time.")
@click.option("--until", metavar="DATE", help="Leave out what began after this day or time.")
@click.option(
    "--ref", metavar="REV", default="HEAD", show_default=True,
    help="Look back from this branch, tag or commit.",
)  # fmt: skip
@click.option(
    "--format", "form", type=click.Choice(["text", "json", "csv"]), default="text",
    show_default=True, help="Text for people, JSON for programs, or CSV for spreadsheets.",
)  # fmt: skip
@repo_option
def audit(
    *, model: str | None, since: str | None, until: str | None, ref: str, form: str, repo: str
) -> None:
    """Export who held which alias, from when to when, and why.

    One row for each version that an alias named: from which commit and time to which, moved there by whom, merged by
    whom, and the reason its file gives. A row without an end holds now. The order is that of the commits on the
    branch; times are those the committers' machines told. In CSV a cell that a spreadsheet would take for a formula
    begins with an apostrophe.

    \b
    Examples:
      registry audit
      registry audit --model nlp/lang-id --since 2026-03-01 --until 2026-03-31
      registry audit --format csv > audit.csv
    """
    with open_for_reading(repo, ref) as registry:
        found = _found(registry, model, since, until)
    rows = [_row(holding) for holding in found]
    if form == "json":
        print_json(rows)
    elif form == "csv":
        click.echo(_as_csv(rows), nl=False)
    else:
        _draw_holdings(found)
