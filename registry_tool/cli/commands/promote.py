"""``registry promote`` and ``registry rollback``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from registry_tool.cli.change import (
    WriteArguments,
    open_for_writing,
    print_publication,
    writing_options,
)
from registry_tool.cli.commands.lifecycle import check_reason
from registry_tool.cli.completion import complete_alias, complete_model, complete_reference
from registry_tool.cli.options import title_option
from registry_tool.cli.output.console import print_json, say

if TYPE_CHECKING:
    from registry_tool.api.promotion import GateResults

__all__ = ["promote", "rollback"]

# By the state in the JSON form: the word of the text form, and its colour.
_STATES: Final = {
    "held": ("pass", "green"), "failed": ("fail", "red"), "unknown": ("unknown", "yellow"),
}  # fmt: skip


def _data(found: GateResults) -> dict[str, object]:
    return {
        "model": found.model,
        "version": found.version,
        "stage": found.stage,
        "holder": found.holder,
        "pinned": found.pinned,
        "gates": [gate._asdict() for gate in found.gates],
    }


def _print_gates(found: GateResults) -> None:
    now = f"currently {found.holder}" if found.holder else "currently unset"
    pin = ", pinned" if found.pinned else ""
    say(f"{found.model}@{found.version} → {found.stage} ({now}{pin})")
    for gate in found.gates:
        word, colour = _STATES[gate.state]
        say(f"  {word:<8} {gate.gate}", fg=colour)
        say(f"           {gate.explanation}")
        if gate.remedy and gate.state != "held":
            say(f"           try: {gate.remedy}")
    if not found.gates:
        say("  pass     no gates configured for this stage", fg="green")


def _print_unmoved(found: GateResults, message: str, form: str) -> None:
    if form == "json":
        nothing = {"promoted": False, "message": message, "commit": None, "branch": None}
        print_json({**_data(found), **nothing, "files": []})
    else:
        say(message)


def _report_gates(found: GateResults, form: str, *, dry_run: bool) -> int:
    """Report gates where nothing is written; the exit code. In a dry run, a gate that fails is not an error."""
    error = found.error()
    if error is not None and form != "json" and not dry_run:
        raise error
    message = "every gate passes; nothing was changed" if error is None else error.message
    _print_unmoved(found, message, form)
    return 0 if error is None else error.exit_code


def _report_dry_run(found: GateResults, form: str, *, automatic: bool) -> int:
    if why := found.unchanged(automatic=automatic):
        _print_unmoved(found, why, form)
        return 0
    if form != "json":
        _print_gates(found)
    return _report_gates(found, form, dry_run=True)


@click.command()
@click.argument("reference", metavar="REF", shell_complete=complete_reference)
@click.option(
    "--to",
    "stage",
    metavar="STAGE",
    required=True,
    shell_complete=complete_alias,
    help="The stage.",
)
@click.option("--dry-run", is_flag=True, help="Report what each gate says; change nothing.")
@click.option("--automatic", is_flag=True, help="For jobs: do not move a pinned stage.")
@click.option("--reason", metavar="TEXT", default="", help="Why; it is written to the alias.")
@title_option
@writing_options
def promote(
    *,
    reference: str,
    by_title: bool,
    stage: str,
    dry_run: bool,
    automatic: bool,
    reason: str,
    how: WriteArguments,
) -> int:
    """Every gate is evaluated and explained, with the values found.

    If every gate passes, one small commit on the branch promote/MODEL-VERSION-STAGE moves the stage. Open a pull request
    to merge it into the main branch; the check evaluates the same gates there. Use --commit or --branch to commit
    elsewhere, and --push to push the branch.

    A rollback pins its stage. This command moves it anyway and removes the pin; with --automatic it does nothing and
    succeeds.

    Exit codes: 0 moved, or every gate passes; 1 a gate failed; 4 a gate could not be evaluated, such as in a shallow clone.

    \b
    Examples:
      registry promote nlp/lang-id@4 --to production --dry-run
      registry promote nlp/lang-id@staging --to production --reason "best on short texts" --push
      registry promote nlp/lang-id@4 --to staging --automatic --push --format json
    """
    with open_for_writing(how) as (registry, options):
        if by_title:
            reference = str(registry.by_title(reference))
        if dry_run:
            found = registry.gates(reference, stage, branch=how.branch)
            return _report_dry_run(found, how.form, automatic=automatic)
        done = registry.promote(reference, stage, reason=reason, automatic=automatic, **options)
        results = done.results
        if done.unchanged:
            _print_unmoved(results, done.unchanged, how.form)
            return 0
        if how.form != "json":
            _print_gates(results)
        if done.publication is None:
            return _report_gates(results, how.form, dry_run=False)
        more = {**_data(results), "promoted": True}
        code = print_publication(registry, how, done.publication, more)
        if how.form != "json":
            _print_next(done.branch, is_pushed=done.publication.pushed)
        return code


def _print_next(branch: str | None, *, is_pushed: bool) -> None:
    import shlex

    if branch is not None and not is_pushed:
        say("next:")
        say(f"  git push -u origin {shlex.quote(branch)}    # then open a pull request")


@click.command()
@click.argument("model", metavar="[NS/]MODEL", shell_complete=complete_model)
@click.argument("stage", metavar="STAGE", shell_complete=complete_alias)
@click.option(
    "--to", metavar="VERSION", default="", help="The version. Default: the last good one."
)
@click.option("--reason", metavar="TEXT", required=True, help="Why; readers see it.")
@writing_options
def rollback(*, model: str, stage: str, to: str, reason: str, how: WriteArguments) -> int:
    """The last good version is the one that the stage pointed to before, if it may still be used.

    Versions that were rolled back themselves are skipped. No gates are evaluated. The pin stops automatic promotions until
    `registry promote` moves the stage again, which removes the pin.

    \b
    Examples:
      registry rollback nlp/lang-id production --reason "wrong on short texts"
      registry rollback nlp/lang-id production --to 2 --reason "3 is slow too" --branch roll-back --push
    """
    why = check_reason(reason)
    with open_for_writing(how) as (registry, options):
        done = registry.rollback(model, stage, reason=why, to=to, **options)
        return print_publication(registry, how, done)
