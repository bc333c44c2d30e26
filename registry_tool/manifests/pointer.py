"""``<artifact>.dvc`` as a type: DVC's own format, with exactly one output.

It takes what ``dvc add``, ``dvc import-url``, ``dvc import-db`` and ``dvc import`` of DVC 3 write, and what DVC reads of
that; a rule says which of them ``dvc pull`` restores from the registry's own remote. Not taken is what would let a
pointer reach outside its folder (``..`` in ``wdir``, a path of several parts) or carry settings (``fs_config``).
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, JsonValue, StringConstraints, model_validator

from registry_tool.manifests.base import Count, Manifest, Part, listed, needs
from registry_tool.manifests.strings import (
    FileMd5,
    FilePath,
    Line,
    Md5,
    PathSegment,
    RemoteName,
    Text,
    Token,
    WorkingFolder,
    matching,
)

__all__ = [
    "CloudVersion",
    "PointerDependency",
    "PointerManifest",
    "PointerMember",
    "PointerOutput",
    "PointerQuery",
    "PointerRepository",
]


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
