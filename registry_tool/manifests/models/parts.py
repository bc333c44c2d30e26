"""Parts of several manifests, as types; generated from ``schemas/`` by ``python -m registry_tool.devtools.models``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, JsonValue

from registry_tool.manifests.models.base import Part

__all__ = [
    "Artifact",
    "ArtifactFormat",
    "Dataset",
    "Encryption",
    "FileEntry",
    "Metric",
    "MetricBytes",
]


class Dataset(Part):
    """A dataset that a model was trained or evaluated with.

    Attributes:
        uri: Its address.
        name: Its name.
        digest: A digest of its content: algorithm, colon, value.
        revision: Its revision, such as a commit or a snapshot.
    """

    uri: str
    name: str | None = None
    digest: str | None = None
    revision: str | None = None


class MetricBytes(Part):
    """A number, text, or bytes as {bytes: base64}.

    Attributes:
        bytes: Base64 with padding, at most 64 KiB.
    """

    bytes: str


class Metric(Part):
    """One measured value.

    Attributes:
        key: The name of the metric.
        value: A number, text, or bytes as {bytes: base64}.
        step: The training step.
        timestamp: The time in milliseconds since 1970-01-01 UTC.
    """

    key: str
    value: int | float | str | MetricBytes
    step: int | None = None
    timestamp: int | None = None


class ArtifactFormat(Part):
    """The format of a file.

    Attributes:
        name: The format's name.
        version: The format's version.
    """

    name: str
    version: str | None = None


class FileEntry(Part):
    """One file of a stored folder.

    Attributes:
        path: The path of the file in the folder.
        size: Size in bytes.
        sha256: SHA-256 of the content.
        md5: MD5 of the content, as DVC uses it.
    """

    path: str
    size: int
    sha256: str
    md5: str


class Encryption(Part):
    """The content and encryption of an encrypted artifact.

    Attributes:
        format: The encryption format.
        recipient: The public half of the package's key; key.yaml contains the encrypted secret
            half.
        packing: none: the plaintext is the file. tar: the plaintext is a tar file of a folder.
        path: The name of the decrypted file or folder.
        size: Size of the plaintext in bytes; for a folder, of all its files.
        sha256: SHA-256 of the plaintext; for a folder, computed as for an unencrypted folder.
        nfiles: The number of files in a folder.
    """

    format: Literal["age"]
    recipient: str
    packing: Literal["none", "tar"]
    path: str
    size: int
    sha256: str
    nfiles: int | None = None


class Artifact(Part):
    """A file or folder: stored in the DVC remote (path), or tracked elsewhere (uri).

    Attributes:
        name: The name of the artifact; unique in this manifest.
        role: Its purpose.
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
