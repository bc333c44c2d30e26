from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from registry_tool.artifacts.cache.cache import Cache
from registry_tool.artifacts.remotes.local import LocalRemote
from registry_tool.artifacts.transfer.ingest import IngestedBlob, ingest, ingest_stream, merge
from registry_tool.artifacts.transfer.upload import upload
from registry_tool.errors import ConflictError, NotFoundError, OperationalError, UsageError


def make(root: Path, files: dict[str, bytes]) -> Path:
    for path, data in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    return root


def paths(ingested: IngestedBlob) -> list[str]:
    return [member.path for member in ingested.members]


def test_several_sources_are_one_folder(tmp_path: Path, cache: Cache) -> None:
    weights = make(tmp_path / "weights", {"a.bin": b"a", "deep/b.bin": b"b"})
    config = make(tmp_path, {"config.json": b"{}"}) / "config.json"
    found = merge([weights, config], "model", cache=cache)
    assert paths(found) == ["a.bin", "config.json", "deep/b.bin"]
    whole = make(tmp_path / "whole", {"a.bin": b"a", "config.json": b"{}", "deep/b.bin": b"b"})
    assert found == ingest(whole, cache=cache)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": b"1"}, {"a": b"1"}),
        ({"a": b"1"}, {"a/b": b"2"}),
        ({"a/b/c": b"1"}, {"a/b": b"2"}),
    ],
)
def test_no_source_takes_the_place_of_another(
    tmp_path: Path, cache: Cache, one: dict[str, bytes], other: dict[str, bytes]
) -> None:
    sources = [make(tmp_path / "one", one), make(tmp_path / "other", other)]
    with pytest.raises(UsageError, match="would both be stored as"):
        merge(sources, "model", cache=cache)


def test_a_missing_source_of_several(tmp_path: Path, cache: Cache) -> None:
    with pytest.raises(NotFoundError, match="nowhere"):
        merge([make(tmp_path / "one", {"a": b"1"}), tmp_path / "nowhere"], "m", cache=cache)


def test_a_stream_is_an_artifact(tmp_path: Path, cache: Cache) -> None:
    data = b"weights" * 1000
    found = ingest_stream(io.BytesIO(data), "model", cache=cache)
    path = make(tmp_path, {"model": data}) / "model"
    assert found == ingest(path, cache=cache)
    assert found.blobs[0][1].read_bytes() == data


def test_a_stream_without_bytes_is_refused(cache: Cache) -> None:
    with pytest.raises(UsageError, match="is empty"):
        ingest_stream(io.BytesIO(), "model", cache=cache)


@pytest.mark.parametrize("said", [6, 8])
def test_a_stream_of_another_length_is_refused(cache: Cache, said: int) -> None:
    with pytest.raises(ConflictError, match=f"expected {said} bytes, received 7"):
        ingest_stream(io.BytesIO(b"weights"), "model", cache=cache, size=said)
    assert [p for p in cache.root.rglob("*") if p.is_file() and p.stat().st_size] == []


def test_a_stream_that_breaks_off_leaves_nothing(cache: Cache) -> None:
    class Broken(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def read(self, size: int = -1) -> bytes:  # noqa: ARG002 (see Readable)
            raise OSError(5, "Input/output error")

    with pytest.raises(OperationalError, match="model cannot be read"):
        ingest_stream(Broken(), "model", cache=cache)
    assert [p for p in cache.root.rglob("*") if p.is_file() and p.stat().st_size] == []


class Meddling:
    """Does something when the bytes of the first file were read."""

    def __init__(self, act: Callable[[], object]) -> None:
        self._act: Callable[[], object] | None = act
        self._guard = threading.Lock()

    def start(self, total_bytes: int, description: str) -> None:
        pass

    def advance(self, n: int) -> None:  # noqa: ARG002 (see Progress)
        with self._guard:
            act, self._act = self._act, None
        if act is not None:
            act()

    def finish(self) -> None:
        pass


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "f07").write_bytes(b"other"),
        lambda folder: (folder / "f07").write_bytes(b"longer than before"),
        lambda folder: (folder / "new").write_bytes(b"new"),
        lambda folder: (folder / "f07").rename(folder / "renamed"),
        lambda folder: os.utime(folder / "f00", (1, 1)),
    ],
    ids=["rewritten", "longer", "added", "renamed", "touched"],
)
def test_a_folder_that_changes_while_it_is_read(
    tmp_path: Path, cache: Cache, change: Callable[[Path], object]
) -> None:
    folder = make(tmp_path / "model", {f"f{n:02}": b"%05d" % n for n in range(20)})
    with pytest.raises((ConflictError, OperationalError)):
        ingest(folder, cache=cache, progress=Meddling(lambda: change(folder)))


def test_names_that_are_hard_to_write(tmp_path: Path, cache: Cache) -> None:
    folder = make(
        tmp_path / "m", {"with space": b"1", "ünï/cöde": b"2", "emoji 🦜": b"3", "'q\"": b"4"}
    )
    assert set(paths(ingest(folder, cache=cache))) == {"with space", "ünï/cöde", "emoji 🦜", "'q\""}


@pytest.mark.parametrize("name", ["line\nfeed", "back\\slash", "\x1b[31m", "right\u202eleft"])
def test_names_that_no_system_should_write(tmp_path: Path, cache: Cache, name: str) -> None:
    folder = make(tmp_path / "model", {name: b"1"})
    with pytest.raises(UsageError, match="control character or a backslash") as caught:
        ingest(folder, cache=cache)
    assert caught.value.remedy == "rename the file"


@pytest.mark.parametrize("target", ["file", "folder", "nothing"])
def test_links_in_a_folder_are_refused(tmp_path: Path, cache: Cache, target: str) -> None:
    make(tmp_path, {"file": b"1", "folder/inner": b"2"})
    folder = make(tmp_path / "model", {"a": b"1"})
    (folder / "link").symlink_to(tmp_path / target)
    with pytest.raises(UsageError, match="link is a symbolic link"):
        ingest(folder, cache=cache)


def test_twenty_thousand_small_files(tmp_path: Path, cache: Cache, remote: LocalRemote) -> None:
    folder = tmp_path / "model"
    for number in range(200):
        (folder / f"{number:03}").mkdir(parents=True)
        for inner in range(100):
            (folder / f"{number:03}" / f"{inner:02}").write_bytes(b"%d" % (inner * number % 977))
    found = ingest(folder, cache=cache)
    assert (found.nfiles, len(found.members)) == (20_000, 20_000)
    assert upload(found, remote) == len(found.blobs) < 1000  # few contents, each stored once
    assert upload(found, remote) == 0
