"""``registry rollback``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from registry_tool.cli.completion import complete_alias, complete_model
from registry_tool.cli.writing import Desk, How, writing, writing_options
from registry_tool.errors import UsageError

if TYPE_CHECKING:
    from registry_tool.git.line import Line

__all__ = ["rollback"]


def _history(desk: Desk) -> Line | None:
    """The history that ends where the change will be made."""
    from registry_tool.git.branches import target_of
    from registry_tool.git.line import Line

    git = desk.repository.git
    tip = git.head()
    if desk.destination.commits:
        tip = target_of(git, desk.destination.branch).parent
    return None if tip is None else Line(git, tip)


@click.command()
@click.argument("model", metavar="[NS/]MODEL", shell_complete=complete_model)
@click.argument("stage", metavar="STAGE", shell_complete=complete_alias)
@click.option("--to", metavar="VERSION", default="", help="Which one. Default: the last good one.")
@click.option("--reason", metavar="TEXT", required=True, help="Why; readers are told.")
@writing_options
def rollback(*, model: str, stage: str, to: str, reason: str, how: How) -> int:
    """Move a stage back to its last good version, and pin it.

    The last good version is the one that held the stage before, as the history has it, and still may be used; what was
    rolled back itself is passed over. No gates are asked. The pin keeps automatic promotions away until somebody moves
    the stage on with `registry promote`, which takes the pin off.

    \b
    Examples:
      registry rollback nlp/lang-id production --reason "wrong on short texts"
      registry rollback nlp/lang-id production --to 2 --reason "3 is slow too" --branch roll-back --push
    """
    from registry_tool.edits.promotion import rollback as act
    from registry_tool.names import ModelName

    if not reason.strip():
        raise UsageError("--reason is empty", remedy="say why: readers are told")
    name = ModelName.parse(model)
    with writing(how) as desk:
        return desk.finish(act(name, stage, reason=reason, to=to, history=lambda: _history(desk)))
