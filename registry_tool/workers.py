"""Worker processes: how many a command may use, and how they are started and stopped.

A worker shares nothing with its command but a cache of results, so it can be slow, killed or missing, and the command
returns the same. Processes, not threads: parsing YAML holds Python's lock. Only commands start workers; a library does
not run programs unless its caller asks for them.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from registry_tool.errors import UsageError
from registry_tool.git.command import Git

if TYPE_CHECKING:
    from typing import Self

__all__ = ["Workers", "count_workers", "split_work", "usable_processors"]

_T = TypeVar("_T")
_VARIABLE: Final = "REGISTRY_WORKERS"
_SETTING: Final = "registry.workers"
_MOST: Final = 64
_ROOT: Final = Path("/")


def _affinity() -> int:
    """The processors that the system lets this process run on."""
    if sys.version_info >= (3, 13):
        return os.process_cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _ratio(quota: str, period: str) -> float:
    try:
        limit, length = int(quota), int(period)
    except ValueError:  # "max", or no such file
        return math.inf
    return limit / length if limit > 0 and length > 0 else math.inf


def _quotas(root: Path) -> Iterator[float]:
    """The limits of the control groups of this process, in processors; their own and those of the groups above."""
    base = root / "sys/fs/cgroup"
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, controllers, name = (*line.split(":", 2), "", "", "")[:3]
        parts = [part for part in name.split("/") if part not in {"", ".", ".."}]
        groups = ["/".join(parts[:end]) for end in range(len(parts) + 1)]
        if not controllers:  # version 2: https://docs.kernel.org/admin-guide/cgroup-v2.html
            for group in groups:
                quota, period = (*_read(base / group / "cpu.max").split(), "", "")[:2]
                yield _ratio(quota, period)
        elif "cpu" in controllers.split(","):  # version 1
            for hierarchy in ("cpu", controllers):
                for group in groups:
                    place = base / hierarchy / group
                    yield _ratio(
                        _read(place / "cpu.cfs_quota_us"), _read(place / "cpu.cfs_period_us")
                    )


def usable_processors(root: Path = _ROOT) -> int:
    """The number of processors that this process may use: its CPU affinity, and the quota of its control group.

    Args:
        root: Where ``proc`` and ``sys`` are.
    """
    quota = min(_quotas(root), default=math.inf)
    return _affinity() if quota == math.inf else max(1, min(_affinity(), math.ceil(quota)))


def _number(text: str, name: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text[:9]) < 1:
        raise UsageError(
            f"{name}: {text[:40]!a} is not a number of processes", remedy="set it to 1 or more"
        )
    return min(int(text[:9]), _MOST)


def count_workers(git: Git) -> int:
    """The number of processes that a command may use, itself included.

    It is ``$REGISTRY_WORKERS``, else Git's setting ``registry.workers``, else the number of usable processors; at most 64.

    Args:
        git: The repository whose setting applies.

    Raises:
        UsageError: A setting is not a positive number.
    """
    if text := os.environ.get(_VARIABLE):
        return _number(text, _VARIABLE)
    if text := git.config(_SETTING) or "":
        return _number(text, _SETTING)
    return min(usable_processors(), _MOST)


class Workers:
    """Workers that run until the ``with`` block ends."""

    def __init__(self) -> None:
        self.running: list[subprocess.Popen[bytes]] = []

    def start(self, module: str, *arguments: str) -> None:
        """Start a worker.

        Args:
            module: The full name of the module that it runs.
            arguments: Its arguments.
        """
        # -P: no module in the current folder may be imported.
        worker = subprocess.Popen(
            [sys.executable, "-P", "-m", module, *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self.running.append(worker)

    def wait(self) -> None:
        """Wait until all of them have ended, however they do."""
        for worker in self.running:
            worker.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self.running:
            worker.terminate()
        for worker in self.running:
            worker.wait()


def split_work(items: Sequence[_T], part: int, parts: int) -> Iterator[Sequence[_T]]:
    """The order in which a worker goes through items, in runs.

    The command itself goes through all items in order. Worker 1 of 3 begins with the second of three equal parts; when it
    has finished, it helps with the others. Each run is in reverse order, so that a worker and the command, or another
    worker, meet in the middle of a part.

    Args:
        items: All items.
        part: The number of the worker, from 1.
        parts: The number of parts: the workers and the command.
    """
    bounds = [len(items) * number // parts for number in range(parts + 1)]
    for number in (*range(part, parts), *range(part)):
        yield items[bounds[number] : bounds[number + 1]][::-1]
