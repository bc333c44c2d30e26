"""``<artifact>.dvc``, DVC's own format, as types; generated from ``schemas/`` by ``python -m registry_tool.devtools.models``."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, JsonValue

from registry_tool.manifests.models.base import Manifest, Part

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
    """One object in one remote.

    Attributes:
        md5: DVC's digest of the content; for a folder it ends in .dir.
        size: Size in bytes.
        nfiles: The number of files in a folder.
        isexec: True for an executable file.
        etag: The store's entity tag.
        version_id: The store's version of the object.
        checksum: The checksum of an HDFS file.
    """

    md5: str | None = None
    size: int | None = None
    nfiles: int | None = None
    isexec: bool | None = None
    etag: str | None = None
    version_id: str | None = None
    checksum: str | None = None


class PointerMember(Part):
    """One file of a folder, for a version-aware remote.

    Attributes:
        relpath: Its path in the folder.
        md5: DVC's digest of the content; for a folder it ends in .dir.
        size: Size in bytes.
        nfiles: The number of files in a folder.
        isexec: True for an executable file.
        etag: The store's entity tag.
        version_id: The store's version of the object.
        checksum: The checksum of an HDFS file.
        cloud: Its version in the remote.
    """

    relpath: str
    md5: str | None = None
    size: int | None = None
    nfiles: int | None = None
    isexec: bool | None = None
    etag: str | None = None
    version_id: str | None = None
    checksum: str | None = None
    cloud: dict[str, CloudVersion] = Field(default_factory=dict)


class PointerOutput(Part):
    """The file or folder.

    Attributes:
        path: The name of the file or folder, next to the pointer file.
        md5: DVC's digest of the content; for a folder it ends in .dir.
        size: Size in bytes.
        nfiles: The number of files in a folder.
        isexec: True for an executable file.
        etag: The store's entity tag.
        version_id: The store's version of the object.
        checksum: The checksum of an HDFS file.
        hash: The digest algorithm; pointer files of DVC 2 do not have this field.
        remote: The remote that stores this artifact.
        push: False excludes the content from dvc push.
        cache: False keeps the content out of DVC's cache.
        persist: True keeps the file while its stage runs.
        desc: A description.
        type: The kind of artifact.
        labels: Words for filtering.
        meta: Any JSON; DVC does not read it.
        cloud: Its version in a version-aware remote.
        files: The files of a folder in a version-aware remote.
    """

    path: str
    md5: str | None = None
    size: int | None = None
    nfiles: int | None = None
    isexec: bool | None = None
    etag: str | None = None
    version_id: str | None = None
    checksum: str | None = None
    hash: Literal["md5"] | None = None
    remote: str | None = None
    push: bool = True
    cache: bool = True
    persist: bool = False
    desc: str | None = None
    type: str | None = None
    labels: tuple[str, ...] = ()
    meta: JsonValue = None
    cloud: dict[str, CloudVersion] = Field(default_factory=dict)
    files: tuple[PointerMember, ...] = ()


class PointerRepository(Part):
    """The repository that dvc import copied from; dvc pull restores such a pointer file only from there.

    Attributes:
        url: Its URL.
        rev: The requested revision.
        rev_lock: The commit of that revision.
        config: Settings of that repository; this program ignores them.
        remote: A remote of that repository; this program ignores it.
    """

    url: str
    rev: str | None = None
    rev_lock: str | None = None
    config: str | dict[str, JsonValue] | None = None
    remote: str | dict[str, JsonValue] | None = None


class PointerQuery(Part):
    """The query that dvc import-db ran.

    Attributes:
        query: The query.
        connection: The name of a connection in DVC's configuration.
        file_format: The format of the result.
        table: The table.
    """

    query: str | None = None
    connection: str | None = None
    file_format: str | None = None
    table: str | None = None


class PointerDependency(Part):
    """The origin of the content.

    Attributes:
        path: A URI or a path.
        md5: DVC's digest of the content; for a folder it ends in .dir.
        size: Size in bytes.
        nfiles: The number of files in a folder.
        isexec: True for an executable file.
        etag: The store's entity tag.
        version_id: The store's version of the object.
        checksum: The checksum of an HDFS file.
        hash: The digest algorithm.
        cloud: Its version in the store.
        files: The files of a folder in the store.
        repo: The repository that dvc import copied from; dvc pull restores such a pointer file
            only from there.
        db: The query that dvc import-db ran.
    """

    path: str | None = None
    md5: str | None = None
    size: int | None = None
    nfiles: int | None = None
    isexec: bool | None = None
    etag: str | None = None
    version_id: str | None = None
    checksum: str | None = None
    hash: Literal["md5"] | None = None
    cloud: dict[str, CloudVersion] = Field(default_factory=dict)
    files: tuple[PointerMember, ...] = ()
    repo: PointerRepository | None = None
    db: PointerQuery | None = None


class PointerManifest(Manifest):
    """<artifact>.dvc: a pointer file in DVC's own format, with exactly one output.

    Attributes:
        outs: The file or folder; exactly one.
        md5: DVC's digest of this pointer; dvc import-url writes it.
        frozen: True stops dvc repro from fetching it again.
        deps: The origin of a dvc import-url or dvc import; this program fetches nothing from it.
        desc: A description.
        meta: Any JSON; DVC does not read it.
        wdir: The folder that `path` is relative to: the pointer file's folder or one below it.
        always_changed: True makes dvc repro run the stage every time.
        locked: The name of `frozen` in DVC 0.
    """

    schema_id: ClassVar[str] = "dvc/v1"

    outs: tuple[PointerOutput, ...]
    md5: str | None = None
    frozen: bool | None = None
    deps: tuple[PointerDependency, ...] = ()
    desc: str | None = None
    meta: JsonValue = None
    wdir: str | None = None
    always_changed: bool | None = None
    locked: bool | None = None
