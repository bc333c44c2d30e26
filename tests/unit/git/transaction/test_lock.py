"""One writer at a time, and who it is."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from support import git

from registry_tool.errors import OperationalError
from registry_tool.git.command import find_repository
from registry_tool.git.transaction.lock import LockOwner, acquire, is_locked, read_owner
from registry_tool.git.transaction.recovery import exclusive

_HOLDER = """
import sys, time
from pathlib import Path
from registry_tool.git.transaction.lock import acquire
with acquire(Path(sys.argv[1]), place="here"):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return tmp_path / "lock"


def _holding(lock: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """Another process that holds the lock until it is told to go on."""
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(lock), *arguments],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    return process


def _end(process: subprocess.Popen[bytes]) -> None:
    process.communicate(b"\n")


def test_the_file_says_who_holds_it(lock: Path) -> None:
    with acquire(lock, place="here"):
        holder = read_owner(lock)
        assert holder is not None
        assert holder.pid == os.getpid()
        assert re.fullmatch(rf"pid {os.getpid()}, `.+`, since \d s", holder.words)
        assert is_locked(lock)
    assert lock.read_bytes().strip() == b""
    assert read_owner(lock) is None
    assert not is_locked(lock)


def test_a_shorter_owner_leaves_nothing_of_a_longer_one(lock: Path) -> None:
    lock.write_bytes(b'[7, "elsewhere", "' + b"x" * 300 + b'", 0.0]')
    with acquire(lock, place="here"):
        holder = read_owner(lock)
        assert holder is not None
        assert holder.pid == os.getpid()
    assert read_owner(lock) is None


def test_who_is_on_another_machine_is_said_to_be() -> None:
    assert "pid 7 on elsewhere" in LockOwner(7, "elsewhere", "registry tag add", 0.0).words


def test_a_second_one_waits_for_another_process(lock: Path) -> None:
    process = _holding(lock)
    told: list[str] = []
    threading.Timer(1.5, _end, [process]).start()
    with acquire(lock, place="here", notify=told.append):
        assert process.wait() == 0
    assert len(told) == 1
    assert told[0].startswith(f"waiting for another registry command (pid {process.pid}, `-c ")


def test_a_second_one_waits_for_another_thread(lock: Path) -> None:
    order: list[str] = []
    inside = threading.Event()

    def first() -> None:
        with acquire(lock, place="here"):
            inside.set()
            threading.Event().wait(0.2)
            order.append("first")

    thread = threading.Thread(target=first)
    thread.start()
    inside.wait()
    with acquire(lock, place="here"):
        order.append("second")
    thread.join()
    assert order == ["first", "second"]


def test_patience_ends_with_the_name_of_the_holder(lock: Path) -> None:
    process = _holding(lock)
    with (
        pytest.raises(OperationalError, match=f"is using here: pid {process.pid}, ") as caught,
        acquire(lock, place="here", patience=0.1),
    ):
        pass
    assert caught.value.remedy == "wait until it has finished, then retry"
    _end(process)


def test_a_killed_holder_holds_nothing_and_is_still_named(lock: Path) -> None:
    process = _holding(lock)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not is_locked(lock)
    holder = read_owner(lock)
    assert holder is not None
    assert holder.pid == process.pid
    with acquire(lock, place="here", patience=0):
        pass


def test_options_are_not_told(lock: Path) -> None:
    process = _holding(lock, "nlp/x", "--metadata", "password=1")
    holder = read_owner(lock)
    assert holder is not None
    assert holder.command.endswith(" …")
    assert "password" not in holder.command
    _end(process)


@pytest.mark.parametrize("said", [b"", b"{", b"[1]", b'["x", 1, 2, 3]', b"\xff", b"[" * 4000])
def test_a_file_that_says_nothing_useful(lock: Path, said: bytes) -> None:
    lock.write_bytes(said)
    assert read_owner(lock) is None
    with acquire(lock, place="here", patience=0):
        assert read_owner(lock) is not None


def test_a_lock_is_no_link_to_elsewhere(lock: Path, tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(b"precious")
    lock.symlink_to(tmp_path / "precious")
    with pytest.raises(OperationalError, match="cannot be written"), acquire(lock, place="here"):
        pass
    assert (tmp_path / "precious").read_bytes() == b"precious"


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert not is_locked(tmp_path / "none" / "lock")
    with (
        pytest.raises(OperationalError, match="none cannot be written"),
        acquire(tmp_path / "none" / "lock", place="here"),
    ):
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="the system call of Unix")
def test_a_program_of_an_earlier_release_is_excluded(tmp_path: Path) -> None:
    """Earlier releases call ``flock`` on ``registry-tool.lock`` in the Git folder."""
    repository = tmp_path / "clone"
    git(tmp_path, "init", "--quiet", str(repository))
    code = (
        "import fcntl, sys; file = open(sys.argv[1], 'a'); fcntl.flock(file, fcntl.LOCK_EX);"
        " print('held', flush=True); input()"
    )
    earlier = subprocess.Popen(
        [sys.executable, "-c", code, str(repository / ".git/registry-tool.lock")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert earlier.stdout is not None
    assert earlier.stdout.readline() == b"held\n"
    found = find_repository(repository)
    assert found is not None
    try:
        with (
            pytest.raises(OperationalError, match="another registry command is using"),
            exclusive(found, patience=0.0),
        ):
            pass
    finally:
        _end(earlier)
    with exclusive(found, patience=0.0):
        pass
