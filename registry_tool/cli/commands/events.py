"""``registry events``."""

from __future__ import annotations

import json

import click

from registry_tool.cli.options import open_for_reading, repo_option
from registry_tool.cli.output.console import say
from registry_tool.errors import UsageError

__all__ = ["events"]


def _is_null(revision: str) -> bool:
    """True for the id that Git gives for "no commit", in a push that creates or deletes a branch."""
    return len(revision) in {40, 64} and set(revision) == {"0"}


@click.command()
@click.argument("base", metavar="BASE")
@click.argument("head", metavar="[HEAD]", default="HEAD")
@click.option(
    "--source", metavar="URI",
    help="The source attribute of the events. Default: /registries/NAME.",
)  # fmt: skip
@repo_option
def events(*, base: str, head: str, source: str | None, repo: str) -> None:
    """One JSON document per line (CloudEvents 1.0, structured mode), oldest first.

    There is one event for each change of each commit on the branch after BASE up to HEAD. The same commits give the same
    bytes; "id" is COMMIT:PATH, so a receiver can drop duplicates. A BASE of zeros, as at the first push of a branch, means
    from the first commit.

    If BASE is not in the first-parent history of HEAD (the branch was rewound or rewritten, or merged the other way
    round), the differences between the two states are printed as changes of HEAD, and "id" is BASE..HEAD:PATH: a receiver
    that applies them gets from the deployed state to the new one.

    \b
    Examples:
      registry events "$BEFORE" "$AFTER"
      registry events v1.0 HEAD --source https://models.example.org/acme
      registry events 0000000000000000000000000000000000000000
    """
    from registry_tool.api.interface.text import inert_json
    from registry_tool.integrations.cloudevents import cloud_event, derive_source

    if _is_null(head):
        raise UsageError("the branch was deleted, so it has no state to deploy")
    with open_for_reading(repo, head) as registry:
        found = registry.events(None if _is_null(base) else base)
        named = derive_source(registry.catalog) if source is None else source
    if any(not entry.by for entry in found):
        say("note:  BASE is not in the history of HEAD; these are the differences", err=True)
    for entry in found:
        event = cloud_event(entry, source=named)
        click.echo(inert_json(json.dumps(event, separators=(",", ":"), sort_keys=True)))
