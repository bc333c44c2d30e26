"""``registry resolve``: what a serving process asks at its start, so it imports as little as it can."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from registry_tool.cli.completion import complete_reference
from registry_tool.cli.console import print_json, say
from registry_tool.cli.options import format_option, open_for_reading, ref_option, repo_option
from registry_tool.manifests.data import Data, records

if TYPE_CHECKING:
    from registry_tool.catalog.resolve import Resolved
    from registry_tool.registry import Registry

__all__ = ["resolve"]


def _artifact(entry: Data) -> dict[str, object]:
    where = "path" if "path" in entry else "uri"
    return {
        "name": entry.get("name"),
        where: entry.get(where),
        "size": entry.get("size"),
        "sha256": entry.get("sha256"),
    }


def _commit(registry: Registry, found: Resolved) -> str | None:
    """The commit that gives this answer; None while it is not committed."""
    from registry_tool.catalog.committed import is_answer_of
    from registry_tool.catalog.index import Catalog

    if registry.commit is not None:
        return registry.commit
    head = registry.repository.git.head()
    if head is not None and is_answer_of(Catalog(registry.repository.tree(head)), found):
        return head
    say("note:  this answer is not committed", err=True)
    return None


@click.command()
@click.argument("reference", metavar="REF", shell_complete=complete_reference)
@click.option("--allow-withdrawn", is_flag=True, help="Answer for a withdrawn version too.")
@format_option
@repo_option
@ref_option
def resolve(
    *, reference: str, allow_withdrawn: bool, form: str, repo: str, ref: str | None
) -> None:
    """Say which version a reference means.

    REF is [NAMESPACE/]MODEL[@VERSION|TAG|ALIAS|latest].

    \b
    Examples:
      registry resolve nlp/lang-id@production
      registry resolve nlp/lang-id --format json
      registry resolve nlp/lang-id@production --ref v1.2
    """
    with open_for_reading(repo, ref) as registry:
        found = registry.resolve(reference, allow_withdrawn=allow_withdrawn)
        for note in found.notes:
            say(f"note:  {note}", err=True)
        if form != "json":
            say(f"{found.version}  {found.via}, {found.state}")
            return
        data = {
            "reference": str(found.reference),
            "model": str(found.version.model.name),
            "version": found.version.version,
            "commit": _commit(registry, found),
            "state": found.state,
            "artifacts": [_artifact(e) for e in records(found.version.data, "artifacts")],
        }
        print_json(data)
