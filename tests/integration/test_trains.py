"""A writer among people and kills: what was acknowledged is there, nothing is there twice, and Git finds every object.

``REGISTRY_KILLS=100`` kills as often; the default is what a run of all tests has time for.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
from support import commit, git, run_program, write_files
from support.written_trains import ADA, bare_registry, checkout, opened, version_request

from registry_tool.git.repository import Repository
from registry_tool.writer.writer import Writer

KILLS = int(os.environ.get("REGISTRY_KILLS", "4"))
CLIENTS = 4
_SERVER = """
import sys, threading
from pathlib import Path
from support.written_trains import opened, version_request
from registry_tool.writer.writer import Writer

def client(number, start):
    for turn in range(start, start + 10_000):
        key = f"{number}-{turn}"
        written = writer.submit(version_request(number * 100_000 + turn, key=key)).result()
        with lock:
            print(key, written.commit, flush=True)

lock = threading.Lock()
writer = Writer(opened(Path(sys.argv[1])))
print("ready", flush=True)
for number, start in enumerate(sys.argv[2:]):
    threading.Thread(target=client, args=(number, int(start))).start()
"""


class _Server:
    """A process with a writer and some clients, which repeat what was not acknowledged before a kill."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.acknowledged: dict[str, str] = {}
        self._next = [0] * CLIENTS

    def run_and_kill(self, after: float) -> int:
        """Let it work for some seconds, and kill it; how many requests it acknowledged."""
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
        process = subprocess.Popen(
            [sys.executable, "-c", _SERVER, str(self._folder), *map(str, self._next)],
            stdout=subprocess.PIPE, env=env, text=True,
        )  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        killer = threading.Timer(after, process.send_signal, [signal.SIGKILL])
        killer.start()
        before = len(self.acknowledged)
        for line in process.stdout:
            if line.endswith("\n"):
                key, made = line.split()
                self.acknowledged[key] = made
                number, turn = map(int, key.split("-"))
                self._next[number] = turn + 1
        process.stdout.close()
        process.wait()
        killer.join()
        return len(self.acknowledged) - before


def _keys(folder: Path) -> Counter[str]:
    form = "--format=%(trailers:key=Registry-Request,valueonly)"
    return Counter(git(folder, "log", form, "main").split())


def _assert_whole(folder: Path, acknowledged: dict[str, str]) -> None:
    found = set(git(folder, "rev-list", "--first-parent", "main").split())
    assert set(acknowledged.values()) <= found
    keys = _keys(folder)
    assert [key for key, count in keys.items() if count > 1] == []
    assert set(acknowledged) <= set(keys)
    # Objects of a train that no branch leads to are only dangling.
    said = git(folder, "fsck", "--full", "--strict", "--no-dangling")
    assert said == ""


@pytest.mark.timeout(120 + 20 * KILLS)
@pytest.mark.parametrize("kind", ["bare", "checkout"])
def test_what_was_acknowledged_survives_kills(tmp_path: Path, kind: str) -> None:
    folder = bare_registry(tmp_path) if kind == "bare" else checkout(tmp_path / "registry")
    server, chance = _Server(folder), random.Random(1)
    made = sum(server.run_and_kill(chance.uniform(0.05, 0.8)) for _ in range(KILLS))
    assert made > 0
    _assert_whole(folder, server.acknowledged)
    if kind == "checkout":
        assert run_program("recover", cwd=folder).code == 0
        assert git(folder, "status", "--porcelain") == ""
    ran = run_program("check", "--all", cwd=folder)
    assert ran.code == 0, ran.out


def _push(clone: Path, *, on_refused: Callable[[], None]) -> None:
    """Push as a person does: again, on what came, until it succeeds; the second refusal is reported."""
    for attempt in count():
        if attempt > 1:
            on_refused()
        git(clone, "pull", "--quiet", "--rebase", "origin", "main")
        command = ["git", "push", "--quiet", "origin", "main"]
        if subprocess.run(command, cwd=clone, capture_output=True, check=False).returncode == 0:
            return


def test_people_push_between_the_writes_of_clients(tmp_path: Path) -> None:
    bare = bare_registry(tmp_path)
    acknowledged: dict[str, str] = {}
    pushed: list[str] = []
    stop, calm = threading.Event(), threading.Event()
    calm.set()
    repository = opened(bare)

    def client(writer: Writer, number: int) -> None:
        turn = 0
        while not stop.is_set():
            key = f"{number}-{turn}"
            request = version_request(number * 1000 + turn, key=key)
            acknowledged[key] = str(writer.submit(request).result(60).commit)
            turn += 1
            if not calm.wait(
                0.02
            ):  # clients that never pause leave no moment for a pull and a push
                calm.wait(10)

    def person() -> None:
        git(tmp_path, "clone", "--quiet", str(bare), "clone")
        for number in range(5):
            write_files(tmp_path / "clone", {f"notes/{number}.md": f"{number}\n"})
            commit(tmp_path / "clone", f"Note {number}")
            _push(tmp_path / "clone", on_refused=calm.clear)
            calm.set()
            pushed.append(git(tmp_path / "clone", "rev-parse", "HEAD"))

    with Writer(repository, look=0.05) as writer:
        clients = [threading.Thread(target=client, args=(writer, n)) for n in range(CLIENTS)]
        for one in clients:
            one.start()
        person()
        stop.set()
        for one in clients:
            one.join()
    repository.close()
    assert len(pushed) == 5
    assert set(pushed) <= set(git(bare, "rev-list", "--first-parent", "main").split())
    _assert_whole(bare, acknowledged)


def test_many_packs_become_few_while_the_writer_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry_tool.writer.packing._MOST_PACKS", 10)
    monkeypatch.setattr("registry_tool.writer.packing._SECONDS", 0.0)
    bare = bare_registry(tmp_path)
    repository = Repository.open(bare)
    with Writer(repository) as writer:
        found = [writer.submit(version_request(n)).result(60).commit for n in range(60)]
    repository.close()
    packs = len(list((bare / "objects/pack").glob("*.pack")))
    assert packs < 50
    assert len(set(found)) == 60
    assert git(bare, "fsck", "--full", "--strict", "--no-dangling") == ""
    assert git(bare, "count-objects").startswith("0 objects")


def test_the_commits_say_who_and_pass_the_check(tmp_path: Path) -> None:
    bare = bare_registry(tmp_path)
    repository = opened(bare)
    with Writer(repository) as writer:
        writer.submit(version_request(1)).result(60)
    repository.close()
    assert git(bare, "log", "-1", "--format=%an <%ae>") == str(ADA)
    ran = run_program(
        "check", "--base", "HEAD~1", "--head", "HEAD", "--repo", str(bare), cwd=tmp_path
    )
    assert ran.code == 0, ran.out
