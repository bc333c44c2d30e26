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
    help="Which artifact it is. Default: the one of role model, or the only one.",
)  # fmt: skip
@format_option
@repo_option
@ref_option
def upload(
    *, reference: str, source: str, name: str | None, form: str, repo: str, ref: str | None
) -> None:
    """Bring back the bytes of a version that the remote lost.

    PATH is the file or folder that the version was made from, wherever you still have it. It is hashed first: only
    the bytes that the record names are uploaded, and of these only what the remote lacks.

    \b
    Examples:
      registry upload nlp/lang-id@4 lid.176.ftz
      registry upload nlp/lang-id@4 ./tokenizer --artifact tokenizer
    """
    from registry_tool.artifacts.transfer.upload import restore
    from registry_tool.names import Reference

    with open_for_reading(repo, ref) as registry, progress_bar() as progress:
        version = registry.version(Reference.for_change(reference), allow_withdrawn=True)
        artifact = version.artifact(name)
        store = registry.store
        done = restore(
            artifact.entry, Path(source), cache=store.cache, remote=store.remote, progress=progress
        )
    if form == "json":
        print_json(
            {"model": version.model, "version": version.version, "artifact": artifact.name, **done._asdict()}
        )  # fmt: skip
        return
    whole = f"{version.model}@{version.version} {artifact.name} ({size_words(done.size)})"
    if done.objects:
        say(f"uploaded {done.objects} of {done.of} objects of {whole} to {store.remote.name}")
    else:
        say(f"{store.remote.name} has all of {whole} already")
