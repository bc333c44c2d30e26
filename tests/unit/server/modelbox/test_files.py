"""Files: streamed into the DVC remote and out of it, tracked elsewhere, refused where they are not what was announced."""

from __future__ import annotations

import hashlib
import os
import pickle
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

import pytest
from google.protobuf.message import Message
from support import Ran, git
from support.manifests import registry_yaml
from support.modelbox_wire import ModelBoxWire, frames_for, modelbox_wire

from registry_tool.manifests.problems import JSON
from registry_tool.server.limits import Limits
from registry_tool.server.modelbox.values import build

CONTENT: Final = bytes(range(256)) * 5000
PATH: Final = "/data/runs/7/weights.bin"


def registry_files(folder: Path) -> dict[str, str]:
    (folder / "storage").mkdir(exist_ok=True)
    config = (
        f"[core]\n    remote = storage\n['remote \"storage\"']\n    url = {folder / 'storage'}\n"
    )
    return {"registry.yaml": registry_yaml(), ".dvc/config": config}


@pytest.fixture
def folder(make_registry: Callable[..., Path], tmp_path: Path) -> Path:
    return make_registry(registry_files(tmp_path))


@pytest.fixture
def wire(folder: Path) -> Iterator[ModelBoxWire]:
    with modelbox_wire(folder, limits=Limits(max_upload=4 << 20, idle_seconds=1)) as found:
        yield found


@pytest.fixture
def model(wire: ModelBoxWire) -> str:
    return str(wire.get("CreateModel", name="yolo")["id"])


@pytest.fixture
def version(wire: ModelBoxWire, model: str) -> str:
    return str(wire.get("CreateModelVersion", model=model, version="1")["model_version"])


@pytest.fixture
def checkpoint(wire: ModelBoxWire) -> str:
    made = wire.get("CreateExperiment", name="e")
    found = wire.get("CreateCheckpoint", experiment_id=made["experiment_id"], epoch=3)
    return str(found["checkpoint_id"])


def listed(wire: ModelBoxWire, parent: str) -> list[dict[str, JSON]]:
    found = wire.get("ListArtifacts", parent_id=parent).get("files", [])
    assert isinstance(found, list)
    return [one for one in found if isinstance(one, dict)]


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def stored(folder: Path) -> list[str]:
    """What is in the DVC remote."""
    return sorted(p.name for p in (folder.parent / "storage").rglob("*") if p.is_file())


@pytest.mark.parametrize("parent", ["model", "version", "checkpoint"])
def test_a_file_is_uploaded_once_listed_and_downloaded(
    wire: ModelBoxWire, folder: Path, parent: str, request: pytest.FixtureRequest
) -> None:
    """MB-11, MB-13, MB-14."""
    owner = str(request.getfixturevalue(parent))
    first = wire.upload(owner, PATH, CONTENT, file_type=1)
    before = git(folder, "rev-parse", "HEAD")
    assert wire.upload(owner, PATH, CONTENT, file_type=1) == first
    assert git(folder, "rev-parse", "HEAD") == before
    (file,) = listed(wire, owner)
    times = file.pop("created_at"), file.pop("updated_at")
    assert all(times)
    assert file == {
        "id": first,
        "parent_id": owner,
        "path": PATH,
        "checksum": md5(CONTENT),
        "file_type": "MODEL",
    }
    found = wire.download(first)
    assert found.content == CONTENT
    assert (found.metadata["id"], found.metadata["checksum"]) == (first, md5(CONTENT))
    assert all(64 << 10 <= size <= 1 << 20 for size in found.chunks[:-1])
    assert len(stored(folder)) == 1


def test_another_content_at_a_path_already_exists(wire: ModelBoxWire, version: str) -> None:
    wire.upload(version, PATH, CONTENT)
    code, message = wire.failure(lambda: wire.upload(version, PATH, b"other"))
    assert (code, md5(CONTENT) in message) == ("ALREADY_EXISTS", True)


@pytest.mark.parametrize(("number", "name"), [*enumerate(["UNDEFINED", "MODEL", "CHECKPOINT", "TEXT", "IMAGE", "AUDIO", "VIDEO"])])  # fmt: skip
def test_file_types_read_back(wire: ModelBoxWire, version: str, number: int, name: str) -> None:
    """MB-15."""
    wire.upload(version, f"file.{name.lower()}", name.encode(), file_type=number)
    (file,) = listed(wire, version)
    assert file.get("file_type", "UNDEFINED") == name


