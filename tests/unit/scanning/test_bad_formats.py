"""Files of every format that are cut, changed, nested or bombs: findings, within bounds, never an error."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.code_naming_files import HARMLESS, HOSTILE, message, zip_of

from registry_tool.scanning.report import Scanned
from registry_tool.scanning.scan import scan_path

Scan = Callable[[bytes, str], Scanned]
SAMPLES = [(Path(one.name).name, one.data) for one in HOSTILE] + list(HARMLESS)
MEMORY = 50 << 20
MEASURED = """
import resource, sys
from pathlib import Path
from registry_tool.scanning.scan import scan_path
(Path(sys.argv[1]) / "warm").mkdir()
for name in ("a.json", "a.yaml"):
    (Path(sys.argv[1]) / "warm" / name).write_text('{"a": [1]}')
scan_path(Path(sys.argv[1]) / "warm")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
found = scan_path(Path(sys.argv[2]))
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print((after - before) * (1 if sys.platform == "darwin" else 1024), found.verdict)
"""


@given(
    sample=st.sampled_from(SAMPLES),
    changes=st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), max_size=6),
    end=st.none() | st.integers(0, 400),
)
def test_changed_files_of_every_format(
    tmp_path_factory: pytest.TempPathFactory,
    sample: tuple[str, bytes],
    changes: list[tuple[int, int]],
    end: int | None,
) -> None:
    name, data = sample[0], bytearray(sample[1])
    for at, value in changes:
        data[at % len(data)] = value
    place = tmp_path_factory.getbasetemp() / name
    place.write_bytes(bytes(data[:end]))
    for finding in scan_path(place).findings:
        assert str(finding).isascii()
        assert len(str(finding)) < 800


BOMBS: Mapping[str, tuple[str, Callable[[], bytes]]] = {
    "nested": ("a.bin", lambda: gzip.compress(zip_of({"a/model.keras": zip_of({"x": b"\0"}), "noise": os.urandom(30 << 20)}), 1)),
    "json": ("a.json", lambda: b"[" + b"{}," * 1_000_000 + b"1]"),
    "yaml": ("a.yaml", lambda: b"- {a: [1, 2]}\n" * 36_000),
    "keras-metadata": ("keras_metadata.pb", lambda: message((1, message((5, b"[" + b"{}," * 80_000 + b"1]"))))),
    "hdf5": ("a.h5", lambda: b"\x89HDF\r\n\x1a\n" + b'{"a' * 3_000_000),
    "jinja": ("a.jinja", lambda: b"{{ '_' }}" * 400_000),
    "xml": ("a.xml", lambda: b"<layer " * 1_000_000),
    "py": ("a.py", lambda: b"a = (1)\n" * 500_000),
    "config": ("config.cfg", lambda: b"@a = b\n" * 500_000),
}  # fmt: skip


@pytest.mark.parametrize("kind", BOMBS)
def test_memory_is_bounded(tmp_path: Path, kind: str) -> None:
    """Documents that are small on disk, or just within a limit, and hold as many values as they can."""
    name, make = BOMBS[kind]
    (tmp_path / name).write_bytes(make())
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(tmp_path), str(tmp_path / name)],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    assert int(done.stdout.split()[0]) < MEMORY


def test_aliases_that_expand_are_walked_once(scan: Scan) -> None:
    lines = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 60)]
    assert scan("\n".join(lines).encode(), "bomb.yaml").findings == ()


@pytest.mark.parametrize(("name", "opens"), [("a.json", "["), ("a.yaml", "["), ("a.json", '{"a":')])
def test_what_is_nested_deeply(scan: Scan, name: str, opens: str) -> None:
    assert scan((opens * 100_000).encode(), name).facts["format"] in {"json", "yaml"}


def test_a_document_that_is_too_large_to_parse(scan: Scan) -> None:
    filler = ", ".join(f'"k{n}": {n}' for n in range(400_000))
    assert scan(f"{{{filler}}}".encode(), "vocab.json").findings == ()
    for inner in (
        '"auto_map": {"AutoModel": "x.Y"}',
        '"auto\\u005fmap": {}',
        '"py/object": "os.system"',
    ):
        (finding,) = scan(f"{{{filler}, {inner}}}".encode(), "config.json").findings
        assert finding.level == "unread"


def test_an_archive_in_an_archive(scan: Scan) -> None:
    inner = HOSTILE[0].data
    packed = gzip.compress(zip_of({"a/model.keras": inner}))
    assert "names os.system" in str(scan(packed, "model.bin").findings[0])


def test_encrypted_members_are_unread(scan: Scan) -> None:
    data = bytearray(zip_of({"config.json": b"{}"}))
    for sign, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(sign) + offset] |= 1
    (finding,) = scan(bytes(data), "model.zip").findings
    assert (finding.level, "encrypted" in finding.message) == ("unread", True)


@pytest.mark.parametrize("method", [9, 14, 93, 95, 98])
def test_members_packed_otherwise_are_unread(scan: Scan, method: int) -> None:
    data = bytearray(zip_of({"config.json": b"{}"}))
    for sign, offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        data[data.index(sign) + offset] = method
    (finding,) = scan(bytes(data), "model.zip").findings
    assert finding.level == "unread"


def test_a_format_under_another_name(scan: Scan) -> None:
    for sample in HOSTILE:
        if sample.name in {"module.h5", "climb.gguf", "m.7z", "flex.tflite", "module.keras"}:
            said = "\n".join(str(one) for one in scan(sample.data, "model.txt").findings)
            assert sample.words in said


def test_keys_are_found_whatever_a_document_is_called(scan: Scan) -> None:
    data = json.dumps({"a": [{"_target_": "os.system"}]}).encode()
    assert "a[0]._target_ names os.system" in str(scan(data, "anything.json").findings[0])
