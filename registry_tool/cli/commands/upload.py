"""``registry upload``."""

from __future__ import annotations

from pathlib import Path

import click

from registry_tool.cli.completion import complete_file, complete_reference
from registry_tool.cli.options import format_option, open_for_reading, ref_option, repo_option
from registry_tool.cli.output.console import print_json, progress_bar, say, size_words

__all__ = ["upload"]


@click.command()
@click.argument("reference", metavar="REF", shell_complete=complete_reference)
@click.argument("source", metavar="PATH", shell_complete=complete_file)
@click.option(
    "--artifact", "name", metavar="NAME", default=None,
    help="The artifact to restore. Default: the one of role model, or the only one.",
)  # fmt: skip
@format_option
@repo_option
@ref_option
def upload(
    *, reference: str, source: str, name: str | None, form: str, repo: str, ref: str | None
) -> None:
    """PATH is the file or folder that the version was made from.

    It is hashed first. Only content that the record names is uploaded, and only objects that the remote lacks.

    \b
    Examples:
      registry upload nlp/lang-id@4 lid.176.ftz
      registry upload nlp/lang-id@4 ./tokenizer --artifact tokenizer
    """
    with open_for_reading(repo, ref) as registry, progress_bar() as progress:
        done = registry.restore_artifact(reference, Path(source), artifact=name, progress=progress)
    if form == "json":
        print_json({key: value for key, value in done._asdict().items() if key != "remote"})
        return
    whole = f"{done.model}@{done.version} {done.artifact} ({size_words(done.size)})"
    if done.objects:
        say(f"uploaded {done.objects} of {done.of} objects of {whole} to {done.remote}")
    else:
        say(f"{done.remote} already has all objects of {whole}")
