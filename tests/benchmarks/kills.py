"""Kills commands and looks whether anything is broken: ``python tests/benchmarks/kills.py --kills 300 --seed 1``.

Each command is started as a process of its own, forked from this one, and killed, mostly with all its children and
sometimes without, at a moment drawn evenly from the time it takes when it is left alone; every second time from the end
of it, after it took the lock. Then the next command runs, and what must hold is looked at: the registry is as before or
as after, Git finds its objects and its status in order, the check passes, no manifest lacks its bytes, fetched bytes are
right, and nothing is left behind.

With ``--every-step`` nothing is left to chance: a command is killed before its first change to the disk, then before
its second, and so on until it ends; each start of a git program counts as one. ``--every-step 5`` takes each fifth.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from multiprocessing.context import ForkProcess
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.states import by_artifact, difference
from benchmarks.steps import die_at
from support.kill_leftovers import state, troubles, without_bytes
from support.killed_commands import NEXT, OPERATIONS, Operation, Scene, Template, registry

_IDENTITY = {"NAME": "Kill Harness", "EMAIL": "kills@example.org"}
# No upkeep, which is a process after each commit; a killed process loses nothing that it handed to the system.
_GIT_CONFIG = "[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n[core]\n\tfsync = none\n"
_MANY = 100
_ALONE = 0.2
_GLANCE = 0.0005
_LONGEST = 60.0
_SECONDS_LATER = 5

Counts = Counter[str]


def _own_home(home: Path) -> None:
    """Nothing of the user's is read or written."""
    home.mkdir()
    (home / ".gitconfig").write_text(_GIT_CONFIG, encoding="utf-8")
    for role in ("AUTHOR", "COMMITTER"):
        os.environ.update({f"GIT_{role}_{key}": value for key, value in _IDENTITY.items()})
    os.environ.update(
        {
            "HOME": str(home),
            "GIT_CONFIG_GLOBAL": str(home / ".gitconfig"),
            "GIT_CONFIG_NOSYSTEM": "1",
        }
    )
    os.environ.update({"DVC_GLOBAL_CONFIG_DIR": str(home), "DVC_SYSTEM_CONFIG_DIR": str(home)})


class Taken(NamedTuple):
    """Seconds: from the start to the end, and from taking the lock to the end."""

    all: float
    locked: float


class Bench:
    """One operation: how it leaves a registry, and what was seen after kills.

    Attributes:
        counts: How many ended in the old state, the new, or a broken one; and how many were killed at all.
        broken: What was broken, in words.
    """

    def __init__(self, template: Template, name: str, operation: Operation) -> None:
        self._template, self._name, self._operation = template, name, operation
        self.counts: Counts = Counter()
        self.broken: list[str] = []
        with self._scene() as scene:
            self._old = state(scene, operation)
            ran = registry(scene, *scene.arguments(operation))
            if ran.code:
                raise RuntimeError(f"{name}: {ran.err}")
            self._new = state(scene, operation)

    @contextlib.contextmanager
    def _scene(self) -> Iterator[Scene]:
        scene = self._template.scene(self._operation)
        yield scene
        shutil.rmtree(scene.home)

    def measure(self, runs: int) -> Taken:
        """How long the command takes, as a process of its own."""
        taken = []
        for _ in range(runs):
            with self._scene() as scene:
                start = time.monotonic()
                process = scene.start(self._operation)
                locked = self._wait_for_lock(scene, process)
                process.join(_LONGEST)
                taken.append(Taken(time.monotonic() - start, time.monotonic() - locked))
        return Taken(*map(statistics.median, zip(*taken, strict=True)))

    def _wait_for_lock(self, scene: Scene, process: ForkProcess) -> float:
        """The moment when the command began to write, or ended without; a fetch takes no lock."""
        lock = scene.root / ".git" / "registry-tool.lock"
        before = lock.stat().st_mtime_ns
        while process.is_alive() and self._operation.changes == "registry":
            if lock.stat().st_mtime_ns != before:
                break
            time.sleep(_GLANCE)
        return time.monotonic()

    def kill_after(self, seconds: float, following: str, *, locked: bool, children: bool) -> None:
        """Start the command, kill it after some seconds, of all its time or since it took the lock, and look."""
        with self._scene() as scene:
            process = scene.start(self._operation)
            if locked:
                self._wait_for_lock(scene, process)
            process.join(seconds)
            assert process.pid is not None
            if process.is_alive():
                (os.killpg if children else os.kill)(process.pid, signal.SIGKILL)
            process.join()
            killed = process.exitcode == -signal.SIGKILL
            moment = f"{seconds * 1000:.0f} ms after {'the lock' if locked else 'the start'}"
            moment += "" if children else ", its children not"
            self._look(scene, following, moment, killed=killed)

    def kill_at(self, step: int, following: str) -> bool:
        """Run the command until its n-th change, and look; False when it ended before."""
        with self._scene() as scene:
            words = scene.home / "step"
            child = os.fork()
            if child == 0:
                die_at(step, scene, self._operation, words)
            _, ended = os.waitpid(child, 0)
            killed = os.WIFSIGNALED(ended)
            where = words.read_text(encoding="utf-8", errors="replace") if killed else "the end"
            words.unlink(missing_ok=True)
            self._look(scene, following, f"before change {step}: {where}", killed=killed)
        return killed

    def _look(self, scene: Scene, following: str, moment: str, *, killed: bool) -> None:
        self.counts["killed"] += killed
        wrong = self._after(scene, following)
        now = state(scene, self._operation)
        which = "new" if now == self._new else "old" if now == self._old else self._between(now)
        if which == "between":
            wrong.append(f"neither old nor new: {difference(now, self._old, self._new)}")
        wrong += [] if wrong else self._finished(scene, which)
        wrong += troubles(scene)
        self.counts["broken" if wrong else which] += 1
        self.broken += [
            f"{self._name}, killed {moment}, then {following}: {words}" for words in wrong
        ]

    def _after(self, scene: Scene, following: str) -> list[str]:
        ran = registry(scene, *NEXT[following])
        return [f"the next command fails: {ran.err}"] if ran.code else []

    def _finished(self, scene: Scene, which: str) -> list[str]:
        """What is wrong when the same command is run again; one that makes something new, only while that is not there."""
        if not self._operation.again or (which == "new" and self._operation.changes == "registry"):
            return []
        if self._operation.changes != "registry":
            return self._after_again(scene)
        copied = Scene(scene.home.with_name(f"{scene.home.name}-again"))
        shutil.copytree(scene.home, copied.home, symlinks=True)
        try:
            return [*self._after_again(copied), *without_bytes(copied)]
        finally:
            shutil.rmtree(copied.home)

    def _after_again(self, scene: Scene) -> list[str]:
        # As a user does, seconds later: a lock that says not yet whose it is may be a living process's for one second.
        for lock in scene.out.rglob(".*.tmp/lock"):
            os.utime(lock, (time.time() - _SECONDS_LATER,) * 2)
        ran = registry(scene, *scene.arguments(self._operation))
        if ran.code:
            return [f"the same command again fails: {ran.err}"]
        left = [path for path in scene.home.rglob(".*.tmp") if scene.out in path.parents]
        wrong = [f"left behind: {path.relative_to(scene.home)}" for path in left]
        done = state(scene, self._operation) == self._new
        return wrong if done else [*wrong, "the same command again does not finish it"]

    def _between(self, now: dict[str, object]) -> str:
        """Some of several artifacts, each of them whole, is as the old state: the command is run again."""
        if not self._operation.again:
            return "between"
        parts = [by_artifact(one) for one in (now, self._old, self._new)]
        names = set().union(*parts)
        here, old, new = parts
        absent = (
            self._operation.changes == "out"
        )  # for the moment of an exchange; the next run mends it
        whole = all(
            here.get(n) in (old.get(n), new.get(n)) or (absent and n not in here) for n in names
        )
        return "old" if whole else "between"


