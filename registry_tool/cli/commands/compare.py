"""``registry compare``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from registry_tool.cli.completion import complete_reference
from registry_tool.cli.options import format_option, open_for_reading, ref_option, repo_option
from registry_tool.cli.output.console import print_json, say, size_words, table, value_words

if TYPE_CHECKING:
    from registry_tool.api.history import Comparison
    from registry_tool.api.interface.types import JSON, ComparedRow

__all__ = ["compare"]


def _data(found: Comparison) -> dict[str, object]:
    groups = {
        group: [
            {k: v for k, v in row._asdict().items() if k != "difference" or v is not None}
            for row in rows
        ]
        for group, rows in found.groups.items()
    }
    return {
        "left": found.left,
        "right": found.right,
        "same_identity": found.same_identity,
        **groups,
    }


def _words(group: str, value: JSON) -> str:
    if value is None:
        return "-"
    if group == "labels":
        return "yes"
    if group == "artifacts" and isinstance(value, dict):
        size, digest = value.get("size"), str(value.get("sha256", ""))[:12]
        known = size_words(size if isinstance(size, int) else None)
        return f"{known} {digest}".rstrip() if "uri" not in value else str(value["uri"])
    return value_words(value)


def _cells(group: str, row: ComparedRow) -> tuple[str, ...]:
    difference = ""
    if row.difference:
        arrow = "↑" if row.difference > 0 else "↓"
        difference = f" {arrow} {row.difference:+.6g}"
    left, right = _words(group, row.left), _words(group, row.right)
    return (row.name, left, right, f"{row.change}{difference}")


@click.command()
@click.argument("left", metavar="REF", shell_complete=complete_reference)
@click.argument("right", metavar="REF", shell_complete=complete_reference)
@format_option
@repo_option
@ref_option
def compare(*, left: str, right: str, form: str, repo: str, ref: str | None) -> None:
    """Metrics, artifacts, framework, environment, parameters, lineage and labels are compared.

    \b
    Examples:
      registry compare nlp/lang-id@production nlp/lang-id@latest
      registry compare nlp/lang-id@3 nlp/lang-id@4 --format json
    """
    with open_for_reading(repo, ref) as registry:
        found = registry.compare(left, right)
    if form == "json":
        print_json(_data(found))
        return
    say(f"{found.left}  →  {found.right}", bold=True)
    if found.same_identity:
        say("same identity: no difference that can change outputs")
    for group, rows in found.groups.items():
        table(group, [_cells(group, row) for row in rows], header=("", "left", "right", ""))
