"""The table of ``bad_requests`` for ModelBox, whose calls are messages of gRPC: what each is answered.

Whatever is refused leaves the branch where it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from google.protobuf.message import Message

from registry_tool.server.modelbox.values import build

__all__ = ["CALLS", "STREAMS", "BadCall", "BadFrames"]

_BAD: Final = frozenset({"INVALID_ARGUMENT"})
_OK: Final = frozenset({"OK"})
_MISSING: Final = frozenset({"NOT_FOUND"})
_TAKEN: Final = frozenset({"ALREADY_EXISTS"})
_LARGE: Final = frozenset({"RESOURCE_EXHAUSTED"})
_PARENT: Final = "PARENT"


class BadCall(NamedTuple):
    """A row: one call.

    Attributes:
        name: What is wrong with it.
        call: The call.
        content: Its message, serialized.
        expected: The statuses, one of which it must have.
    """

    name: str
    call: str
    content: bytes
    expected: frozenset[str]


class BadFrames(NamedTuple):
    """A row: the messages of one ``UploadFile``; a ``parent_id`` of ``PARENT`` is that of the model ``taken``."""

    name: str
    frames: tuple[Mapping[str, object], ...]
    expected: frozenset[str]

    def build(self, parent: str) -> Iterator[Message]:
        """The messages."""
        for frame in self.frames:
            said = frame.get("metadata")
            if isinstance(said, dict):
                given = {
                    **said,
                    "parent_id": parent if said["parent_id"] == _PARENT else said["parent_id"],
                }
                yield build("UploadFileRequest", metadata=build("FileMetadata", **given))
            else:
                yield build("UploadFileRequest", **frame)


def _message(call: str, **fields: object) -> bytes:
    return build(f"{call}Request", **fields).SerializeToString()


def _named(title: str, name: str, expected: frozenset[str] = _BAD) -> BadCall:
    return BadCall(title, "CreateModel", _message("CreateModel", name=name), expected)


def _by_id(number: str) -> BadCall:
    content = _message("ListModelVersions", model=number)
    return BadCall(f"the id {number[:20]!a}", "ListModelVersions", content, _MISSING)


_ROWS_OF_BODIES: Final = (
    BadCall("no message", "CreateModel", b"\xff\xff\xff", _BAD),
    BadCall("half a message", "CreateModel", _message("CreateModel", name="x" * 100)[:50], _BAD),
    BadCall("bytes that are no text", "CreateModel", b"\x0a\x02\xff\xfe", _BAD),
    BadCall("half a character", "CreateModel", b"\x0a\x03\xed\xa0\x80", _BAD),
    BadCall("a length of 2 GB", "CreateModel", b"\x0a\xff\xff\xff\xff\x07x", _BAD),
    BadCall("10,000 groups in each other", "CreateModel", b"\xa3\x06" * 10_000, _BAD),
    BadCall("a number for a name", "CreateModel", b"\x08\x07", _BAD),
    BadCall("a message above the limit", "CreateModel", _message("CreateModel", name="x", description="y" * (5 << 20)), _LARGE),
    BadCall("an empty message", "CreateModel", b"", _BAD),
)  # fmt: skip
_ROWS_OF_NAMES: Final = (
    _named("a null byte in a name", "a\0b"),
    _named("an empty name", ""),
    _named("a name of 600 characters", "x" * 600),
    _named("a name of a megabyte", "x" * 900_000),
    _named("a name that is written backwards", "a\u202eb"),
    _named("a name with an invisible character", "a\u200bb"),
    _named("a name of control characters", "a\x1b[31mb"),
    _named("a taken name", "taken", _OK),
    _named("a taken name in capitals", "TAKEN", _TAKEN | frozenset({"ABORTED"})),
    _named("a taken name in other code points", "cafe\u0301", _TAKEN | frozenset({"ABORTED", "OK"})),
)  # fmt: skip
_IDS: Final = (
    "",
    "0",
    "-1",
    "007",
    "9" * 40,
    "abc",
    "\uff11",
    "1\0",
    "%",
    "..",
    "../../registry",
    "y" * 100_000,
)
_ROWS_OF_VALUES: Final = (
    BadCall("a framework of the future", "CreateExperiment", _message("CreateExperiment", name="e", framework=99), _BAD),
    BadCall("an experiment without a name", "CreateExperiment", _message("CreateExperiment"), _BAD),
    BadCall("a checkpoint of nothing", "CreateCheckpoint", _message("CreateCheckpoint", experiment_id="0" * 40), _MISSING),
    BadCall("a file that is not known", "DownloadFile", _message("DownloadFile", file_id="0" * 40), _MISSING),
    BadCall("a point of nothing", "LogMetrics", _message("LogMetrics", parent_id="0" * 40, key="a", value={"f_val": 1.0}), _MISSING),
    BadCall("a namespace that is a path", "ListModels", _message("ListModels", namespace="../../etc"), _OK),
)  # fmt: skip

CALLS: Final[tuple[BadCall, ...]] = (
    *_ROWS_OF_BODIES, *_ROWS_OF_NAMES, *map(_by_id, _IDS), *_ROWS_OF_VALUES,
)  # fmt: skip
_FILE: Final[Mapping[str, object]] = {"metadata": {"parent_id": _PARENT, "path": "x.bin", "checksum": "0" * 32}}  # fmt: skip
_CHUNK: Final[Mapping[str, object]] = {"chunks": b"x" * 1024}
_NOWHERE: Final[Mapping[str, object]] = {"metadata": {"parent_id": "0" * 40, "path": "x.bin"}}
STREAMS: Final[tuple[BadFrames, ...]] = (
    BadFrames("no frame", (), _BAD),
    BadFrames("chunks before the metadata", (_CHUNK, _FILE), _BAD),
    BadFrames("two frames of metadata", (_FILE, _CHUNK, _FILE), _BAD),
    BadFrames("an empty frame", (_FILE, {}), _BAD),
    BadFrames("a wrong checksum", (_FILE, _CHUNK), frozenset({"DATA_LOSS"})),
    BadFrames("a file of nothing", (_NOWHERE, _CHUNK), _MISSING),
    BadFrames("a frame above the limit", (_FILE, {"chunks": bytes(5 << 20)}), _LARGE),
)  # fmt: skip
