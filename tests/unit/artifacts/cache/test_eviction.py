from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from registry_tool.artifacts.cache.cache import Cache
from registry_tool.artifacts.cache.eviction import (
    cache_limit,
    clear,
    clear_unfinished,
    make_room,
    parse_size,
    usage,
)
from registry_tool.artifacts.cache.locks import CacheUses, get_uses, lock_for_eviction
from registry_tool.artifacts.dvc_files import Member, folder_sha256
from registry_tool.artifacts.hashing import Digest
from registry_tool.errors import UsageError

SIZE = 64 << 10
HOUR = 3600


def keep(cache: Cache, data: bytes) -> Digest:
    return cache.add_stream(io.BytesIO(data), check=lambda _: None).digest


def filled(cache: Cache, number: int, *, hours: float) -> Digest:
    """An artifact of one file that was last used so many hours ago."""
    digest = keep(cache, bytes([number]) * SIZE)
    path = cache.place_file(digest.sha256, SIZE, "model.bin")
    used(path, hours)
    return digest


def used(path: Path, hours: float) -> None:
    info = path.stat()
    then = time.time_ns() - int(hours * HOUR * 1e9)
    os.utime(path, ns=(then, info.st_mtime_ns))


def is_there(cache: Cache, digest: Digest) -> bool:
    return Path(cache.objects.place(digest.sha256)).exists()


def end_of_process() -> None:
    """What this process used is not in use any more, as when it ends."""
    get_uses.cache_clear()


@pytest.fixture
def three(cache: Cache) -> list[Digest]:
    """Three artifacts, the last used longest ago, and nobody uses them."""
    found = [filled(cache, number, hours=number + 2) for number in range(3)]
    end_of_process()
    return found


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("50GB", 50 * 10**9), ("1.5 TiB", 3 * 2**39), ("800mib", 800 << 20), ("1000000", 10**6),
        ("7k", 7000), ("none", None), ("", None), (" 1 B ", 1),
    ],
)  # fmt: skip
def test_sizes(text: str, size: int | None) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["much", "-1GB", "1e9", "5 bananas", "1" * 40])
def test_what_is_no_size_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGISTRY_CACHE_SIZE", text)
    with pytest.raises(UsageError, match="is not a size"):
        cache_limit()


def test_what_the_cache_holds_counts_each_file_once(cache: Cache, three: list[Digest]) -> None:
    found = usage(cache)
    assert found.size == 3 * SIZE
    assert (found.objects, found.artifacts, found.unfinished) == (3, 3, 0)
    assert usage(Cache(cache.root / "none")).size == 0


def test_what_was_not_used_for_longest_goes_first(cache: Cache, three: list[Digest]) -> None:
    cleared = clear(cache, down_to=2 * SIZE)
    assert (cleared.size, cleared.in_use) == (SIZE, 0)
    assert [is_there(cache, digest) for digest in three] == [True, True, False]
    assert usage(cache).artifacts == 2
    assert list((cache.root / "tmp").iterdir()) == []


def test_use_moves_an_artifact_to_the_front(cache: Cache, three: list[Digest]) -> None:
    assert cache.find_file(three[2].sha256, SIZE, "model.bin")
    end_of_process()
    clear(cache, down_to=SIZE)
    assert [is_there(cache, digest) for digest in three] == [False, False, True]


def test_what_this_process_used_stays(cache: Cache, three: list[Digest]) -> None:
    path = cache.find_file(three[2].sha256, SIZE, "model.bin")
    assert path is not None
    used(path, 1000)
    cleared = clear(cache)
    assert cleared.in_use == SIZE
    assert path.read_bytes() == b"\x02" * SIZE
    assert usage(cache).size == SIZE
    assert clear(cache).size == 0


def test_a_dry_run_only_says_it(cache: Cache, three: list[Digest]) -> None:
    assert clear(cache, dry_run=True).size == 3 * SIZE
    assert usage(cache).size == 3 * SIZE


def folder(cache: Cache, *numbers: int) -> tuple[str, list[Member]]:
    digests = [keep(cache, bytes([number]) * SIZE) for number in numbers]
    members = [Member(f"d/{d.md5}", d.size, d.sha256, d.md5) for d in digests]
    sha256 = folder_sha256(members)
    cache.place_folder(sha256, members, "model")
    cache.keep_members(sha256, members)
    return sha256, members


def test_a_folder_goes_whole_and_what_another_needs_stays(cache: Cache) -> None:
    shared, old = folder(cache, 1, 2), folder(cache, 2, 3)
    for member in old[1]:
        used(Path(cache.objects.place(member.sha256)), 50)
    end_of_process()
    kept = cache.find_folder(shared[0], shared[1], "model")  # in use, and with it what it shares
    assert kept is not None
    used(kept / shared[1][1].path, 50)
    clear(cache)
    assert cache.find_folder(shared[0], shared[1], "model") == kept
    assert cache.find_folder(old[0], old[1], "model") is None
    assert cache.find_members(old[0]) is None
    assert cache.lacking(old[1]) == [m for m in old[1] if m.md5 != shared[1][1].md5]


