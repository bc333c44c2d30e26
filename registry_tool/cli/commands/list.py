"""``registry list``."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from registry_tool.cli.completion import complete_model
from registry_tool.cli.options import format_option, open_for_reading, ref_option, repo_option
from registry_tool.cli.output.console import (
    columns,
    names_words,
    note_unreadable,
    print_json,
    say,
    value_words,
)

if TYPE_CHECKING:
    from registry_tool.api.changes.drafting import DraftRow
    from registry_tool.api.interface.types import JSON

    Row = dict[str, JSON]

__all__ = ["list_"]


def _model_cells(row: Row) -> tuple[str, ...]:
    aliases = row["aliases"] if isinstance(row["aliases"], dict) else {}
    state = "" if row["state"] == "live" else str(row["state"])
    count = "1 version" if row["versions"] == 1 else f"{row['versions']} versions"
    return (
        str(row["model"]), count, f"latest {row['latest'] or '-'}",
        names_words({k: str(v) for k, v in aliases.items()}), state, str(row["title"] or ""),
    )  # fmt: skip


def _version_cells(row: Row) -> tuple[str, ...]:
    def join(key: str) -> str:
        names = row[key]
        return ", ".join(map(str, names)) if isinstance(names, list) else ""

    metrics = row["metrics"] if isinstance(row["metrics"], dict) else {}
    shown = "  ".join(f"{key}={value_words(value)}" for key, value in list(metrics.items())[:4])
    names = ", ".join(filter(None, (join("aliases"), join("tags"))))
    day = str(row["created_at"])[:10]
    return (
        str(row["version"]),
        str(row["state"]),
        day,
        names,
        str(row["framework"]),
        shown,
        str(row["title"] or ""),
    )


def _print_drafts(rows: list[DraftRow], form: str) -> None:
    if form == "json":
        print_json([asdict(row) for row in rows])
        return
    for line in columns(
        (
            row.reference,
            f"since {row.since[:16]}",
            "1 artifact" if row.artifacts == 1 else f"{row.artifacts} artifacts",
            "" if row.has_model else "no model",
            ", ".join((*row.aliases, *row.tags)),
        )
        for row in rows
    ):
        say(line)
    if not rows:
        say("note:  no drafts", err=True)


@click.command("list")
@click.argument("what", metavar="[NAMESPACE|MODEL]", required=False, shell_complete=complete_model)
@click.option(
    "--label",
    "labels",
    metavar="L",
    multiple=True,
    help="Only models with this label; may be repeated.",
)
@click.option("--task", metavar="T", help="Only models with this task.")
@click.option("--owner", metavar="O", help="Only models of this owner.")
@click.option("--all", "deleted", is_flag=True, help="Also deleted models and versions.")
@click.option("--drafts", is_flag=True, help="List drafts: versions that are not sealed yet.")
@format_option
@repo_option
@ref_option
def list_(
    *,
    what: str | None,
    labels: tuple[str, ...],
    task: str | None,
    owner: str | None,
    deleted: bool,
    drafts: bool,
    form: str,
    repo: str,
    ref: str | None,
) -> None:
    """Without an argument, all models; with a NAMESPACE, its models; with a MODEL, its versions.

    \b
    Examples:
      registry list
      registry list nlp --label edge
      registry list nlp/lang-id
      registry list --drafts
    """
    with open_for_reading(repo, ref) as registry:
        if drafts:
            _print_drafts(registry.drafts(what), form)
            return
        found = registry.listing(what, labels=labels, task=task, owner=owner, deleted=deleted)
    note_unreadable(found.unreadable)
    if form == "json":
        print_json(found.rows)
        return
    cells = _model_cells if found.model is None else _version_cells
    for line in columns(cells(row) for row in found.rows):
        say(line)
    if not found.rows:
        say("note:  nothing found", err=True)
