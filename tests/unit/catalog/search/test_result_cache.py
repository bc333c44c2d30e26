"""The shelf: what is taken from it is what was put there, or nothing."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from registry_tool.catalog.search.result_cache import ResultCache

MONTH = 31 * 86400
PARTS = ("names.py", "catalog")


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "kept"


def files(kept: Path) -> list[Path]:
    return sorted(place for place in kept.rglob("*") if place.is_file())


def made_old(place: Path, seconds: float = MONTH) -> None:
    then = time.time() - seconds
    os.utime(place, (then, then))


def test_what_was_put_is_taken_for_the_same_basis_only(kept: Path) -> None:
    shelf = ResultCache(kept, PARTS)
    assert shelf.take("a", "b") is None
    assert not kept.exists()
    shelf.put("one\r\n", "a", "b")
    shelf.put("two", "a", "\udce9")
    assert [shelf.take(*basis) for basis in (("a", "b"), ("a", "\udce9"), ("b", "a"), ("ab",))] == [
        "one\r\n", "two", None, None,
    ]  # fmt: skip
    assert ResultCache(kept, PARTS).take("a", "b") == "one\r\n"


def test_another_program_finds_nothing(kept: Path) -> None:
    ResultCache(kept, PARTS).put("one", "a")
    assert ResultCache(kept, ("names.py",)).take("a") is None


def _cut(data: bytes) -> bytes:
    return data[:-1]


def _flipped(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


def _longer(data: bytes) -> bytes:
    return data + b" "


def _nothing(data: bytes) -> bytes:
    return b""


def _foreign(data: bytes) -> bytes:
    return b"\xff\xfe\x00" * 50


@pytest.mark.parametrize("damage", [_cut, _flipped, _longer, _nothing, _foreign])
def test_a_damaged_file_is_not_there(damage: Callable[[bytes], bytes], kept: Path) -> None:
    shelf = ResultCache(kept, PARTS)
    shelf.put("one", "a")
    (place,) = files(kept)
    place.write_bytes(damage(place.read_bytes()))
    assert shelf.take("a") is None
    shelf.put("one", "a")
    assert shelf.take("a") == "one"


def test_a_file_counts_in_its_own_place(kept: Path) -> None:
    shelf = ResultCache(kept, PARTS)
    shelf.put("one", "a")
    shelf.put("two", "b")
    first, second = files(kept)
    second.write_bytes(first.read_bytes())
    assert {shelf.take("a"), shelf.take("b")} in ({"one", None}, {"two", None})


def test_where_nothing_can_be_written_nothing_is(kept: Path) -> None:
    kept.parent.mkdir()
    kept.write_text("a file where the folder should be")
    shelf = ResultCache(kept, PARTS)
    shelf.put("one", "a")
    assert shelf.take("a") is None


def test_what_nobody_took_for_a_month_goes(kept: Path) -> None:
    shelf = ResultCache(kept, PARTS)
    other = kept / "0123456789abcdef"  # of another version of this program
    (other / "00").mkdir(parents=True)
    shelf.put("one", "a")
    shelf.put("two", "b")
    forgotten, used = files(kept)
    (other / "00" / "x").write_text("x")
    for place in (other / "00" / "x", other / "00", other, forgotten, used, kept):
        made_old(place)
    taken = {name for name in "ab" if shelf.take(name) and used.stat().st_mtime > time.time() - 60}
    made_old(forgotten)  # both were looked at
    assert taken
    shelf.put("three", "c")
    assert not forgotten.exists()
    assert used.exists()
    assert not (other / "00" / "x").exists()
    assert shelf.take("c") == "three"


def test_it_is_tidied_once_a_day(kept: Path) -> None:
    shelf = ResultCache(kept, PARTS)
    shelf.put("one", "a")
    (place,) = files(kept)
    made_old(place)
    shelf.put("two", "b")
    assert place.exists()


def test_many_at_once(kept: Path) -> None:
    seen: list[str | None] = []

    def work() -> None:
        shelf = ResultCache(kept, PARTS)
        for number in range(50):
            shelf.put(f"{number % 10}", f"{number % 10}")
            seen.append(shelf.take(f"{number % 10}"))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [str(number % 10) for number in range(50)] * 4 or None not in seen
    assert len(files(kept)) == 10


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away"
)
def test_what_another_user_put_there_is_not_believed(kept: Path) -> None:
    shelf = ResultCache(kept, PARTS)
    shelf.put("one", "a")
    (place,) = files(kept)
    os.chown(place, 65_534, 65_534)
    assert shelf.take("a") is None
    os.chown(place, 0, 0)
    place.chmod(0o666)
    assert shelf.take("a") is None
    place.chmod(0o644)
    assert shelf.take("a") == "one"
