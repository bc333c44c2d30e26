"""``registry events``."""

from __future__ import annotations

import json

import click

from registry_tool.cli.options import open_for_reading, repo_option
from registry_tool.cli.output.console import say
from registry_tool.errors import UsageError

__all__ = ["events"]


def _is_nothing(revision: str) -> bool:
    """True for the id that Git gives for "no commit", in a push that creates or deletes a branch."""
    return len(revision) in {40, 64} and set(revision) == {"0"}


@click.command()
@click.argument("base", metavar="BASE")
@click.argument("head", metavar="[HEAD]", default="HEAD")
@click.option(
    "--source", metavar="URI",
    help="The registry, as receivers know it. Default: /registries/ and its name.",
)  # fmt: skip
@repo_option
def events(*, base: str, head: str, source: str | None, repo: str) -> None:
    """Print what changed as CloudEvents, for deploy jobs and webhooks.

    One JSON document a line (CloudEvents 1.0, structured mode), oldest first, for each change of each commit on the
    branch after BASE up to HEAD. The same commits give the same bytes; "id" is COMMIT:PATH, so a receiver can drop what
    it has seen. BASE of zeros only, as at the first push of a branch, means from the beginning.

    Where HEAD was not reached from BASE step by step (a branch was rewound or rewritten, or merged the other way
    round), what differs between the two states is printed, as changes of HEAD whose "id" is BASE..HEAD:PATH: a receiver
    that follows them comes from what was deployed to what should be.

    \b
    Examples:
      registry events "$BEFORE" "$AFTER"
      registry events v1.0 HEAD --source https://models.example.org/acme
      registry events 0000000000000000000000000000000000000000
    """
    from registry_tool.integrations.cloudevents import cloud_event, entries_between, source_of
    from registry_tool.manifests.problems import inert_json

    if _is_nothing(head):
        raise UsageError("the branch was deleted: there is no state to come to")
    with open_for_reading(repo, head) as registry:
        repository = registry.repository
        tip = registry.commit or repository.commit(head)
        start = None if _is_nothing(base) else repository.past_commit(base)
        found = entries_between(repository, start, tip)
        named = source_of(registry.catalog) if source is None else source
    if any(not entry.by for entry in found):
        say("note:  HEAD was not reached from BASE step by step; this is what differs", err=True)
    for entry in found:
        event = cloud_event(entry, source=named)
        click.echo(inert_json(json.dumps(event, separators=(",", ":"), sort_keys=True)))
