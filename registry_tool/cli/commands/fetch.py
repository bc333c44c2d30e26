"""``registry fetch``."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from registry_tool.cli.completion import complete_folder, complete_reference
from registry_tool.cli.options import (
    check_signed,
    format_option,
    open_for_reading,
    ref_option,
    repo_option,
    signers_option,
    tell,
)
from registry_tool.cli.output.console import columns, print_json, progress_bar, say, size_words
from registry_tool.errors import RegistryError, UsageError, WithdrawnError

if TYPE_CHECKING:
    from registry_tool.api.registry import Registry
    from registry_tool.api.views import Artifact, ModelVersion
    from registry_tool.artifacts.entry import ArtifactRequest, StoredEntry
    from registry_tool.artifacts.transfer.fetch import Fetcher

__all__ = ["fetch"]

_LOCK = "registry.lock"


class _Wanted(NamedTuple):
    """One artifact, or one file of a folder, and the folder it goes to."""

    artifact: Artifact
    file: str
    folder: Path

    @property
    def request(self) -> ArtifactRequest:
        from registry_tool.artifacts.entry import ArtifactRequest, StoredEntry

        return ArtifactRequest(StoredEntry.read(self.artifact.entry), self.file)


class _Fetched(NamedTuple):
    """What came, and where it is."""

    wanted: _Wanted
    entry: StoredEntry
    path: Path


class _Asked(NamedTuple):
    """What is asked of one version; ``elsewhere`` is what would have been, and has no bytes here."""

    version: ModelVersion
    wanted: list[_Wanted]
    elsewhere: list[Artifact]


def _asked(version: ModelVersion, names: tuple[str, ...], folder: Path) -> _Asked:
    if not names:
        every = version.artifacts()
        stored = [_Wanted(a, "", folder) for a in every if not a.uri]
        return _Asked(version, stored, [a for a in every if a.uri])
    wanted = []
    for name in dict.fromkeys(names):
        artifact, _, file = name.partition("/")
        found = version.artifact(artifact)
        if found.uri:
            found.fetch()  # which says where it is
        wanted.append(_Wanted(found, file, folder))
    return _Asked(version, wanted, [])


def _pinned(registry: Registry, file: str, reference: str | None) -> list[ModelVersion]:
    """The versions of a lock file, or that of one reference."""
    from registry_tool.api.pinning import pinned
    from registry_tool.cli.commands.lock import read_pins
    from registry_tool.names import Reference

    pins = read_pins(file)
    if reference is not None:
        name = Reference.parse(reference)
        pins = [one for one in pins if one.reference == name]
        if not pins:
            remedy = f"add it: registry lock {name} -o {file}"
            raise UsageError(f"{file} does not pin {name}", remedy=remedy)
    return [pinned(registry, one, file) for one in pins]


def _served(registry: Registry, reference: str, *, allow_withdrawn: bool) -> ModelVersion:
    version = registry.version(reference, allow_withdrawn=allow_withdrawn)
    if version.state == "erased":
        named = f"{version.model}@{version.version}"
        raise WithdrawnError(f"{named} is erased", remedy=f"see its record: registry show {named}")
    return version


def _own(folder: Path, version: ModelVersion) -> Path:
    """Where one of several versions goes."""
    return folder / version.model / version.version


def _into_cache(fetcher: Fetcher, wanted: Sequence[_Wanted]) -> list[_Fetched]:
    contents = fetcher.bring([one.request for one in wanted])
    return [
        _Fetched(one, content.entry, fetcher.path(one.request))
        for one, content in zip(wanted, contents, strict=True)
    ]


def _into_folders(
    fetcher: Fetcher, wanted: Sequence[_Wanted], *, link: bool, overwrite: bool
) -> list[_Fetched]:
    from registry_tool.artifacts.transfer.deliver import Delivery, deliver
    from registry_tool.artifacts.transfer.place import copy_into, link_into

    places = [Path(one.folder, one.artifact.path, one.file) for one in wanted]
    deliveries = [Delivery(one.request, place) for one, place in zip(wanted, places, strict=True)]
    try:
        put = link_into if link else copy_into
        contents = deliver(fetcher, deliveries, put=put, overwrite=overwrite)
    except RegistryError as exc:
        if exc.exit_code == 1:
            exc.remedy = "choose another folder with -o, or replace it with --overwrite"
        raise
    return [
        _Fetched(one, content.entry, place)
        for one, content, place in zip(wanted, contents, places, strict=True)
    ]


def _is_encrypted(artifact: Artifact) -> bool:
    return "encryption" in artifact.entry


def _data(asked: _Asked, fetched: Sequence[_Fetched]) -> dict[str, object]:
    artifacts: list[dict[str, object]] = []
    for one in fetched:
        file = {"file": one.wanted.file} if one.wanted.file else {}
        digests = {"size": one.entry.size, "sha256": one.entry.sha256}
        name = {"name": one.wanted.artifact.name}
        sealed = {"encrypted": True} if _is_encrypted(one.wanted.artifact) else {}
        artifacts.append({**name, **file, "path": str(one.path), **digests, **sealed})
    return {
        "model": asked.version.model,
        "version": asked.version.version,
        "artifacts": artifacts,
        "not_fetched": [{"name": a.name, "uri": a.uri} for a in asked.elsewhere],
    }


def _say(asked: _Asked, fetched: Sequence[_Fetched]) -> None:
    for line in columns(
        (str(one.path), size_words(one.entry.size), one.entry.sha256) for one in fetched
    ):
        say(line)
    version = f"{asked.version.model}@{asked.version.version}"
    for one in fetched:
        if _is_encrypted(one.wanted.artifact):
            name = one.wanted.artifact.name
            say(f"note:  {name} is encrypted: registry decrypt {version} -o DIR", err=True)
    for artifact in asked.elsewhere:
        say(f"note:  not fetched, tracked elsewhere: {artifact.name}  {artifact.uri}", err=True)
    if not fetched:
        say("note:  the version has no stored artifacts", err=True)


def _report(
    asked: Sequence[_Asked], fetched: Sequence[_Fetched], form: str, *, alone: bool
) -> None:
    """What came, version by version."""
    coming = iter(fetched)
    parts = [(one, list(islice(coming, len(one.wanted)))) for one in asked]
    for note in (note for one in asked for note in one.version.notes):
        say(f"note:  {note}", err=True)
    if form == "json":
        data = [_data(one, came) for one, came in parts]
        print_json(data[0] if alone else {"versions": data})
        return
    for one, came in parts:
        _say(one, came)


@click.command()
@click.argument("reference", metavar="[REF]", required=False, shell_complete=complete_reference)
@click.option(
    "-o", "--output", metavar="DIR", shell_complete=complete_folder,
    help="Copy the artifacts there. Default: only the cache.",
)  # fmt: skip
@click.option(
    "--artifact", "names", metavar="NAME[/FILE]", multiple=True,
    help="Only this one, or only this file of a folder; may be repeated.",
)  # fmt: skip
@click.option(
    "--locked", metavar="[FILE]", is_flag=False, flag_value=_LOCK, default=None,
    help=f"What a lock file pins, and not what REF means today. Default: {_LOCK}; without REF all of it.",
)  # fmt: skip
@click.option(
    "--remote", "remotes", metavar="NAME", multiple=True,
    help="Ask this DVC remote instead; may be repeated: the next is asked when one fails. Or $REGISTRY_REMOTE.",
)  # fmt: skip
@click.option(
    "--link", is_flag=True, help="Hard links instead of copies: no second copy, read-only."
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
    *, reference: str | None, output: str | None, names: tuple[str, ...], locked: str | None,
    remotes: tuple[str, ...], link: bool, overwrite: bool, offline: bool, allow_withdrawn: bool,
    require_signature: bool, signers: str | None, form: str, repo: str, ref: str | None,
) -> None:  # fmt: skip
    """Bring a version's verified bytes here.

    Every byte is checked against the manifest on its way. What was interrupted goes on where it stopped. Without -o the
    paths in the shared cache are printed: treat them as read-only. Artifacts tracked elsewhere are named, not fetched.

    \b
    Examples:
      registry fetch nlp/lang-id@production
      registry fetch nlp/lang-id@production -o out
      registry fetch nlp/lang-id@4 --artifact tokenizer/vocab.txt --offline
      registry fetch nlp/lang-id@4 --require-signature
      registry fetch --locked -o models     each in models/NAMESPACE/MODEL/VERSION
    """
    with open_for_reading(repo, ref, offline=offline) as registry, progress_bar() as progress:
        if locked is not None:
            versions = _pinned(registry, locked, reference)
        elif reference is not None:
            versions = [_served(registry, reference, allow_withdrawn=allow_withdrawn)]
        else:
            raise UsageError(
                "which version?", remedy="registry fetch REF; or: registry fetch --locked"
            )
        if require_signature or signers is not None:
            for one in versions:
                check_signed(registry, f"{one.model}@{one.version}", signers)
        folder = Path(output or "")
        asked = [_asked(one, names, folder if reference else _own(folder, one)) for one in versions]
        wanted = [one for each in asked for one in each.wanted]
        supply = registry.store.supply
        fetcher = supply.fetcher(remotes=remotes, offline=offline, progress=progress, tell=tell)
        if output is None:
            fetched = _into_cache(fetcher, wanted)
        else:
            fetched = _into_folders(fetcher, wanted, link=link, overwrite=overwrite)
    _report(asked, fetched, form, alone=reference is not None)
