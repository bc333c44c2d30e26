"""Artifacts as manifests name them: stored beside the manifest, or tracked elsewhere."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from registry_tool.manifests.base import LARGEST, Count, Free, Part, Whole, listed, needs, refuses
from registry_tool.manifests.encryption import Encryption
from registry_tool.manifests.strings import (
    ArtifactName,
    ArtifactPath,
    ExternalId,
    FileMd5,
    FilePath,
    Line,
    Md5,
    Release,
    Sha256,
    Text,
    Token,
    Uri,
    matching,
)

__all__ = ["FILES_LIMIT", "Artifact", "FileEntry", "Format"]

# A folder of more files gives only their count: its list would not fit into a manifest.
FILES_LIMIT: Final = 1000
_STORED: Final = ("path", "size", "sha256", "md5")


class FileEntry(Part):
    """One file of a folder that is stored."""

    path: FilePath
    size: Count
    sha256: Sha256
    md5: FileMd5


class Format(Part):
    """The format of a file."""

    name: Line
    version: Release | None = None


class Artifact(Part):
    """A file or folder: stored beside the manifest (``path``), or tracked elsewhere (``uri``).

    A stored artifact has ``size``, ``sha256`` and ``md5``; a folder's md5 ends in ``.dir``, and it has ``nfiles``
    and, up to ``FILES_LIMIT`` files, ``files``. A tracked artifact may have ``size``, ``sha256`` and ``etag``.
    """

    name: ArtifactName
    role: Literal[
        "model", "checkpoint", "document", "dataset", "tokenizer", "code", "metrics", "signature", "other"
    ]  # fmt: skip
    file_type: (
        Literal["model", "checkpoint", "text", "image", "audio", "video", "undefined"] | None
    ) = None
    media_type: (
        Annotated[
            str,
            matching("[A-Za-z0-9][A-Za-z0-9!#&^_.+-]{0,63}/[A-Za-z0-9][A-Za-z0-9!#&^_.+-]{0,126}", 192),
        ]
        | None
    ) = None  # fmt: skip
    format: Format | None = None
    path: ArtifactPath | None = None
    uri: Uri | None = None
    size: Count | None = None
    sha256: Sha256 | None = None
    md5: Md5 | None = None
    etag: Token | None = None
    nfiles: Annotated[Whole, Field(ge=1, le=LARGEST)] | None = None
    files: Annotated[tuple[FileEntry, ...], listed(least=1, most=FILES_LIMIT)] = ()
    encryption: Encryption | None = None
    external_id: ExternalId | None = None
    description: Text | None = None
    metadata: Free = Field(default_factory=dict)

    @property
    def is_folder(self) -> bool:
        """True for a stored folder."""
        return self.md5 is not None and self.md5.endswith(".dir")

    @model_validator(mode="after")
    def _is_stored_or_tracked(self) -> Self:
        if self.uri is None:
            needs(self, *_STORED, why="an artifact without a uri is stored")
            refuses(self, "etag", why="an artifact with a path is stored")
        else:
            refuses(
                self, "path", "md5", "encryption", why="an artifact with a uri is tracked elsewhere"
            )
        return self

    @model_validator(mode="after")
    def _lists_its_files(self) -> Self:
        if not self.is_folder:
            refuses(self, "nfiles", "files", why="only a stored folder, whose md5 ends in .dir")
            return self
        needs(self, "nfiles", why="a folder says how many files it has")
        refuses(self, "encryption", why="an encrypted folder is packed into one file")
        if self.nfiles is not None and self.nfiles <= FILES_LIMIT:
            needs(self, "files", why=f"a folder of up to {FILES_LIMIT} files lists them")
        else:
            refuses(self, "files", why=f"a folder of more than {FILES_LIMIT} files lists none")
        return self
