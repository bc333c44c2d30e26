"""Encrypted packages as types: ``recipients.yaml``, ``key.yaml`` and ``keys/<group>.yaml``, and what an artifact says."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from registry_tool.manifests.models.base import (
    LARGEST,
    AgeRecipient,
    ArtifactPath,
    Count,
    Manifest,
    Owner,
    Part,
    PointerName,
    PublicKey,
    Reader,
    Sha256,
    Whole,
    listed,
    needs,
    refuses,
)

__all__ = ["Encryption", "KeyManifest", "RecipientsManifest", "Wrap"]

_ARMOUR = (
    r"^-----BEGIN AGE ENCRYPTED FILE-----\n[A-Za-z0-9+/=\n]+-----END AGE ENCRYPTED FILE-----\n?$"
)


class Encryption(Part):
    """What an encrypted artifact holds: name, size and digest of the plaintext, and which key opens it."""

    format: Literal["age"]
    recipient: AgeRecipient
    packing: Literal["none", "tar"]
    path: ArtifactPath
    size: Count
    sha256: Sha256
    nfiles: Annotated[Whole, Field(ge=1, le=LARGEST)] | None = None

    @model_validator(mode="after")
    def _counts_files(self) -> Self:
        if self.packing == "tar":
            needs(self, "nfiles", why="a packed folder says how many files it has")
        else:
            refuses(self, "nfiles", why="only a packed folder has files")
        return self


class Wrap(Part):
    """The secret half of a key in an age file: to people and groups, or to a passphrase."""

    kind: Literal["recipients", "passphrase"]
    to: Annotated[tuple[Reader, ...], listed(least=1, most=256)] | None = None
    value: Annotated[str, StringConstraints(min_length=1, max_length=131072, pattern=_ARMOUR)]

    @model_validator(mode="after")
    def _says_who(self) -> Self:
        if self.kind == "recipients":
            needs(self, "to", why="a wrap to recipients says to whom")
        else:
            refuses(self, "to", why="a passphrase is nobody's")
        return self


class KeyManifest(Manifest):
    """``key.yaml`` of a version, ``keys/<group>.yaml`` of a group: an age key whose secret half is wrapped."""

    schema_: Literal["key/v1"] = Field(alias="schema")
    recipient: AgeRecipient
    wraps: Annotated[tuple[Wrap, ...], listed(least=1, most=16)]


_Keys = Annotated[tuple[PublicKey, ...], listed(least=1, most=16)]
_Members = Annotated[tuple[Owner, ...], listed(least=1, most=256)]


class RecipientsManifest(Manifest):
    """``recipients.yaml``: whose keys are whose, and who is in which group."""

    schema_: Literal["recipients/v1"] = Field(alias="schema")
    recipients: Annotated[dict[Owner, _Keys], Field(max_length=1000)] = Field(default_factory=dict)
    groups: Annotated[dict[PointerName, _Members], Field(max_length=1000)] = Field(
        default_factory=dict
    )
