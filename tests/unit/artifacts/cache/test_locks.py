from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from registry_tool.artifacts.cache.locks import (
    DownloadLock,
    download_lock,
    remove_partial,
    sweep_partials,
)

HOLD = """
import sys, time
from pathlib import Path
from registry_tool.artifacts.cache.locks import download_lock
with download_lock(Path(sys.argv[1]), is_done=lambda: False, waiting=lambda _: None) as claim:
    import os
    os.write(claim.handle, b"begun")
    print("held", flush=True)
    time.sleep(600)
"""


def no() -> bool:
    return False


def ignore(_: int) -> None: ...


@pytest.fixture
def place(tmp_path: Path) -> Path:
    folder = tmp_path / "downloads"
    folder.mkdir()
    return folder


@pytest.fixture
def holder(place: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that fetches, and never ends by itself."""
    words = [sys.executable, "-c", HOLD, str(place / "partial")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_a_killed_process_keeps_nobody_waiting_and_its_bytes_stay(
    place: Path, holder: subprocess.Popen[str]
) -> None:
    sizes: list[int] = []

    def waiting(there: int) -> None:
        sizes.append(there)
        if len(sizes) == 3:
            kill(holder)

    with download_lock(place / "partial", is_done=no, waiting=waiting) as claim:
        assert claim is not None
        assert claim.size == 5
    assert sizes[:3] == [5, 5, 5]
    assert (place / "partial").read_bytes() == b"begun"


def test_who_waits_for_what_another_finishes_has_nothing_to_do(
    place: Path, holder: subprocess.Popen[str]
) -> None:
    asked = 0

    def is_done() -> bool:
        nonlocal asked
        asked += 1
        return asked > 3

    with download_lock(place / "partial", is_done=is_done, waiting=ignore) as claim:
        assert claim is None
    kill(holder)


def test_an_empty_file_does_not_stay(place: Path) -> None:
    with download_lock(place / "p" / "partial", is_done=no, waiting=ignore) as claim:
        assert claim is not None
        assert claim.size == 0
    assert list((place / "p").iterdir()) == []


def test_one_at_a_time_also_when_the_file_comes_and_goes(place: Path) -> None:
    at_work, most, done = 0, 0, 0
    guard = threading.Lock()

    def work() -> None:
        nonlocal at_work, most, done
        for _ in range(20):
            with download_lock(place / "partial", is_done=no, waiting=ignore) as claim:
                assert isinstance(claim, DownloadLock)
                with guard:
                    at_work += 1
                    most = max(most, at_work)
                os.write(claim.handle, b"x")
                with guard:
                    at_work -= 1
                    done += 1
                claim.drop()  # from here on the next one may begin

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (most, done) == (1, 80)


def test_a_link_in_its_place_is_not_followed(place: Path) -> None:
    (place / "precious").write_bytes(b"mine")
    (place / "partial").symlink_to("precious")
    with (
        pytest.raises(OSError, match="symbolic links"),
        download_lock(place / "partial", is_done=no, waiting=ignore),
    ):
        pass
    assert (place / "precious").read_bytes() == b"mine"


def test_leftovers_go_after_a_week_but_not_under_somebodys_hands(
    place: Path, holder: subprocess.Popen[str]
) -> None:
    (place / "old").write_bytes(b"x")
    (place / "young").write_bytes(b"x")
    before = time.time() - 8 * 24 * 3600
    for name in ("old", "partial"):
        os.utime(place / name, (before, before))
    sweep_partials(place)
    assert sorted(p.name for p in place.iterdir()) == ["partial", "young"]
    assert not remove_partial(place / "partial")
    kill(holder)
    assert remove_partial(place / "partial")
    sweep_partials(place / "none")
