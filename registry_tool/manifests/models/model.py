"""``model.yaml`` and ``metadata.yaml``, as types; generated from ``schemas/`` by ``python -m registry_tool.devtools.models``."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, JsonValue

from registry_tool.manifests.models.base import Manifest, Part
from registry_tool.manifests.models.parts import Artifact, ArtifactFormat, Encryption, FileEntry

__all__ = [
    "Link",
    "MetadataManifest",
    "MetadataManifestV2",
    "ModelArtifact",
    "ModelManifest",
    "ModelManifestV2",
]


class MetadataManifest(Manifest):
    """metadata.yaml: editable information about a version; readers apply it over the record.

    Attributes:
        schema_: The kind of this manifest and the version of its schema.
        description: A description.
        labels: Words for filtering.
        metadata: Free-form data.
    """

    schema_id: ClassVar[str] = "metadata/v1"

    schema_: Literal["metadata/v1"] = Field(alias="schema")
    description: str | None = None
    labels: tuple[str, ...] = ()
    metadata: dict[str, JsonValue] = Field(default_factory=dict)


class MetadataManifestV2(Manifest):
    """metadata.yaml: editable information about a version; readers apply it over the record.

    Unlike metadata/v1, keys of the record's metadata may be left out.

    Attributes:
        schema_: The kind of this manifest and the version of its schema.
        description: A description.
        labels: Words for filtering.
        metadata: Free-form data.
        without: Keys of the record's metadata that readers leave out.
    """

    schema_id: ClassVar[str] = "metadata/v2"

    schema_: Literal["metadata/v2"] = Field(alias="schema")
    description: str | None = None
    labels: tuple[str, ...] = ()
    metadata: dict[str, JsonValue] = Field(default_factory=dict)
    without: tuple[str, ...] = ()


class Link(Part):
    """A web page about the model.

    Attributes:
        title: The title of the page.
        url: An http or https address.
    """

    title: str
    url: str


class ModelManifest(Manifest):
    """model.yaml: a registered model.

    It does not list versions.

    Attributes:
        schema_: The kind of this manifest and the version of its schema.
        name: The name of the model, which is the name of its folder.
        namespace: The namespace, which is the name of the folder above.
        owner: The user or team that is responsible for the model.
        task: The task of the model.
        description: A description.
        labels: Words for filtering.
        license: An SPDX licence expression.
        external_id: Its identifier in another system.
        version_scheme: How its versions are named and ordered; cannot be changed later.
        state: live, or archived: accepts no new versions.
        continues: The model that this one continues under a new name.
        moved_to: The new name of the model.
        links: Web pages about the model.
        artifacts: Files that belong to all versions: test sets, documents.
        metadata: Free-form data.
    """

    schema_id: ClassVar[str] = "model/v1"

    schema_: Literal["model/v1"] = Field(alias="schema")
    name: str
    namespace: str
    owner: str
    task: str
    description: str
    labels: tuple[str, ...] = ()
    license: str | None = None
    external_id: str | None = None
    version_scheme: Literal["integer", "semver", "calver", "free"] | None = None
    state: Literal["live", "archived"] = "live"
    continues: str | None = None
    moved_to: str | None = None
    links: tuple[Link, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
    metadata: dict[str, JsonValue] = Field(default_factory=dict)


class ModelArtifact(Part):
    """A file or folder: stored in the DVC remote (path), or tracked elsewhere (uri).

    Attributes:
        name: The name of the artifact; unique in this manifest.
        role: Its purpose.
        version: The published version that it was uploaded for; without it, it belongs to all
            versions.
        file_type: The type of content.
        media_type: The IANA media type.
        format: The format and its version.
        path: Stored: the file or folder, next to its pointer file <path>.dvc.
        uri: Tracked elsewhere: the address of the content. Excludes path.
        size: Size in bytes; for a folder, of all its files.
        sha256: SHA-256 of the content; for a folder, of the canonical JSON of its files' path,
            sha256 and size, sorted by path.
        md5: Stored: DVC's digest of the content; for a folder it ends in .dir.
        etag: Tracked elsewhere: the store's entity tag.
        nfiles: The number of files in a folder.
        files: The files of a folder; omitted above 1,000 files.
        encryption: Stored: the content is an encrypted age file; this describes its plaintext and
            its key.
        external_id: Its identifier in another system.
        description: A description.
        metadata: Free-form data.
    """

    name: str
    role: Literal[
        "model",
        "checkpoint",
        "document",
        "dataset",
        "tokenizer",
        "code",
        "metrics",
        "signature",
        "other",
    ]
    version: str | None = None
    file_type: (
        Literal["model", "checkpoint", "text", "image", "audio", "video", "undefined"] | None
    ) = None
    media_type: str | None = None
    format: ArtifactFormat | None = None
    path: str | None = None
    uri: str | None = None
    size: int | None = None
    sha256: str | None = None
    md5: str | None = None
    etag: str | None = None
    nfiles: int | None = None
    files: tuple[FileEntry, ...] = ()
    encryption: Encryption | None = None
    external_id: str | None = None
    description: str | None = None
    metadata: dict[str, JsonValue] = Field(default_factory=dict)


class ModelManifestV2(Manifest):
    """model.yaml: a registered model.

    It does not list versions. Unlike model/v1: a task is any line of text, task and description
    are optional, the folder may contain evidence, and artifacts may belong to one version.

    Attributes:
        schema_: The kind of this manifest and the version of its schema.
        name: The name of the model, which is the name of its folder.
        namespace: The namespace, which is the name of the folder above.
        owner: The user or team that is responsible for the model.
        task: What it does, in the team's own words. Case, blanks, - and _ make no difference.
        description: A description.
        labels: Words for filtering.
        license: An SPDX licence expression.
        external_id: Its identifier in another system.
        version_scheme: How its versions are named and ordered; cannot be changed later.
        state: live, or archived: accepts no new versions.
        continues: The model that this one continues under a new name.
        moved_to: The new name of the model.
        links: Web pages about the model.
        artifacts: Files that belong to all versions: test sets, documents.
        metadata: Free-form data.
    """

    schema_id: ClassVar[str] = "model/v2"

    schema_: Literal["model/v2"] = Field(alias="schema")
    name: str
    namespace: str
    owner: str
    task: str | None = None
    description: str | None = None
    labels: tuple[str, ...] = ()
    license: str | None = None
    external_id: str | None = None
    version_scheme: Literal["integer", "semver", "calver", "free"] | None = None
    state: Literal["live", "archived"] = "live"
    continues: str | None = None
    moved_to: str | None = None
    links: tuple[Link, ...] = ()
    artifacts: tuple[ModelArtifact, ...] = ()
    metadata: dict[str, JsonValue] = Field(default_factory=dict)
