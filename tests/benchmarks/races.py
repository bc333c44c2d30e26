"""What a race is: the same job done by us and by what people would use instead, as whole processes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

from benchmarks.processes import Ended, run

__all__ = ["MB", "NO_GOAL", "Environment", "Race", "Setting", "own_environment", "program", "timed"]

MB = 1 << 20
NO_GOAL = 0.0

Environment = Mapping[str, str]


class Race(NamedTuple):
    """Two ways to the same end.

    Attributes:
        name: What is done.
        against: What ours is compared with.
        goal: The ratio that is aimed at; ``NO_GOAL`` where the row only informs.
        ours: Does it our way in a round, and says what it cost.
        theirs: Does it the other way.
    """

    name: str
    against: str
    goal: float
    ours: Callable[[int], Ended]
    theirs: Callable[[int], Ended]


# Makes the races of one setting in an empty folder; what it started is stopped at its end.
Setting = Callable[[Path, Environment], AbstractContextManager[Sequence[Race]]]


def timed(*commands: Sequence[str], cwd: Path, env: Environment) -> Ended:
    """What some commands cost, one after the other."""
    ended = [run(command, folder=cwd, env=env) for command in commands]
    return Ended(sum(one.seconds for one in ended), sum(one.cpu for one in ended))


def program(name: str) -> str:
    """A program of the environment that this runs in."""
    return str(Path(sys.executable).with_name(name))


def own_environment(home: Path) -> dict[str, str]:
    """Nothing of the user's is read or written."""
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    for role in ("AUTHOR", "COMMITTER"):
        env.update({f"GIT_{role}_NAME": "Bench", f"GIT_{role}_EMAIL": "bench@example.org"})
    own = {
        "HOME": "", "REGISTRY_CACHE": "cache", "DVC_GLOBAL_CONFIG_DIR": "dvc", "DVC_SYSTEM_CONFIG_DIR": "dvc-system",
        "DVC_SITE_CACHE_DIR": "dvc-site", "XDG_CACHE_HOME": ".cache",
    }  # fmt: skip
    env.update({name: str(home / below) for name, below in own.items()})
    quiet = {"GIT_CONFIG_NOSYSTEM": "1", "DVC_NO_ANALYTICS": "1", "PYTHONWARNINGS": "ignore"}
    return env | quiet | {"AWS_EC2_METADATA_DISABLED": "true"}
