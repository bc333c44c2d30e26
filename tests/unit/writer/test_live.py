"""Readers of the live catalog see a change before its client has the answer."""

from __future__ import annotations

from pathlib import Path

from support import commit, git, write_files
from support.written_trains import bare_registry, held, opened, version_request

from registry_tool.live.follow import LiveCatalog
from registry_tool.writer.request import Move
from registry_tool.writer.writer import Writer


def test_the_live_catalog_goes_along(tmp_path: Path) -> None:
    bare = bare_registry(tmp_path)
    reading, writing = opened(bare), opened(bare)
    live = LiveCatalog(reading)

    def moved(move: Move) -> None:
        if move.foreign:
            live.look()
        else:
            live.advance(move.before or "", move.steps())

    with Writer(writing, on_moved=moved, latest=lambda: live.snapshot.line.last_time) as writer:
        with held(writer):
            asked = [writer.submit(version_request(n)) for n in range(3)]
        found = [one.result(30) for one in asked]
        line = live.snapshot.line
        assert [line.commit(line.length - n) for n in (2, 1, 0)] == [one.commit for one in found]
        assert [line.time(line.length - n) for n in (2, 1, 0)] == [one.time for one in found]
        git(tmp_path, "clone", "--quiet", str(bare), "clone")
        write_files(tmp_path / "clone", {"notes.md": "x\n"})
        theirs = commit(tmp_path / "clone", "By hand")
        git(tmp_path / "clone", "push", "--quiet", "origin", "main")
        last = writer.submit(version_request(9)).result(30)
        assert live.snapshot.commit == last.commit
        assert live.snapshot.line.position(theirs) == live.snapshot.line.length - 1
        snapshot = live.snapshot
    fresh = LiveCatalog(reading)
    assert fresh.snapshot.line.times == snapshot.line.times
    for one in (reading, writing):
        one.close()
