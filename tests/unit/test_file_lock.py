"""Old and new programs exclude each other: every version locks these files by ``flock``."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from registry_tool.artifacts.cache.locks import download_lock, get_uses, lock_for_eviction
from registry_tool.file_lock import try_lock, try_lock_shared
from registry_tool.git.transaction.lock import is_locked

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows locks bytes")

# What programs before this module did, call by call.
EARLIER = """
import fcntl, os, sys
handle = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT, 0o666)
fcntl.flock(handle, getattr(fcntl, sys.argv[2]) | fcntl.LOCK_NB)
os.write(handle, b"b" * 64 + b"\\n")
print("locked", flush=True)
sys.stdin.read()
"""


@contextmanager
def locked_by_an_earlier_program(path: Path, kind: str = "LOCK_EX") -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    words = [sys.executable, "-c", EARLIER, str(path), kind]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        yield
        process.kill()


class EnoughError(Exception):
    """The test has seen what it wanted to see."""


def test_a_download_waits_for_an_earlier_program(tmp_path: Path) -> None:
    sizes: list[int] = []

    def waiting(size: int) -> None:
        sizes.append(size)
        if len(sizes) == 3:
            raise EnoughError

    def fetch() -> None:
        with download_lock(tmp_path / "x", is_done=lambda: False, waiting=waiting):
            pass

    with locked_by_an_earlier_program(tmp_path / "x"), pytest.raises(EnoughError):
        fetch()
    assert sizes == [65, 65, 65]
    fetch()


def test_an_eviction_respects_what_an_earlier_program_uses(tmp_path: Path) -> None:
    users = locked_by_an_earlier_program(tmp_path / "uses" / "0123456789abcdef")
    with users, lock_for_eviction(tmp_path) as used:
        assert used == {"b" * 64}
    with lock_for_eviction(tmp_path) as used:
        assert used == frozenset()


def test_the_gate_of_the_cache_is_shared_by_those_who_add_and_closed_to_them_by_an_eviction(
    tmp_path: Path,
) -> None:
    gate = tmp_path / "uses" / "gate"
    with locked_by_an_earlier_program(gate, "LOCK_SH"), gate.open("r+b") as file:
        assert get_uses(tmp_path).add("a" * 64)
        assert not try_lock(file.fileno())
    with locked_by_an_earlier_program(gate), gate.open("r+b") as file:
        assert not try_lock_shared(file.fileno())


def test_a_writer_waits_for_an_earlier_program(tmp_path: Path) -> None:
    with locked_by_an_earlier_program(tmp_path / "lock"):
        assert is_locked(tmp_path / "lock")
    assert not is_locked(tmp_path / "lock")
