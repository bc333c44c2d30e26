from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path

import pytest

from registry_tool.artifacts.hashing import check_md5, check_sha256, digest_file, digest_stream
from registry_tool.errors import OperationalError, UsageError


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (5 << 20) + 3])
@pytest.mark.parametrize("expected", [0, 100 << 20])
def test_digests_are_those_of_hashlib_with_one_thread_and_two(size: int, expected: int) -> None:
    data = os.urandom(size)
    sink, told = io.BytesIO(), [0]
    found = digest_stream(io.BytesIO(data), sink=sink, progress=told.append, expected=expected)
    assert found == (size, hashlib.md5(data).hexdigest(), hashlib.sha256(data).hexdigest())
    assert sink.getvalue() == data
    assert sum(told) == size


def test_a_stream_without_end_is_left_after_the_limit() -> None:
    class Endless:
        def read(self, size: int, /) -> bytes:
            return b"\0" * size

    assert 10 < digest_stream(Endless(), limit=10).size <= 1 << 20


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(OperationalError, match=r"model\.bin cannot be read"):
        digest_file(tmp_path / "model.bin")


def test_a_file_is_digested(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"abc")
    assert digest_file(tmp_path / "f").md5 == "900150983cd24fb0d6963f7d28e17f72"


@pytest.mark.parametrize(
    "text", ["", "../../etc/passwd", "A" * 32, "a" * 31, "a" * 32 + "\n", "a" * 32 + ".dir/x"]
)
def test_what_is_no_digest_never_becomes_a_path(text: str) -> None:
    with pytest.raises(UsageError):
        check_md5(text)
    with pytest.raises(UsageError):
        check_sha256(text)
