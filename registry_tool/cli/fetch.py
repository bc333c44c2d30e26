"""``registry fetch``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from registry_tool.cli.completion import complete_folder, complete_reference
from registry_tool.cli.console import columns, print_json, progress_bar, say, size_words
from registry_tool.cli.options import format_option, open_for_reading, ref_option, repo_option
from registry_tool.cli.trusting import check_signed, signers_option
from registry_tool.errors import OfflineError, RegistryError, Withdrawn

if TYPE_CHECKING:
    from registry_tool.artifacts.progress import Progress
    from registry_tool.artifacts.remote import Remote
    from registry_tool.registry import Registry
    from registry_tool.views import Artifact, ModelVersion

__all__ = ["fetch"]


def _wanted(version: ModelVersion, names: tuple[str, ...]) -> tuple[list[Artifact], list[Artifact]]:
    """What to fetch, and what cannot be: the named artifacts, or all of them."""
    if names:
        return [version.artifact(name) for name in dict.fromkeys(names)], []
    every = version.artifacts()
    return [a for a in every if not a.uri], [a for a in every if a.uri]


def _no_remote(artifact: Artifact) -> Remote:
    raise OfflineError(
        f"artifact {artifact.name} is not in the cache, and --offline forbids to fetch it",
        remedy="fetch it once without --offline",
    )


def _bring(registry: Registry, artifact: Artifact, *, offline: bool, progress: Progress) -> Path:
    """The verified bytes in the cache."""
    if not offline or artifact.uri:
        return artifact.fetch(progress=progress)
    from registry_tool.artifacts.transfer import fetch as fetch_entry

    cache = registry.store.cache
    return fetch_entry(artifact.entry, lambda: _no_remote(artifact), cache, progress=progress)


def _place(
    found: Path, artifact: Artifact, folder: str, *, overwrite: bool, progress: Progress
) -> Path:
    from registry_tool.artifacts.transfer import place

    target = Path(folder) / artifact.path
    try:
        place(found, target, overwrite=overwrite, progress=progress)
    except RegistryError as exc:
        if exc.exit_code == 1:
            exc.remedy = "choose another folder with -o, or replace it with --overwrite"
        raise
    return target


def _show(
    version: ModelVersion, done: list[tuple[Path, Artifact]], left: list[Artifact], form: str
) -> None:
    if form == "json":
        fetched = [
            {"name": a.name, "path": str(path), "size": a.size, "sha256": a.sha256}
            for path, a in done
        ]
        elsewhere = [{"name": a.name, "uri": a.uri} for a in left]
        data = {"model": version.model, "version": version.version, "artifacts": fetched}
        print_json({**data, "not_fetched": elsewhere})
        return
    for line in columns((str(path), size_words(a.size), str(a.sha256)) for path, a in done):
        say(line)
    for artifact in left:
        say(f"note:  not fetched, tracked elsewhere: {artifact.name}  {artifact.uri}", err=True)
    if not done:
        say("note:  the version has no stored artifacts", err=True)


@click.command()
@click.argument("reference", metavar="REF", shell_complete=complete_reference)
@click.option(
    "-o",
    "--output",
    metavar="DIR",
    help="Copy the artifacts there. Default: only the cache.",
    shell_complete=complete_folder,
)
@click.option(
    "--artifact", "names", metavar="NAME", multiple=True, help="Only this one; may be repeated."
)
@click.option("--overwrite", is_flag=True, help="Replace what differs in DIR.")
@click.option("--offline", is_flag=True, help="Use what is cached; ask no remote.")
@click.option("--allow-withdrawn", is_flag=True, help="Fetch a withdrawn version too.")
@click.option(
    "--require-signature", is_flag=True,
    help="Fetch nothing unless an allowed signer signed the version.",
)  # fmt: skip
@signers_option
@format_option
@repo_option
@ref_option
def fetch(
    *,
    reference: str,
    output: str | None,
    names: tuple[str, ...],
    overwrite: bool,
    offline: bool,
    allow_withdrawn: bool,
    require_signature: bool,
    signers: str | None,
    form: str,
    repo: str,
    ref: str | None,
) -> None:
    """Bring a version's verified bytes here.

    Every byte is checked against the manifest on its way. Without -o the paths in the shared cache are printed: treat
    them as read-only. Artifacts tracked elsewhere are named, not fetched.

    \b
    Examples:
      registry fetch nlp/lang-id@production
      registry fetch nlp/lang-id@production -o out
      registry fetch nlp/lang-id@4 --artifact model --offline
      registry fetch nlp/lang-id@4 --require-signature
    """
    with open_for_reading(repo, ref, offline=offline) as registry, progress_bar() as progress:
        version = registry.version(reference, allow_withdrawn=allow_withdrawn)
        if require_signature or signers is not None:
            check_signed(registry, reference, signers)
        if version.state == "erased":
            named = f"{version.model}@{version.version}"
            raise Withdrawn(f"{named} is erased", remedy=f"registry show {named} shows its record")
        wanted, left = _wanted(version, names)
        done: list[tuple[Path, Artifact]] = []
        for artifact in wanted:
            path = _bring(registry, artifact, offline=offline, progress=progress)
            if output is not None:
                path = _place(path, artifact, output, overwrite=overwrite, progress=progress)
            done.append((path, artifact))
    for note in version.notes:
        say(f"note:  {note}", err=True)
    _show(version, done, left, form)
