"""``registry annotate``."""

from __future__ import annotations

import click

from registry_tool.cli.change import How, carry_out, writing_options
from registry_tool.cli.completion import complete_reference
from registry_tool.errors import UsageError

__all__ = ["annotate"]


@click.command()
@click.argument("reference", metavar="REF", shell_complete=complete_reference)
@click.argument("metadata", metavar="[KEY=JSON]...", nargs=-1)
@click.option(
    "--remove", metavar="KEY", multiple=True, help="Take a key out of metadata.yaml again."
)
@click.option("--label", metavar="L", multiple=True, help="Add a label.")
@click.option("--description", metavar="TEXT", help="A description in place of the record's.")
@writing_options
def annotate(
    *,
    reference: str,
    metadata: tuple[str, ...],
    remove: tuple[str, ...],
    label: tuple[str, ...],
    description: str | None,
    how: How,
) -> int:
    """Add metadata, labels or a description to a version.

    They go to the version's metadata.yaml, beside the record, which never changes. A value that is no JSON is taken
    as text.

    \b
    Examples:
      registry annotate nlp/lang-id@4 team=speech 'limits={"max_chars": 5000}'
      registry annotate nlp/lang-id@4 --label edge --description "For short texts." --commit
      registry annotate nlp/lang-id@4 --remove team
    """
    from registry_tool.cli.parsing import json_pairs
    from registry_tool.edits.annotations import annotate as annotate_act
    from registry_tool.names import Reference

    if not (metadata or remove or label or description is not None):
        raise UsageError(
            "there is nothing to add", remedy="give KEY=JSON, --remove, --label or --description"
        )
    act = annotate_act(
        Reference.for_change(reference),
        metadata=json_pairs(metadata, "metadata"),
        remove=remove,
        labels=label,
        description=description,
    )
    return carry_out(how, act)