def test_files_with_one_name_do_not_replace_each_other(
    wire: ModelBoxWire, version: str, folder: Path, cli: Callable[..., Ran]
) -> None:
    paths = ["/a/w.bin", "/b/w.bin", "w.bin", "W.BIN", "aux.bin", "x.dvc", "model.yaml", "ü b.txt"]
    ids = {path: wire.upload(version, path, path.encode()) for path in paths}
    assert len(set(ids.values())) == len(paths)
    assert {str(one["path"]): str(one["id"]) for one in listed(wire, version)} == ids
    assert {path: wire.download(number).content.decode() for path, number in ids.items()} == {
        path: path for path in paths
    }
    assert cli("check", "--all", cwd=folder).code == 0
    cli("seal", "default/yolo@1", "--commit", cwd=folder)
    assert cli("check", "--all", cwd=folder).code == 0


def test_files_elsewhere_are_tracked_and_not_downloaded(
    wire: ModelBoxWire, model: str, version: str, checkpoint: str
) -> None:
    """MB-12."""
    for owner in (model, version, checkpoint):
        files = [
            {"parent_id": owner, "path": "s3://bucket/eval.parquet", "checksum": "ab" * 16},
            {"parent_id": owner, "path": "/data/local.csv", "file_type": 3},
        ]
        answer = wire.get("TrackArtifacts", files=files)
        assert answer["num_files_tracked"] == 2
        one, two = listed(wire, owner)
        assert (one["path"], one["checksum"]) == ("s3://bucket/eval.parquet", "ab" * 16)
        assert (two["path"], two["checksum"], two["file_type"]) == (
            "/data/local.csv",
            "unknown",
            "TEXT",
        )
        assert wire.get("TrackArtifacts", files=files)["num_files_tracked"] == 2
        assert len(listed(wire, owner)) == 2
        failed = wire.failure(partial(wire.download, str(one["id"])))
        assert failed[0] == "FAILED_PRECONDITION"
    assert wire.fails("TrackArtifacts")[0] == "INVALID_ARGUMENT"
    assert wire.fails("TrackArtifacts", files=[{"path": "x"}])[0] == "NOT_FOUND"


def test_a_sealed_version_takes_documents_and_no_model(
    wire: ModelBoxWire, version: str, folder: Path, cli: Callable[..., Ran]
) -> None:
    wire.upload(version, "w.onnx.bin", CONTENT, file_type=1)
    cli("seal", "default/yolo@1", "--commit", cwd=folder)
    code, message = wire.failure(lambda: wire.upload(version, "v.bin", b"x", file_type=1))
    assert (code, "create a new version" in message) == ("FAILED_PRECONDITION", True)
    late = wire.upload(version, "notes.txt", b"late", file_type=3)
    assert wire.upload(version, "notes.txt", b"late", file_type=3) == late
    wire.ask("TrackArtifacts", files=[{"parent_id": version, "path": "s3://b/x.csv"}])
    assert [one["path"] for one in listed(wire, version)] == [
        "w.onnx.bin",
        "s3://b/x.csv",
        "notes.txt",
    ]
    assert wire.download(late).content == b"late"
    assert cli("check", "--all", cwd=folder).code == 0


# --- streams that are not what they should be


def ended(wire: ModelBoxWire, folder: Path, version: str, frames: list[Message]) -> str:
    """The status of an upload of which nothing may be kept."""
    before = git(folder, "rev-parse", "HEAD")
    code, _ = wire.failure(lambda: wire.send(frames))
    assert git(folder, "rev-parse", "HEAD") == before
    assert listed(wire, version) == []
    assert stored(folder) == []
    return code


def test_a_stream_that_stops_at_any_frame_leaves_nothing(
    wire: ModelBoxWire, folder: Path, version: str
) -> None:
    frames = frames_for(version, PATH, CONTENT[:5000])
    codes = [ended(wire, folder, version, frames[:count]) for count in range(len(frames))]
    assert codes == ["INVALID_ARGUMENT", *["DATA_LOSS"] * (len(frames) - 1)]


