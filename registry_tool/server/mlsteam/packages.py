"""What a version is for MLSteam: plain files, a package, or encrypted; and its archive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from registry_tool.artifacts.packages.mlarchive import SUFFIX
from registry_tool.artifacts.packages.version_archive import (
    Archive,
    find_package,
    list_stored,
    open_package,
    pack_plain,
)
from registry_tool.errors import ForbiddenError, NotFoundError, RefusedError
from registry_tool.live.records import VersionRecord
from registry_tool.manifests.data import records
from registry_tool.server.files.version_files import advise_decryption, is_encrypted, is_served

if TYPE_CHECKING:
    from registry_tool.server.service import Service

__all__ = [
    "ENCRYPTED",
    "PACKAGED",
    "PLAIN",
    "NamedArchive",
    "VersionKind",
    "check_downloadable",
    "find_kind",
    "open_archive",
]

VersionKind = Literal["plaintext", "packaged-plaintext", "packaged-encrypted"]
"""The types of versions, as MLSteam calls them."""
PLAIN: Final = "plaintext"
PACKAGED: Final = "packaged-plaintext"
ENCRYPTED: Final = "packaged-encrypted"


class NamedArchive(NamedTuple):
    """An archive, and the name of its file."""

    archive: Archive
    name: str


def find_kind(version: VersionRecord) -> VersionKind:
    """What a version is: from its record alone."""
    if is_encrypted(version):
        return ENCRYPTED
    return PLAIN if find_package(records(version.data, "artifacts")) is None else PACKAGED


def check_downloadable(version: VersionRecord) -> None:
    """Check that clients get the files of a version.

    Raises:
        NotFoundError: It has none, or they are not served any more.
        ForbiddenError: It is encrypted: the server has no key that opens it, and takes none.
    """
    named = f"{version.model}@{version.version}"
    if not is_served(version):
        raise NotFoundError(f"the files of {named} are not served: it is {version.state}")
    if find_kind(version) == ENCRYPTED:
        raise ForbiddenError(
            f"{named} is encrypted, and this server has no key for it",
            remedy=advise_decryption(version),
        )
    if not list_stored(records(version.data, "artifacts")):
        raise NotFoundError(f"{named} has no stored files")


def open_archive(service: Service, version: VersionRecord) -> NamedArchive:
    """The archive of a version: its files are fetched, verified, and for a package its manifest is checked.

    Raises:
        NotFoundError: As ``check_downloadable``.
        ForbiddenError: Likewise.
        RefusedError: It is not the package that it looks like.
        RemoteError: The remote cannot be used, or lacks a file.
    """
    check_downloadable(version)
    entries = list_stored(records(version.data, "artifacts"))
    package, stem = find_package(entries), f"{version.model.name}-{version.version}"
    fetcher = service.registry.store.supply.fetcher()
    if package is None:
        return NamedArchive(pack_plain(entries, fetcher), f"{stem}.zip")
    named = f"{version.model}@{version.version}"
    try:
        return NamedArchive(open_package(package, fetcher, named), f"{stem}{SUFFIX}")
    except RefusedError as exc:
        exc.remedy = f"get its files in a clone of the registry: registry fetch {named} -o DIR"
        raise
