"""S3 and compatible stores: conditional uploads, multipart uploads that resume, listings.

The server receives the md5 of every part, so that it rejects corrupted uploads. Existing objects
are not overwritten with the same content: with versions kept, or under an object lock, that would store the bytes twice.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, Final

from registry_tool.artifacts.remotes.errors import (
    already_exists,
    is_absence,
    is_unsupported,
    upload_expired,
)
from registry_tool.artifacts.remotes.file_store import ByteStream, StoreEntry, parse_time
from registry_tool.artifacts.remotes.s3_multipart import PART, PartedUpload

if TYPE_CHECKING:
    from dvc_objects.fs.base import FileSystem

    from registry_tool.artifacts.remotes.base import UnfinishedUpload

__all__ = ["S3Store"]

_AT_ONCE: Final = 8  # pieces in memory, of all uploads together
_PAGE: Final = 1000


class S3Store:
    """See ``ObjectStore``.

    Args:
        fs: DVC's file system for S3.
        folder: Bucket and prefix.
    """

    can_list = True
    leaves_files = False

    def __init__(self, fs: FileSystem, folder: str) -> None:
        self._s3 = fs.fs
        self._bucket, self._prefix, _ = self._s3.split_path(folder)
        self._slots = BoundedSemaphore(_AT_ONCE)
        self._conditional = True

    def _key(self, path: str) -> str:
        return f"{self._prefix.rstrip('/')}/{path}".strip("/")

    def _call(self, act: str, /, **arguments: object) -> Mapping[str, object]:
        answer: Mapping[str, object] = self._s3.call_s3(act, Bucket=self._bucket, **arguments)
        return answer

    def size(self, path: str) -> int | None:
        """See ``ObjectStore.size``."""
        size = self._call("head_object", Key=self._key(path))["ContentLength"]
        return size if isinstance(size, int) else None

    def entries(self, path: str, *, limit: int | None = None) -> list[StoreEntry] | None:
        """See ``ObjectStore.entries``."""
        prefix = f"{self._key(path)}/".lstrip("/")
        found: list[StoreEntry] = []
        for page in self._pages(
            "list_objects_v2", "ContinuationToken", Prefix=prefix, Delimiter="/"
        ):
            for one in _records(page, "CommonPrefixes"):
                name = str(one["Prefix"]).rstrip("/").rpartition("/")[2]
                found.append(StoreEntry(name, None, None, is_folder=True))
            for one in _records(page, "Contents"):
                size, name = one.get("Size"), str(one["Key"]).rpartition("/")[2]
                known = size if isinstance(size, int) else None
                found.append(StoreEntry(name, known, parse_time(one.get("LastModified"))))
            if limit is not None and (len(found) > limit):
                return None
        return found

    def _pages(self, act: str, marker: str, **asked: object) -> Iterator[Mapping[str, object]]:
        """All pages of a response; ``marker`` is the parameter that requests the next one."""
        while True:
            page = self._call(act, **asked)
            yield page
            if not page.get("IsTruncated") or not page.get(f"Next{marker}"):
                return
            asked[marker] = page[f"Next{marker}"]
            for second in ("UploadIdMarker", "VersionIdMarker"):
                if f"Next{second}" in page:
                    asked[second] = page[f"Next{second}"]

    def put(self, source: Path, path: str, md5: str, progress: Callable[[int], None]) -> None:
        """See ``ObjectStore.put``."""
        key, size = self._key(path), source.stat().st_size
        unless = {"IfNoneMatch": "*"}
        while True:
            condition = unless if self._conditional else {}
            try:
                return self._send(source, key, md5, progress, condition)
            except OSError as exc:  # as the driver translates what the server says
                if is_unsupported(exc) and condition:
                    self._conditional = False
                elif already_exists(exc) or upload_expired(exc):
                    if self._is_whole(key, size):
                        return None  # another process was faster
                    unless = {}
                else:
                    raise

    def _is_whole(self, key: str, size: int) -> bool:
        try:
            return self._call("head_object", Key=key)["ContentLength"] == size
        except FileNotFoundError as exc:
            if is_absence(exc):
                return False
            raise

    def _send(
        self, source: Path, key: str, md5: str, progress: Callable[[int], None],
        condition: Mapping[str, object],
    ) -> None:  # fmt: skip
        size = source.stat().st_size
        if size > PART:
            PartedUpload(self._call, key, source, size, self._slots).run(progress, condition)
            return
        digest = b64encode(bytes.fromhex(md5[:32])).decode()
        with self._slots:
            body = source.read_bytes()
            self._call("put_object", Key=key, Body=body, ContentMD5=digest, **condition)
        progress(size)

    def open(self, path: str, start: int) -> ByteStream:
        """See ``ObjectStore.open``."""
        ranged = {"Range": f"bytes={start}-"} if start else {}
        answer = self._call("get_object", Key=self._key(path), **ranged)
        return _Body(answer["Body"], self._s3.loop)

    def remove(self, path: str) -> None:
        """See ``ObjectStore.remove``."""
        self._call("delete_object", Key=self._key(path))

    def erase(self, path: str) -> bool:
        """See ``ObjectStore.erase``; a store that knows no versions has one, named null, or none at all."""
        key = self._key(path)
        pages = self._pages("list_object_versions", "KeyMarker", Prefix=key)
        mine = [
            str(one["VersionId"])
            for page in pages
            for one in (*_records(page, "Versions"), *_records(page, "DeleteMarkers"))
            if one["Key"] == key
        ]
        for version in mine:
            self._call("delete_object", Key=key, VersionId=version)
        return bool(mine)

    def place_exists(self) -> bool:
        """See ``ObjectStore.place_exists``."""
        try:
            self._call("head_bucket")
        except FileNotFoundError:
            return False
        except OSError:
            return True  # who may write objects need not be allowed to look at the bucket itself
        return True

    def create_place(self) -> None:
        """See ``ObjectStore.create_place``; a bucket is made by its owner, with the rights and rules it needs."""
        raise FileNotFoundError(f"there is no bucket {self._bucket}")

    def leftovers(self) -> list[UnfinishedUpload]:
        """See ``ObjectStore.leftovers``."""
        from registry_tool.artifacts.remotes.base import OBJECTS, UnfinishedUpload

        prefix = f"{self._key(OBJECTS)}/"
        return [
            UnfinishedUpload(
                str(one["Key"]), None, parse_time(one.get("Initiated")), str(one["UploadId"])
            )
            for page in self._pages("list_multipart_uploads", "KeyMarker", Prefix=prefix)
            for one in _records(page, "Uploads")
        ]

    def discard(self, leftover: UnfinishedUpload) -> None:
        """See ``ObjectStore.discard``."""
        if leftover.upload:
            self._call("abort_multipart_upload", Key=leftover.path, UploadId=leftover.upload)
        else:
            self._call("delete_object", Key=leftover.path)


def _records(page: Mapping[str, object], key: str) -> list[Mapping[str, object]]:
    found = page.get(key)
    return found if isinstance(found, list) else []


class _Body:
    """The body of an answer, read from another thread than the one its connection lives in."""

    def __init__(self, body: object, loop: object) -> None:
        self._body = body
        self._loop = loop

    def read(self, size: int, /) -> bytes:
        from fsspec.asyn import sync

        data: bytes = sync(self._loop, self._body.read, size)  # type: ignore[attr-defined]  # aiobotocore's
        return data

    def close(self) -> None:
        self._body.close()  # type: ignore[attr-defined]  # aiobotocore's
