"""``registry deprecate``, ``registry withdraw`` and ``registry archive``."""

from __future__ import annotations

import click

from registry_tool.cli.change import (
    WriteArguments,
    open_for_writing,
    print_publication,
    writing_options,
)
from registry_tool.cli.completion import complete_model, complete_reference
from registry_tool.errors import UsageError

__all__ = ["archive", "deprecate", "withdraw"]

_REASON = click.option("--reason", metavar="TEXT", required=True, help="Why; readers see it.")
_REPLACED = click.option(
    "--replaced-by", metavar="VERSION|REF", default="", help="The version to use instead."
)


def check_reason(reason: str | None) -> str:
    """The text of ``--reason``.

    Raises:
        UsageError: It is missing or empty.
    """
    if reason is None or not reason.strip():
        state = "missing" if reason is None else "empty"
        raise UsageError(f"--reason is {state}", remedy="give a reason: readers see it")
    return reason


@click.command()
@click.argument("reference", metavar="REF", shell_complete=complete_reference)
@_REASON
@_REPLACED
@writing_options
def deprecate(*, reference: str, reason: str, replaced_by: str, how: WriteArguments) -> int:
    """The version is still served; readers get a warning.

    \b
    Examples:
      registry deprecate nlp/lang-id@3 --reason "weak on short texts" --replaced-by 4
    """
    why = check_reason(reason)
    with open_for_writing(how) as (registry, options):
        done = registry.deprecate(reference, reason=why, replaced_by=replaced_by, **options)
        return print_publication(registry, how, done)


@click.command()
@click.argument("reference", metavar="REF", shell_complete=complete_reference)
@_REASON
@_REPLACED
@click.option("--remove-aliases", is_flag=True, help="Also remove the aliases that point to it.")
@writing_options
def withdraw(
    *, reference: str, reason: str, replaced_by: str, remove_aliases: bool, how: WriteArguments
) -> int:
    """The version is no longer served. No alias may point to it.

    \b
    Examples:
      registry withdraw nlp/lang-id@3 --reason "trained on data we may not use" --replaced-by 4 --commit
    """
    why = check_reason(reason)
    with open_for_writing(how) as (registry, options):
        done = registry.withdraw(
            reference, reason=why, replaced_by=replaced_by, remove_aliases=remove_aliases, **options
        )
        return print_publication(registry, how, done)


@click.command()
@click.argument("model", metavar="[NS/]MODEL", shell_complete=complete_model)
@writing_options
def archive(*, model: str, how: WriteArguments) -> int:
    """An archived model keeps its versions and accepts no new ones. Give the reason in the commit: --message.

    \b
    Examples:
      registry archive nlp/lang-id --commit --message "Archive lang-id: replaced by nlp/lang-detect"
    """
    with open_for_writing(how) as (registry, options):
        return print_publication(registry, how, registry.archive(model, **options))
