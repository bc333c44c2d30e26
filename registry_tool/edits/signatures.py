"""Adding a signature to a version."""

from __future__ import annotations

from typing import Final

from registry_tool.catalog.catalog import Catalog, VersionView
from registry_tool.catalog.evidence import pieces
from registry_tool.catalog.resolve import resolve
from registry_tool.edits.annotations import add_evidence
from registry_tool.edits.changeset import ChangeSet, Edit
from registry_tool.edits.sealing import seal_first
from registry_tool.errors import InvalidManifestError, UsageError
from registry_tool.manifests.data import text
from registry_tool.names import Reference
from registry_tool.signing import MODEL_SIGNING, SSH, parse_signature, trouble

__all__ = ["add_bundle", "add_bundle_address", "add_signature", "read_record"]

# Of `value` in schemas/evidence.
_MOST: Final = 16_384


def read_record(version: VersionView) -> bytes:
    """The bytes that a signature of a version is made of.

    Raises:
        InvalidManifestError: The record cannot be read.
    """
    document = version.document
    if document is None or document.data is None:
        raise InvalidManifestError(
            f"cannot read the record of {version}", remedy="registry check --all"
        )
    return document.source


def _has(version: VersionView, key: bytes) -> bool:
    """True where the key signed the record already."""
    record = read_record(version)
    return any(
        parse_signature(text(piece.data, "value")).key == key
        for piece in pieces(version, "signature")
        if piece.fits and text(piece.data, "format") == SSH and not trouble(piece.data, record)
    )


def add_signature(reference: Reference, armour: str, *, by: str) -> Edit:
    """Add an SSH signature of a version's record to its evidence; nothing is done where that key signed it before.

    Args:
        reference: The version.
        armour: The signature, over the bytes of ``read_record``.
        by: Who says it.

    The edit raises NotFound, or InvalidManifest (the version's record cannot be read).
    """

    def edit(catalog: Catalog) -> ChangeSet:
        version = resolve(catalog, reference, allow_withdrawn=True).version
        if _has(version, parse_signature(armour).key):
            return ChangeSet(f"{version} is already signed with that key")
        fields = {"format": SSH, "value": armour}
        return add_evidence(reference, "signature", fields, by=by)(catalog)

    return seal_first(reference, edit, "with a signature")


def add_bundle(reference: Reference, bundle: str, *, artifact: str, by: str) -> Edit:
    """Add a bundle of Model Signing to a version's evidence.

    Args:
        reference: The version.
        bundle: The bundle.
        artifact: The artifact that it is of, for people: the bundle itself decides.
        by: Who says it.

    Raises:
        UsageError: It does not fit into a file of evidence.

    The edit raises NotFound, or InvalidManifest (the version's record cannot be read).
    """
    if len(bundle) > _MOST:
        raise UsageError(
            f"the bundle of artifact {artifact} has {len(bundle):,} characters; evidence can store {_MOST:,}",
            remedy="write it to a file with --bundle FILE, publish that file, and record its address with --uri"
            "; or add it to the next version as an artifact of role signature",
        )
    fields = {"format": MODEL_SIGNING, "value": bundle, "text": f"Of artifact {artifact}."}
    return add_evidence(reference, "signature", fields, by=by)


def add_bundle_address(reference: Reference, uri: str, *, artifact: str, by: str) -> Edit:
    """Add the address of a bundle of Model Signing to a version's evidence.

    Args:
        reference: The version.
        uri: Where the bundle is.
        artifact: As in ``add_bundle``.
        by: Who says it.

    The edit raises as that of ``add_bundle``.
    """
    fields = {"format": MODEL_SIGNING, "uri": uri, "text": f"Of artifact {artifact}."}
    return add_evidence(reference, "signature", fields, by=by)