HOLDER = """
import sys, time
from pathlib import Path
from registry_tool.artifacts.cache.cache import Cache
print(Cache(Path(sys.argv[1])).find_file(sys.argv[2], int(sys.argv[3]), "model.bin"), flush=True)
time.sleep(600)
"""


@pytest.fixture
def other_process(cache: Cache, three: list[Digest]) -> Iterator[subprocess.Popen[str]]:
    """Another process that uses the third artifact."""
    words = [sys.executable, "-c", HOLDER, str(cache.root), three[2].sha256, str(SIZE)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().endswith("model.bin\n")
        yield process
        process.kill()


def test_what_another_process_uses_stays_until_it_ends_or_is_killed(
    cache: Cache, three: list[Digest], other_process: subprocess.Popen[str]
) -> None:
    clear(cache)
    assert [is_there(cache, digest) for digest in three] == [False, False, True]
    other_process.send_signal(signal.SIGKILL)
    other_process.wait()
    clear(cache)
    assert usage(cache).size == 0
    assert [p.name for p in (cache.root / "uses").iterdir()] == ["gate"]


def test_room_is_made_within_the_limit_but_not_of_what_was_used_an_hour_ago(
    cache: Cache, three: list[Digest], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert make_room(cache, 1 << 40)  # no limit
    assert usage(cache).size == 3 * SIZE
    monkeypatch.setenv("REGISTRY_CACHE_SIZE", str(4 * SIZE))
    assert make_room(cache, SIZE)
    assert usage(cache).size == 3 * SIZE
    assert make_room(cache, 2 * SIZE)
    assert [is_there(cache, digest) for digest in three] == [True, True, False]
    used(Path(cache.objects.place(three[1].sha256)), 0.5)
    assert not make_room(cache, 4 * SIZE)
    assert [is_there(cache, digest) for digest in three] == [False, True, False]


def test_a_sparse_file_counts_what_it_takes(cache: Cache) -> None:
    keep(cache, bytes(8 << 20))
    assert usage(cache).size < 1 << 20


def test_unfinished_downloads_go_unless_somebody_is_at_work(cache: Cache) -> None:
    with cache.claim("ab", is_done=lambda: False) as claim:
        assert claim is not None
        os.write(claim.handle, b"x" * SIZE)
        assert usage(cache).unfinished == SIZE
        assert clear_unfinished(cache) == 0
    assert clear_unfinished(cache) == SIZE
    assert usage(cache).unfinished == 0


def test_uses_are_noted_once_and_a_cache_that_cannot_be_written_is_no_trouble(
    tmp_path: Path,
) -> None:
    uses = CacheUses(tmp_path / "cache")
    assert uses.add("ab", "cd")
    assert not uses.add("cd")
    (tmp_path / "file").write_text("x")
    assert CacheUses(tmp_path / "file").add("ab")


FORK = """
import os, sys
from pathlib import Path
from registry_tool.artifacts.cache.locks import get_uses, lock_for_eviction
root = Path(sys.argv[1])
get_uses(root).add("ab")
if os.fork() == 0:
    sys.exit(0)
os.wait()
with lock_for_eviction(root) as used:
    print(sorted(used))
"""


def test_a_child_that_ends_does_not_end_the_use_of_its_parent(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", FORK, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert ran.stdout == "['ab']\n"
    assert [p.name for p in (tmp_path / "uses").iterdir()] == ["gate"]


RACE = """
import io, sys
from pathlib import Path
from registry_tool.artifacts.cache.cache import Cache
from registry_tool.artifacts.cache.eviction import clear
cache = Cache(Path(sys.argv[1]))
for n in range(300):
    data = b"%d" % (n % 7) * 1000
    digest = cache.add_stream(io.BytesIO(data), check=lambda _: None).digest
    path = cache.place_file(digest.sha256, digest.size, "model.bin")
    assert path.read_bytes() == data
    if n % 3 == 0:
        clear(cache)
"""


def test_clearing_under_the_hands_of_others_takes_nothing_from_them(cache: Cache) -> None:
    words = [sys.executable, "-c", RACE, str(cache.root)]
    workers = [subprocess.Popen(words, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    assert [worker.communicate()[1] for worker in workers] == [""] * 4


def test_a_list_of_uses_that_goes_while_it_is_looked_for(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = cache.root / "uses"
    folder.mkdir(parents=True)
    (folder / "gone").write_text(f"{'0' * 64}\n", encoding="ascii")
    entries = list(os.scandir(folder))
    (folder / "gone").unlink()
    monkeypatch.setattr("registry_tool.artifacts.cache.locks.os.scandir", lambda _: iter(entries))
    with lock_for_eviction(cache.root) as in_use:
        assert in_use == frozenset()
