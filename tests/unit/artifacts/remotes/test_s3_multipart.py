from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from threading import BoundedSemaphore

import pytest

from registry_tool.artifacts.remotes.s3_multipart import PART, PartedUpload, part_size

GIGABYTE = 1 << 30
TERABYTE = 1 << 40


@pytest.mark.parametrize("size", [0, 1, PART, 6 * GIGABYTE, 80 * GIGABYTE, TERABYTE, 5 * TERABYTE])
def test_parts_are_few_enough_and_of_one_size(size: int) -> None:
    length = part_size(size)
    assert length >= PART
    assert length % (1 << 20) == 0
    assert -(-size // length) <= 10_000


class Server:
    """What a store answers; it has an upload that was begun, with some parts."""

    def __init__(
        self, parts: dict[int, str], *, trouble: Mapping[str, Exception] | None = None
    ) -> None:
        self.parts = parts
        self.trouble = trouble or {}
        self.asked: list[str] = []
        self.sent: list[int] = []

    def __call__(self, act: str, /, **arguments: object) -> Mapping[str, object]:
        self.asked.append(act)
        if act in self.trouble:
            raise self.trouble[act]
        if act == "upload_part":
            self.sent.append(int(str(arguments["PartNumber"])))
            return {"ETag": f'"new-{arguments["PartNumber"]}"'}
        if act == "list_multipart_uploads":
            begun = [
                {"Key": "k", "UploadId": "u", "Initiated": 1},
                {"Key": "k2", "UploadId": "x", "Initiated": 2},
            ]
            return {"Uploads": begun if self.parts else []}
        if act == "list_parts":
            listed = [{"PartNumber": n, "ETag": tag} for n, tag in self.parts.items()]
            after = [
                one
                for one in listed
                if int(str(one["PartNumber"])) > int(str(arguments["PartNumberMarker"]))
            ]
            return {"Parts": after[:1], "IsTruncated": len(after) > 1}
        if act == "complete_multipart_upload":
            self.completed = arguments
        return {"UploadId": "fresh"}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "model.bin"
    path.write_bytes(b"a" * PART + b"b" * PART + b"c" * 5)
    return path


def upload(server: Server, source: Path) -> int:
    told: list[int] = []
    size = source.stat().st_size
    PartedUpload(server, "k", source, size, BoundedSemaphore(8)).run(told.append, {})
    assert sum(told) == size
    return len(server.sent)


def tag(data: bytes) -> str:
    return f'"{hashlib.md5(data).hexdigest()}"'


def test_only_what_is_missing_is_sent(source: Path) -> None:
    server = Server({1: tag(b"a" * PART), 3: tag(b"c" * 5)})
    assert upload(server, source) == 1
    assert server.sent == [2]
    parts = server.completed["MultipartUpload"]
    assert parts == {
        "Parts": [
            {"PartNumber": 1, "ETag": tag(b"a" * PART)},
            {"PartNumber": 2, "ETag": '"new-2"'},
            {"PartNumber": 3, "ETag": tag(b"c" * 5)},
        ]
    }
    assert server.completed["UploadId"] == "u"


def test_a_part_whose_tag_is_no_md5_is_sent_again(source: Path) -> None:
    assert upload(Server({1: '"of-a-store-that-encrypts"'}), source) == 3


@pytest.mark.parametrize("act", ["list_multipart_uploads"])
def test_who_may_not_ask_for_parts_sends_all(source: Path, act: str) -> None:
    server = Server({1: tag(b"a" * PART)}, trouble={act: PermissionError("AccessDenied")})
    assert upload(server, source) == 3
    assert server.completed["UploadId"] == "fresh"


def test_when_somebody_was_faster_the_parts_are_cleared_away(source: Path) -> None:
    server = Server(
        {}, trouble={"complete_multipart_upload": FileExistsError("PreconditionFailed")}
    )
    with pytest.raises(FileExistsError):
        upload(server, source)
    assert server.asked[-1] == "abort_multipart_upload"
    broken = Server({}, trouble={"complete_multipart_upload": TimeoutError()})
    with pytest.raises(TimeoutError):
        upload(broken, source)
    assert "abort_multipart_upload" not in broken.asked
