"""Fetching onto disks that are full, or that share blocks."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support import put_object, run_program, without
from support.manifests import small_registry, stored_artifact, version_files

Make = Callable[..., Path]
WEIGHTS = b"weights" * 400_000
as_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="mounting needs root"
)


def shared_cache() -> Path:
    return Path(os.environ["REGISTRY_CACHE"])


@pytest.fixture
def root(make_registry: Make) -> Path:
    """A registry whose version 2 has a file of some size."""
    entry = stored_artifact(WEIGHTS, path="weights.bin")
    files = {**small_registry(versions=("1",)), **version_files("2", artifacts=[entry])}
    registry = make_registry(files)
    put_object(registry, WEIGHTS)
    return registry


@contextmanager
def mounted(place: Path, *what: str) -> Iterator[None]:
    place.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["mount", *what, str(place)], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("this system does not let us mount")
    try:
        yield
    finally:
        subprocess.run(["umount", str(place)], check=True)


SMALL_DISK = ("-t", "tmpfs", "-o", "size=1m", "tmpfs")


@as_root
def test_a_cache_on_a_full_disk(root: Path, tmp_path: Path) -> None:
    with mounted(shared_cache(), *SMALL_DISK):
        ran = run_program("fetch", "nlp/lang-id@2", "-o", str(tmp_path / "out"), cwd=root)
        assert (ran.code, ran.out) == (4, "")
        assert f"the cache {shared_cache()} cannot be used: the disk is full" in ran.err
        assert "try:   free space: registry cache clean; or move the cache" in ran.err
        assert not (tmp_path / "out").exists()
        assert not [p for p in (shared_cache() / "objects").rglob("*") if p.is_file()]
    assert run_program("fetch", "nlp/lang-id@2", "-o", str(tmp_path / "out"), cwd=root).code == 0


@as_root
def test_a_destination_on_a_full_disk(root: Path, tmp_path: Path) -> None:
    with mounted(tmp_path / "out", *SMALL_DISK):
        ran = run_program("fetch", "nlp/lang-id@2", "-o", str(tmp_path / "out"), cwd=root)
        assert (ran.code, ran.out) == (4, "")
        assert f"{tmp_path / 'out/weights.bin'} cannot be written: the disk is full" in ran.err
        assert "try:   free some space" in ran.err
        assert list((tmp_path / "out").iterdir()) == []
    ran = run_program("fetch", "nlp/lang-id@2", "--offline", "-o", str(tmp_path / "out"), cwd=root)
    assert ran.code == 0, ran.err  # the bytes had come


@as_root
@pytest.mark.parametrize("kind", ["xfs", "btrfs"])
def test_copies_share_their_blocks_where_the_file_system_can(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    make = shutil.which(f"mkfs.{kind}", path=f"{os.environ['PATH']}:/sbin:/usr/sbin")
    if make is None:
        without(f"needs mkfs.{kind}: apt-get install xfsprogs btrfs-progs")
    image, disk = tmp_path / "image", tmp_path / "disk"
    with image.open("wb") as file:
        file.truncate(320 << 20)
    subprocess.run([make, "-q", str(image)], check=True, capture_output=True)
    with mounted(disk, "-o", "loop", str(image)):
        monkeypatch.setenv("REGISTRY_CACHE", str(disk / "cache"))
        assert run_program("fetch", "nlp/lang-id@2", cwd=root).code == 0
        os.sync()
        free = shutil.disk_usage(disk).free
        for number in range(3):
            out = disk / f"out-{number}"
            assert run_program("fetch", "nlp/lang-id@2", "-o", str(out), cwd=root).code == 0
            assert (out / "weights.bin").read_bytes() == WEIGHTS
        os.sync()
        assert free - shutil.disk_usage(disk).free < len(WEIGHTS)
