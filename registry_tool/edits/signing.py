"""Adding a signature to a version."""

from __future__ import annotations

from registry_tool.catalog.index import Catalog, VersionView
from registry_tool.catalog.resolve import resolve
from registry_tool.edits.changeset import Act, ChangeSet
from registry_tool.edits.notes import add_evidence
from registry_tool.errors import InvalidManifest
from registry_tool.manifests.data import text
from registry_tool.names import Reference
from registry_tool.promotion.endorsements import SSH, trouble
from registry_tool.promotion.evidence import pieces
from registry_tool.signing.sshsig import parse

__all__ = ["add_signature", "record_of"]


def record_of(version: VersionView) -> bytes:
    """The bytes that a signature of a version is made of.

    Raises:
        InvalidManifest: The record cannot be read.
    """
    document = version.document
    if document is None or document.data is None:
        raise InvalidManifest(
            f"the record of {version} cannot be read", remedy="registry check --all"
        )
    return document.source


def _has(version: VersionView, key: bytes) -> bool:
    """True where the key signed the record already."""
    record = record_of(version)
    return any(
        parse(text(piece.data, "value")).key == key
        for piece in pieces(version, "signature")
        if piece.fits and text(piece.data, "format") == SSH and not trouble(piece.data, record)
    )


def add_signature(reference: Reference, armour: str, *, by: str) -> Act:
    """Add an SSH signature of a version's record to its evidence; nothing is done where that key signed it before.

    Args:
        reference: The version.
        armour: The signature, over the bytes of ``record_of``.
        by: Who says it.

    The act raises NotFound, or InvalidManifest (the version's record cannot be read).
    """

    def act(catalog: Catalog) -> ChangeSet:
        version = resolve(catalog, reference, allow_withdrawn=True).version
        if _has(version, parse(armour).key):
            return ChangeSet(f"{version} is signed with that key already")
        fields = {"format": SSH, "value": armour}
        return add_evidence(reference, "signature", fields, by=by)(catalog)

    return act
