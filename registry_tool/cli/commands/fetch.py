"""``registry fetch``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from registry_tool.cli.completion import complete_folder, complete_reference
from registry_tool.cli.options import (
    check_signed,
    format_option,
    notify,
    open_for_reading,
    ref_option,
    repo_option,
    signers_option,
    title_option,
)
from registry_tool.cli.output.console import columns, print_json, progress_bar, say, size_words
from registry_tool.errors import UsageError

if TYPE_CHECKING:
    from registry_tool.api.fetch import FetchedVersion

__all__ = ["fetch"]

_LOCK = "registry.lock"


def _data(done: FetchedVersion) -> dict[str, object]:
    artifacts: list[dict[str, object]] = []
    for one in done.files:
        name: dict[str, object] = {"name": one.artifact.name}
        if one.file:
            name["file"] = one.file
        encrypted = {"encrypted": True} if one.is_encrypted else {}
        digests = {"size": one.size, "sha256": one.sha256}
        artifacts.append({**name, "path": str(one.path), **digests, **encrypted})
    return {
        "model": done.version.model,
        "version": done.version.version,
        "artifacts": artifacts,
        "not_fetched": [{"name": a.name, "uri": a.uri} for a in done.tracked],
    }


def _print(done: FetchedVersion) -> None:
    for line in columns((str(one.path), size_words(one.size), one.sha256) for one in done.files):
        say(line)
    version = f"{done.version.model}@{done.version.version}"
    for one in done.files:
        if one.is_encrypted:
            name = one.artifact.name
            say(f"note:  {name} is encrypted: registry decrypt {version} -o DIR", err=True)
    for artifact in done.tracked:
        say(f"note:  not fetched, tracked elsewhere: {artifact.name}  {artifact.uri}", err=True)
    if not done.files:
        say("note:  the version has no stored artifacts", err=True)


@click.command()
@click.argument("reference", metavar="[REF]", required=False, shell_complete=complete_reference)
@click.option(
    "-o", "--output", metavar="DIR", shell_complete=complete_folder,
    help="Copy the artifacts to DIR. Default: only into the cache.",
)  # fmt: skip
@click.option(
    "--artifact", "names", metavar="NAME[/FILE]", multiple=True,
    help="Only this artifact, or this file of a folder; may be repeated.",
)  # fmt: skip
@click.option(
    "--locked", metavar="[FILE]", is_flag=False, flag_value=_LOCK, default=None,
    help=f"The versions that a lock file pins, whatever REF names today. Default: {_LOCK}; without REF, all of them.",
)  # fmt: skip
@click.option(
    "--remote", "remotes", metavar="NAME", multiple=True,
    help="Read this DVC remote instead; may be repeated: the next is read when one fails. Or $REGISTRY_REMOTE.",
)  # fmt: skip
@click.option(
    "--link", is_flag=True, help="Make hard links instead of copies; the files are read-only."
)
@click.option("--overwrite", is_flag=True, help="Replace files in DIR that differ.")
@click.option("--offline", is_flag=True, help="Use the cache only; contact no remote.")
@click.option("--allow-withdrawn", is_flag=True, help="Fetch a withdrawn version too.")
@click.option(
    "--require-signature", is_flag=True,
    help="Fetch nothing unless an allowed signer signed the version.",
)  # fmt: skip
@signers_option
@title_option
@format_option
@repo_option
@ref_option
def fetch(
    *, reference: str | None, output: str | None, names: tuple[str, ...], locked: str | None,
    remotes: tuple[str, ...], link: bool, overwrite: bool, offline: bool, allow_withdrawn: bool,
    require_signature: bool, signers: str | None, by_title: bool, form: str, repo: str, ref: str | None,
) -> None:  # fmt: skip
    """Every byte is verified against the manifest. An interrupted download resumes.

    Without -o, the paths in the shared cache are printed: treat these files as read-only. Artifacts that are tracked
    elsewhere are listed, not fetched.

    \b
    Examples:
      registry fetch nlp/lang-id@production
      registry fetch nlp/lang-id@production -o out
      registry fetch nlp/lang-id@4 --artifact tokenizer/vocab.txt --offline
      registry fetch nlp/lang-id@4 --require-signature
      registry fetch --locked -o models     each in models/NAMESPACE/MODEL/VERSION
    """
    with open_for_reading(repo, ref, offline=offline) as registry, progress_bar() as progress:
        if by_title and reference is not None:
            reference = str(registry.by_title(reference))
        if locked is not None:
            versions = registry.locked_versions(locked, reference)
        elif reference is not None:
            versions = [registry.served_version(reference, allow_withdrawn=allow_withdrawn)]
        else:
            raise UsageError(
                "no version given", remedy="registry fetch REF; or: registry fetch --locked"
            )
        if require_signature or signers is not None:
            for one in versions:
                check_signed(registry, f"{one.model}@{one.version}", signers)
        done = registry.fetch(
            versions, folder=None if output is None else Path(output),
            folder_each=reference is None, names=names, remotes=remotes, link=link,
            overwrite=overwrite, offline=offline, progress=progress, notify=notify,
        )  # fmt: skip
    for note in (note for one in done for note in one.version.notes):
        say(f"note:  {note}", err=True)
    if form == "json":
        data = [_data(one) for one in done]
        print_json(data[0] if reference is not None else {"versions": data})
        return
    for each in done:
        _print(each)
