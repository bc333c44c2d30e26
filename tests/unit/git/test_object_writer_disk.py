"""Many files are brought to the disk together, and each of them really is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from registry_tool.git.objects.writer import sync_all


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The handles that the system was asked to sync."""
    asked: list[int] = []
    fsync = os.fsync

    def told(handle: int) -> None:
        asked.append(handle)
        fsync(handle)

    monkeypatch.setattr(os, "fsync", told)
    return asked


@pytest.mark.parametrize("count", [0, 1, 2, 8, 9, 40])
def test_every_file_is_synced_once(tmp_path: Path, synced: list[int], count: int) -> None:
    handles = [os.open(tmp_path / f"{n}", os.O_CREAT | os.O_WRONLY) for n in range(count)]
    try:
        sync_all(handles)
    finally:
        for handle in handles:
            os.close(handle)
    assert sorted(synced) == sorted(handles)


@pytest.mark.parametrize("which", [0, 1, 7, 11])
def test_one_that_cannot_be_synced_is_heard_of(tmp_path: Path, which: int) -> None:
    handles = [os.open(tmp_path / f"{n}", os.O_CREAT | os.O_WRONLY) for n in range(12)]
    reading, writing = os.pipe()  # a pipe has no disk
    given = [writing if n == which else handle for n, handle in enumerate(handles)]
    try:
        with pytest.raises(OSError, match=r"Invalid argument|not supported"):
            sync_all(given)
    finally:
        for handle in (*handles, reading, writing):
            os.close(handle)
