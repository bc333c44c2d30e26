"""Keys of encrypted packages as the registry holds them: whose are whose, and which open a version."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from registry_tool.catalog.catalog import Catalog, VersionView, require
from registry_tool.errors import NotFoundError
from registry_tool.manifests.data import Data, member, records, text, texts
from registry_tool.manifests.layout import RECIPIENTS, Place

if TYPE_CHECKING:
    from registry_tool.manifests.document import Document

__all__ = [
    "group_document",
    "key_document",
    "list_encrypted",
    "list_members",
    "public_keys",
    "read_groups",
    "recipients_document",
]


def recipients_document(catalog: Catalog) -> Document | None:
    """``recipients.yaml``; None where a registry has none."""
    return catalog.document(RECIPIENTS, Place("recipients"))


def _recipients(catalog: Catalog) -> Data:
    document = recipients_document(catalog)
    return {} if document is None else require(document, RECIPIENTS)


def read_groups(catalog: Catalog) -> Data:
    """The groups of ``recipients.yaml``, with their members.

    Raises:
        InvalidManifestError: The file cannot be read.
    """
    return member(_recipients(catalog), "groups")


def list_members(catalog: Catalog, group: str) -> list[str]:
    """The members of a group.

    Raises:
        NotFoundError: There is no such group.
    """
    found = texts(read_groups(catalog), group)
    if not found:
        known = ", ".join(read_groups(catalog)) or "none"
        raise NotFoundError(f"{RECIPIENTS} has no group {group}", remedy=f"it has {known}")
    return found


def group_document(catalog: Catalog, group: str) -> Document | None:
    """A group's key, ``keys/<group>.yaml``; None where it has none yet."""
    return catalog.document(catalog.layout.key(group), Place("key", name=group))


def key_document(version: VersionView) -> Document | None:
    """The key of an encrypted version, ``key.yaml``; None where it has none."""
    place = Place("key", version.model.name, version.version)
    return version.model.catalog.document(f"{version.folder}/key.yaml", place)


def list_encrypted(version: VersionView) -> list[Data]:
    """The entries of a version's encrypted artifacts.

    Raises:
        InvalidManifestError: The record cannot be read.
    """
    return [entry for entry in records(version.data, "artifacts") if "encryption" in entry]


def public_keys(catalog: Catalog, readers: Iterable[str]) -> list[str]:
    """The public keys of people, teams and groups.

    Raises:
        NotFoundError: One is not in ``recipients.yaml``, or is a group without a key.
        InvalidManifestError: A file on the way cannot be read.
    """
    people, groups = member(_recipients(catalog), "recipients"), read_groups(catalog)
    found: list[str] = []
    for reader in readers:
        if reader in groups:
            document = group_document(catalog, reader)
            if document is None:
                raise NotFoundError(
                    f"the group {reader} has no key yet", remedy=f"registry rewrap {reader}"
                )
            found.append(text(require(document, document.path), "recipient"))
        elif reader in people:
            found += texts(people, reader)
        else:
            known = ", ".join([*groups, *people]) or "nobody"
            raise NotFoundError(
                f"{reader} is not in {RECIPIENTS}",
                remedy=f"add the public key to it and merge that; it has {known}",
            )
    return found
