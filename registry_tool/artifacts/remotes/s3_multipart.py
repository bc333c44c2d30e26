"""A multipart upload to S3, several parts at a time, which resumes where it was interrupted.

A killed upload leaves its parts on the server. The next one for the same object lists them and sends only those
that are missing or have another md5. Nothing is undone on an error, for that reason; ``registry gc`` deletes
uploads that were not resumed.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import BoundedSemaphore
from typing import Final, Protocol

from registry_tool.artifacts.progress import in_parallel
from registry_tool.artifacts.remotes.errors import already_exists, is_unsupported

__all__ = ["PART", "PartedUpload", "part_size"]

PART: Final = 8 << 20
_MIB: Final = 1 << 20
_PARTS: Final = 10_000  # S3 takes no more
_AT_ONCE: Final = 4  # of one object


class S3Call(Protocol):
    """An act of the S3 protocol on one bucket."""

    def __call__(self, act: str, /, **arguments: object) -> Mapping[str, object]:
        """The server's answer."""


def part_size(size: int) -> int:
    """Bytes of each part but the last: the same for each try, so that the parts of two tries fit together."""
    needed = -(-size // _PARTS)
    return max(PART, -(-needed // _MIB) * _MIB)


class PartedUpload:
    """One object on its way.

    Args:
        call: Sends a request to the server.
        key: The object's.
        source: The file.
        size: Its size in bytes.
        slots: How many parts may be in memory.
    """

    def __init__(
        self, call: S3Call, key: str, source: Path, size: int, slots: BoundedSemaphore
    ) -> None:
        self._call = call
        self._key = key
        self._source = source
        self._size = size
        self._slots = slots
        self._length = part_size(size)

    def run(self, progress: Callable[[int], None], condition: Mapping[str, object]) -> None:
        """Send the missing parts, and complete the upload.

        Args:
            progress: Called with the number of bytes of each part, sent now or earlier.
            condition: The condition for creating the object.
        """
        upload = self._begun()
        there = self._parts(upload) if upload else {}
        upload = upload or self._begin()

        def send(number: int) -> str:
            with self._slots:
                data = self._read(number)
                tag = self._send(upload, number, data, there.get(number))
            progress(len(data))
            return tag

        numbers = range(1, -(-self._size // self._length) + 1)
        tags = in_parallel(send, numbers, workers=_AT_ONCE)
        parts = [{"PartNumber": n, "ETag": tag} for n, tag in zip(numbers, tags, strict=True)]
        self._complete(upload, parts, condition)

    def _complete(
        self, upload: str, parts: Sequence[Mapping[str, object]], condition: Mapping[str, object]
    ) -> None:
        mine = {"Key": self._key, "UploadId": upload}
        try:
            self._call(
                "complete_multipart_upload", **mine, MultipartUpload={"Parts": parts}, **condition
            )
        except Exception as exc:  # raised again; two client libraries have no error in common
            if already_exists(exc):  # the parts are of no use to anybody any more
                with suppress(FileNotFoundError):
                    self._call("abort_multipart_upload", **mine)
            raise

    def _begin(self) -> str:
        return str(self._call("create_multipart_upload", Key=self._key)["UploadId"])

    def _begun(self) -> str:
        """The newest unfinished upload of this object; empty when there is none, or listing is not allowed."""
        try:
            page = self._call("list_multipart_uploads", Prefix=self._key)
        except Exception as exc:  # as above
            if is_unsupported(exc) or isinstance(exc, PermissionError):
                return ""
            raise
        found = page.get("Uploads")
        mine = [one for one in found if one["Key"] == self._key] if isinstance(found, list) else []
        newest = max(mine, key=lambda one: one["Initiated"], default=None)
        return "" if newest is None else str(newest["UploadId"])

    def _parts(self, upload: str) -> dict[int, str]:
        """What arrived of it, by number."""
        parts: dict[int, str] = {}
        marker = 0
        while True:
            page = self._call("list_parts", Key=self._key, UploadId=upload, PartNumberMarker=marker)
            found = page.get("Parts")
            for one in found if isinstance(found, list) else ():
                marker = one["PartNumber"]
                parts[marker] = str(one["ETag"])
            if not page.get("IsTruncated") or not found:
                return parts

    def _read(self, number: int) -> bytes:
        with self._source.open("rb") as stream:
            stream.seek((number - 1) * self._length)
            return stream.read(self._length)

    def _send(self, upload: str, number: int, data: bytes, there: str | None) -> str:
        """The server's tag of a part, which is sent unless it exists; only its md5 proves that it is the same."""
        md5 = hashlib.md5(data, usedforsecurity=False)
        if there is not None and there.strip('"') == md5.hexdigest():
            return there
        answer = self._call(
            "upload_part",
            Key=self._key,
            UploadId=upload,
            PartNumber=number,
            Body=data,
            ContentMD5=b64encode(md5.digest()).decode(),
        )
        return str(answer["ETag"])
