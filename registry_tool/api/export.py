"""Export a version as one file that another program reads: MLSteam's ``.mlarchive``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final, get_args

from registry_tool.api.fetch import find_served
from registry_tool.artifacts.filesystem import on_disk, remove, temporary_name
from registry_tool.artifacts.packages.mlarchive import (
    MANIFEST,
    SHOWN_FRAMEWORKS,
    PackageSchema,
    build_manifest,
)
from registry_tool.artifacts.packages.version_archive import (
    Archive,
    FetchedFiles,
    find_package,
    list_stored,
    open_package,
)
from registry_tool.artifacts.packages.zip_stream import ArchivedFile
from registry_tool.artifacts.progress import SILENT, Progress
from registry_tool.errors import RefusedError
from registry_tool.git.transaction.lock import ignore_message
from registry_tool.manifests.data import Data, records, text

if TYPE_CHECKING:
    from registry_tool.api.snapshot import Snapshot
    from registry_tool.api.views import ModelVersion
    from registry_tool.artifacts.transfer.fetch import Fetcher

__all__ = ["PACKAGE_SCHEMAS", "ExportedPackage", "PackageSchema", "export_package"]

PACKAGE_SCHEMAS: Final[tuple[PackageSchema, ...]] = get_args(PackageSchema)
"""The schemas of a manifest, the oldest first."""

_NEWEST: Final[PackageSchema] = "v2024.1"
_FOLDERS: Final = ("hooks", "src")


@dataclass(frozen=True)
class ExportedPackage:
    """A package that was written.

    Attributes:
        version: The version.
        path: The file.
        size: Its size in bytes.
        sha256: Its digest.
        is_built: True where the manifest was made from the record; False for a version that is a package already.
    """

    version: ModelVersion
    path: Path
    size: int
    sha256: str
    is_built: bool


def export_package(
    registry: Snapshot,
    reference: str,
    target: Path,
    *,
    schema: PackageSchema | None = None,
    overwrite: bool = False,
    offline: bool = False,
    progress: Progress = SILENT,
    notify: Callable[[str], None] = ignore_message,
) -> ExportedPackage:
    """Write a version as one of MLSteam's packages.

    A version that is a package is written as it is. Of every other one the artifacts go to ``models/<name>/``, folders named
    ``hooks`` and ``src`` to these, and ``manifest.json`` is made from the record. The same version gives the same bytes.

    Args:
        registry: The registry.
        reference: The version.
        target: The file.
        schema: The form of the manifest: by default that of the package, or v2024.1.
        overwrite: Replace the file.
        offline: Use the cache only.
        progress: Receives the progress of the download.
        notify: Called with one line, such as when another process is waited for.

    Raises:
        NotFoundError: There is no such version.
        RefusedError: It is encrypted, has no stored model, is not a valid package, or the file exists.
        RemoteError: A remote cannot be read or lacks an object.
        OperationalError: The file cannot be written.
    """
    version = find_served(registry, reference)
    named = f"{version.model}@{version.version}"
    entries = list_stored(records(version.data, "artifacts"))
    _check_open(entries, named)
    if target.exists() and not overwrite:
        raise RefusedError(
            f"{target} already exists", remedy="choose another file with -o, or replace it with --overwrite"
        )  # fmt: skip
    fetcher = registry.store.supply.fetcher(offline=offline, progress=progress, tell=notify)
    package = find_package(entries)
    if package is None:
        title = registry.model(version.model).title
        archive = _build(version, title, entries, fetcher, schema or _NEWEST)
    else:
        archive = _open(package, fetcher, named, schema or "")
    size, digest = _write(archive.stream(), target)
    return ExportedPackage(version, target, size, digest, is_built=package is None)


def _open(package: Data, fetcher: Fetcher, named: str, schema: str) -> Archive:
    try:
        return open_package(package, fetcher, named, schema)
    except RefusedError as exc:
        exc.remedy = (
            "leave --schema out: the package is written as it is"
            if schema
            else f"write its files to a folder: registry fetch {named} -o DIR"
        )
        raise


def _check_open(entries: Iterable[Data], named: str) -> None:
    if any("encryption" in entry for entry in entries):
        raise RefusedError(
            f"{named} is encrypted, and packages of MLSteam have separate keys",
            remedy=f"decrypt it: registry decrypt {named} -o DIR",
        )


def _is_folder(entry: Data, name: str) -> bool:
    return "nfiles" in entry and text(entry, "path") == name


def _place(entry: Data, inner: str) -> str:
    """Where a file of an artifact is in the package."""
    path = text(entry, "path")
    if any(_is_folder(entry, folder) for folder in _FOLDERS):
        return f"{path}/{inner}"
    return f"models/{text(entry, 'name')}/{inner or path}"


def _build(
    version: ModelVersion, title: str, entries: list[Data], fetcher: Fetcher, schema: PackageSchema
) -> Archive:
    """The package of a version that is none."""
    models = [text(entry, "name") for entry in entries if text(entry, "role") == "model"]
    named = f"{version.model}@{version.version}"
    if not models:
        raise RefusedError(
            f"{named} has no stored artifact with the role model", remedy=f"registry show {named}"
        )
    manifest = _describe(version, title, models, schema)
    files = [ArchivedFile(MANIFEST, manifest, len(manifest))]
    for entry in entries:
        found = FetchedFiles(fetcher, [entry])
        files += [found.pack(one, _place(entry, one.path)) for _, one in found.list_members()]
    return Archive(files=files, compress=True)


def _describe(version: ModelVersion, title: str, models: list[str], schema: PackageSchema) -> bytes:
    kind = text(version.data, "framework", "type")
    framework = SHOWN_FRAMEWORKS.get(kind, "")
    if not framework and schema == "v2023.1":
        raise RefusedError(
            f"v2023.1 knows only {', '.join(SHOWN_FRAMEWORKS)}, and the framework is {kind or 'not recorded'}",
            remedy=f"use the other schema: --schema {_NEWEST}",
        )
    return build_manifest(
        schema, name=title, version=version.version, models=models,
        description=version.description, framework=framework,
    )  # fmt: skip


def _write(pieces: Iterator[bytes], target: Path) -> tuple[int, str]:
    """Write a file whole or not at all; its size and digest."""
    size, digest = 0, sha256()
    with on_disk(f"{target} cannot be written"):
        temporary = temporary_name(target.parent, target.name)
        try:
            with temporary.open("xb") as file:
                for piece in pieces:
                    file.write(piece)
                    digest.update(piece)
                    size += len(piece)
            temporary.replace(target)
        finally:
            remove(temporary)
    return size, digest.hexdigest()
