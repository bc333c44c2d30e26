"""``recipients.yaml``, ``key.yaml`` and ``keys/<group>.yaml``, as types; generated from ``schemas/`` by ``python -m registry_tool.devtools.models``."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from registry_tool.manifests.models.base import Manifest, Part

__all__ = [
    "KeyManifest",
    "KeyWrap",
    "RecipientsManifest",
]


class KeyWrap(Part):
    """The secret half of a key in an age file, encrypted to people and groups or to a passphrase.

    Attributes:
        kind: How it is encrypted.
        to: recipients: the readers that can decrypt it.
        value: The age file, ASCII-armored.
    """

    kind: Literal["recipients", "passphrase"]
    to: tuple[str, ...] = ()
    value: str


class KeyManifest(Manifest):
    """key.yaml of a version, keys/<group>.yaml of a group: an age key pair; the secret half is encrypted to each reader.

    Attributes:
        schema_: The kind of this manifest and the version of its schema.
        recipient: The public half of the key; the secret half decrypts.
        wraps: The encrypted secret half; one wrap is enough to decrypt.
    """

    schema_id: ClassVar[str] = "key/v1"

    schema_: Literal["key/v1"] = Field(alias="schema")
    recipient: str
    wraps: tuple[KeyWrap, ...]


class RecipientsManifest(Manifest):
    """recipients.yaml: the public keys of people and teams, and the members of groups, for encrypted packages.

    Attributes:
        schema_: The kind of this manifest and the version of its schema.
        recipients: The public keys of people and teams.
        groups: Groups. The key of a group is in keys/<group>.yaml, encrypted to each member.
    """

    schema_id: ClassVar[str] = "recipients/v1"

    schema_: Literal["recipients/v1"] = Field(alias="schema")
    recipients: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    groups: dict[str, tuple[str, ...]] = Field(default_factory=dict)
