"""All manifests, as types; generated from ``schemas/`` by ``python -m registry_tool.devtools.models``."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from registry_tool.manifests.models.base import Manifest
from registry_tool.manifests.models.encryption import KeyManifest, RecipientsManifest
from registry_tool.manifests.models.evidence import (
    EvidenceManifest,
    EvidenceManifestV2,
    EvidenceManifestV3,
)
from registry_tool.manifests.models.lifecycle import (
    AliasManifest,
    DeletionManifest,
    DraftManifest,
    StatusManifest,
    TagManifest,
    TitleManifest,
)
from registry_tool.manifests.models.model import (
    MetadataManifest,
    MetadataManifestV2,
    ModelManifest,
    ModelManifestV2,
)
from registry_tool.manifests.models.pointer import PointerManifest
from registry_tool.manifests.models.registry import (
    NamespaceManifest,
    RegistryManifest,
    WaiverManifest,
)
from registry_tool.manifests.models.serve import ObjectManifest, ServeManifest, WireManifest
from registry_tool.manifests.models.version import VersionManifest

__all__ = [
    "MANIFESTS",
]

MANIFESTS: Final[Mapping[str, type[Manifest]]] = MappingProxyType(
    {
        "alias/v1": AliasManifest,
        "deletion/v1": DeletionManifest,
        "draft/v1": DraftManifest,
        "dvc/v1": PointerManifest,
        "evidence/v1": EvidenceManifest,
        "evidence/v2": EvidenceManifestV2,
        "evidence/v3": EvidenceManifestV3,
        "key/v1": KeyManifest,
        "metadata/v1": MetadataManifest,
        "metadata/v2": MetadataManifestV2,
        "model/v1": ModelManifest,
        "model/v2": ModelManifestV2,
        "namespace/v1": NamespaceManifest,
        "object/v1": ObjectManifest,
        "recipients/v1": RecipientsManifest,
        "registry/v1": RegistryManifest,
        "serve/v1": ServeManifest,
        "status/v1": StatusManifest,
        "tag/v1": TagManifest,
        "title/v1": TitleManifest,
        "version/v1": VersionManifest,
        "waiver/v1": WaiverManifest,
        "wire/v1": WireManifest,
    }
)
"""The class of each schema, by the ``schema:`` line."""
