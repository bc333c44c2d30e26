"""``registry deprecate``, ``registry withdraw`` and ``registry archive``."""

from __future__ import annotations

import click

from registry_tool.cli.change import How, carry_out, writing_options
from registry_tool.cli.completion import complete_model, complete_reference
from registry_tool.errors import UsageError

__all__ = ["archive", "deprecate", "withdraw"]

_REASON = click.option("--reason", metavar="TEXT", required=True, help="Why; readers are told.")
_REPLACED = click.option(
    "--replaced-by", metavar="VERSION|REF", default="", help="What to use instead."
)


def _checked(reason: str) -> str:
    if not reason.strip():
        raise UsageError("--reason is empty", remedy="say why: readers are told")
    return reason


@click.command()
@click.argument("reference", metavar="REF", shell_complete=complete_reference)
@_REASON
@_REPLACED
@writing_options
def deprecate(*, reference: str, reason: str, replaced_by: str, how: How) -> int:
    """Mark a version as not to be used for new work.

    It is still served, and whoever asks for it is told.

    \b
    Examples:
      registry deprecate nlp/lang-id@3 --reason "weak on short texts" --replaced-by 4
    """
    from registry_tool.edits.lifecycle import set_state
    from registry_tool.names import Reference

    asked = Reference.for_change(reference)
    act = set_state(asked, "deprecated", reason=_checked(reason), replaced_by=replaced_by)
    return carry_out(how, act)


@click.command()
@click.argument("reference", metavar="REF", shell_complete=complete_reference)
@_REASON
@_REPLACED
@click.option("--remove-aliases", is_flag=True, help="Also remove the aliases that point at it.")
@writing_options
def withdraw(
    *, reference: str, reason: str, replaced_by: str, remove_aliases: bool, how: How
) -> int:
    """Take a version out of service; no alias may point at it.

    \b
    Examples:
      registry withdraw nlp/lang-id@3 --reason "trained on data we may not use" --replaced-by 4 --commit
    """
    from registry_tool.edits.lifecycle import set_state, withdraw_with_aliases
    from registry_tool.names import Reference

    asked, why = Reference.for_change(reference), _checked(reason)
    if remove_aliases:
        return carry_out(how, withdraw_with_aliases(asked, reason=why, replaced_by=replaced_by))
    return carry_out(how, set_state(asked, "withdrawn", reason=why, replaced_by=replaced_by))


@click.command()
@click.argument("model", metavar="[NS/]MODEL", shell_complete=complete_model)
@writing_options
def archive(*, model: str, how: How) -> int:
    """Archive a model: it keeps its versions and takes no new ones.

    The reason belongs in the commit: --message.

    \b
    Examples:
      registry archive nlp/lang-id --commit --message "Archive lang-id: replaced by nlp/lang-detect"
    """
    from registry_tool.edits.lifecycle import archive as archive_act
    from registry_tool.names import ModelName

    return carry_out(how, archive_act(ModelName.parse(model)))
