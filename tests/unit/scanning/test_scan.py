"""Whole files and folders; and files of which nobody thought."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_tool.scanning.scan import scan_path


def test_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    (folder / "inner").mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "inner" / "weights.pkl").write_bytes(pickle.dumps({}))
    found = scan_path(folder)
    assert [file.path for file in found.files] == ["config.json", "inner/weights.pkl"]
    assert [str(f).partition(": a")[0] for f in found.findings] == ["unsafe: inner/weights.pkl"]
    assert found.verdict == "pass"


def test_there_is_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        scan_path(tmp_path / "none")


def test_what_cannot_be_read_is_a_finding_with_its_place(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/etc/hostname")
    (tmp_path / "model.txt").write_text("x")
    found = scan_path(tmp_path)
    assert [str(finding) for finding in found.findings] == [
        "unread: link: a symbolic link, which is not followed",
        "unread: pipe: it is neither a file nor a folder",
    ]
    assert found.verdict == "fail"
    (alone,) = scan_path(tmp_path / "pipe").findings
    assert alone.level == "unread"


def test_a_hostile_name_is_escaped(tmp_path: Path) -> None:
    (tmp_path / "m\u202e.pkl").write_bytes(pickle.dumps({}))
    (finding,) = scan_path(tmp_path / "m\u202e.pkl").findings
    assert str(finding).isascii()


def zipped(name: str, data: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(name, data)
    return made.getvalue()


SEEDS = [
    pickle.dumps({"a": [1, 2]}),
    pickle.dumps({"a": [1, 2]}, protocol=0),
    zipped("m/data.pkl", pickle.dumps([1])),
    gzip.compress(b"x" * 2000, mtime=0),
    b"\x93NUMPY\x01\x00\x3a\x00{'descr': '<f8', 'fortran_order': False, 'shape': (1,)}   \n" + bytes(8),
    b"GGUF\x03\x00\x00\x00" + bytes(16),
    b'\x0b\0\0\0\0\0\0\0{"a":{"x":1}',
    b"\x08\x09\x42\x02\x10\x11",
    b"\0" * 257 + b"ustar\x0000" + b"\0" * 248 + b"\0" * 1024,
]  # fmt: skip
NAMES = ["m.pkl", "m.onnx", "m.safetensors", "m.gguf", "m.zip", "m.npy", "config.json", "m"]


@given(
    seed=st.sampled_from(SEEDS),
    changes=st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), max_size=8),
    end=st.tuples(st.none() | st.integers(0, 600), st.binary(max_size=40)),
    name=st.sampled_from(NAMES),
)
def test_changed_files_are_findings_and_never_errors(
    tmp_path_factory: pytest.TempPathFactory,
    seed: bytes,
    changes: list[tuple[int, int]],
    end: tuple[int | None, bytes],
    name: str,
) -> None:
    data = bytearray(seed)
    for at, value in changes:
        data[at % len(data)] = value
    place = tmp_path_factory.getbasetemp() / name
    place.write_bytes(bytes(data[: end[0]]) + end[1])
    for finding in scan_path(place).findings:
        assert str(finding).isascii()
        assert str(finding).isprintable()
        assert len(str(finding)) < 600


@given(data=st.binary(max_size=200), name=st.sampled_from(NAMES))
def test_any_bytes(tmp_path_factory: pytest.TempPathFactory, data: bytes, name: str) -> None:
    place = tmp_path_factory.getbasetemp() / name
    place.write_bytes(data)
    assert scan_path(place).verdict in {"pass", "fail"}
