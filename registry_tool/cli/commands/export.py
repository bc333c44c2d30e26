"""``registry export``."""

from __future__ import annotations

from pathlib import Path

import click

from registry_tool.api.export import PACKAGE_SCHEMAS, PackageSchema
from registry_tool.cli.completion import complete_file, complete_reference
from registry_tool.cli.options import (
    format_option,
    notify,
    open_for_reading,
    ref_option,
    repo_option,
    title_option,
)
from registry_tool.cli.output.console import print_json, progress_bar, say, size_words
from registry_tool.errors import UsageError

__all__ = ["export"]


@click.command()
@click.argument("reference", metavar="REF", shell_complete=complete_reference)
@click.option("--mlarchive", is_flag=True, help="As a package of MLSteam's model SDK.")
@click.option(
    "-o", "--output", metavar="FILE", required=True, shell_complete=complete_file,
    help="The file to write.",
)  # fmt: skip
@click.option(
    "--schema", type=click.Choice(PACKAGE_SCHEMAS), default=None,
    help="The schema of manifest.json. Default: that of the package, or v2024.1.",
)  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace FILE.")
@click.option("--offline", is_flag=True, help="Use the cache only; contact no remote.")
@title_option
@format_option
@repo_option
@ref_option
def export(
    *, reference: str, mlarchive: bool, output: str, schema: PackageSchema | None, overwrite: bool,
    offline: bool, by_title: bool, form: str, repo: str, ref: str | None,
) -> None:  # fmt: skip
    """A version that is a package of MLSteam is written as it is: a folder with manifest.json, models/ and hooks/.

    Of every other version the artifacts go to models/NAME/, folders named hooks and src to these, and manifest.json is made
    from the record. The same version gives the same bytes.

    \b
    Examples:
      registry export nlp/lang-id@4 --mlarchive -o lang-id.mlarchive
      registry export nlp/lang-id@production --mlarchive --schema v2023.1 -o lang-id.mlarchive
    """
    if not mlarchive:
        raise UsageError("no form given", remedy="add --mlarchive")
    with open_for_reading(repo, ref, offline=offline) as registry, progress_bar() as progress:
        if by_title:
            reference = str(registry.by_title(reference))
        done = registry.export_package(
            reference, Path(output), schema=schema, overwrite=overwrite, offline=offline,
            progress=progress, notify=notify,
        )  # fmt: skip
    if form == "json":
        said = {"model": done.version.model, "version": done.version.version}
        print_json({**said, "path": output, "size": done.size, "sha256": done.sha256})
        return
    say(f"{output}  {size_words(done.size)}  {done.sha256}")
