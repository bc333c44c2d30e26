"""Fetching from real servers: by one and by many at once, broken off and gone on with, refused."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from support import Ran
from support.download_proxies import answer_proxy
from support.remote_registries import BIG, FETCH, Place, is_whole
from support.remote_servers import KINDS

Cli = Callable[..., Ran]
MEGA = 1 << 20
TENTH = 10
WAITING = "waiting for another process"
# Asked again, WebDAV's driver first asks for all of it, and ends that.
SLACK = {"webdav": 8 * MEGA}
NETWORKED = [kind for kind in KINDS if kind != "local"]
# dvc-http uses what aiohttp 3.14 calls deprecated.
pytestmark = [
    pytest.mark.filterwarnings("ignore:BasicAuth is deprecated"),
    pytest.mark.filterwarnings("ignore:The 'auth' parameter is deprecated"),
]
networked = pytest.mark.parametrize("kind", NETWORKED, indirect=True)


def start(place: Place, out: Path, *words: str, said: Path) -> subprocess.Popen[bytes]:
    """A reader in a process of its own, and what it says."""
    with said.open("wb") as errors:
        return subprocess.Popen(
            [sys.executable, "-m", "registry_tool", *FETCH, *words, "-o", str(out)],
            cwd=place.root, stdout=subprocess.DEVNULL, stderr=errors,
        )  # fmt: skip


def test_all_of_it_and_one_file(cli: Cli, place: Place, another: Path, tmp_path: Path) -> None:
    ran = cli(*FETCH, "--artifact", "parts/sub/rules.json", cwd=place.root)
    assert ran.code == 0, ran.err
    assert Path(ran.out.split("  ")[0]).read_bytes() == b"{}"
    assert len([p for p in (another / "objects").rglob("*") if p.is_file()]) == 1
    ran = cli(*FETCH, "-o", str(tmp_path / "out"), cwd=place.root)
    assert (ran.code, ran.err) == (0, "")
    assert is_whole(tmp_path / "out")
    ran = cli(*FETCH, "--offline", cwd=place.root)
    assert (ran.code, ran.err) == (0, "")


@pytest.mark.parametrize("kind", ["s3", "http"], indirect=True)
def test_what_ten_processes_want_at_once_leaves_the_server_once(
    place: Place, another: Path, tmp_path: Path
) -> None:
    with answer_proxy(place.port, after=20 * MEGA) as held:
        place.configure(place.through(held.port))
        said = [tmp_path / f"said-{number}" for number in range(TENTH)]
        readers = [start(place, tmp_path / f"out-{n}", said=said[n]) for n in range(TENTH)]
        while sum(WAITING in one.read_text() for one in said) < TENTH - 1:
            assert [reader.poll() for reader in readers] == [None] * TENTH
            threading.Event().wait(0.05)
        held.go_on()
        errors = [
            (reader.wait(60), one.read_text()) for reader, one in zip(readers, said, strict=True)
        ]
    assert [code for code, _ in errors] == [0] * TENTH, errors
    assert len(BIG) < held.answered < len(BIG) + MEGA
    for number in range(TENTH):
        assert is_whole(tmp_path / f"out-{number}")


@networked
def test_what_was_killed_goes_on_where_it_stopped(
    cli: Cli, place: Place, another: Path, tmp_path: Path
) -> None:
    with answer_proxy(place.port, after=20 * MEGA) as stalled:
        place.configure(place.through(stalled.port))
        process = start(place, tmp_path / "out", "--artifact", "model", said=tmp_path / "said")
        assert stalled.reached.wait(60)
        while not sum(part.stat().st_size for part in (another / "partial").iterdir()):
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=30)
    [left] = (another / "partial").iterdir()
    size = left.stat().st_size
    assert 0 < size < len(BIG)
    assert left.read_bytes() == BIG[:size]
    with answer_proxy(place.port) as counted:
        place.configure(place.through(counted.port))
        words = (*FETCH, "--artifact", "model", "-o", str(tmp_path / "out"))
        assert cli(*words, cwd=place.root).code == 0
        assert counted.answered < len(BIG) - size + SLACK.get(place.kind, MEGA)
    assert (tmp_path / "out" / "big.bin").read_bytes() == BIG
    assert list((another / "partial").iterdir()) == []


@networked
def test_a_connection_that_is_cut_is_made_again(
    cli: Cli, place: Place, another: Path, tmp_path: Path
) -> None:
    with answer_proxy(place.port, after=20 * MEGA, then="cut") as cutting:
        place.configure(place.through(cutting.port))
        words = (*FETCH, "-o", str(tmp_path / "out"))
        ran = cli(*words, cwd=place.root)
        if place.kind == "ssh":  # its driver keeps one connection, and does not make it again
            assert (ran.code, ran.out) == (4, "")
            assert "the remote storage" in ran.err
            assert list((another / "partial").iterdir())
            ran = cli(*words, cwd=place.root)
    assert (ran.code, ran.err) == (0, "")
    assert is_whole(tmp_path / "out")


@networked
def test_a_server_that_goes_away_in_the_middle(
    cli: Cli, place: Place, another: Path, tmp_path: Path
) -> None:
    """It is said, nothing gets a place, and what came is not asked for again."""
    words = (*FETCH, "-o", str(tmp_path / "out"))
    with answer_proxy(place.port, after=20 * MEGA, then="end") as going:
        place.configure(place.through(going.port))
        ran = cli(*words, cwd=place.root)
    assert (ran.code, ran.out) == (4, "")
    assert "error: the remote storage" in ran.err
    assert "it cannot be reached" in ran.err
    assert "try:   check the network" in ran.err
    assert not (tmp_path / "out").exists()
    there = sum(part.stat().st_size for part in (another / "partial").iterdir())
    assert there > 0
    with answer_proxy(place.port) as counted:
        place.configure(place.through(counted.port))
        assert cli(*words, cwd=place.root).code == 0
        assert counted.answered < len(BIG) - there + SLACK.get(place.kind, MEGA)
    assert is_whole(tmp_path / "out")


@networked
def test_who_may_not_read_is_told_how_to(cli: Cli, place: Place, another: Path) -> None:
    for secrets in (place.server.wrong, {}):
        place.configure(secrets)
        ran = cli(*FETCH, cwd=place.root)
        assert (ran.code, ran.out) == (4, "")
        assert "the remote storage" in ran.err
        assert "credentials" in ran.err
        assert "dvc remote modify --local storage" in ran.err
        for value in (*place.server.wrong.values(), *place.server.secrets.values()):
            assert len(value) < 10 or value not in ran.err
    assert not (another / "objects").exists()


@networked
def test_a_server_that_is_down_is_said_to_be(cli: Cli, place: Place, another: Path) -> None:
    place.configure(place.through(1))
    ran = cli(*FETCH, cwd=place.root)
    assert (ran.code, ran.out) == (4, "")
    assert "the remote storage" in ran.err
    assert "it cannot be reached" in ran.err
    assert not (another / "objects").exists()
