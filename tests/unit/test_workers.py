"""How many processes a command may use, and in which order workers go through the work."""

from __future__ import annotations

import math
import os
import sys
from pathlib import Path

import pytest
from support import git, write_files

from registry_tool import workers
from registry_tool.errors import UsageError
from registry_tool.git.command import Git, find_repository
from registry_tool.workers import Workers, count_workers, split_work, usable_processors

V2 = {"proc/self/cgroup": "0::/user.slice/job\n"}
V1 = {"proc/self/cgroup": "9:memory:/job\n4:cpu,cpuacct:/job\n"}


@pytest.fixture
def sixteen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_affinity", lambda: 16)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Git:
    monkeypatch.delenv("REGISTRY_WORKERS", raising=False)
    git(tmp_path, "init", "--quiet")
    found = find_repository(tmp_path)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, 16),
        (V2, 16),
        ({**V2, "sys/fs/cgroup/user.slice/job/cpu.max": "max 100000\n"}, 16),
        ({**V2, "sys/fs/cgroup/user.slice/job/cpu.max": "400000 100000\n"}, 4),
        ({**V2, "sys/fs/cgroup/user.slice/job/cpu.max": "150000 100000\n"}, 2),
        ({**V2, "sys/fs/cgroup/user.slice/job/cpu.max": "10000 100000\n"}, 1),
        ({**V2, "sys/fs/cgroup/user.slice/cpu.max": "300000 100000\n"}, 3),
        ({**V2, "sys/fs/cgroup/cpu.max": "3200000 100000\n"}, 16),
        ({"proc/self/cgroup": "0::/../..\n", "sys/fs/cgroup/cpu.max": "200000 100000"}, 2),
        ({"proc/self/cgroup": "nonsense\n"}, 16),
        ({**V2, "sys/fs/cgroup/user.slice/job/cpu.max": "0 0\n"}, 16),
        (
            {
                **V1,
                "sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us": "250000\n",
                "sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us": "100000\n",
            },
            3,
        ),
        (
            {
                **V1,
                "sys/fs/cgroup/cpu/job/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu/job/cpu.cfs_period_us": "100000\n",
            },
            16,
        ),
    ],
)
@pytest.mark.usefixtures("sixteen")
def test_the_quota_of_the_control_group_limits_processors(
    tmp_path: Path, files: dict[str, str], expected: int
) -> None:
    write_files(tmp_path, files)
    assert usable_processors(tmp_path) == expected


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs CPU affinity")
def test_affinity_limits_processors(tmp_path: Path) -> None:
    if sys.platform == "win32":
        return
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert usable_processors(tmp_path) == 1
    finally:
        os.sched_setaffinity(0, before)
    assert usable_processors(tmp_path) == len(before)


@pytest.mark.usefixtures("sixteen")
def test_a_setting_and_a_variable_choose_the_number(
    repository: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "_quotas", lambda _: iter([math.inf]))
    assert count_workers(repository) == 16
    repository.run("config", "registry.workers", "5")
    found = find_repository(repository.place)
    assert found is not None
    assert count_workers(found) == 5
    monkeypatch.setenv("REGISTRY_WORKERS", "3")
    assert count_workers(found) == 3
    monkeypatch.setenv("REGISTRY_WORKERS", "100000000000")
    assert count_workers(found) == 64


@pytest.mark.parametrize("text", ["0", "-1", "many", "1.5", "٣", " 2"])
def test_other_numbers_are_refused(
    repository: Git, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("REGISTRY_WORKERS", text)
    with pytest.raises(UsageError, match="REGISTRY_WORKERS"):
        count_workers(repository)


@pytest.mark.parametrize("size", [0, 1, 2, 7, 100])
@pytest.mark.parametrize("parts", [2, 3, 8])
def test_each_worker_can_finish_all_the_work_alone(size: int, parts: int) -> None:
    items = list(range(size))
    firsts = []
    for part in range(1, parts):
        runs = list(split_work(items, part, parts))
        assert sorted(item for run in runs for item in run) == items
        firsts.append(set(runs[0]))
    begun = [item for first in firsts for item in first]
    assert len(begun) == len(set(begun))  # no two workers begin with the same items


def test_workers_end_with_the_block() -> None:
    with Workers() as several:
        for _ in range(3):
            several.start("http.server", "0")
        assert [worker.poll() for worker in several.running] == [None] * 3
    assert None not in [worker.poll() for worker in several.running]