def _at_random(benches: dict[str, Bench], kills: int, seed: int) -> None:
    draw = random.Random(seed)
    runs = 1 if kills < _MANY else 3
    taken = {name: bench.measure(runs) for name, bench in benches.items()}
    for number in range(kills):
        round_, which = divmod(number, len(benches))
        name = list(benches)[which]
        locked = round_ % 2 == 1
        seconds = draw.uniform(0, taken[name].locked if locked else taken[name].all)
        children = draw.random() > _ALONE
        benches[name].kill_after(seconds, draw.choice(list(NEXT)), locked=locked, children=children)


def _at_steps(benches: dict[str, Bench], stride: int) -> None:
    following = list(NEXT)
    for bench in benches.values():
        step = 1
        while bench.kill_at(step, following[step // stride % len(following)]):
            step += stride


def _table(benches: dict[str, Bench]) -> Iterator[str]:
    columns = ("killed", "old", "new", "broken")
    yield f"| operation | runs | {' | '.join(columns)} |"
    yield "| --- | --- | --- | --- | --- | --- |"
    total: Counts = Counter()
    rows = [(name, bench.counts) for name, bench in benches.items()]
    for _, counts in rows:
        total.update(counts)
    for name, counts in [*rows, ("all", total)]:
        runs = counts["old"] + counts["new"] + counts["broken"]
        yield f"| {name} | {runs} | {' | '.join(str(counts[column]) for column in columns)} |"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; the exit code is 1 when something was broken."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--every-step", type=int, nargs="?", const=1, metavar="N")
    parser.add_argument(
        "--operation", action="append", choices=list(OPERATIONS), help="only this one"
    )
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args(arguments)
    place = Path(tempfile.mkdtemp(prefix="registry-kills-"))
    try:
        _own_home(place / "home")
        template = Template(place)
        wanted = {
            n: op for n, op in OPERATIONS.items() if not chosen.operation or n in chosen.operation
        }
        benches = {name: Bench(template, name, operation) for name, operation in wanted.items()}
        if chosen.every_step:
            _at_steps(benches, chosen.every_step)
        else:
            print(f"seed {chosen.seed}")
            _at_random(benches, chosen.kills, chosen.seed)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    print("\n".join(_table(benches)))
    broken = [words for bench in benches.values() for words in bench.broken]
    for words in broken:
        print(f"broken: {words}")
    if chosen.json:
        data = {"counts": {name: bench.counts for name, bench in benches.items()}, "broken": broken}
        chosen.json.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
