"""Artifacts as manifests name them: stored beside the manifest, or tracked elsewhere.

``<artifact>.dvc`` as a type: DVC's own format, with exactly one output.

It takes what ``dvc add``, ``dvc import-url``, ``dvc import-db`` and ``dvc import`` of DVC 3 write, and what DVC reads of
that; a rule says which of them ``dvc pull`` restores from the registry's own remote. Not taken is what would let a
pointer reach outside its folder (``..`` in ``wdir``, a path of several parts) or carry settings (``fs_config``).
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal, Self

from pydantic import Field, JsonValue, StringConstraints, model_validator

from registry_tool.manifests.models.base import (
    LARGEST,
    ArtifactName,
    ArtifactPath,
    Count,
    ExternalId,
    FileMd5,
    FilePath,
    Free,
    Line,
    Manifest,
    Md5,
    Part,
    PathSegment,
    Release,
    RemoteName,
    Sha256,
    Text,
    Token,
    Uri,
    VersionName,
    Whole,
    WorkingFolder,
    listed,
    matching,
    needs,
    refuses,
)
from registry_tool.manifests.models.encryption import Encryption

__all__ = [
    "FILES_LIMIT",
    "Artifact",
    "CloudVersion",
    "FileEntry",
    "FileType",
    "Format",
    "MediaType",
    "ModelArtifact",
    "PointerDependency",
    "PointerManifest",
    "PointerMember",
    "PointerOutput",
    "PointerQuery",
    "PointerRepository",
    "Role",
    "TrackedArtifact",
]

# A folder of more files gives only their count: its list would not fit into a manifest.
FILES_LIMIT: Final = 1000
_STORED: Final = ("path", "size", "sha256", "md5")


Role = Literal[
    "model", "checkpoint", "document", "dataset", "tokenizer", "code", "metrics", "signature", "other"
]  # fmt: skip
FileType = Literal["model", "checkpoint", "text", "image", "audio", "video", "undefined"]
MediaType = Annotated[
    str, matching("[A-Za-z0-9][A-Za-z0-9!#&^_.+-]{0,63}/[A-Za-z0-9][A-Za-z0-9!#&^_.+-]{0,126}", 192)
]


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
    role: Role
    file_type: FileType | None = None
    media_type: MediaType | None = None
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


class ModelArtifact(Artifact):
    """An artifact of a model; with ``version``, one that was uploaded for a published version."""

    version: VersionName | None = None


class TrackedArtifact(Part):
    """A file that is elsewhere, and what is known about it."""

    name: ArtifactName
    role: Role
    file_type: FileType | None = None
    media_type: MediaType | None = None
    format: Format | None = None
    uri: Uri
    size: Count | None = None
    sha256: Sha256 | None = None
    etag: Token | None = None
    description: Text | None = None
    metadata: Free = Field(default_factory=dict)


class CloudVersion(Part):
    """What DVC knows of one object's bytes: digests, size, and the store's version of it."""

    md5: Md5 | None = None
    size: Count | None = None
    nfiles: Count | None = None
    isexec: bool | None = None
    etag: Token | None = None
    version_id: Token | None = None
    checksum: Token | None = None


_Cloud = Annotated[dict[RemoteName, CloudVersion], Field(max_length=1)]


class PointerMember(CloudVersion):
    """One file of a folder, for a version-aware remote."""

    relpath: FilePath
    cloud: _Cloud | None = None


_Members = Annotated[tuple[PointerMember, ...], listed(least=1, most=1000)]


_Place = Annotated[str, matching(r"[^\x00-\x1f\x7f]+", 2048)]
_Settings = (
    Annotated[str, StringConstraints(max_length=2048)]
    | Annotated[dict[str, JsonValue], Field(max_length=64)]
)


class PointerRepository(Part):
    """The repository that ``dvc import`` took the bytes from; nothing is fetched from there."""

    url: _Place
    rev: Line | None = None
    rev_lock: Line | None = None
    config: _Settings | None = None
    remote: _Settings | None = None


class PointerQuery(Part):
    """What ``dvc import-db`` asked."""

    query: Text | None = None
    connection: Text | None = None
    file_format: Text | None = None
    table: Text | None = None


class PointerDependency(CloudVersion):
    """Where ``dvc import-url``, ``dvc import-db`` or ``dvc import`` took the bytes from."""

    path: _Place | None = None
    repo: PointerRepository | None = None
    db: PointerQuery | None = None
    hash: Literal["md5"] | None = None
    cloud: _Cloud | None = None
    files: _Members = ()

    @model_validator(mode="after")
    def _names_a_place(self) -> Self:
        if self.db is None:
            needs(self, "path", why="a dependency is at a place")
        return self


class PointerOutput(CloudVersion):
    """The file or folder a pointer stands for; without ``hash`` it is of DVC 2."""

    nullable: ClassVar[frozenset[str]] = frozenset({"meta"})

    path: PathSegment
    hash: Literal["md5"] | None = None
    remote: RemoteName | None = None
    push: bool = True
    cache: bool = True
    persist: bool = False
    desc: Text | None = None
    type: Line | None = None
    labels: Annotated[tuple[Line, ...], listed(most=64)] = ()
    meta: JsonValue = None
    cloud: _Cloud | None = None
    files: _Members = ()

    @model_validator(mode="after")
    def _names_its_bytes(self) -> Self:
        if not self.files:
            needs(self, "md5", why="a pointer names its bytes")
        return self


class PointerManifest(Manifest):
    """A ``.dvc`` file."""

    nullable: ClassVar[frozenset[str]] = frozenset({"meta"})

    outs: Annotated[tuple[PointerOutput, ...], listed(least=1, most=1)]
    md5: FileMd5 | None = None
    wdir: WorkingFolder | None = None
    frozen: bool | None = None
    locked: bool | None = None
    always_changed: bool | None = None
    deps: Annotated[tuple[PointerDependency, ...], listed(least=1, most=1)] = ()
    desc: Text | None = None
    meta: JsonValue = None