def test_the_order_of_messages_and_the_checksum_count(
    wire: ModelBoxWire, folder: Path, version: str
) -> None:
    first, *rest = frames_for(version, PATH, CONTENT[:3000])
    empty = build("UploadFileRequest")
    assert ended(wire, folder, version, [*rest, first]) == "INVALID_ARGUMENT"
    assert ended(wire, folder, version, [first, first, *rest]) == "INVALID_ARGUMENT"
    assert ended(wire, folder, version, [first, *rest, first]) == "INVALID_ARGUMENT"
    assert ended(wire, folder, version, [first, empty]) == "INVALID_ARGUMENT"
    assert ended(wire, folder, version, [first, *rest, rest[0]]) == "DATA_LOSS"
    assert ended(wire, folder, version, [first, *reversed(rest)]) == "DATA_LOSS"
    wrong = frames_for(version, PATH, CONTENT[:3000], checksum="0" * 32)
    assert ended(wire, folder, version, wrong) == "DATA_LOSS"
    upper = frames_for(version, PATH, b"x", checksum=md5(b"x").upper())
    assert len(wire.send(upper)) == 40


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"parent_id": ""}, "NOT_FOUND"),
        ({"parent_id": "0" * 40}, "NOT_FOUND"),
        ({"path": ""}, "INVALID_ARGUMENT"),
        ({"path": "a\0b"}, "INVALID_ARGUMENT"),
        ({"path": "x" * 5000}, "INVALID_ARGUMENT"),
        ({"file_type": 99}, "INVALID_ARGUMENT"),
        ({"checksum": "no checksum"}, "INVALID_ARGUMENT"),
        ({"path": "../../../etc/passwd"}, ""),
    ],
)
def test_metadata_is_checked_before_the_bytes(
    wire: ModelBoxWire, folder: Path, version: str, changed: dict[str, object], code: str
) -> None:
    frames = frames_for(version, PATH, CONTENT[:2000], **changed)
    if code:
        assert ended(wire, folder, version, frames) == code
        return
    wire.send(frames)
    (file,) = listed(wire, version)
    assert file["path"] == changed["path"]


def test_what_is_too_large_ends_early(wire: ModelBoxWire, folder: Path, version: str) -> None:
    frames = frames_for(version, PATH, b"")
    endless = [*frames, *[build("UploadFileRequest", chunks=bytes(1 << 20))] * 5]
    assert ended(wire, folder, version, endless) == "RESOURCE_EXHAUSTED"
    huge = [*frames, build("UploadFileRequest", chunks=bytes(5 << 20))]
    assert ended(wire, folder, version, huge) == "RESOURCE_EXHAUSTED"


def test_a_stream_that_stands_still_and_a_deadline_that_passes_leave_nothing(
    wire: ModelBoxWire, folder: Path, version: str
) -> None:
    frames = frames_for(version, PATH, CONTENT[:3000])
    over = threading.Event()

    def stall() -> Iterator[Message]:
        yield from frames[:2]
        over.wait(30)

    assert wire.failure(lambda: wire.send(stall()))[0] == "DEADLINE_EXCEEDED"
    over.set()
    over.clear()
    assert wire.failure(lambda: wire.send(stall(), timeout=0.3))[0] == "DEADLINE_EXCEEDED"
    over.set()
    assert (listed(wire, version), stored(folder)) == ([], [])


def test_a_cancelled_upload_leaves_nothing(wire: ModelBoxWire, folder: Path, version: str) -> None:
    over, sent = threading.Event(), threading.Event()

    def stall() -> Iterator[Message]:
        yield from frames_for(version, PATH, CONTENT[:3000])[:2]
        sent.set()
        over.wait(30)

    call = wire.start(stall())
    sent.wait(10)
    call.cancel()
    over.set()
    assert wire.failure(call.result)[0] == "CANCELLED"
    assert (listed(wire, version), stored(folder)) == ([], [])
    assert len(wire.upload(version, PATH, CONTENT)) == 40


def test_content_that_the_registry_refuses_is_refused(
    wire: ModelBoxWire, folder: Path, version: str
) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.system, ("true",)

    frames = frames_for(version, "model.pkl", pickle.dumps(Evil()))
    assert ended(wire, folder, version, frames) == "FAILED_PRECONDITION"
    assert ended(wire, folder, version, frames_for(version, "empty.bin", b"")) == "INVALID_ARGUMENT"


def test_without_a_remote_an_upload_says_so(make_registry: Callable[..., Path]) -> None:
    with modelbox_wire(make_registry({"registry.yaml": registry_yaml()}, name="other")) as wire:
        model = str(wire.get("CreateModel", name="yolo")["id"])
        code, message = wire.failure(lambda: wire.upload(model, "x.bin", b"x"))
    assert (code, "remote" in message) == ("FAILED_PRECONDITION", True)


def test_two_uploads_at_once_are_two_files(wire: ModelBoxWire, version: str) -> None:
    calls = [
        wire.start(iter(frames_for(version, f"/{n}/w.bin", bytes([n]) * 5000))) for n in range(4)
    ]
    for call in calls:
        call.result()
    assert sorted(str(one["path"]) for one in listed(wire, version)) == [
        f"/{n}/w.bin" for n in range(4)
    ]
