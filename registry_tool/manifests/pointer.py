"""``<artifact>.dvc`` as a type: DVC's own format, with exactly one output.

It takes what ``dvc add`` and ``dvc import-url`` of DVC 3 write, and what DVC reads of that. Not taken is what would
let a pointer reach outside its folder (``wdir``, a path of several parts) or carry settings (``fs_config``).
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, JsonValue, model_validator

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
    matching,
)

__all__ = ["CloudVersion", "PointerDependency", "PointerManifest", "PointerMember", "PointerOutput"]


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


class PointerDependency(CloudVersion):
    """Where ``dvc import-url`` took the bytes from."""

    path: Annotated[str, matching(r"[^\x00-\x1f\x7f]+", 2048)]
    hash: Literal["md5"] | None = None
    cloud: _Cloud | None = None
    files: _Members = ()


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
    frozen: bool | None = None
    deps: Annotated[tuple[PointerDependency, ...], listed(least=1, most=1)] = ()
    desc: Text | None = None
    meta: JsonValue = None
