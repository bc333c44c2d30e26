"""A long mixed load on `registry serve`: ``python tests/benchmarks/serve_mixed.py --minutes 60 --csv mixed.csv``.

Clients of two protocols read, search and write, a person pushes through the hook, a reader follows the events and comes
back, and a collector scrapes the metrics. Each minute a line of the CSV says what the server uses and how fast it answers.
At the end: what a clone costs, with and without the packs that the server left; the memory of a new server over the
same data; that the reader of events missed none; `git fsck` and the check of the whole registry.
"""

from __future__ import annotations

import argparse
import csv
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import IO, Final

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.corpus import make_corpus
from benchmarks.mixed_clients import Mix, Pace, list_clients, read_events
from benchmarks.serve_load import Connection, get, parse_object
from benchmarks.serve_peers import Running, count_models, our_server

_CLONES: Final = 3
_PATIENCE: Final = 120.0


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def _registry(*arguments: str, cwd: Path) -> str:
    command = [sys.executable, "-m", "registry_tool", *arguments]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"registry {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def guarded_corpus(folder: Path, versions: int) -> tuple[Path, Path]:
    """A bare registry of a size with our hook, and a person's clone of it, in which no model is checked out."""
    bare = make_corpus(folder / "registry.git", versions=versions)
    _registry("hooks", "install", "--server", str(bare), cwd=folder)
    clone = folder / "person"
    _git(folder, "clone", "--quiet", "--sparse", str(bare), str(clone))
    for key, value in (("user.name", "Person"), ("user.email", "person@example.org")):
        _git(clone, "config", key, value)
    return bare, clone


def _size(folder: Path) -> int:
    return sum(one.stat().st_size for one in folder.rglob("*") if one.is_file())


def _count(folder: Path, pattern: str) -> int:
    return sum(1 for _ in folder.glob(pattern))


def measure_data(bare: Path) -> float:
    """Megabytes of the files that are served: what a catalog has to keep, however it does."""
    listed = _git(bare, "ls-tree", "-r", "--format=%(objectsize)", "main")
    return sum(map(int, listed.split())) / 1e6


