"""``registry annotate``."""

from __future__ import annotations

import click

from registry_tool.cli.change import (
    WriteArguments,
    open_for_writing,
    print_publication,
    writing_options,
)
from registry_tool.cli.completion import complete_reference
from registry_tool.cli.parsing import json_pairs
from registry_tool.errors import UsageError

__all__ = ["annotate"]


@click.command()
@click.argument("reference", metavar="REF", shell_complete=complete_reference)
@click.argument("metadata", metavar="[KEY=JSON]...", nargs=-1)
@click.option("--remove", metavar="KEY", multiple=True, help="Remove a key from metadata.yaml.")
@click.option("--label", metavar="L", multiple=True, help="Add a label.")
@click.option("--description", metavar="TEXT", help="A description that replaces the record's.")
@writing_options
def annotate(
    *,
    reference: str,
    metadata: tuple[str, ...],
    remove: tuple[str, ...],
    label: tuple[str, ...],
    description: str | None,
    how: WriteArguments,
) -> int:
    """They are written to metadata.yaml of the version, next to the record, which never changes.

    A value that is not JSON is stored as text.

    \b
    Examples:
      registry annotate nlp/lang-id@4 team=speech 'limits={"max_chars": 5000}'
      registry annotate nlp/lang-id@4 --label edge --description "For short texts." --commit
      registry annotate nlp/lang-id@4 --remove team
    """
    if not (metadata or remove or label or description is not None):
        raise UsageError(
            "nothing to change", remedy="give KEY=JSON, --remove, --label or --description"
        )
    pairs = json_pairs(metadata, "metadata")
    with open_for_writing(how) as (registry, options):
        done = registry.annotate(
            reference, metadata=pairs, remove=remove, labels=label, description=description, **options
        )  # fmt: skip
        return print_publication(registry, how, done)
