"""Fetch artifacts: verified, into the shared cache, and from there into a folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from registry_tool.artifacts.entry import ArtifactRequest, StoredEntry
from registry_tool.artifacts.progress import SILENT, Progress
from registry_tool.artifacts.transfer.deliver import Delivery, deliver
from registry_tool.artifacts.transfer.place import copy_into, link_into
from registry_tool.errors import RegistryError, WithdrawnError
from registry_tool.git.transaction.lock import ignore_message

if TYPE_CHECKING:
    from registry_tool.api.snapshot import Snapshot
    from registry_tool.api.views import Artifact, ModelVersion
    from registry_tool.artifacts.transfer.fetch import Fetcher

__all__ = ["FetchedFile", "FetchedVersion", "fetch", "find_served"]


@dataclass(frozen=True)
class FetchedFile:
    """An artifact, or one file of a folder, that was fetched.

    Attributes:
        artifact: The artifact.
        file: The file in its folder; empty for the whole artifact.
        path: Where it is.
        size: Its size in bytes.
        sha256: Its digest.
    """

    artifact: Artifact
    file: str
    path: Path
    size: int
    sha256: str

    @property
    def is_encrypted(self) -> bool:
        """True where it has to be decrypted."""
        return "encryption" in self.artifact.entry


@dataclass(frozen=True)
class FetchedVersion:
    """The fetched files of a version.

    Attributes:
        version: The version.
        files: The fetched files.
        tracked: Artifacts that are tracked elsewhere and were not fetched.
    """

    version: ModelVersion
    files: tuple[FetchedFile, ...]
    tracked: tuple[Artifact, ...]


class _Wanted(NamedTuple):
    """One artifact, or one file of a folder, and the folder that it is delivered to."""

    artifact: Artifact
    file: str
    folder: Path

    @property
    def request(self) -> ArtifactRequest:
        return ArtifactRequest(StoredEntry.read(self.artifact.entry), self.file)


class _Selection(NamedTuple):
    """What is fetched of one version; tracked artifacts have no files here."""

    version: ModelVersion
    wanted: list[_Wanted]
    tracked: list[Artifact]


def find_served(
    registry: Snapshot, reference: str, *, allow_withdrawn: bool = False
) -> ModelVersion:
    """The version that a reference names, if its files are still served.

    Raises:
        WithdrawnError: It is withdrawn, without ``allow_withdrawn``; or erased.
    """
    version = registry.version(reference, allow_withdrawn=allow_withdrawn)
    if version.state == "erased":
        named = f"{version.model}@{version.version}"
        raise WithdrawnError(f"{named} is erased", remedy=f"show its record: registry show {named}")
    return version


def _select(version: ModelVersion, names: Sequence[str], folder: Path) -> _Selection:
    if not names:
        every = version.record_artifacts()
        stored = [_Wanted(a, "", folder) for a in every if not a.uri]
        return _Selection(version, stored, [a for a in every if a.uri])
    wanted = []
    for name in dict.fromkeys(names):
        artifact, _, file = name.partition("/")
        found = version.record_artifact(artifact)
        if found.uri:
            found.fetch()  # raises, with its address
        wanted.append(_Wanted(found, file, folder))
    return _Selection(version, wanted, [])


def _build_fetched_file(one: _Wanted, entry: StoredEntry, path: Path) -> FetchedFile:
    return FetchedFile(one.artifact, one.file, path, entry.size, entry.sha256)


def _into_cache(fetcher: Fetcher, wanted: Sequence[_Wanted]) -> list[FetchedFile]:
    contents = fetcher.fetch([one.request for one in wanted])
    return [
        _build_fetched_file(one, content.entry, fetcher.path(one.request))
        for one, content in zip(wanted, contents, strict=True)
    ]


def _into_folders(
    fetcher: Fetcher, wanted: Sequence[_Wanted], *, link: bool, overwrite: bool
) -> list[FetchedFile]:
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
        _build_fetched_file(one, content.entry, place)
        for one, content, place in zip(wanted, contents, places, strict=True)
    ]


def fetch(
    registry: Snapshot,
    versions: Sequence[ModelVersion],
    *,
    folder: Path | None = None,
    folder_each: bool = False,
    names: Sequence[str] = (),
    remotes: Sequence[str] = (),
    link: bool = False,
    overwrite: bool = False,
    offline: bool = False,
    progress: Progress = SILENT,
    notify: Callable[[str], None] = ignore_message,
) -> list[FetchedVersion]:
    """Fetch the stored artifacts of versions; every byte is verified.

    Args:
        registry: The registry.
        versions: The versions.
        folder: Copy the files to this folder; None fetches into the shared cache only, whose files are read-only.
        folder_each: Use one folder below it for each version: ``NAMESPACE/MODEL/VERSION``.
        names: Only these artifacts, ``NAME`` or ``NAME/FILE``.
        remotes: Read these DVC remotes instead of the registry's; the next one is read when one fails.
        link: Make hard links instead of copies.
        overwrite: Replace files that differ.
        offline: Use the cache only.
        progress: Receives the progress.
        notify: Called with one line, such as when another process is waited for.

    Raises:
        NotFoundError: There is no such artifact.
        RefusedError: A file in the folder differs.
        RemoteError: A remote cannot be read or lacks an object.
    """
    top = folder or Path()
    selected = [
        _select(one, names, top / one.model / one.version if folder_each else top)
        for one in versions
    ]
    wanted = [one for each in selected for one in each.wanted]
    supply = registry.store.supply
    fetcher = supply.fetcher(remotes=remotes, offline=offline, progress=progress, tell=notify)
    if folder is None:
        files = _into_cache(fetcher, wanted)
    else:
        files = _into_folders(fetcher, wanted, link=link, overwrite=overwrite)
    coming: Iterator[FetchedFile] = iter(files)
    return [
        FetchedVersion(one.version, tuple(islice(coming, len(one.wanted))), tuple(one.tracked))
        for one in selected
    ]
