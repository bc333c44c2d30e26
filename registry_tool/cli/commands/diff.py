"""``registry diff``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from registry_tool.cli.options import repo_option
from registry_tool.cli.output.console import print_json, say

if TYPE_CHECKING:
    from registry_tool.catalog.events import Event
    from registry_tool.catalog.review import Review
    from registry_tool.checks.subject import Subject
    from registry_tool.manifests.problems import JSON

__all__ = ["diff"]

_MARKS: Final = {"added": ("+", "green"), "removed": ("-", "red")}
_OTHER: Final = ("~", "yellow")


def _data(event: Event) -> dict[str, JSON]:
    return {
        "kind": event.kind, "act": event.act, "reference": event.reference, "path": event.path,
        **event.data(),
    }  # fmt: skip


def _draw(events: tuple[Event, ...], words: str) -> None:
    from registry_tool.catalog.describe import sentence

    say(words, dim=True)
    for event in events:
        mark, colour = _MARKS.get(event.act, _OTHER)
        say(f"{mark} {sentence(event)}", fg=colour)
    if not events:
        say("nothing differs")


def _gates(subject: Subject, found: Review) -> list[str]:
    """What the gates say of the versions under review, as far as this clone's history can tell."""
    import datetime as dt

    from registry_tool.catalog.catalog import Catalog
    from registry_tool.errors import ShallowHistoryError
    from registry_tool.names import ModelName
    from registry_tool.promotion.context import ground_of
    from registry_tool.promotion.evaluate import gates_ahead

    if subject.repository is None or subject.published is None:
        return []
    head = Catalog(subject.head)
    models = [(head.model(ModelName.parse(v.model)), v.version) for v in found.versions]
    views = [model.version(version) for model, version in models if model is not None]
    try:
        ground = ground_of(subject.repository, subject.published)
        now = dt.datetime.now(dt.UTC)
        return list(gates_ahead([view for view in views if view is not None], ground, now=now))
    except ShallowHistoryError as exc:
        return [f"not answered: {exc.message}; {exc.remedy}"]


@click.command()
@click.argument("base", metavar="BASE")
@click.argument("head", metavar="[HEAD]", required=False)
@click.option(
    "--format", "form", type=click.Choice(["text", "json", "markdown"]), default="text",
    show_default=True, help="Text for people, JSON for programs, or a report for the reviewer.",
)  # fmt: skip
@repo_option
def diff(*, base: str, head: str | None, form: str, repo: str) -> None:
    """Say in words what changed between two revisions.

    As for a pull request, what HEAD changed since it left BASE is told, not what BASE changed in the meantime. HEAD is
    the work tree when it is not given. The Markdown report also holds each new version against the one it follows and
    against what is in production: metrics, artifacts, framework, environment.

    \b
    Examples:
      registry diff main                        what I change
      registry diff main my-branch
      registry diff origin/main HEAD --format markdown > report.md
    """
    from registry_tool.catalog.catalog import Catalog
    from registry_tool.catalog.review import review
    from registry_tool.catalog.review_report import markdown
    from registry_tool.checks.subject import choose
    from registry_tool.cli.options import tell_of_owner

    source: str | Path = repo if repo != "." else Path.cwd()
    subject = choose(source, base=base, head=head)
    tell_of_owner(subject.repository)
    try:
        found = review(Catalog(subject.base or subject.head), Catalog(subject.head))
        gates = _gates(subject, found) if form == "markdown" else []
        commit = None
        if subject.repository is not None and head is not None:
            commit = subject.repository.commit(head)
    finally:
        subject.close()
    if form == "markdown":
        click.echo(markdown(found, gates=gates), nl=False)
    elif form == "json":
        changes = [_data(event) for event in found.events]
        print_json({"base": subject.published, "head": commit, "changes": changes})
    else:
        _draw(found.events, subject.words)
