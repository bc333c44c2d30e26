"""Whole processes, as a user starts them: how long they take, what they compute, how large they get."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

__all__ = ["Ended", "peak_memory", "run"]

_PROC = Path("/proc")
_SAMPLES = 0.01  # seconds
_STARTING = 2  # samples


class Ended(NamedTuple):
    """What a process cost, with those it started and waited for.

    Attributes:
        seconds: From start to end.
        cpu: Seconds of computing, in user and kernel mode.
    """

    seconds: float
    cpu: float


def run(
    command: Sequence[str | Path],
    *,
    folder: Path,
    env: Mapping[str, str],
    allowed: Sequence[int] = (0,),
) -> Ended:
    """Run a command to its end; what it prints is thrown away.

    Raises:
        RuntimeError: It ended with a code that is not allowed.
    """
    with tempfile.TemporaryFile() as words:
        start = time.perf_counter()
        with subprocess.Popen(
            command, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=words,
        ) as process:  # fmt: skip
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - start
            process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in allowed:
            words.seek(0)
            said = words.read()[-2000:].decode(errors="replace")
            shown = " ".join(map(str, command))
            raise RuntimeError(f"{shown} ended with {process.returncode}: {said}")
    return Ended(seconds, usage.ru_utime + usage.ru_stime)


def _family(pid: int) -> Iterator[int]:
    """A process and those it started."""
    yield pid
    for task in (_PROC / str(pid) / "task").glob("*/children"):
        for child in task.read_text().split():
            yield from _family(int(child))


def _highest(pid: int) -> tuple[str, int]:
    """A process's program, and the most memory it has held so far, in bytes."""
    fields = dict(
        line.split(":", 1) for line in (_PROC / str(pid) / "status").read_text().splitlines()
    )
    return fields["Name"].strip(), int(fields.get("VmHWM", "0 kB").split()[0]) * 1024


def peak_memory(
    command: Sequence[str | Path], *, folder: Path, env: Mapping[str, str]
) -> tuple[int, int]:
    """The most memory that a command's processes held: those of git apart, which counts the packs it maps.

    Peaks of several processes are added up, also where they were not at the same time. Asked of ``/proc``, because
    the peak that the system tells of a child is at least its parent's size.

    Returns:
        Bytes of our processes, and of git's.

    Raises:
        RuntimeError: The command failed.
    """
    peaks: dict[int, tuple[str, int]] = {}
    seen: Counter[int] = Counter()
    with subprocess.Popen(
        command, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    ) as process:
        while process.poll() is None:
            try:
                for pid in _family(process.pid):
                    name, size = _highest(pid)
                    if size:  # a process that has ended and is not waited for holds nothing
                        peaks[pid] = (name, size)
                        seen[pid] += 1
            except (OSError, KeyError):
                pass  # one of them ended meanwhile
            time.sleep(_SAMPLES)
    if process.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))} ended with {process.returncode}")
    # One that was just started looks like its parent until it becomes git.
    lasting = [peaks[pid] for pid, times in seen.items() if times > _STARTING]
    git = sum(size for name, size in lasting if name == "git")
    return sum(size for _, size in lasting) - git, git