def sample_server(running: Running, bare: Path) -> dict[str, float]:
    """What the server uses now."""
    process = Path("/proc") / str(running.process.pid)
    status = dict(
        line.split(":", 1) for line in (process / "status").read_text("ascii").splitlines()
    )
    stat = (process / "stat").read_text("ascii").rpartition(")")[2].split()
    connection = Connection(running.url)
    described = parse_object(connection.answer(get("/status"))[1])
    connection.close()
    git_files = bare / "objects"
    return {
        "rss_mb": int(status["VmRSS"].split()[0]) / 1024,
        "peak_mb": int(status["VmHWM"].split()[0]) / 1024,
        "cpu_s": (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK"),
        "threads": int(status["Threads"]),
        "open_files": len(list((process / "fd").iterdir())),
        "loose": _count(git_files, "[0-9a-f][0-9a-f]/*"),
        "packs": _count(git_files, "pack/*.pack"),
        "git_mb": _size(bare) / 1e6,
        "data_mb": measure_data(bare),
        "versions": int(str(described["versions"])),
        "commits": int(_git(bare, "rev-list", "--count", "--first-parent", "main")),
    }


def sample_answers(mix: Mix, seconds: float) -> dict[str, float]:
    """Requests a second of each kind, and the 50th and 99th percentile of their times in milliseconds."""
    found: dict[str, float] = {}
    for kind, times in mix.take_times().items():
        name = kind.replace(" ", "_")
        found[f"{name}_per_s"] = len(times) / seconds
        found[f"{name}_p50_ms"] = times[len(times) // 2] if times else float("nan")
        found[f"{name}_p99_ms"] = times[int(len(times) * 0.99)] if times else float("nan")
    return found


class Samples:
    """Lines of a CSV file, each written when it is known.

    Args:
        file: Where they go.
    """

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._writer: csv.DictWriter[str] | None = None
        self.lines: list[dict[str, float]] = []

    def add(self, line: dict[str, float]) -> None:
        """Add a line."""
        if self._writer is None:
            self._writer = csv.DictWriter(self._file, list(line))
            self._writer.writeheader()
        self._writer.writerow({key: f"{value:.6g}" for key, value in line.items()})
        self._file.flush()
        self.lines.append(line)


def run_mix(
    running: Running, bare: Path, mix: Mix, pace: Pace, samples: Samples, *, minutes: float, every: float
) -> None:  # fmt: skip
    """Let the clients work, and take samples.

    Args:
        running: The server.
        bare: What it serves.
        mix: What the clients share.
        pace: How fast they ask.
        samples: Where samples go.
        minutes: How long.
        every: Seconds between two samples.
    """
    threads = list_clients(mix, pace)
    began = last = time.monotonic()
    none = {"minute": 0.0, "answers": 0.0}
    samples.add({**none, **sample_server(running, bare), **sample_answers(mix, 1), "failures": 0})
    for thread in threads:
        thread.start()
    try:
        while last < began + minutes * 60 and not mix.is_over.is_set():
            mix.is_over.wait(max(0.0, min(every, began + minutes * 60 - last)))
            seconds, last = time.monotonic() - last, time.monotonic()
            answers = sample_answers(mix, seconds)
            done = {"minute": (last - began) / 60, "answers": mix.answers}
            spent = {**done, **sample_server(running, bare)}
            samples.add({**spent, **answers, "failures": mix.failures.total()})
    finally:
        mix.is_over.set()
        mix.may_write.set()
        for thread in threads:
            thread.join(_PATIENCE)


def _time_clone(bare: Path, place: Path) -> float:
    began = time.perf_counter()
    _git(place, "clone", "--quiet", "--bare", "--no-local", str(bare), "timed.git")
    spent = time.perf_counter() - began
    shutil.rmtree(place / "timed.git")
    return spent


def compare_clones(bare: Path, place: Path) -> tuple[float, float]:
    """Seconds of a clone of what the server left, and of the same in one pack: medians of turns."""
    whole = place / "whole.git"
    _git(place, "clone", "--quiet", "--bare", "--no-local", str(bare), str(whole))
    _git(whole, "gc", "--quiet")
    turns = [(_time_clone(bare, place), _time_clone(whole, place)) for _ in range(_CLONES)]
    shutil.rmtree(whole)
    return median(turn[0] for turn in turns), median(turn[1] for turn in turns)


def find_settled(lines: Sequence[dict[str, float]], settled: float) -> dict[str, float]:
    """The first sample after a share of all answers, from which on memory is compared: ten minutes of an hour."""
    return next(line for line in lines if line["answers"] >= settled * lines[-1]["answers"])


def _growth(first: dict[str, float], last: dict[str, float]) -> str:
    return (
        f"memory {first['rss_mb']:.0f} MB after {first['answers']:.0f} answers ({first['minute']:.0f} minutes) with "
        f"{first['versions']:.0f} versions, {first['commits']:.0f} commits and {first['data_mb']:.1f} MB of files; "
        f"{last['rss_mb']:.0f} MB after {last['answers']:.0f} with {last['versions']:.0f}, {last['commits']:.0f} and "
        f"{last['data_mb']:.1f} MB: {last['rss_mb'] / first['rss_mb'] - 1:+.1%}"
    )


def report_mix(mix: Mix, lines: Sequence[dict[str, float]], settled: float) -> None:
    """Say what the hour came to."""
    print(_growth(find_settled(lines, settled), lines[-1]))
    print(
        f"at most {max(one['loose'] for one in lines):.0f} loose objects, {max(one['packs'] for one in lines):.0f} packs, "
        f"{max(one['open_files'] for one in lines):.0f} open files, {max(one['threads'] for one in lines):.0f} threads"
    )
    print(
        f"{mix.created} versions created, {mix.pushed} pushes taken ({mix.unpaused} while all clients wrote), "
        f"{len(mix.event_ids)} events, {mix.failures.total()} failures"
    )
    for what, number in mix.failures.most_common(10):
        print(f"  {number} x {what}")


def check_events(running: Running, mix: Mix) -> None:
    """Check that the reader got each event once, in order."""
    if not mix.event_ids:
        return
    first = mix.event_ids[0]
    wanted = [first, *read_events(running.url, first)][: len(mix.event_ids)]
    same = wanted == mix.event_ids
    print(f"the reader of events got each one once, in order: {'yes' if same else 'NO'}")


def compare_new_servers(
    bare: Path, folder: Path, first: dict[str, float], last: dict[str, float]
) -> None:
    """Tell data from overhead: what the data of then and of now take in servers that have just read it."""
    then = folder / "then.git"
    _git(folder, "clone", "--quiet", "--bare", str(bare), str(then))
    back = int(last["commits"] - first["commits"])
    _git(then, "update-ref", "refs/heads/main", f"main~{back}")
    found = []
    for number, repository in enumerate((then, bare)):
        place = folder / f"new-{number}"
        place.mkdir()
        with our_server(repository, place):
            pass  # reads history once, and keeps what it came to
        with our_server(repository, place) as new:
            found.append(new.megabytes)
    shutil.rmtree(then)
    before, after = found
    print(
        f"memory of new servers over the data of then {before} MB, and of the end {after} MB: {after - before:+d} MB are data; "
        f"overhead {first['rss_mb'] - before:.0f} MB then, {last['rss_mb'] - after:.0f} MB at the end"
    )


def finish_mix(bare: Path, folder: Path) -> None:
    """What is left behind: clones, and whether Git and the check are content."""
    left, packed = compare_clones(bare, folder)
    print(f"clone {left:.2f} s, of the same after git gc {packed:.2f} s: {left / packed:.2f} x")
    _git(bare, "fsck", "--strict", "--no-dangling")
    checkout = folder / "checkout"
    _git(folder, "clone", "--quiet", str(bare), str(checkout))
    _registry("check", "--all", cwd=checkout)
    print("git fsck and the check of everything are clean")


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--every", type=float, default=60.0, help="seconds between two samples")
    parser.add_argument("--requests", type=int, default=0, help="end after as many answers")
    parser.add_argument("--settled", type=float, default=1 / 6, help="share of all answers after which memory is compared")  # fmt: skip
    parser.add_argument("--versions", type=int, default=10_000)
    parser.add_argument("--csv", type=Path, default=Path("mixed.csv"))
    parser.add_argument("--reads", type=float, default=60.0, help="a second; 0: as many as possible")  # fmt: skip
    parser.add_argument("--searches", type=float, default=10.0)
    parser.add_argument("--writes", type=float, default=20.0)
    parser.add_argument("--clients", type=int, default=4, help="of each kind and protocol")
    chosen = parser.parse_args()
    pace = Pace(chosen.reads, chosen.searches, chosen.writes, chosen.clients)
    with tempfile.TemporaryDirectory() as name, chosen.csv.open("w", encoding="utf-8") as file:
        folder, samples = Path(name), Samples(file)
        bare, clone = guarded_corpus(folder, chosen.versions)
        with our_server(bare, folder) as running:
            mix = Mix(running.url, count_models(chosen.versions), clone, most=chosen.requests)
            run_mix(running, bare, mix, pace, samples, minutes=chosen.minutes, every=chosen.every)
            report_mix(mix, samples.lines, chosen.settled)
            check_events(running, mix)
        first = find_settled(samples.lines, chosen.settled)
        compare_new_servers(bare, folder, first, samples.lines[-1])
        finish_mix(bare, folder)


if __name__ == "__main__":
    main()
